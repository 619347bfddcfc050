/*
 * What GPC teaches (spec 3, rule 7): stored once, in force at once for every worker of the process, never lost by an abort.
 */
#include "stages/consent/consent.h"

#include "common/config.h"
#include "common/subject.h"
#include "stages/consent/consent_options.h"
#include "stages/consent/learnt.h"
#include "stages/consent/loose.h"
#include "stages/consent/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LIST(array) ((struct option_list){(void *)(array), sizeof(array) / sizeof *(array), true})
#define NOW_MS      INT64_C(1700000000000)
#define LINE        "14155550100"
#define IMEI        "49015420323751"

enum { BASIC = 1, SENT_MAX = 16 };

static const int all_data[] = {PROGRAMME_DATA_BROWSE, PROGRAMME_DATA_APP_USE, PROGRAMME_DATA_APP_INSTALL};
static const int both[] = {1, 2}, line_only[] = {1}, gpc[] = {CONSENT_STORED_GPC};
static const struct view brands[] = {{"brand", 5}};
static struct programme programme;

static struct {
    char key[96], value[256], author[64];
    int32_t partition;
} sent[SENT_MAX];
static unsigned sent_count;

bool emitter_output(struct emitter *emitter, const struct output *output)
{
    (void)emitter;
    assert_int_equal(output->topic, TOPIC_CONSENT);
    assert_true(sent_count < SENT_MAX);
    snprintf(sent[sent_count].key, sizeof sent->key, "%.*s", (int)output->key.size, output->key.data);
    snprintf(sent[sent_count].value, sizeof sent->value, "%.*s", (int)output->value.size, output->value.data);
    assert_int_equal(output->header_count, 1);
    assert_string_equal(output->headers[0].name, "clickveil-author");
    snprintf(sent[sent_count].author, sizeof sent->author, "%.*s", (int)output->headers[0].value.size,
             output->headers[0].value.data);
    sent[sent_count++].partition = output->partition;
    return true;
}

struct fixture {
    struct config config;
    struct consent_options options;
    struct stage_context context;
    struct subject_key *key;
    void *shared;
    void *states[2];
    struct arena arena;
    struct error error;
    int64_t offset;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    static const uint8_t key[SUBJECT_KEY_SIZE] = {4, 5};
    programme = (struct programme){
        .name = VIEW("basic"),
        .regime = REGIME_OPT_OUT,
        .brands = LIST(brands),
        .from_day = OPTION_DATE_UNSET,
        .until_day = OPTION_DATE_UNSET,
        .data = LIST(all_data),
        .exclude = {{0}, 18},
        .unknown_age = UNKNOWN_AGE_ALLOW,
        .in_by = LIST(both),
    };
    fixture->config = (struct config){
        .pipeline = VIEW("veil"),
        .instance = VIEW("one"),
        .programmes = {&programme, 1, true},
        .subscriber = {IDENTIFIER_E164},
        .input = {.future_max_ms = 86400000, .late_max_ms = 2 * 86400000},
        .runtime = {.batch_records_max = 4},
        .topics = {.consent = VIEW("subscriber.consent")},
    };
    fixture->options = (struct consent_options){
        .followed = {.lease_ms = 60000, .barrier_every_ms = 5000},
        .subjects = LIST(line_only),
        .floor = 1,
        .entries_max = 1000,
        .signals = {.store = LIST(gpc)},
    };
    fixture->key = subject_key_of_bytes(key, &fixture->error);
    fixture->context = (struct stage_context){
        .config = &fixture->config, .options = &fixture->options, .workers = 2, .subject_key = fixture->key};
    assert_true(arena_init(&fixture->arena, 65536, 1 << 20, &fixture->error));
    sent_count = 0;
    *state = fixture;
    return 0;
}

static void apply(struct fixture *fixture, bool committed, const char *key, const char *value,
                  const char *author)
{
    struct followed_record record = {.offset = fixture->offset,
                                     .timestamp_ms = NOW_MS,
                                     .key = view_of_string(key),
                                     .value = view_of_string(value),
                                     .author = author ? view_of_string(author) : VIEW_ABSENT,
                                     .committed = committed};
    if (!stage_consent.followed->apply(fixture->shared, &record, &fixture->error))
        fail_msg("%s", fixture->error.what);
    if (committed)
        stage_consent.followed->committed_to(fixture->shared, 0, ++fixture->offset);
}

