/*
 * The stage as the chain sees it: events in, consent records in two views, and the barrier.
 *
 * One line (+1415550100x), its account and its IMEI; programmes `basic` (opt_out) and `enhanced` (opt_in) of one brand.
 */
#include "stages/consent/consent.h"

#include "common/config.h"
#include "common/document.h"
#include "common/lint.h"
#include "common/recent.h"
#include "common/subject.h"
#include "stages/consent/consent_options.h"
#include "stages/consent/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#define LIST(array) ((struct option_list){(void *)(array), sizeof(array) / sizeof *(array), true})

enum {
    BASIC = 1,
    ENHANCED = 2,
    DAY_MS = 86400000,
    BATCH_RECORDS = 4,
};

#define NOW_MS INT64_C(1700000000000)

static const int all_data[] = {PROGRAMME_DATA_BROWSE, PROGRAMME_DATA_APP_USE, PROGRAMME_DATA_APP_INSTALL};
static const int both[] = {1, 2};
static const struct view brands[] = {{"brand", 5}};
static struct programme programmes[2];
static const int line_account[] = {1, 2}, all_subjects[] = {1, 2, 3};

struct fixture {
    struct config config;
    struct consent_options options;
    struct stage_context context;
    struct subject_key *key;
    void *shared;
    void *states[2];
    struct arena arena;
    struct error error;
    struct emitter emitter;
    int64_t offset; /* of the next consent record */
};

static void new_programme(unsigned index, struct view name, enum regime regime)
{
    programmes[index] = (struct programme){
        .name = name,
        .regime = regime,
        .brands = LIST(brands),
        .from_day = OPTION_DATE_UNSET,
        .until_day = OPTION_DATE_UNSET,
        .data = LIST(all_data),
        .exclude = {{0}, 18},
        .unknown_age = UNKNOWN_AGE_ALLOW,
        .in_by = LIST(both),
    };
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    new_programme(0, VIEW("basic"), REGIME_OPT_OUT);
    new_programme(1, VIEW("enhanced"), REGIME_OPT_IN);
    fixture->config = (struct config){
        .programmes = LIST(programmes),
        .subscriber = {IDENTIFIER_E164},
        .input = {.future_max_ms = DAY_MS, .late_max_ms = 2 * DAY_MS},
        .runtime = {.batch_records_max = BATCH_RECORDS},
        .topics = {.consent = VIEW("subscriber.consent")},
    };
    fixture->options = (struct consent_options){
        .followed = {.lease_ms = 60000, .barrier_every_ms = 5000},
        .subjects = LIST(line_account),
        .floor = 1,
        .entries_max = 1000000,
    };
    static const uint8_t key[SUBJECT_KEY_SIZE] = {1, 2, 3};
    fixture->key = subject_key_of_bytes(key, &fixture->error);
    assert_non_null(fixture->key);
    fixture->context = (struct stage_context){
        .config = &fixture->config,
        .options = &fixture->options,
        .workers = 2,
        .subject_key = fixture->key,
    };
    fixture->emitter = (struct emitter){.now_ms = NOW_MS, .error = &fixture->error};
    *state = fixture;
    return 0;
}

static void start(struct fixture *fixture)
{
    fixture->shared = calloc(1, stage_consent.shared_size);
    fixture->context.shared = NULL;
    if (!stage_consent.shared_init(fixture->shared, &fixture->context, &fixture->error))
        fail_msg("%s", fixture->error.what);
    fixture->context.shared = fixture->shared;
    for (unsigned i = 0; i < 2; i++) {
        fixture->states[i] = calloc(1, stage_consent.state_size);
        fixture->context.worker = i;
        assert_true(stage_consent.init(fixture->states[i], &fixture->context, &fixture->error));
    }
}

static void stop_stage(struct fixture *fixture)
{
    for (unsigned i = 0; i < 2 && fixture->states[i]; i++) {
        stage_consent.release(fixture->states[i]);
        free(fixture->states[i]);
        fixture->states[i] = NULL;
    }
    if (fixture->shared) {
        stage_consent.shared_release(fixture->shared);
        free(fixture->shared);
        fixture->shared = NULL;
    }
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    stop_stage(fixture);
    subject_key_free(fixture->key);
    free(fixture);
    return 0;
}

/* ---- consent records ---- */

static bool apply_at(struct fixture *fixture, int32_t partition, int64_t offset, bool committed,
                     const char *key, const char *value)
{
    struct followed_record record = {
        .partition = partition,
        .offset = offset,
        .timestamp_ms = NOW_MS,
        .key = view_of_string(key),
        .value = view_of_string(value),
        .committed = committed,
    };
    fixture->error = (struct error){0};
    return stage_consent.followed->apply(fixture->shared, &record, &fixture->error);
}

/* As a topic without transactions shows a record: first uncommitted, then committed. */
static void apply(struct fixture *fixture, const char *key, const char *value)
{
    assert_true(apply_at(fixture, 0, fixture->offset, false, key, value));
    assert_true(apply_at(fixture, 0, fixture->offset, true, key, value));
    stage_consent.followed->committed_to(fixture->shared, 0, ++fixture->offset);
}

/* A value with a running order. */
static const char *choices(struct fixture *fixture, const char *text)
{
    static char value[200];
    snprintf(value, sizeof value, "{\"choices\":{%s},\"effective\":1000,\"seq\":%lld,\"two_step\":true}",
             text, (long long)fixture->offset);
    return value;
}

static void complete(struct fixture *fixture)
{
    apply(fixture, "line:+14155559999", choices(fixture, "\"*\":\"out\"")); /* the floor */
    assert_true(stage_consent.followed->complete(fixture->shared, &fixture->error));
}

/* ---- events ---- */

#define LINE    "14155550100"
#define ACCOUNT "A-1"
#define IMEI    "49015420323751"

