/* One more consent record for a subject (common/consent_change.h), by the consent stage's own judge. */
#include "common/consent_change.h"

#include "stages/consent/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW_MS       INT64_C(1800000000000)
#define DAY_MS       INT64_C(86400000)

/* plus succeeds old; old is nobody's regime without an `in`, so its `out` may go unsaid. */
static const struct choice_names names = {
    .names = {VIEW("basic"), VIEW("plus"), VIEW("old")},
    .predecessors = {0, 1u << 2, 0},
    .count = 3,
};

static const struct consent_rules rules = {
    .judge = &consent_judge, .names = &names, .unsaid = 1u << 2, .now_ms = NOW_MS};

struct rig {
    struct consent_reader *reader;
    struct consent_key key;
    struct consent_stored stored;
    struct consent_changed changed;
    void *state;
};

static int begin(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig->reader = consent_reader_new(&names, IDENTIFIER_E164);
    rig->state = calloc(1, consent_judge.state_size);
    consent_key_read(VIEW("line:+12025550143"), IDENTIFIER_E164, &rig->key);
    *state = rig;
    return 0;
}

static int end(void **state)
{
    struct rig *rig = *state;
    consent_reader_free(rig->reader);
    free(rig->state);
    free(rig);
    return 0;
}

static bool is_newer(const struct choice_record *record, const struct choice_record *than)
{
    if (!than->readable || record->effective_ms != than->effective_ms)
        return !than->readable || record->effective_ms > than->effective_ms;
    return record->seq >= than->seq;
}

/* What the topic holds: values in the order of their offsets; "-" is a tombstone. */
static void store(struct rig *rig, const char *const *values)
{
    memset(rig->state, 0, consent_judge.state_size);
    rig->stored = (struct consent_stored){.state = rig->state};
    for (; values && *values; values++) {
        struct consent_value value;
        struct view text = strcmp(*values, "-") == 0 ? VIEW_ABSENT : view_of_string(*values);
        consent_value_read(rig->reader, &rig->key, text, NOW_MS, &value);
        consent_judge.apply(rig->state, &value.record, &names);
        consent_stored_note(&rig->stored, &value.record, NOW_MS - DAY_MS);
        rig->stored.found = true;
        if (value.record.tombstone) {
            rig->stored.newest = (struct choice_record){0};
            rig->stored.value = VIEW_ABSENT;
        } else if (value.record.readable && is_newer(&value.record, &rig->stored.newest)) {
            rig->stored.newest = value.record;
            rig->stored.value = text;
        }
    }
}

/* "basic=in plus=out". */
static void wish(const char *text, struct consent_change *change)
{
    while (*text) {
        size_t size = strcspn(text, "="), rest = strcspn(text, " ");
        change->choices[change->count++] =
            (struct consent_choice){{text, size}, strncmp(text + size, "=in", 3) == 0};
        text += rest + (text[rest] == ' ');
    }
}

#define BASIC_OUT "{\"choices\":{\"basic\":\"out\"},\"effective\":1700000000000,\"seq\":7}"
#define BASIC_IN  "{\"choices\":{\"basic\":\"in\"},\"effective\":1700000000000,\"seq\":7}"
#define BASIC_IN_CONFIRMED                                                                                  \
    "{\"choices\":{\"basic\":\"in\"},\"effective\":1700000000000,\"seq\":8,\"two_step\":true,\"last_out\":" \
    "1600000000000}"
#define ALL_OUT "{\"choices\":{\"*\":\"out\"},\"effective\":1700000000000,\"seq\":7}"
#define OLD_IN  "{\"choices\":{\"old\":\"in\"},\"effective\":1600000000000,\"seq\":1}"
#define NOTHING "{\"choices\":{},\"effective\":1600000001000,\"seq\":2}"
#define OLD_OUT "{\"choices\":{\"old\":\"out\"},\"effective\":1600000000000,\"seq\":1}"
#define FOREIGN \
    "{\"choices\":{\"x\":\"out\",\"y\":\"in\",\"basic\":\"out\"},\"effective\":1700000000000,\"seq\":7}"
#define FOREIGN_ASKED "{\"choices\":{\"y\":\"in\"},\"effective\":1700000000000,\"seq\":7,\"asked\":true}"
#define LATER_IN      "{\"choices\":{\"basic\":\"in\"},\"effective\":1800000600000,\"seq\":7}"
#define LAST_SEQ      "{\"choices\":{\"basic\":\"out\"},\"effective\":1700000000000,\"seq\":9223372036854775807}"