static void start(struct fixture *fixture)
{
    fixture->shared = aligned_alloc(64, (stage_consent.shared_size + 63) / 64 * 64);
    memset(fixture->shared, 0, stage_consent.shared_size);
    assert_true(stage_consent.shared_init(fixture->shared, &fixture->context, &fixture->error));
    fixture->context.shared = fixture->shared;
    for (unsigned i = 0; i < 2; i++) {
        fixture->states[i] = calloc(1, stage_consent.state_size);
        fixture->context.worker = i;
        assert_true(stage_consent.init(fixture->states[i], &fixture->context, &fixture->error));
    }
    apply(fixture, true, "line:14155559999", "{\"choices\":{},\"effective\":1,\"seq\":1}", NULL);
    assert_true(stage_consent.followed->complete(fixture->shared, &fixture->error));
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 2; i++) {
        stage_consent.release(fixture->states[i]);
        free(fixture->states[i]);
    }
    stage_consent.shared_release(fixture->shared);
    free(fixture->shared);
    subject_key_free(fixture->key);
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

/* One event of the line, with a device if it is named. Returns whether it was kept. */
static bool event_at(struct fixture *fixture, unsigned worker, const char *line, const char *imei,
                     enum gpc_signal signal, int64_t time_ms)
{
    struct record record = {
        .kind = RECORD_EVENT,
        .timestamp_ms = NOW_MS,
        .type = EVENT_BROWSE,
        .time_ms = time_ms,
        .brand = VIEW("brand"),
        .region = VIEW("US-CA"),
        .birth_year = 1980,
        .host = VIEW("h.example"),
        .signals = {signal, PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT, {0}, {0}, {0}},
    };
    record.subjects[SUBJECT_LINE] = (struct subject){
        .present = true, .identifier_kind = IDENTIFIER_E164, .identifier = view_of_string(line)};
    if (imei)
        record.subjects[SUBJECT_DEVICE] = (struct subject){
            .present = true, .identifier_kind = IDENTIFIER_IMEI, .identifier = view_of_string(imei)};
    struct emitter emitter = {.arena = &fixture->arena, .now_ms = NOW_MS, .error = &fixture->error};
    struct verdict verdict = stage_consent.process(fixture->states[worker], &record, &emitter);
    if (verdict.kind == VERDICT_STOP)
        fail_msg("%s", fixture->error.what);
    return verdict.kind == VERDICT_PASS;
}

static bool event(struct fixture *fixture, unsigned worker, const char *line, const char *imei,
                  enum gpc_signal signal)
{
    return event_at(fixture, worker, line, imei, signal, NOW_MS - 1000);
}

#define ABSENT GPC_ABSENT

static void gpc_is_stored_for_line_and_device_under_keys_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    assert_false(event(fixture, 1, LINE, IMEI, GPC_TRUE));
    assert_int_equal(sent_count, 2);
    assert_string_equal(sent[0].key, "signal:line:" LINE);
    assert_string_equal(sent[1].key, "signal:device:imei:" IMEI);
    assert_string_equal(sent[0].value, "{\"choices\":{\"*\":\"out\"},\"effective\":1699999999000,\"seq\":0}");
    assert_string_equal(sent[0].author, "veil.one.1");
    assert_int_equal(sent[0].partition, OUTPUT_PARTITION_BY_KEY);
}

static void gpc_is_in_force_at_once_for_all_workers(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    assert_true(event(fixture, 0, LINE, IMEI, ABSENT));
    assert_false(event(fixture, 0, LINE, IMEI, GPC_TRUE));
    assert_false(event(fixture, 0, LINE, NULL, ABSENT));
    assert_false(event(fixture, 1, LINE, NULL, ABSENT));
    assert_false(event(fixture, 1, "14155550101", IMEI, ABSENT)); /* the device under another line */
    assert_true(event(fixture, 1, "14155550101", NULL, ABSENT));
    assert_int_equal(sent_count, 2); /* once */
}

