/* What consent decides about an event, by choices that are committed or not, and when it stops. */
#include "tests/unit/stages/consent/consent_rig.h"

/* ---- events ---- */

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

static void consent_lets_a_replayed_event_be_late_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    complete(fixture);
    struct record record = event_of(LINE, ACCOUNT, NULL);
    record.time_ms -= 5 * DAY_MS;
    assert_int_equal(judge(fixture, &record).reason, CONSENT_TOO_LATE);
    record.late = true;
    assert_int_equal(judge(fixture, &record).kind, VERDICT_PASS);
    apply(fixture, "line:" LINE, choices(fixture, "\"*\":\"out\""));
    struct verdict verdict = judge(fixture, &record);
    assert_int_equal(verdict.kind, VERDICT_DROP);
    assert_int_equal(verdict.reason, CONSENT_OPTED_OUT_LINE);
    record.time_ms = record.timestamp_ms + DAY_MS + 1;
    assert_int_equal(judge(fixture, &record).reason, CONSENT_TIME_FUTURE);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(consent_decides_nothing_before_the_topic_is_complete),
        CASE(consent_stops_at_a_record_of_unknown_kind),
        CASE(consent_keeps_an_event_for_each_programme_by_its_choices),
        CASE(consent_looks_up_a_device_that_is_there_though_not_listed),
        CASE(consent_signal_yields_where_it_is_configured),
        CASE(consent_judges_the_event_as_a_whole_first),
        CASE(consent_lets_a_replayed_event_be_late_and_nothing_else),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