static const struct {
    const char *why;
    const char *stored[4];
    const char *wish;
    bool two_step, asked;
    int64_t effective_ms; /* 0: none */
    int64_t seq;          /* 0: none */
    enum consent_outcome outcome;
    const char *value; /* NULL: not looked at */
} change_cases[] = {
    {.why = "the first record of a subject",
     .wish = "basic=out",
     .outcome = CONSENT_NEW,
     .value = "{\"choices\":{\"basic\":\"out\"},\"effective\":1800000000000,\"seq\":1}"},
    {.why = "its own order is kept",
     .wish = "basic=in",
     .effective_ms = 1700000000000,
     .seq = 44,
     .outcome = CONSENT_NEW,
     .value = "{\"choices\":{\"basic\":\"in\"},\"effective\":1700000000000,\"seq\":44}"},
    {.why = "the same again", .stored = {BASIC_OUT}, .wish = "basic=out", .outcome = CONSENT_UNCHANGED},
    {.why = "the same `in` again", .stored = {BASIC_IN}, .wish = "basic=in", .outcome = CONSENT_UNCHANGED},
    {.why = "an out after an in, above its seq",
     .stored = {BASIC_IN},
     .wish = "basic=out",
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"basic\":\"out\"},\"effective\":1800000000000,\"seq\":8}"},
    {.why = "an in after an out", .stored = {BASIC_OUT}, .wish = "basic=in", .outcome = CONSENT_REFUSED},
    {.why = "an in for all after an out of one leaves that",
     .stored = {BASIC_OUT},
     .wish = "*=in",
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"basic\":\"out\",\"*\":\"in\"},\"effective\":1800000000000,\"seq\":8}"},
    {.why = "an in for one after an out of all",
     .stored = {ALL_OUT},
     .wish = "basic=in",
     .outcome = CONSENT_REFUSED},
    {.why = "the same, confirmed: the others stay out",
     .stored = {ALL_OUT},
     .wish = "basic=in",
     .two_step = true,
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"*\":\"out\",\"basic\":\"in\"},\"effective\":1800000000000,\"seq\":8,\"two_"
              "step\":true,"
              "\"last_out\":1700000000000}"},
    {.why = "an answer to a question within 12 months",
     .stored = {"{\"choices\":{\"basic\":\"out\"},\"effective\":"
                "1790000000000,\"seq\":7}"},
     .wish = "basic=in",
     .two_step = true,
     .asked = true,
     .outcome = CONSENT_REFUSED},
    {.why = "an answer after 12 months",
     .stored = {BASIC_OUT},
     .wish = "basic=in",
     .two_step = true,
     .asked = true,
     .outcome = CONSENT_CHANGED},
    {.why = "a kept `in` that was confirmed keeps its conditions",
     .stored = {BASIC_IN_CONFIRMED},
     .wish = "plus=out",
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"basic\":\"in\",\"plus\":\"out\"},\"effective\":1800000000000,\"seq\":9,"
              "\"two_step\":true,"
              "\"last_out\":1600000000000}"},
    {.why = "a kept `in` does not begin earlier",
     .stored = {LATER_IN},
     .wish = "plus=out",
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"basic\":\"in\",\"plus\":\"out\"},\"effective\":1800000600000,\"seq\":8}"},
    {.why = "an out of all drops every in",
     .stored = {BASIC_IN},
     .wish = "*=out",
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"*\":\"out\"},\"effective\":1800000000000,\"seq\":8}"},
    {.why = "but the one that it names itself",
     .stored = {BASIC_IN},
     .wish = "*=out basic=in",
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"*\":\"out\",\"basic\":\"in\"},\"effective\":1800000000000,\"seq\":8}"},
    {.why = "programmes of other pipelines are kept",
     .stored = {FOREIGN},
     .wish = "plus=in",
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"x\":\"out\",\"y\":\"in\",\"basic\":\"out\",\"plus\":\"in\"},\"effective\":"
              "1800000000000,"
              "\"seq\":8}"},
    {.why = "an `in` of another pipeline with a condition is not carried over",
     .stored = {FOREIGN_ASKED},
     .wish = "plus=out",
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"plus\":\"out\"},\"effective\":1800000000000,\"seq\":8}"},
    {.why = "a change of another pipeline's programme counts",
     .stored = {FOREIGN},
     .wish = "y=out",
     .outcome = CONSENT_CHANGED},
    {.why = "and is nothing new when it is so",
     .stored = {FOREIGN},
     .wish = "x=out",
     .outcome = CONSENT_UNCHANGED},
    {.why = "an erased subject", .stored = {BASIC_IN, "-"}, .wish = "basic=in", .outcome = CONSENT_REFUSED},
    {.why = "an erased subject by its own act",
     .stored = {BASIC_IN, "-"},
     .wish = "basic=in",
     .two_step = true,
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"*\":\"out\",\"basic\":\"in\"},\"effective\":1800000000000,\"seq\":1,\"two_"
              "step\":true,"
              "\"last_out\":1799913600000}"},
    {.why = "what can't be read", .stored = {"nonsense"}, .wish = "basic=in", .outcome = CONSENT_REFUSED},
    {.why = "an out of the predecessor denies an in",
     .stored = {OLD_OUT},
     .wish = "plus=in",
     .outcome = CONSENT_REFUSED},
    {.why = "a confirmed one answers it, and it goes unsaid",
     .stored = {OLD_OUT},
     .wish = "plus=in",
     .two_step = true,
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"plus\":\"in\"},\"effective\":1800000000000,\"seq\":2,\"two_step\":true,"
              "\"last_out\":"
              "1600000000000}"},
    {.why = "an `in` for a predecessor that was taken back goes on by name",
     .stored = {OLD_IN, NOTHING},
     .wish = "basic=in",
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"basic\":\"in\",\"plus\":\"out\"},\"effective\":1800000000000,\"seq\":3}"},
    {.why = "the same beside an older `in` for the successor, which is history",
     .stored = {OLD_IN, NOTHING},
     .wish = "plus=in basic=out",
     .effective_ms = 1600000000500,
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"basic\":\"out\",\"plus\":\"out\"},\"effective\":1800000000000,\"seq\":3}"},
    {.why = "an older in is history",
     .stored = {BASIC_IN},
     .wish = "plus=in",
     .effective_ms = 1600000000000,
     .outcome = CONSENT_UNCHANGED},
    {.why = "an older out counts",
     .stored = {BASIC_IN},
     .wish = "basic=out",
     .effective_ms = 1600000000000,
     .outcome = CONSENT_CHANGED,
     .value = "{\"choices\":{\"basic\":\"out\"},\"effective\":1800000000000,\"seq\":8}"},
    {.why = "but not against a confirmed in",
     .stored = {BASIC_IN_CONFIRMED},
     .wish = "basic=out",
     .effective_ms = 1600000000000,
     .outcome = CONSENT_UNCHANGED},
    {.why = "the record itself again",
     .stored = {BASIC_OUT},
     .wish = "basic=out",
     .effective_ms = 1700000000000,
     .seq = 7,
     .outcome = CONSENT_UNCHANGED},
    {.why = "a day ahead", .wish = "basic=in", .effective_ms = NOW_MS + DAY_MS, .outcome = CONSENT_NEW},
    {.why = "more than a day ahead would be unreadable",
     .wish = "basic=in",
     .effective_ms = NOW_MS + DAY_MS + 1,
     .outcome = CONSENT_REFUSED},
    {.why = "the highest seq leaves room in time",
     .stored = {LAST_SEQ},
     .wish = "basic=in",
     .two_step = true,
     .outcome = CONSENT_REFUSED},
};