static void gpc_that_was_aborted_holds_and_is_written_again(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    assert_false(event(fixture, 0, LINE, NULL, GPC_TRUE));
    stage_consent.abort(fixture->states[0]);
    assert_false(event(fixture, 1, LINE, NULL, ABSENT));
    assert_false(event(fixture, 0, LINE, NULL, GPC_TRUE));
    assert_int_equal(sent_count, 2);
    stage_consent.commit(fixture->states[0]);
    assert_false(event(fixture, 0, LINE, NULL, GPC_TRUE)); /* on its way */
    assert_int_equal(sent_count, 2);
    apply(fixture, true, sent[1].key, sent[1].value, sent[1].author);
    assert_false(event(fixture, 0, LINE, NULL, GPC_TRUE)); /* it stands in the table */
    assert_false(event(fixture, 0, LINE, NULL, ABSENT));
    assert_int_equal(sent_count, 2);
}

static void gpc_of_the_author_does_not_touch_its_own_batch_but_others(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    assert_true(event(fixture, 0, LINE, NULL, ABSENT));
    assert_true(event(fixture, 1, LINE, NULL, ABSENT));
    assert_false(event(fixture, 0, LINE, NULL, GPC_TRUE));
    apply(fixture, false, sent[0].key, sent[0].value, sent[0].author);
    assert_true(stage_consent.stands(fixture->states[0]));
    assert_false(stage_consent.stands(fixture->states[1]));
    apply(fixture, true, sent[0].key, sent[0].value, sent[0].author);
    assert_true(stage_consent.stands(fixture->states[0]));
}

static void gpc_of_another_process_touches_every_batch(void **state)
{
    static const char *const authors[] = {"veil.two.0", "veil.one",     "veil.one.",
                                          "veil.one.x", "veil.one.999", ""};
    struct fixture *fixture = *state;
    start(fixture);
    for (unsigned i = 0; i < sizeof authors / sizeof *authors; i++) {
        char line[16], key[48];
        snprintf(line, sizeof line, "1415555020%u", i);
        snprintf(key, sizeof key, "signal:line:%s", line);
        assert_true(event(fixture, 0, line, NULL, ABSENT));
        apply(fixture, false, key, "{}", authors[i][0] ? authors[i] : NULL);
        fixture->offset++;
        if (stage_consent.stands(fixture->states[0]))
            fail_msg("%s", authors[i]);
        stage_consent.abort(fixture->states[0]);
    }
}

static void gpc_is_not_stored_where_nobody_wants_it(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.signals.store = (struct option_list){0};
    start(fixture);
    assert_false(event(fixture, 0, LINE, NULL, GPC_TRUE));
    assert_true(event(fixture, 0, LINE, NULL, ABSENT));
    assert_int_equal(sent_count, 0);
}

static void gpc_off_or_unreadable_teaches_nothing(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    assert_true(event(fixture, 0, LINE, NULL, GPC_FALSE));
    assert_false(event(fixture, 0, LINE, NULL, GPC_UNREADABLE));
    assert_true(event(fixture, 0, LINE, NULL, ABSENT));
    assert_int_equal(sent_count, 0);
}

/* A transaction that is full of signals is tried in smaller pieces. */
static void more_signals_than_a_transaction_holds_abort_it(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    for (unsigned i = 0; i < 8; i++) {
        char line[16];
        snprintf(line, sizeof line, "1415555030%u", i);
        assert_false(event(fixture, 0, line, NULL, GPC_TRUE));
    }
    struct record record = {.kind = RECORD_EVENT,
                            .timestamp_ms = NOW_MS,
                            .time_ms = NOW_MS,
                            .brand = VIEW("brand"),
                            .signals = {.gpc = GPC_TRUE}};
    record.subjects[SUBJECT_LINE] = (struct subject){
        .present = true, .identifier_kind = IDENTIFIER_E164, .identifier = VIEW("14155550399")};
    struct emitter emitter = {.arena = &fixture->arena, .error = &fixture->error};
    assert_int_equal(stage_consent.process(fixture->states[0], &record, &emitter).kind, VERDICT_STOP);
    assert_true(fixture->error.abort_transaction);
}