static void set_subject(struct record *record, enum subject_kind kind, enum identifier_kind identifier_kind,
                        const char *identifier)
{
    record->subjects[kind] = (struct subject){.present = identifier != NULL,
                                              .identifier_kind = identifier_kind,
                                              .identifier = view_of_string(identifier)};
}

static struct record event_of(const char *line, const char *account, const char *imei)
{
    struct record record = {
        .kind = RECORD_EVENT,
        .type = EVENT_BROWSE,
        .time_ms = NOW_MS,
        .timestamp_ms = NOW_MS,
        .brand = VIEW("brand"),
        .region = VIEW("US-CA"),
        .signals = {.gpc = GPC_ABSENT,
                    .gpp_presence = PRESENCE_ABSENT,
                    .gpp_sid_presence = PRESENCE_ABSENT,
                    .us_privacy_presence = PRESENCE_ABSENT},
        .programmes = 0x7fff, /* whatever was there before, consent decides */
    };
    set_subject(&record, SUBJECT_LINE, IDENTIFIER_E164, line);
    set_subject(&record, SUBJECT_ACCOUNT, IDENTIFIER_OPAQUE, account);
    set_subject(&record, SUBJECT_DEVICE, IDENTIFIER_IMEI, imei);
    return record;
}

static struct verdict process(struct fixture *fixture, struct record *record)
{
    fixture->error = (struct error){0};
    return stage_consent.process(fixture->states[0], record, &fixture->emitter);
}

/* Judge an event in a transaction of its own. */
static struct verdict judge(struct fixture *fixture, struct record *record)
{
    struct verdict verdict = process(fixture, record);
    stage_consent.commit(fixture->states[0]);
    return verdict;
}

static void expect(struct fixture *fixture, const char *line, const char *account, const char *imei,
                   programme_set programmes_kept, enum consent_reason reason)
{
    struct record record = event_of(line, account, imei);
    struct verdict verdict = judge(fixture, &record);
    assert_int_equal(verdict.kind, programmes_kept ? VERDICT_PASS : VERDICT_DROP);
    assert_string_equal(consent_reasons[verdict.reason].name, consent_reasons[reason].name);
    assert_int_equal(record.programmes, programmes_kept);
}

static void consent_decides_nothing_before_the_topic_is_complete(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    struct record record = event_of(LINE, ACCOUNT, NULL);
    assert_int_equal(process(fixture, &record).kind, VERDICT_STOP);
    assert_true(fixture->error.what[0] != '\0');
    complete(fixture);
    assert_int_equal(process(fixture, &record).kind, VERDICT_PASS);
}

static void consent_stops_at_a_record_of_unknown_kind(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    struct record record = event_of(LINE, ACCOUNT, NULL);
    record.kind = RECORD_UNKNOWN;
    assert_int_equal(process(fixture, &record).kind, VERDICT_STOP);
}

static void consent_keeps_an_event_for_each_programme_by_its_choices(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    expect(fixture, LINE, ACCOUNT, NULL, BASIC, CONSENT_NO_REASON);
    apply(fixture, "line:+" LINE, choices(fixture, "\"enhanced\":\"in\""));
    expect(fixture, LINE, ACCOUNT, NULL, BASIC | ENHANCED, CONSENT_NO_REASON);
    expect(fixture, "14155550101", ACCOUNT, NULL, BASIC, CONSENT_NO_REASON);
    apply(fixture, "account:" ACCOUNT, choices(fixture, "\"basic\":\"out\""));
    expect(fixture, LINE, ACCOUNT, NULL, ENHANCED, CONSENT_NO_REASON);
    expect(fixture, LINE, "A-2", NULL, BASIC | ENHANCED, CONSENT_NO_REASON);
    apply(fixture, "account:" ACCOUNT, choices(fixture, "\"*\":\"out\""));
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_ACCOUNT);
    apply(fixture, "line:+" LINE, NULL);
    expect(fixture, LINE, "A-2", NULL, 0, CONSENT_OPTED_OUT_LINE);
}

static void consent_looks_up_a_device_that_is_there_though_not_listed(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    expect(fixture, LINE, ACCOUNT, IMEI, BASIC, CONSENT_NO_REASON);
    apply(fixture, "signal:device:imei:" IMEI, choices(fixture, "\"*\":\"out\""));
    expect(fixture, LINE, ACCOUNT, IMEI, 0, CONSENT_OPTED_OUT_SIGNAL);
    expect(fixture, LINE, ACCOUNT, NULL, BASIC, CONSENT_NO_REASON);
    apply(fixture, "signal:line:" LINE, "whatever it says");
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_SIGNAL);
}

/* Spec 3, rule 7: only with signals.yield, and only what says when it was. */
static void consent_signal_yields_where_it_is_configured(void **state)
{
    struct fixture *fixture = *state;
    for (int yield = 0; yield < 2; yield++) {
        fixture->options.signals.yield = yield;
        start(fixture);
        complete(fixture);
        apply(fixture, "signal:line:" LINE, "{\"choices\":{\"*\":\"out\"},\"effective\":500,\"seq\":1}");
        expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_SIGNAL);
        apply(fixture, "line:" LINE, choices(fixture, "\"basic\":\"in\"")); /* at 1000, two_step */
        if (yield)
            expect(fixture, LINE, ACCOUNT, NULL, BASIC, CONSENT_NO_REASON);
        else
            expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_SIGNAL);
        apply(fixture, "signal:line:" LINE, "{}"); /* of unknown time */
        expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_SIGNAL);
        if (yield == 0)
            stop_stage(fixture);
    }
}

