#include "common/run_summary.h"

#include "common/event.h"

#include <inttypes.h>
#include <yyjson.h>

static const double dominant_share = 0.9; /* spec 7: the summary says so in words */

enum { DOMINANT_INPUTS_MIN = 10 };

void run_summary_init(struct run_summary *summary, const struct config *config)
{
    *summary = (struct run_summary){.config = config, .stage_count = 1};
    summary->stages[0].name = "input";
    summary->stages[0].reasons = event_reasons;
    summary->stages[0].reason_count = event_reason_count;
    ensure(event_reason_count <= RUN_SUMMARY_REASONS_MAX);
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        const struct stage *stage = config->stages[i];
        ensure(summary->stage_count < RUN_SUMMARY_STAGES_MAX &&
               stage->reason_count <= RUN_SUMMARY_REASONS_MAX);
        summary->stages[summary->stage_count++] = (struct run_summary_stage){
            .name = stage->name, .reasons = stage->reasons, .reason_count = stage->reason_count};
    }
}

static uint64_t *counter_of(struct run_summary_stage *stage, enum verdict_kind verdict, const char *reason)
{
    if (verdict == VERDICT_PASS)
        return &stage->passed;
    uint64_t *counters = verdict == VERDICT_DROP ? stage->dropped : stage->rejected;
    for (unsigned i = 0; i < stage->reason_count; i++)
        if (strcmp(stage->reasons[i].name, reason) == 0)
            return &counters[i];
    return NULL;
}

void run_summary_count(void *context, const char *stage, enum verdict_kind verdict, const char *reason,
                       uint64_t count)
{
    struct run_summary *summary = context;
    for (unsigned i = 0; i < summary->stage_count; i++) {
        if (strcmp(summary->stages[i].name, stage) != 0)
            continue;
        uint64_t *counter = counter_of(&summary->stages[i], verdict, reason);
        ensure(counter != NULL);
        *counter += count;
        return;
    }
    ensure(!"a counter of a stage that does not run");
}

void run_summary_programme(void *context, unsigned index, const char *reason, uint64_t count)
{
    struct run_summary *summary = context;
    ensure(index < RECORD_PROGRAMMES_MAX);
    struct run_summary_programme *programme = &summary->programmes[index];
    summary->by_programme = true;
    if (!reason) {
        programme->kept += count;
        return;
    }
    unsigned i = 0;
    while (i < programme->reason_count && programme->reasons[i] != reason)
        i++;
    ensure(i < RUN_SUMMARY_REASONS_MAX);
    if (i == programme->reason_count)
        programme->reasons[programme->reason_count++] = reason;
    programme->denied[i] += count;
}

void run_summary_output(struct run_summary *summary, const struct output *output)
{
    struct view name = config_topic(summary->config, output->topic, output->feed);
    unsigned i = 0;
    while (i < summary->topic_count && summary->topics[i].name.data != name.data &&
           !view_equal(summary->topics[i].name, name))
        i++;
    if (i == RUN_SUMMARY_TOPICS_MAX)
        i = RUN_SUMMARY_TOPICS_MAX - 1;
    else if (i == summary->topic_count)
        summary->topics[summary->topic_count++].name = name;
    summary->topics[i].records++;
    summary->topics[i].tombstones += view_is_absent(output->value);
}

static uint64_t sum(const uint64_t *counters, unsigned count)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < count; i++)
        total += counters[i];
    return total;
}

static uint64_t dropped_by(const struct run_summary_stage *stage)
{
    return sum(stage->dropped, stage->reason_count);
}

static uint64_t rejected_by(const struct run_summary_stage *stage)
{
    return sum(stage->rejected, stage->reason_count);
}

static uint64_t into(const struct run_summary_stage *stage)
{
    return stage->passed + dropped_by(stage) + rejected_by(stage);
}

bool run_summary_close(struct run_summary *summary)
{
    summary->in = into(&summary->stages[0]);
    summary->kept = summary->stages[summary->stage_count - 1].passed;
    summary->dropped = summary->dead_letters = 0;
    for (unsigned i = 0; i < summary->stage_count; i++) {
        summary->dropped += dropped_by(&summary->stages[i]);
        summary->dead_letters += rejected_by(&summary->stages[i]);
    }
    return summary->in == summary->kept + summary->dropped + summary->dead_letters;
}

bool run_summary_note(const struct run_summary *summary, char out_note[RUN_SUMMARY_NOTE_SIZE])
{
    if (summary->in < DOMINANT_INPUTS_MIN)
        return false;
    for (unsigned i = 0; i < summary->stage_count; i++) {
        const struct run_summary_stage *stage = &summary->stages[i];
        for (unsigned r = 0; r < stage->reason_count; r++) {
            double share = (double)(stage->dropped[r] + stage->rejected[r]) / (double)summary->in;
            if (share <= dominant_share)
                continue;
            snprintf(out_note, RUN_SUMMARY_NOTE_SIZE,
                     "%s denies %.1f %% of all events as %s (%s). If you expected something else, look there "
                     "first.",
                     stage->name, 100 * share, stage->reasons[r].name, stage->reasons[r].help);
            return true;
        }
    }
    return false;
}

