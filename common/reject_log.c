#include "common/reject_log.h"

#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>

static void place(const struct reject *reject, char *text, size_t size)
{
    if (reject->is_line)
        snprintf(text, size, "line %" PRId64 " of the input", reject->offset + 1);
    else
        snprintf(text, size, "%s[%" PRId32 "]@%" PRId64, reject->topic, reject->partition, reject->offset);
}

bool reject_log_take(struct reject_log *log, int64_t now_ms, const struct reject *reject,
                     char text[REJECT_LOG_TEXT_SIZE])
{
    unsigned row = 0;
    while (row < REJECT_LOG_REASONS_MAX - 1 && log->rows[row].reason &&
           log->rows[row].reason != reject->reason)
        row++;
    bool seen = log->rows[row].reason != NULL;
    if (seen && now_ms - log->rows[row].said_ms < REJECT_LOG_EVERY_MS) {
        log->rows[row].unsaid++;
        return false;
    }
    char where[320], field[96] = "", more[64] = "";
    place(reject, where, sizeof where);
    if (!view_is_absent(reject->field))
        snprintf(field, sizeof field, ", field `%.*s`", (int)reject->field.size, reject->field.data);
    if (log->rows[row].unsaid)
        snprintf(more, sizeof more, "; %" PRIu64 " more since the last one named", log->rows[row].unsaid);
    snprintf(text, REJECT_LOG_TEXT_SIZE, "%s is a dead letter of %s: %s%s%s", where, reject->stage,
             reject->reason->name, field, more);
    log->rows[row].reason = reject->reason;
    log->rows[row].said_ms = now_ms;
    log->rows[row].unsaid = 0;
    return true;
}

void reject_log_note(struct reject_log *log, int64_t now_ms, const struct reject *reject)
{
    char text[REJECT_LOG_TEXT_SIZE];
    if (reject_log_take(log, now_ms, reject, text))
        log_line(LOG_LEVEL_WARNING, "record_rejected", "%s", text);
}