static void consent_judges_the_event_as_a_whole_first(void **state)
{
    static const struct {
        int64_t time_ms; /* from the Kafka timestamp */
        const char *brand;
        const char *line, *account;
        enum verdict_kind kind;
        enum consent_reason reason;
        const char *why;
    } rows[] = {
        {DAY_MS, "brand", LINE, ACCOUNT, VERDICT_PASS, CONSENT_NO_REASON, "a day ahead to the millisecond"},
        {DAY_MS + 1, "brand", LINE, ACCOUNT, VERDICT_REJECT, CONSENT_TIME_FUTURE, "a millisecond more"},
        {-2 * DAY_MS, "brand", LINE, ACCOUNT, VERDICT_PASS, CONSENT_NO_REASON,
         "two days behind to the millisecond"},
        {-2 * DAY_MS - 1, "brand", LINE, ACCOUNT, VERDICT_DROP, CONSENT_TOO_LATE, "a millisecond more"},
        {0, "nobody", LINE, ACCOUNT, VERDICT_REJECT, CONSENT_BRAND_UNKNOWN, "known to no programme"},
        {-3 * DAY_MS, "nobody", LINE, ACCOUNT, VERDICT_REJECT, CONSENT_BRAND_UNKNOWN,
         "bad input before lateness"},
        {0, "brand", LINE, NULL, VERDICT_DROP, CONSENT_SUBJECT_MISSING, "no account"},
        {0, "brand", NULL, ACCOUNT, VERDICT_DROP, CONSENT_SUBJECT_MISSING, "no line"},
    };
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record record = event_of(rows[i].line, rows[i].account, NULL);
        record.time_ms += rows[i].time_ms;
        record.brand = view_of_string(rows[i].brand);
        struct verdict verdict = judge(fixture, &record);
        if (verdict.kind != rows[i].kind || verdict.reason != rows[i].reason)
            fail_msg("%s: verdict %d, %s", rows[i].why, (int)verdict.kind,
                     consent_reasons[verdict.reason].name);
    }
}

static void consent_rejects_events_near_1970_that_have_no_timestamp(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    struct record record = event_of(LINE, ACCOUNT, NULL);
    record.time_ms = DAY_MS - 1; /* no further ahead of -1 than is allowed of a timestamp */
    record.timestamp_ms = -1;
    struct verdict verdict = judge(fixture, &record);
    assert_int_equal(verdict.kind, VERDICT_REJECT);
    assert_int_equal(verdict.reason, CONSENT_TIME_FUTURE);
}

static void consent_asks_for_the_device_where_it_is_listed(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.subjects = LIST(all_subjects);
    start(fixture);
    complete(fixture);
    expect(fixture, LINE, ACCOUNT, IMEI, BASIC, CONSENT_NO_REASON);
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_SUBJECT_MISSING);
    struct record limited = event_of(LINE, ACCOUNT, NULL);
    limited.subjects[SUBJECT_DEVICE].limit_ad_tracking = true;
    assert_int_equal(judge(fixture, &limited).reason, CONSENT_LIMIT_AD_TRACKING);
    apply(fixture, "device:imei:" IMEI, choices(fixture, "\"*\":\"out\""));
    expect(fixture, LINE, ACCOUNT, IMEI, 0, CONSENT_OPTED_OUT_DEVICE);
    apply(fixture, "device:imei:" IMEI, choices(fixture, "\"*\":\"in\""));
    expect(fixture, LINE, ACCOUNT, IMEI, BASIC, CONSENT_NO_REASON); /* never gives an `in` */
}

static void consent_drops_a_subject_that_cannot_be_looked_up(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    struct record record = event_of(LINE, ACCOUNT, NULL);
    record.subjects[SUBJECT_ACCOUNT].identifier =
        VIEW_ABSENT; /* present, says the record, and nothing there */
    assert_int_equal(judge(fixture, &record).reason, CONSENT_SUBJECT_MISSING);
}

static void consent_uses_pseudonyms_that_are_there_already(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    apply(fixture, "line:+" LINE, choices(fixture, "\"*\":\"out\""));
    struct record record = event_of(LINE, ACCOUNT, NULL);
    subject_hash_record(fixture->key, &record);
    record.subjects[SUBJECT_LINE].identifier = VIEW_ABSENT;
    record.subjects[SUBJECT_ACCOUNT].identifier = VIEW_ABSENT;
    assert_int_equal(judge(fixture, &record).reason, CONSENT_OPTED_OUT_LINE);
}

/* ---- two views ---- */

static void consent_believes_an_out_before_it_is_committed_and_an_in_after(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    const struct followed *followed = stage_consent.followed;

    assert_true(apply_at(fixture, 1, 0, false, "line:" LINE,
                         choices(fixture, "\"enhanced\":\"in\",\"basic\":\"out\"")));
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_LINE);
    followed->committed_to(fixture->shared, 1, 0);
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_LINE); /* not decided yet */
    assert_true(apply_at(fixture, 1, 0, true, "line:" LINE,
                         choices(fixture, "\"enhanced\":\"in\",\"basic\":\"out\"")));
    expect(fixture, LINE, ACCOUNT, NULL, ENHANCED, CONSENT_NO_REASON);
    followed->committed_to(fixture->shared, 1, 1);
    expect(fixture, LINE, ACCOUNT, NULL, ENHANCED, CONSENT_NO_REASON);
}

static void consent_forgets_an_aborted_out_when_its_transaction_has_ended(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    const struct followed *followed = stage_consent.followed;
    static const char *const outs[] = {"\"*\":\"out\"", "\"basic\":\"out\"", "broken", NULL};
    for (int64_t i = 0; i < 4; i++) {
        const char *value = outs[i];
        if (value && value[0] == '"')
            value = choices(fixture, value);
        assert_true(apply_at(fixture, 1, i, false, "line:" LINE, value));
        expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_LINE);
    }
    followed->committed_to(fixture->shared, 1, 3);
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_LINE); /* the last one is still open */
    followed->committed_to(fixture->shared, 0, 1000);
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_LINE); /* another partition */
    followed->committed_to(fixture->shared, 1, 4);
    expect(fixture, LINE, ACCOUNT, NULL, BASIC, CONSENT_NO_REASON);
}