/* ---- for people ---- */

/* 1234567 -> "1,234,567", right-aligned in width. */
static void put_count(FILE *out, uint64_t count, int width)
{
    char digits[24], text[32];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, count);
    int at = 0;
    for (int i = 0; i < size; i++) {
        text[at++] = digits[i];
        if (i + 1 < size && (size - i - 1) % 3 == 0)
            text[at++] = ',';
    }
    text[at] = '\0';
    fprintf(out, "%*s", width, text);
}

static void put_reasons(const struct run_summary *summary, const struct run_summary_stage *stage,
                        const uint64_t *counters, const char *what, FILE *out)
{
    for (unsigned i = 0; i < stage->reason_count; i++) {
        if (!counters[i])
            continue;
        fprintf(out, "  %-14s %-11s %-26s", stage->name, what, stage->reasons[i].name);
        put_count(out, counters[i], 14);
        fprintf(out, "  %5.1f %%  %s\n", 100.0 * (double)counters[i] / (double)summary->in,
                stage->reasons[i].help);
    }
}

/* Of one programme alone the stage's own lines say the same. */
static void put_programmes(const struct run_summary *summary, FILE *out)
{
    if (!summary->by_programme || summary->config->programmes.count < 2)
        return;
    fputs("\n", out);
    for (unsigned i = 0; i < summary->config->programmes.count; i++) {
        const struct run_summary_programme *programme = &summary->programmes[i];
        struct view name = config_programme(summary->config, i)->name;
        fprintf(out, "  for %-32.*s %-26s", (int)name.size, name.data, "kept");
        put_count(out, programme->kept, 14);
        fputs("\n", out);
        for (unsigned r = 0; r < programme->reason_count; r++) {
            fprintf(out, "  %36s %-26s", "", programme->reasons[r]);
            put_count(out, programme->denied[r], 14);
            fputs("\n", out);
        }
    }
}

static void put_topics(const struct run_summary *summary, FILE *out)
{
    if (summary->topic_count)
        fputs("\n", out);
    for (unsigned i = 0; i < summary->topic_count; i++) {
        const struct run_summary_topic *topic = &summary->topics[i];
        fprintf(out, "  to %-50.*s", (int)topic->name.size, topic->name.data);
        put_count(out, topic->records, 14);
        if (topic->tombstones) {
            fputs("  of these tombstones:", out);
            put_count(out, topic->tombstones, 0);
        }
        fputs("\n", out);
    }
}

void run_summary_write_text(const struct run_summary *summary, FILE *out)
{
    fprintf(out, "  %-14s %14s %14s %14s %14s\n", "stage", "in", "passed", "dropped", "dead letters");
    for (unsigned i = 0; i < summary->stage_count; i++) {
        const struct run_summary_stage *stage = &summary->stages[i];
        fprintf(out, "  %-14s", stage->name);
        put_count(out, into(stage), 15);
        put_count(out, stage->passed, 15);
        put_count(out, dropped_by(stage), 15);
        put_count(out, rejected_by(stage), 15);
        fputs("\n", out);
    }
    if (summary->dropped + summary->dead_letters)
        fputs("\n", out);
    for (unsigned i = 0; i < summary->stage_count; i++) {
        const struct run_summary_stage *stage = &summary->stages[i];
        put_reasons(summary, stage, stage->dropped, "drops", out);
        put_reasons(summary, stage, stage->rejected, "rejects", out);
    }
    put_programmes(summary, out);
    put_topics(summary, out);
    fputs("\n  in ", out);
    put_count(out, summary->in, 0);
    fputs(" = kept ", out);
    put_count(out, summary->kept, 0);
    fputs(" + dropped ", out);
    put_count(out, summary->dropped, 0);
    fputs(" + dead letters ", out);
    put_count(out, summary->dead_letters, 0);
    fputs("\n", out);
    char note[RUN_SUMMARY_NOTE_SIZE];
    if (run_summary_note(summary, note))
        fprintf(out, "\n  %s\n", note);
}

/* ---- as JSON ---- */

/* A reason's name that two stages share is counted together. */
static bool add_counts(yyjson_mut_doc *json, yyjson_mut_val *object, const struct run_summary_stage *stage,
                       const uint64_t *counters)
{
    bool made = true;
    for (unsigned i = 0; i < stage->reason_count; i++) {
        yyjson_mut_val *there = yyjson_mut_obj_get(object, stage->reasons[i].name);
        if (there)
            yyjson_mut_set_uint(there, yyjson_mut_get_uint(there) + counters[i]);
        else if (counters[i])
            made &= yyjson_mut_obj_add_uint(json, object, stage->reasons[i].name, counters[i]);
    }
    return made;
}