static void a_change_comes_to_one_record_or_is_refused(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(change_cases); i++) {
        struct consent_change change = {
            .two_step = change_cases[i].two_step,
            .asked = change_cases[i].asked,
            .has_effective = change_cases[i].effective_ms != 0,
            .effective_ms = change_cases[i].effective_ms,
            .has_seq = change_cases[i].seq != 0,
            .seq = change_cases[i].seq,
        };
        store(rig, change_cases[i].stored);
        wish(change_cases[i].wish, &change);
        enum consent_outcome outcome =
            consent_change_make(&rules, rig->reader, &rig->key, &rig->stored, &change, &rig->changed);
        if (outcome != change_cases[i].outcome)
            fail_msg("%s: outcome %d (%s), not %d", change_cases[i].why, outcome, rig->changed.why,
                     change_cases[i].outcome);
        if ((outcome == CONSENT_REFUSED) != (rig->changed.why[0] != '\0'))
            fail_msg("%s: a refusal has a reason, and nothing else has", change_cases[i].why);
        if (change_cases[i].value &&
            (strlen(change_cases[i].value) != rig->changed.size ||
             memcmp(rig->changed.value, change_cases[i].value, rig->changed.size) != 0))
            fail_msg("%s: made %.*s", change_cases[i].why, (int)rig->changed.size, rig->changed.value);
    }
}