static void consent_takes_each_record_of_a_view_once(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    apply(fixture, "line:" LINE, choices(fixture, "\"basic\":\"out\""));
    apply(fixture, "line:" LINE, choices(fixture, "\"basic\":\"in\""));
    expect(fixture, LINE, ACCOUNT, NULL, BASIC, CONSENT_NO_REASON);
    /* a replay after a reconnect, and the slower view behind the faster one */
    assert_true(apply_at(fixture, 0, fixture->offset - 2, true, "line:" LINE, "broken"));
    assert_true(apply_at(fixture, 0, fixture->offset - 2, false, "line:" LINE, "broken"));
    expect(fixture, LINE, ACCOUNT, NULL, BASIC, CONSENT_NO_REASON);
    assert_true(apply_at(fixture, 0, fixture->offset, false, "line:" LINE, "broken"));
    assert_true(apply_at(fixture, 0, fixture->offset, false, "line:" LINE, "broken"));
    stage_consent.followed->committed_to(fixture->shared, 0, fixture->offset + 1);
    expect(fixture, LINE, ACCOUNT, NULL, BASIC, CONSENT_NO_REASON); /* one record was pending, not two */
}

static void consent_holds_many_uncommitted_records(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    enum { COUNT = 5000 };
    for (int64_t i = 0; i < COUNT; i++) {
        char key[40];
        snprintf(key, sizeof key, "line:1415555%04d", (int)(i % 1000)); /* five records of each */
        assert_true(apply_at(fixture, 1, i, false, key, "broken"));
    }
    expect(fixture, "14155550001", ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_LINE);
    stage_consent.followed->committed_to(fixture->shared, 1,
                                         COUNT - 999); /* the fifth of line 0 is decided */
    expect(fixture, "14155550000", ACCOUNT, NULL, BASIC, CONSENT_NO_REASON);
    expect(fixture, "14155550001", ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_LINE);
    stage_consent.followed->committed_to(fixture->shared, 1, COUNT);
    expect(fixture, "14155550999", ACCOUNT, NULL, BASIC, CONSENT_NO_REASON);
}

/* ---- records that stop ---- */

static void consent_stops_at_records_that_nobody_can_place(void **state)
{
    static const struct {
        const char *key;
        enum exit_status exit_status; /* DONE: goes on */
        const char *why;
    } rows[] = {
        {NULL, EXIT_STATUS_DATA, "no key"},
        {"line:secret-4711", EXIT_STATUS_DATA, "no number"},
        {"person:secret-4711", EXIT_STATUS_DATA, "no kind of subject"},
        {"device:imei:38400000-8cf0-11bd-b23e-10b96e40000d", EXIT_STATUS_CONFIGURATION, "a MAID under imei"},
        {"device:imei:490154203237518", EXIT_STATUS_CONFIGURATION, "a device, which is not listed"},
        {"meta:birth:0011", EXIT_STATUS_DONE, "of a later version"},
        {"signal:device:imei:490154203237518", EXIT_STATUS_DONE, "of a later version"},
        {"device:maid:00000000-0000-0000-0000-000000000000", EXIT_STATUS_DONE, "no device"},
    };
    struct fixture *fixture = *state;
    start(fixture);
    for (unsigned committed = 0; committed < 2; committed++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            bool fine = apply_at(fixture, 3, fixture->offset++, committed, rows[i].key, "{}");
            if (fine != (rows[i].exit_status == EXIT_STATUS_DONE))
                fail_msg("%s", rows[i].why);
            if (fine)
                continue;
            assert_int_equal(fixture->error.exit_status, rows[i].exit_status);
            assert_non_null(strstr(fixture->error.where, "subscriber.consent[3]@"));
            assert_non_null(strstr(fixture->error.action, "consent.ignore"));
            char text[2000];
            error_text(&fixture->error, text, sizeof text);
            assert_null(strstr(text, "4711")); /* places, never values */
            assert_null(strstr(text, "490154"));
        }
    }
}

static void consent_goes_on_past_an_acknowledged_record_if_it_is_bad(void **state)
{
    static const struct view places[] = {{"3:7", 3}, {"0:9223372036854775807", 21}};
    struct fixture *fixture = *state;
    fixture->options.ignore = LIST(places);
    start(fixture);
    complete(fixture);
    assert_false(apply_at(fixture, 3, 6, true, "line:bad", "{}"));
    assert_false(apply_at(fixture, 2, 7, true, "line:bad", "{}"));
    assert_true(apply_at(fixture, 3, 7, false, "line:bad", "{}"));
    assert_true(apply_at(fixture, 3, 7, true, "line:bad", "{}"));
}

static void consent_counts_a_good_record_at_an_acknowledged_place(void **state)
{
    static const struct view places[] = {{"3:7", 3}, {"3:8", 3}};
    struct fixture *fixture = *state;
    fixture->options.ignore = LIST(places);
    start(fixture);
    complete(fixture);
    assert_true(apply_at(fixture, 3, 7, true, "line:" LINE, "not JSON"));
    expect(fixture, LINE, ACCOUNT, NULL, BASIC, CONSENT_NO_REASON);
    assert_true(apply_at(fixture, 3, 8, true, "line:" LINE, choices(fixture, "\"*\":\"out\"")));
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_LINE);
}

