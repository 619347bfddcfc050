#include "commands/consent_pace.h"

#include "commands/argument_value.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    BATCHES_PER_SECOND = 4, /* fewer, larger ones cost a pipeline less, and hold it up for longer */
    BATCH_MIN = 100,
    SAY_FROM_S = 10,
};

bool consent_pace_read(const char *text, struct consent_pace *out_pace)
{
    uint64_t per_second = CONSENT_PACE_DEFAULT;
    if (text && (!argument_count(text, &per_second) || per_second > CONSENT_PACE_MAX))
        return false;
    *out_pace = (struct consent_pace){.is_given = text != NULL, .per_second = per_second};
    return true;
}

void consent_pace_begin(struct consent_pace *pace, struct kafka_consent *writer, uint64_t records)
{
    if (!pace->is_given && !kafka_consent_pipeline_runs(writer))
        pace->per_second = 0;
    if (pace->per_second > 0 && records / pace->per_second >= SAY_FROM_S)
        fprintf(stderr,
                "writing %" PRIu64 " records, %" PRIu64
                " a second so that the pipeline goes on: about %" PRIu64 " s; --rate sets the pace\n",
                records, pace->per_second, records / pace->per_second);
}

unsigned consent_pace_batch(const struct consent_pace *pace)
{
    uint64_t records = pace->per_second / BATCHES_PER_SECOND;
    if (pace->per_second == 0 || records > KAFKA_CONSENT_RECORDS_MAX)
        return KAFKA_CONSENT_RECORDS_MAX;
    if (records >= BATCH_MIN)
        return (unsigned)records;
    return pace->per_second < BATCH_MIN ? (unsigned)pace->per_second : BATCH_MIN;
}

int64_t consent_pace_wait_ms(const struct consent_pace *pace, int64_t now_ms)
{
    return pace->per_second > 0 && pace->next_ms > now_ms ? pace->next_ms - now_ms : 0;
}

void consent_pace_note(struct consent_pace *pace, unsigned records, int64_t now_ms)
{
    if (pace->per_second == 0)
        return;
    int64_t from_ms = pace->next_ms > now_ms ? pace->next_ms : now_ms;
    /* Rounded up, or the pace would be exceeded. */
    pace->next_ms = from_ms + (int64_t)((records * UINT64_C(1000) + pace->per_second - 1) / pace->per_second);
}

bool consent_pace_write(struct consent_pace *pace, struct kafka_consent *writer,
                        struct kafka_consent_record *records, unsigned count, struct error *error)
{
    int64_t wait_ms = consent_pace_wait_ms(pace, clock_monotonic_ms());
    if (wait_ms > 0)
        clock_sleep_ms(wait_ms);
    consent_pace_note(pace, count, clock_monotonic_ms());
    return kafka_consent_write(writer, records, count, error);
}
