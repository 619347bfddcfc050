/*
 * A rig with people for the tests of retractions: three feeds of programme a, one of programme b, and what came of them.
 */
#ifndef CLICKVEIL_TESTS_UNIT_STAGES_PUBLISH_RETRACT_RIG_H
#define CLICKVEIL_TESTS_UNIT_STAGES_PUBLISH_RETRACT_RIG_H

#include "tests/unit/stages/publish/rig.h"

/* Two feeds of users and one of devices under a, one of users under b; k 1. */
static inline void start_with(struct rig *rig, const char *update_every, enum retract_when retract)
{
    rig_init(rig);
    rig->options.k = 1;
    rig->options.update_every = view_of_string(update_every);
    rig->options.retract = (int)retract;
    rig_feed(rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(rig, "best", "a", FEED_SUBJECT_USER);
    rig_feed(rig, "acme", "a", FEED_SUBJECT_DEVICE);
    rig_feed(rig, "acme", "b", FEED_SUBJECT_USER);
    rig_start(rig);
    rig_assign(rig, 0);
    assert_true(stage_publish.partitioned->restored(rig->state, 0, &rig->error));
}

/* An event of a line with its account (the tens of its number) and a device of its own, for programmes a and b. */
static inline struct record event_of(const struct rig *rig, unsigned line)
{
    struct record record = rig_with_device(rig_event(rig, line, 10), line);
    record.programmes = 3;
    record.subjects[SUBJECT_ACCOUNT] =
        (struct subject){.present = true, .has_pseudonym = true, .pseudonym = rig_pseudonym(1, line / 10)};
    return record;
}

static inline unsigned live_records(const struct rig *rig, unsigned feed)
{
    unsigned count = 0;
    for (size_t i = 0; i < rig->committed.count; i++) {
        const struct rig_record *record = &rig->committed.items[i];
        count +=
            record->topic == TOPIC_FEED && record->feed == feed && record->value && rig_is_last(rig, record);
    }
    return count;
}

static inline unsigned tombstones(const struct rig *rig)
{
    unsigned count = 0;
    for (size_t i = 0; i < rig->committed.count; i++)
        count += rig->committed.items[i].topic == TOPIC_FEED && !rig->committed.items[i].value;
    return count;
}

/* "live in feeds 0, 1, 2, 3; tombstones" */
static inline const char *feeds(const struct rig *rig)
{
    static char text[64];
    snprintf(text, sizeof text, "%u %u %u %u; %u", live_records(rig, 0), live_records(rig, 1),
             live_records(rig, 2), live_records(rig, 3), tombstones(rig));
    return text;
}

/* People in the changelog as a compacted topic keeps it: states, marks. */
static inline const char *changelog(const struct rig *rig)
{
    static char text[64];
    unsigned states = 0, marks = 0;
    for (size_t i = 0; i < rig->committed.count; i++) {
        const struct rig_record *record = &rig->committed.items[i];
        if (record->topic != TOPIC_STATE || !record->value || !rig_is_last(rig, record))
            continue;
        states += record->key[1] == 1;
        marks += record->key[1] == 3;
    }
    snprintf(text, sizeof text, "%u %u", states, marks);
    return text;
}

static inline void run_slots(struct rig *rig, unsigned slots)
{
    for (unsigned i = 0; i < slots; i++) {
        rig->now_ms += CALENDAR_SLOT_MS;
        rig_settle(rig, false);
    }
}

static inline void restart(struct rig *rig)
{
    rig_stop(rig);
    rig_start(rig);
}

#endif