static void consent_refuses_to_start_below_its_floor(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.floor = 3;
    start(fixture);
    const struct followed *followed = stage_consent.followed;
    assert_false(followed->complete(fixture->shared, &fixture->error)); /* empty */
    assert_int_equal(fixture->error.exit_status, EXIT_STATUS_CONFIGURATION);
    apply(fixture, "line:14155550101", choices(fixture, "\"*\":\"in\""));
    apply(fixture, "line:14155550102", choices(fixture, "\"*\":\"in\""));
    apply(fixture, "line:14155550102", choices(fixture, "\"*\":\"out\"")); /* the same subject */
    apply(fixture, "meta:birth:00", "{}");
    apply(fixture, "signal:line:14155550103", "{}");
    assert_true(apply_at(fixture, 1, 0, false, "line:14155550104", "uncommitted"));
    assert_false(followed->complete(fixture->shared, &fixture->error));
    struct record record = event_of(LINE, ACCOUNT, NULL);
    assert_int_equal(process(fixture, &record).kind, VERDICT_STOP); /* refused is not complete */
    apply(fixture, "account:A-9", NULL);
    assert_true(followed->complete(fixture->shared, &fixture->error));
}

static void consent_stops_when_the_table_is_full(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.entries_max = 2;
    start(fixture);
    assert_true(apply_at(fixture, 0, 0, true, "line:14155550101", "{}"));
    assert_true(apply_at(fixture, 0, 1, false, "line:14155550102", "{}"));
    assert_false(apply_at(fixture, 0, 2, true, "line:14155550103", "{}"));
    assert_int_equal(fixture->error.exit_status, EXIT_STATUS_CONFIGURATION);
}

/* ---- the barrier ---- */

static void expect_stands(struct fixture *fixture, bool stands, const char *why)
{
    if (stage_consent.stands(fixture->states[0]) != stands)
        fail_msg("%s", why);
}

static void begin_with(struct fixture *fixture, const char *line)
{
    struct record record = event_of(line, ACCOUNT, NULL);
    assert_int_equal(process(fixture, &record).kind, VERDICT_PASS);
}

static void consent_batch_falls_when_somebody_in_it_opts_out(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    expect_stands(fixture, true, "nothing processed");
    begin_with(fixture, LINE);
    expect_stands(fixture, true, "nothing changed");
    apply(fixture, "line:14155550177", choices(fixture, "\"*\":\"out\""));
    expect_stands(fixture, true, "somebody else");
    apply(fixture, "line:" LINE, choices(fixture, "\"enhanced\":\"in\""));
    expect_stands(fixture, true, "an `in` takes nothing away");
    apply(fixture, "line:" LINE, choices(fixture, "\"*\":\"out\""));
    expect_stands(fixture, false, "an `out` does");
    stage_consent.abort(fixture->states[0]);
    expect_stands(fixture, true, "a new transaction, nothing processed");
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_LINE); /* processed again */
}

static void consent_batch_falls_by_every_kind_of_change(void **state)
{
    static const struct {
        const char *before, *after; /* choices of the account; NULL: none, tombstone */
        bool uncommitted, stands;
        const char *why;
    } rows[] = {
        {"", "\"basic\":\"out\"", false, false, "an `out`"},
        {"", "\"basic\":\"out\"", true, false, "an `out` that is not committed"},
        {"", "\"*\":\"in\"", true, true, "an `in` that is not committed"},
        {"", NULL, false, false, "erasure"},
        {"", NULL, true, false, "erasure, not committed"},
        {"\"enhanced\":\"in\"", "", false, false, "an `in` taken back"},
        {"\"enhanced\":\"in\"", "\"basic\":\"in\"", false, false, "an `in` taken back"},
        {"\"basic\":\"out\"", "\"basic\":\"in\"", false, true, "an `out` taken back"},
    };
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char account[20], key[40];
        snprintf(account, sizeof account, "B-%zu", i);
        snprintf(key, sizeof key, "account:%s", account);
        apply(fixture, key, choices(fixture, rows[i].before));
        apply(fixture, "line:" LINE, choices(fixture, "\"enhanced\":\"in\"")); /* so that the event is kept */
        struct record record = event_of(LINE, account, NULL);
        assert_int_equal(process(fixture, &record).kind, VERDICT_PASS);
        const char *value = rows[i].after ? choices(fixture, rows[i].after) : NULL;
        if (rows[i].uncommitted)
            assert_true(apply_at(fixture, 0, fixture->offset, false, key, value));
        else
            apply(fixture, key, value);
        expect_stands(fixture, rows[i].stands, rows[i].why);
        stage_consent.abort(fixture->states[0]);
        stage_consent.followed->committed_to(fixture->shared, 0, ++fixture->offset);
    }
}

static void consent_batch_stands_for_whom_it_dropped(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    apply(fixture, "line:" LINE, choices(fixture, "\"*\":\"out\""));
    struct record record = event_of(LINE, ACCOUNT, NULL);
    assert_int_equal(process(fixture, &record).kind, VERDICT_DROP);
    apply(fixture, "account:" ACCOUNT, choices(fixture, "\"*\":\"out\""));
    expect_stands(fixture, true, "nothing of it goes out");
}

static void consent_batch_falls_when_the_table_grew_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    begin_with(fixture, LINE);
    for (int64_t i = 0; i < 20000; i++) {
        char key[40];
        snprintf(key, sizeof key, "line:1415%07d", (int)i);
        assert_true(apply_at(fixture, 5, i, true, key, choices(fixture, "\"*\":\"in\"")));
    }
    expect_stands(fixture, true, "nothing was taken away");
    struct record record = event_of("14150000001", ACCOUNT, NULL);
    assert_int_equal(process(fixture, &record).kind, VERDICT_PASS);
    apply(fixture, "line:14150000001", choices(fixture, "\"*\":\"out\""));
    expect_stands(fixture, false, "an `out`");
    stage_consent.abort(fixture->states[0]);
    expect(fixture, "14150000001", ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_LINE);
}