/* Over files nobody follows the topic: what was committed stands in the table. */
static void over_files_a_signal_goes_into_the_table(void **state)
{
    struct fixture *fixture = *state;
    fixture->context.files = true;
    start(fixture);
    assert_false(event(fixture, 0, LINE, NULL, GPC_TRUE));
    assert_string_equal(sent[0].author, "clickveil.files.0");
    stage_consent.commit(fixture->states[0]);
    assert_false(event(fixture, 0, LINE, NULL, GPC_TRUE));
    assert_false(event(fixture, 0, LINE, NULL, ABSENT));
    assert_int_equal(sent_count, 1);
}

/* ---- where signals yield to a newer `in` ---- */

static void apply_in(struct fixture *fixture, int64_t effective_ms)
{
    char value[160];
    snprintf(value, sizeof value,
             "{\"choices\":{\"basic\":\"in\"},\"effective\":%lld,\"seq\":1,\"two_step\":true}",
             (long long)effective_ms);
    apply(fixture, true, "line:" LINE, value, NULL);
}

static void apply_gpc(struct fixture *fixture, int64_t effective_ms)
{
    char value[128];
    snprintf(value, sizeof value, "{\"choices\":{\"*\":\"out\"},\"effective\":%lld,\"seq\":0}",
             (long long)effective_ms);
    apply(fixture, true, "signal:line:" LINE, value, "veil.two.0");
}

/* Another process stored an older signal, and its record comes while the newer one is on its way. */
static void an_older_stored_signal_does_not_end_a_newer_one(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.signals.yield = true;
    start(fixture);
    apply_in(fixture, NOW_MS - 65000);
    assert_true(event(fixture, 0, LINE, NULL, ABSENT));
    assert_false(event_at(fixture, 0, LINE, NULL, GPC_TRUE, NOW_MS - 63000));
    stage_consent.commit(fixture->states[0]);
    apply_gpc(fixture, NOW_MS - 69000);
    assert_false(event(fixture, 0, LINE, NULL, ABSENT));
    assert_false(event(fixture, 1, LINE, NULL, ABSENT));
    stage_consent.commit(fixture->states[0]);
    stage_consent.commit(fixture->states[1]);
    apply(fixture, true, sent[0].key, sent[0].value, sent[0].author);
    assert_false(event(fixture, 0, LINE, NULL, ABSENT));
    apply_in(fixture, NOW_MS - 2000);
    assert_true(event(fixture, 0, LINE, NULL, ABSENT)); /* nothing is left in memory */
}

/* The first of two signals is on its way; the `in` lies behind the minute that it is written for, and before the second. */
static void a_signal_newer_than_an_in_is_written_though_an_older_one_is_on_its_way(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.signals.yield = true;
    start(fixture);
    assert_false(event_at(fixture, 0, LINE, NULL, GPC_TRUE, NOW_MS - 90000));
    apply_in(fixture, NOW_MS - 25000);
    assert_false(event_at(fixture, 1, LINE, NULL, GPC_TRUE, NOW_MS - 20000));
    assert_int_equal(sent_count, 2);
    stage_consent.commit(fixture->states[0]);
    stage_consent.commit(fixture->states[1]);
    apply(fixture, true, sent[0].key, sent[0].value, sent[0].author);
    assert_false(event(fixture, 0, LINE, NULL, ABSENT));
    apply(fixture, true, sent[1].key, sent[1].value, sent[1].author);
    assert_false(event(fixture, 0, LINE, NULL, ABSENT));
}