/* Whatever was stored and is wished for: the record alone, as compaction leaves it, lets nothing through that all
 * records together do not. */
static void the_record_alone_allows_no_more_than_all_together(void **state)
{
    static const char *const values[] = {BASIC_OUT, BASIC_IN, BASIC_IN_CONFIRMED, ALL_OUT, OLD_OUT,
                                         LATER_IN,  "-",      "nonsense"};
    static const char *const wishes[] = {"basic=out", "basic=in", "*=in",
                                         "*=out",     "plus=in",  "plus=out basic=in"};
    struct rig *rig = *state;
    unsigned made = 0;
    for (size_t c = 0; c < COUNT(values) * COUNT(values) * COUNT(wishes) * 2; c++) {
        const char *stored[] = {values[c % COUNT(values)], values[c / COUNT(values) % COUNT(values)], NULL};
        struct consent_change change = {.two_step = c & 1};
        store(rig, stored);
        wish(wishes[c / COUNT(values) / COUNT(values) % COUNT(wishes)], &change);
        enum consent_outcome outcome =
            consent_change_make(&rules, rig->reader, &rig->key, &rig->stored, &change, &rig->changed);
        if (outcome != CONSENT_CHANGED && outcome != CONSENT_NEW)
            continue;
        made++;
        void *alone = calloc(1, consent_judge.state_size);
        consent_judge.apply(alone, &rig->changed.record, &names);
        consent_judge.apply(rig->state, &rig->changed.record, &names);
        for (unsigned i = 0; i < names.count; i++) {
            for (int64_t time_ms = NOW_MS - 900 * DAY_MS; time_ms <= NOW_MS + DAY_MS; time_ms += DAY_MS) {
                enum consent_stand together =
                    consent_judge.stand(rig->state, (choice_set)(1u << i), names.predecessors[i], time_ms);
                enum consent_stand single =
                    consent_judge.stand(alone, (choice_set)(1u << i), names.predecessors[i], time_ms);
                bool unsaid = rules.unsaid & (1u << i); /* nobody is enrolled in it without an `in` */
                bool more = single == CONSENT_STAND_IN && together != CONSENT_STAND_IN;
                bool forgets = single == CONSENT_STAND_NONE && together == CONSENT_STAND_OUT && !unsaid &&
                               time_ms >= rig->changed.record.effective_ms;
                if (more || forgets)
                    fail_msg("case %zu, name %u: alone %d, together %d: %.*s", c, i, single, together,
                             (int)rig->changed.size, rig->changed.value);
            }
        }
        free(alone);
    }
    assert_true(made > 100);
}

static void the_last_out_is_the_latest_that_is_known(void **state)
{
    static const struct {
        const char *why;
        const char *stored[3];
        int64_t last_out_ms; /* -1: none */
    } cases[] = {
        {"nothing", {NULL}, -1},
        {"an in", {BASIC_IN}, -1},
        {"an out", {BASIC_OUT}, 1700000000000},
        {"its trace in a record", {BASIC_IN_CONFIRMED}, 1600000000000},
        {"an erasure: when it was written", {"-"}, NOW_MS - DAY_MS},
        {"the later of two", {OLD_OUT, BASIC_OUT}, 1700000000000},
        {"the later of two, read first", {BASIC_OUT, OLD_OUT}, 1700000000000},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        store(rig, cases[i].stored);
        int64_t found_ms = rig->stored.had_out ? rig->stored.last_out_ms : -1;
        if (found_ms != cases[i].last_out_ms)
            fail_msg("%s: %lld", cases[i].why, (long long)found_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_comes_to_one_record_or_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(the_record_alone_allows_no_more_than_all_together, begin, end),
        cmocka_unit_test_setup_teardown(the_last_out_is_the_latest_that_is_known, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