static bool add_topics(yyjson_mut_doc *json, yyjson_mut_val *root, const struct run_summary *summary)
{
    yyjson_mut_val *out = yyjson_mut_obj_add_obj(json, root, "out");
    yyjson_mut_val *tombstones = yyjson_mut_obj_add_obj(json, root, "tombstones");
    bool made = out && tombstones;
    for (unsigned i = 0; i < summary->topic_count && made; i++) {
        const struct run_summary_topic *topic = &summary->topics[i];
        made &= yyjson_mut_obj_add_val(json, out, topic->name.data, yyjson_mut_uint(json, topic->records));
        if (topic->tombstones)
            made &= yyjson_mut_obj_add_val(json, tombstones, topic->name.data,
                                           yyjson_mut_uint(json, topic->tombstones));
    }
    return made;
}

static bool add_stages(yyjson_mut_doc *json, yyjson_mut_val *root, const struct run_summary *summary)
{
    yyjson_mut_val *stages = yyjson_mut_obj_add_arr(json, root, "stages");
    bool made = stages != NULL;
    for (unsigned i = 0; i < summary->stage_count && made; i++) {
        const struct run_summary_stage *stage = &summary->stages[i];
        yyjson_mut_val *entry = yyjson_mut_arr_add_obj(json, stages);
        made = entry && yyjson_mut_obj_add_str(json, entry, "stage", stage->name) &&
               yyjson_mut_obj_add_uint(json, entry, "in", into(stage)) &&
               yyjson_mut_obj_add_uint(json, entry, "passed", stage->passed) &&
               add_counts(json, yyjson_mut_obj_add_obj(json, entry, "dropped"), stage, stage->dropped) &&
               add_counts(json, yyjson_mut_obj_add_obj(json, entry, "dead_letters"), stage, stage->rejected);
    }
    return made;
}

static bool add_programmes(yyjson_mut_doc *json, yyjson_mut_val *root, const struct run_summary *summary)
{
    if (!summary->by_programme)
        return true;
    yyjson_mut_val *programmes = yyjson_mut_obj_add_obj(json, root, "programmes");
    bool made = programmes != NULL;
    for (unsigned i = 0; i < summary->config->programmes.count && made; i++) {
        const struct run_summary_programme *programme = &summary->programmes[i];
        struct view name = config_programme(summary->config, i)->name;
        yyjson_mut_val *entry = yyjson_mut_obj(json);
        made = yyjson_mut_obj_put(programmes, yyjson_mut_strncpy(json, name.data, name.size), entry) &&
               yyjson_mut_obj_add_uint(json, entry, "kept", programme->kept);
        yyjson_mut_val *denied = yyjson_mut_obj_add_obj(json, entry, "denied");
        for (unsigned r = 0; r < programme->reason_count && made; r++)
            made = yyjson_mut_obj_add_uint(json, denied, programme->reasons[r], programme->denied[r]);
    }
    return made;
}

static bool add_sums(yyjson_mut_doc *json, yyjson_mut_val *root, const struct run_summary *summary)
{
    bool made = yyjson_mut_obj_add_uint(json, root, "in", summary->in) &&
                yyjson_mut_obj_add_uint(json, root, "kept", summary->kept);
    yyjson_mut_val *dropped = yyjson_mut_obj_add_obj(json, root, "dropped");
    yyjson_mut_val *dead_letters = yyjson_mut_obj_add_obj(json, root, "dead_letters");
    for (unsigned i = 0; i < summary->stage_count && made; i++) {
        const struct run_summary_stage *stage = &summary->stages[i];
        made = add_counts(json, dropped, stage, stage->dropped) &&
               add_counts(json, dead_letters, stage, stage->rejected);
    }
    return made;
}

static bool add_notes(yyjson_mut_doc *json, yyjson_mut_val *root, const struct run_summary *summary)
{
    yyjson_mut_val *notes = yyjson_mut_obj_add_arr(json, root, "notes");
    char note[RUN_SUMMARY_NOTE_SIZE];
    return notes && (!run_summary_note(summary, note) || yyjson_mut_arr_add_strcpy(json, notes, note));
}

struct yyjson_mut_val *run_summary_json(const struct run_summary *summary, struct yyjson_mut_doc *json)
{
    yyjson_mut_val *root = yyjson_mut_obj(json);
    bool made = root && add_sums(json, root, summary) && add_topics(json, root, summary) &&
                add_stages(json, root, summary) && add_programmes(json, root, summary) &&
                add_notes(json, root, summary);
    return made ? root : NULL;
}