static void consent_batch_falls_when_more_changed_than_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    begin_with(fixture, LINE);
    for (int64_t i = 0; i < RECENT_CHANGES - 1; i++) /* in turn taken away and given again */
        assert_true(apply_at(fixture, 5, i, true, "line:14155550177", i == 0 ? "broken" : NULL));
    expect_stands(fixture, true, "one subject, and no change after the first");
    char value[200];
    int64_t changes = 1;
    for (int64_t i = RECENT_CHANGES; changes < RECENT_CHANGES; i += 2, changes++) {
        snprintf(value, sizeof value,
                 "{\"choices\":{\"*\":\"in\"},\"effective\":1,\"seq\":%lld,\"two_step\":true}", (long long)i);
        assert_true(apply_at(fixture, 5, i, true, "line:14155550177", value));
        if (changes == RECENT_CHANGES - 1)
            expect_stands(fixture, true, "as many as the ring holds, but for one");
        assert_true(apply_at(fixture, 5, i + 1, true, "line:14155550177", NULL));
    }
    expect_stands(fixture, false, "what the ring has lost might have been anybody");
}

static void consent_batch_too_large_falls_by_anybodys_change(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    for (int i = 0; i < BATCH_RECORDS * SUBJECT_KINDS / 2 + 1; i++)
        begin_with(fixture, LINE);
    expect_stands(fixture, true, "nothing changed for anybody");
    apply(fixture, "line:14155550177", choices(fixture, "\"*\":\"out\""));
    expect_stands(fixture, false, "who did not fit cannot be compared");
    stage_consent.abort(fixture->states[0]);
    for (int i = 0; i < BATCH_RECORDS * SUBJECT_KINDS / 2; i++)
        begin_with(fixture, LINE);
    apply(fixture, "line:14155550178", choices(fixture, "\"*\":\"out\""));
    expect_stands(fixture, true, "as many as fit");
}

static void consent_workers_have_batches_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    begin_with(fixture, LINE);
    struct record record = event_of("14155550101", "A-2", NULL);
    assert_int_equal(stage_consent.process(fixture->states[1], &record, &fixture->emitter).kind,
                     VERDICT_PASS);
    apply(fixture, "account:A-2", choices(fixture, "\"*\":\"out\""));
    expect_stands(fixture, true, "the other worker's subject");
    assert_false(stage_consent.stands(fixture->states[1]));
}

/* One thread follows the topic and opts out one line after another; a worker processes lines just before it. A batch
 * with a kept event stands only when that line's `out` had not been taken in before the question. */
struct outing {
    struct fixture *fixture;
    _Atomic unsigned taken_in; /* lines below are `out` */
};

#if defined(__SANITIZE_THREAD__)
enum { OUTINGS = 5000 };
#else
enum { OUTINGS = 100000 };
#endif

static void line_of(unsigned number, char out_line[12])
{
    snprintf(out_line, 12, "1415%07u", number);
}

static void *opt_out_one_by_one(void *context)
{
    struct outing *outing = context;
    for (unsigned i = 0; i < OUTINGS; i++) {
        char line[12], key[20];
        line_of(i, line);
        snprintf(key, sizeof key, "line:%s", line);
        ensure(apply_at(outing->fixture, 7, i, i % 2, key, NULL)); /* every other one uncommitted */
        atomic_store(&outing->taken_in, i + 1);
    }
    return NULL;
}

static void consent_batch_never_stands_against_an_out_that_was_taken_in(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    struct outing outing = {.fixture = fixture};
    struct error error = {0};
    struct emitter emitter = {.now_ms = NOW_MS, .error = &error};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, opt_out_one_by_one, &outing), 0);
    unsigned fallen = 0, dropped = 0, taken_in;
    do {
        unsigned ahead = atomic_load(&outing.taken_in), numbers[BATCH_RECORDS], kept = 0;
        for (unsigned i = 0; i < BATCH_RECORDS; i++) {
            char line[12];
            line_of(ahead + i, line);
            struct record record = event_of(line, ACCOUNT, NULL);
            if (stage_consent.process(fixture->states[0], &record, &emitter).kind == VERDICT_PASS)
                numbers[kept++] = ahead + i;
            else
                dropped++;
        }
        taken_in = atomic_load(&outing.taken_in);
        bool stands = stage_consent.stands(fixture->states[0]);
        for (unsigned i = 0; i < kept && stands; i++)
            assert_true(numbers[i] >= taken_in);
        fallen += !stands;
        (stands ? stage_consent.commit : stage_consent.abort)(fixture->states[0]);
    } while (taken_in < OUTINGS);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(fallen + dropped > 0); /* they did meet */
}

/* ---- numbers, options ---- */

struct gauges {
    const char *wanted;
    double value;
    bool found;
};

static void take_gauge(void *context, const char *name, double value)
{
    struct gauges *gauges = context;
    if (strcmp(name, gauges->wanted) == 0) {
        gauges->value = value;
        gauges->found = true;
    }
}

static void expect_gauge(struct fixture *fixture, const char *name, double value)
{
    struct gauges gauges = {.wanted = name};
    stage_consent.gauges(fixture->shared, take_gauge, &gauges);
    if (!gauges.found || gauges.value != value)
        fail_msg("%s: %f", name, gauges.value);
}

