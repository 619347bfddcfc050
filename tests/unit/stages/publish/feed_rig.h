/* What stands in the feeds of a rig. */
#ifndef CLICKVEIL_TESTS_UNIT_STAGES_PUBLISH_FEED_RIG_H
#define CLICKVEIL_TESTS_UNIT_STAGES_PUBLISH_FEED_RIG_H

#include "tests/unit/stages/publish/rig.h"
#include <sodium.h>
#include <yyjson.h>

/* The interests of a value, "1,22,333". */
static inline void interests_of(const struct rig_record *record, char *out, size_t out_size)
{
    yyjson_doc *document = yyjson_read(record->value, record->value_size, 0);
    assert_non_null(document);
    yyjson_val *segments = yyjson_ptr_get(yyjson_doc_get_root(document), "/user/data/0/segment");
    assert_true(yyjson_is_arr(segments));
    size_t size = 0;
    size_t index, count;
    yyjson_val *segment;
    out[0] = '\0';
    yyjson_arr_foreach(segments, index, count, segment) size += (size_t)snprintf(
        out + size, out_size - size, "%s%s", index ? "," : "", yyjson_get_str(yyjson_obj_get(segment, "id")));
    yyjson_doc_free(document);
}

static inline int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* What stands in a feed: the interests of every record, sorted, "1,2 1,2 7"; tombstones leave nothing. */
static inline const char *feed_state(const struct rig *rig, unsigned feed)
{
    static char text[4096];
    char sets[64][48];
    unsigned count = 0;
    for (size_t i = 0; i < rig->committed.count; i++) {
        const struct rig_record *record = &rig->committed.items[i];
        if (record->topic != TOPIC_FEED || record->feed != feed || !record->value ||
            !rig_is_last(rig, record))
            continue;
        assert_true(count < 64);
        interests_of(record, sets[count++], sizeof *sets);
    }
    qsort(sets, count, sizeof *sets, by_text);
    size_t size = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", i ? " " : "", sets[i]);
    return text;
}

static inline void settle_and_expect(struct rig *rig, unsigned feed, const char *expected)
{
    rig_settle(rig, true);
    assert_string_equal(feed_state(rig, feed), expected);
}

static inline void start(struct rig *rig)
{
    rig_start(rig);
    rig_assign(rig, 0);
}

static inline void add(struct rig *rig, unsigned line, uint16_t interest, unsigned events)
{
    for (unsigned i = 0; i < events; i++)
        rig_pass(rig, rig_event(rig, line, interest));
}

/* Run the clock in steps of a slot with a flush in each, `periods` times 96. */
static inline void run_slots(struct rig *rig, unsigned slots)
{
    for (unsigned i = 0; i < slots; i++) {
        rig_settle(rig, false);
        rig->now_ms += CALENDAR_SLOT_MS;
    }
}

static inline void slots_rig(struct rig *rig)
{
    rig_init(rig);
    rig->options.update_every = VIEW("24h");
    rig_feed(rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(rig, "best", "a", FEED_SUBJECT_USER);
    start(rig);
}

/* How many keys of a feed have a value now. */
static inline unsigned keys_of_line(const struct rig *rig, unsigned feed)
{
    unsigned count = 0;
    for (size_t i = 0; i < rig->committed.count; i++) {
        const struct rig_record *record = &rig->committed.items[i];
        count +=
            record->topic == TOPIC_FEED && record->feed == feed && record->value && rig_is_last(rig, record);
    }
    return count;
}

#endif