/* Each row: a stored signal at `stored`, an `in` at `in` or none, an event with GPC at `gpc`. Seconds before now. */
static void a_signal_is_written_again_when_an_in_could_come_between(void **state)
{
    static const struct {
        int stored, in, gpc;
        unsigned written;
        const char *why;
    } rows[] = {
        {900, 0, 900, 0, "the very same"},
        {900, 0, 950, 0, "older"},
        {900, 0, 899, 1, "newer: an `in` that comes late might lie between"},
        {900, 890, 889, 1, "newer than the `in`"},
        {900, 890, 890, 1, "as new as the `in`, which is not newer then"},
        {900, 890, 891, 1, "the `in` is newer than both, and another may come"},
        {900, 910, 889, 1, "an older `in` does not matter"},
    };
    struct fixture *fixture = *state;
    fixture->options.signals.yield = true;
    start(fixture);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[16], key[48], value[160];
        snprintf(line, sizeof line, "1415555040%u", i);
        snprintf(key, sizeof key, "signal:line:%s", line);
        snprintf(value, sizeof value, "{\"choices\":{},\"effective\":%lld,\"seq\":0}",
                 (long long)(NOW_MS - rows[i].stored * 1000));
        apply(fixture, true, key, value, NULL);
        if (rows[i].in) {
            snprintf(value, sizeof value,
                     "{\"choices\":{\"basic\":\"in\"},\"effective\":%lld,\"seq\":0,\"two_step\":true}",
                     (long long)(NOW_MS - rows[i].in * 1000));
            apply(fixture, true, key + strlen("signal:"), value, NULL);
        }
        sent_count = 0;
        assert_false(event_at(fixture, 0, line, NULL, GPC_TRUE, NOW_MS - rows[i].gpc * 1000));
        if (sent_count != rows[i].written)
            fail_msg("%s: written %u times", rows[i].why, sent_count);
        stage_consent.commit(fixture->states[0]);
    }
}

/* A restart knows what is stored, and nothing of a second signal that was not: the `in` between the two must not count. */
static void a_stored_signal_is_one_for_all_of_its_minute(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.signals.yield = true;
    start(fixture);
    assert_false(event_at(fixture, 0, LINE, NULL, GPC_TRUE, NOW_MS - 100000));
    assert_false(event_at(fixture, 1, LINE, NULL, GPC_TRUE, NOW_MS - 40000)); /* while it is on its way */
    stage_consent.commit(fixture->states[0]);
    stage_consent.commit(fixture->states[1]);
    assert_int_equal(sent_count, 1);
    apply(fixture, true, sent[0].key, sent[0].value, sent[0].author);
    assert_false(event_at(fixture, 0, LINE, NULL, GPC_TRUE, NOW_MS - 40000)); /* and when it stands */
    assert_int_equal(sent_count, 1);
    stage_consent.commit(fixture->states[0]);

    apply_in(fixture, NOW_MS - 70000); /* between the two */
    assert_false(event(fixture, 0, LINE, NULL, ABSENT));
    apply_in(fixture, NOW_MS - 40000); /* as new as the second */
    assert_false(event(fixture, 0, LINE, NULL, ABSENT));
    apply_in(fixture, NOW_MS - 39999);
    assert_true(event(fixture, 0, LINE, NULL, ABSENT));

    assert_false(event_at(fixture, 0, LINE, NULL, GPC_TRUE, NOW_MS - 39999));
    assert_int_equal(sent_count, 2);
    assert_false(event(fixture, 0, LINE, NULL, ABSENT));
}

/* ---- the parts ---- */

/* A signal of that moment, by a worker of which any newer one is written. */
static enum learnt_answer add(struct learnt *learnt, uint64_t tag, int64_t signal_ms, int64_t *out_ms,
                              uint32_t *out_slot)
{
    *out_ms = signal_ms;
    return learnt_add(learnt, tag, 0, out_ms, out_slot);
}

static void learnt_has_room_for_eight_of_a_set_and_says_when_it_has_none(void **state)
{
    struct learnt learnt;
    uint32_t slots[LEARNT_WAYS], slot;
    int64_t ms;
    (void)state;
    assert_true(learnt_init(&learnt));
    assert_false(learnt_has(&learnt, 1));
    for (uint64_t i = 0; i < LEARNT_WAYS; i++)
        assert_int_equal(add(&learnt, i + 1, 0, &ms, &slots[i]), LEARNT_WRITE); /* all of set 0 */
    assert_int_equal(add(&learnt, LEARNT_WAYS, 0, &ms, &slot), LEARNT_KNOWN);
    assert_int_equal(add(&learnt, LEARNT_WAYS + 1, 0, &ms, &slot), LEARNT_FULL);
    learnt_close(&learnt, slots[0], false);
    learnt_close(&learnt, slots[1], true);
    assert_int_equal(add(&learnt, 2, 0, &ms, &slot), LEARNT_KNOWN);
    assert_int_equal(add(&learnt, 1, 0, &ms, &slot), LEARNT_WRITE);
    learnt_remove(&learnt, 2, 0);
    assert_false(learnt_has(&learnt, 2));
    assert_true(learnt_has(&learnt, 1));
    assert_int_equal(add(&learnt, LEARNT_WAYS + 1, 0, &ms, &slot), LEARNT_WRITE);
    learnt_release(&learnt);
}