static void consent_counts_what_an_operator_must_see(void **state)
{
    static const struct view places[] = {{"3:7", 3}};
    struct fixture *fixture = *state;
    fixture->options.ignore = LIST(places);
    start(fixture);
    complete(fixture);
    apply(fixture, "line:" LINE, "broken");
    apply(fixture, "line:" LINE, NULL);
    apply(fixture, "account:" ACCOUNT, choices(fixture, "\"other\":\"out\""));
    apply(fixture, "account:" ACCOUNT, "{\"choices\":{},\"effective\":1,\"seq\":1,\"x\":1}");
    apply(fixture, "meta:birth:0", "{}");
    apply(fixture, "signal:line:" LINE, "{}");
    apply(fixture, "device:maid:00000000-0000-0000-0000-000000000000", "{}");
    assert_true(apply_at(fixture, 3, 7, true, "bad", NULL));
    assert_true(apply_at(fixture, 3, 8, false, "line:14155550105", NULL));
    expect(fixture, LINE, ACCOUNT, NULL, 0, CONSENT_OPTED_OUT_SIGNAL);
    expect(fixture, "14155550106", "A-7", NULL, BASIC, CONSENT_NO_REASON);
    struct record aborted = event_of(LINE, ACCOUNT, NULL);
    process(fixture, &aborted);
    stage_consent.abort(fixture->states[0]); /* counts nothing */

    expect_gauge(fixture, "consent_records", 9);
    expect_gauge(fixture, "consent_entries", 3);
    expect_gauge(fixture, "consent_table_entries", 4);
    expect_gauge(fixture, "consent_records_uncommitted", 1);
    expect_gauge(fixture, "consent_records_unreadable", 1);
    expect_gauge(fixture, "consent_records_tombstones", 1);
    expect_gauge(fixture, "consent_records_ignored", 1);
    expect_gauge(fixture, "consent_choices_of_unknown_programmes", 1);
    expect_gauge(fixture, "consent_records_with_unknown_members", 1);
    expect_gauge(fixture, "consent_records_of_erased", 0);
    expect_gauge(fixture, "consent_records_meta", 1);
    expect_gauge(fixture, "consent_records_of_signals", 1);
    expect_gauge(fixture, "consent_records_of_no_device", 1);
    expect_gauge(fixture, "consent_events_looked_up", 2);
    expect_gauge(fixture, "consent_events_matched", 1);
    expect_gauge(fixture, "consent_match_ratio", 0.5);
}

static void consent_counts_signals_by_kind_once_they_are_committed(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    struct record record = event_of(LINE, ACCOUNT, NULL);
    record.signals.gpp_presence = record.signals.us_privacy_presence = PRESENCE_PRESENT;
    record.signals.gpp = VIEW("DBACNY~CPXxRfA~1YNN"); /* sections 2 and 6 */
    record.signals.us_privacy = VIEW("1YNN");
    struct record again = record;
    assert_int_equal(process(fixture, &again).kind, VERDICT_PASS);
    stage_consent.abort(fixture->states[0]);
    expect_gauge(fixture, "consent_signals_gpp", 0);
    assert_int_equal(judge(fixture, &record).kind, VERDICT_PASS);
    record = event_of(LINE, ACCOUNT, NULL);
    record.signals.gpc = GPC_TRUE;
    assert_int_equal(judge(fixture, &record).kind, VERDICT_DROP); /* counted though nothing was looked up */

    expect_gauge(fixture, "consent_signals_gpc", 1);
    expect_gauge(fixture, "consent_signals_gpc_on", 1);
    expect_gauge(fixture, "consent_signals_us_privacy", 1);
    expect_gauge(fixture, "consent_signals_gpp", 1);
    expect_gauge(fixture, "consent_signals_gpp_sid", 0);
    expect_gauge(fixture, "consent_signals_gpp_sections_decided", 1);
    expect_gauge(fixture, "consent_signals_gpp_sections_ignored", 1);
}

/* Options from a text; returns the number of mistakes. */
static unsigned read_options(struct arena *arena, const char *text, struct consent_options *out_options)
{
    struct lint lint;
    lint_init(&lint, arena);
    struct document_node *root =
        text ? document_parse(view_of_string(text), (struct option_place){"test.yaml", 1, 1}, &lint) : NULL;
    memset(out_options, 0, sizeof *out_options);
    assert_true(option_fill(stage_consent.options, root, out_options, "test.yaml", &lint));
    option_check_all(&lint);
    return lint.error_count;
}

static void consent_options_have_bounds_and_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned mistakes;
        const char *why;
    } rows[] = {
        {"{subjects: [line, account, device], lease: 30s, barrier_every: 1s, floor: 100, ignore: ['0:0', "
         "'12:4711']}",
         0, "all of them"},
        {"{subjects: []}", 1, "no subject: every event would pass without a look-up"},
        {"{subjects: [person]}", 1, "no such subject"},
        {"{floor: 0}", 1, "an empty topic must not start"},
        {"{lease: 5s}", 1, "a lease as short as barrier_every would lapse between two"},
        {"{lease: 5001ms}", 0, "a millisecond more"},
        {"{lease: 500ms, barrier_every: 100ms}", 1, "a lease below its bound"},
        {"{ignore: ['0']}", 1, "no offset"},
        {"{ignore: ['0:']}", 1, "no offset"},
        {"{ignore: [':1']}", 1, "no partition"},
        {"{ignore: ['0:1x']}", 1, "more than a place"},
        {"{ignore: ['-1:1']}", 1, "no such partition"},
        {"{ignore: ['2147483648:1']}", 1, "one partition too far"},
        {"{ignore: ['2147483647:9223372036854775807']}", 0, "the last place"},
        {"{ignore: ['0:9223372036854775808']}", 1, "one offset too far"},
        {"{ignore: ['a:b', '1:2', 'c:d']}", 2, "each mistake is told"},
    };
    struct arena arena = {0};
    struct error error = {0};
    assert_true(arena_init(&arena, 65536, 1 << 20, &error));
    struct consent_options options;
    assert_int_equal(read_options(&arena, NULL, &options), 0);
    assert_int_equal(options.followed.lease_ms, 60000);
    assert_int_equal(options.followed.barrier_every_ms, 5000);
    assert_int_equal(options.floor, 1);
    assert_int_equal(options.subjects.count, 2);
    assert_int_equal(((const int *)options.subjects.items)[0], SUBJECT_LINE + 1);
    assert_int_equal(((const int *)options.subjects.items)[1], SUBJECT_ACCOUNT + 1);
    assert_int_equal(options.ignore.count, 0);
    assert_int_equal(offsetof(struct consent_options, followed), 0); /* the runtime reads it there */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (read_options(&arena, rows[i].text, &options) != rows[i].mistakes)
            fail_msg("%s: %s", rows[i].text, rows[i].why);
    }
    arena_release(&arena);
}

static void expect_lint(struct fixture *fixture, unsigned errors, unsigned warnings, const char *why)
{
    struct arena arena = {0};
    struct lint lint;
    assert_true(arena_init(&arena, 65536, 1 << 20, &fixture->error));
    lint_init(&lint, &arena);
    stage_consent.lint(&fixture->config, &fixture->options, &lint);
    if (lint.error_count != errors || lint.warning_count != warnings)
        fail_msg("%s: %u errors, %u warnings", why, lint.error_count, lint.warning_count);
    arena_release(&arena);
}

static void consent_lint_sees_what_needs_the_whole_configuration(void **state)
{
    static const int line_only[] = {1}, account_only[] = {2}, device_only[] = {3};
    static const struct option_enum_pair maine[] = {{{"US-ME", 5}, REGIME_OPT_IN, {0}}};
    static const struct view many[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1},     {"e", 1},
                                       {"f", 1}, {"g", 1}, {"h", 1}, {"i", 1},     {"j", 1},
                                       {"k", 1}, {"l", 1}, {"m", 1}, {"basic", 5}, {"n", 1}};
    struct fixture *fixture = *state;
    expect_lint(fixture, 0, 0, "as it should be");
    fixture->options.subjects = LIST(all_subjects);
    expect_lint(fixture, 0, 1, "device is listed: handsets that limit ad tracking are dropped");
    fixture->options.subjects = LIST(line_only);
    programmes[1].in_by = LIST(account_only);
    expect_lint(fixture, 1, 0, "`in` by account, of whom no choice may be stored");
    programmes[1].regime = REGIME_OPT_OUT;
    expect_lint(fixture, 0, 0, "nobody needs an `in`");
    programmes[1].regions = LIST(maine);
    expect_lint(fixture, 1, 0, "in Maine one does");
    programmes[1].in_by = LIST(both);
    expect_lint(fixture, 0, 0, "`in` by line as well");
    fixture->options.subjects = LIST(device_only);
    expect_lint(fixture, 1, 1, "by neither");
    fixture->options.subjects = LIST(line_account);
    programmes[0].predecessors = LIST(many);
    programmes[0].predecessors.count--;
    expect_lint(fixture, 0, 0, "fifteen names: one of them is a programme");
    programmes[0].predecessors.count++;
    expect_lint(fixture, 1, 0, "sixteen");
}

static void consent_releases_what_never_began(void **state)
{
    (void)state;
    void *shared = calloc(1, stage_consent.shared_size), *worker = calloc(1, stage_consent.state_size);
    stage_consent.release(worker);
    stage_consent.shared_release(shared);
    free(shared);
    free(worker);
}

static void consent_does_not_start_without_a_key_or_with_a_bad_programme(void **state)
{
    struct fixture *fixture = *state;
    void *shared = calloc(1, stage_consent.shared_size);
    fixture->context.subject_key = NULL;
    assert_false(stage_consent.shared_init(shared, &fixture->context, &fixture->error));
    stage_consent.shared_release(shared);
    fixture->context.subject_key = fixture->key;
    programmes[0].timezone = VIEW("Nowhere/Land");
    assert_false(stage_consent.shared_init(shared, &fixture->context, &fixture->error));
    assert_int_equal(fixture->error.exit_status, EXIT_STATUS_CONFIGURATION);
    stage_consent.shared_release(shared);
    free(shared);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(consent_decides_nothing_before_the_topic_is_complete),
        CASE(consent_stops_at_a_record_of_unknown_kind),
        CASE(consent_keeps_an_event_for_each_programme_by_its_choices),
        CASE(consent_looks_up_a_device_that_is_there_though_not_listed),
        CASE(consent_signal_yields_where_it_is_configured),
        CASE(consent_judges_the_event_as_a_whole_first),
        CASE(consent_rejects_events_near_1970_that_have_no_timestamp),
        CASE(consent_asks_for_the_device_where_it_is_listed),
        CASE(consent_drops_a_subject_that_cannot_be_looked_up),
        CASE(consent_uses_pseudonyms_that_are_there_already),
        CASE(consent_believes_an_out_before_it_is_committed_and_an_in_after),
        CASE(consent_forgets_an_aborted_out_when_its_transaction_has_ended),
        CASE(consent_takes_each_record_of_a_view_once),
        CASE(consent_holds_many_uncommitted_records),
        CASE(consent_stops_at_records_that_nobody_can_place),
        CASE(consent_goes_on_past_an_acknowledged_record_if_it_is_bad),
        CASE(consent_counts_a_good_record_at_an_acknowledged_place),
        CASE(consent_refuses_to_start_below_its_floor),
        CASE(consent_stops_when_the_table_is_full),
        CASE(consent_batch_falls_when_somebody_in_it_opts_out),
        CASE(consent_batch_falls_by_every_kind_of_change),
        CASE(consent_batch_stands_for_whom_it_dropped),
        CASE(consent_batch_falls_when_the_table_grew_meanwhile),
        CASE(consent_batch_falls_when_more_changed_than_is_remembered),
        CASE(consent_batch_too_large_falls_by_anybodys_change),
        CASE(consent_workers_have_batches_of_their_own),
        CASE(consent_batch_never_stands_against_an_out_that_was_taken_in),
        CASE(consent_counts_what_an_operator_must_see),
        CASE(consent_counts_signals_by_kind_once_they_are_committed),
        CASE(consent_options_have_bounds_and_defaults),
        CASE(consent_lint_sees_what_needs_the_whole_configuration),
        CASE(consent_releases_what_never_began),
        CASE(consent_does_not_start_without_a_key_or_with_a_bad_programme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