static void learnt_keeps_what_is_newer_than_what_is_shown(void **state)
{
    struct learnt learnt;
    uint32_t slot, second;
    int64_t ms;
    (void)state;
    assert_true(learnt_init(&learnt));
    assert_int_equal(add(&learnt, 7, 100, &ms, &slot), LEARNT_WRITE);
    assert_int_equal(add(&learnt, 7, 99, &ms, &second), LEARNT_KNOWN);
    learnt_remove(&learnt, 7, 99);
    assert_true(learnt_has(&learnt, 7));
    ms = 105;
    assert_int_equal(learnt_add(&learnt, 7, 5, &ms, &second), LEARNT_KNOWN); /* within the slack */
    assert_int_equal(add(&learnt, 7, 105, &ms, &second), LEARNT_WRITE);
    assert_int_equal(second, slot);
    learnt_remove(&learnt, 7, 100); /* the first has come */
    assert_true(learnt_has(&learnt, 7));
    learnt_close(&learnt, second, false); /* the second was aborted: whoever comes next writes its time */
    assert_int_equal(add(&learnt, 7, 50, &ms, &second), LEARNT_WRITE);
    assert_int_equal(ms, 105);
    learnt_remove(&learnt, 7, 105);
    assert_false(learnt_has(&learnt, 7));
    learnt_close(&learnt, second, false); /* nothing is there any more */
    assert_false(learnt_has(&learnt, 7));
    assert_int_equal(add(&learnt, 7, 200, &ms, &slot), LEARNT_WRITE);
    learnt_remove(&learnt, 7, 0); /* one that never yields */
    assert_false(learnt_has(&learnt, 7));
    learnt_release(&learnt);
}

static void loose_finds_what_was_noted_last_and_forgets_what_is_settled(void **state)
{
    enum { COUNT = 1000 };
    struct loose loose;
    (void)state;
    assert_true(loose_init(&loose));
    for (uint64_t i = 0; i < COUNT; i++)
        assert_true(loose_note(&loose, i * 64, (int32_t)(i % 7), (int64_t)i)); /* 0 too, and clusters */
    assert_true(loose_note(&loose, 64, 3, 5000));
    assert_int_equal(loose_count(&loose), COUNT);
    for (uint64_t i = 0; i < COUNT; i += 2)
        loose_settle(&loose, i * 64);
    loose_settle(&loose, 12345678); /* who is not there */
    assert_int_equal(loose_count(&loose), COUNT / 2);
    for (uint64_t i = 2; i < COUNT; i++)
        assert_int_equal(loose_is_at(&loose, i * 64, (int32_t)(i % 7), (int64_t)i), i % 2);
    assert_true(loose_is_at(&loose, 64, 3, 5000));
    assert_false(loose_is_at(&loose, 64, 3, 1));
    assert_false(loose_is_at(&loose, 64, 4, 5000));
    loose_release(&loose);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gpc_is_stored_for_line_and_device_under_keys_of_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(gpc_is_in_force_at_once_for_all_workers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gpc_that_was_aborted_holds_and_is_written_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gpc_of_the_author_does_not_touch_its_own_batch_but_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(gpc_of_another_process_touches_every_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gpc_is_not_stored_where_nobody_wants_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gpc_off_or_unreadable_teaches_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_signals_than_a_transaction_holds_abort_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(over_files_a_signal_goes_into_the_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_stored_signal_does_not_end_a_newer_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_signal_newer_than_an_in_is_written_though_an_older_one_is_on_its_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_is_written_again_when_an_in_could_come_between, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_stored_signal_is_one_for_all_of_its_minute, set_up, tear_down),
        cmocka_unit_test(learnt_keeps_what_is_newer_than_what_is_shown),
        cmocka_unit_test(learnt_has_room_for_eight_of_a_set_and_says_when_it_has_none),
        cmocka_unit_test(loose_finds_what_was_noted_last_and_forgets_what_is_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
