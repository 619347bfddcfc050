/*
 * The stage in which identifiers end: who goes on, for which programmes, and that nothing else does.
 */
#include "stages/pseudonymize/pseudonymize.h"

#include "common/config.h"
#include "common/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define CANARY_NUMBER "14255550142"
#define CANARY_IMEI   "49015420323751"
#define CANARY        "canary"

/* Programme 0 names everything, 1 page visits only, 2 app use only, 3 app installs only, 4 nothing. */
enum { ALL = 1u << 0, BROWSE = 1u << 1, USE = 1u << 2, INSTALL = 1u << 3, NOTHING = 1u << 4, EVERY = 31 };

struct fixture {
    int data[4];
    struct programme programmes[5];
    struct config config;
    struct subject_key *key;
    struct arena arena, small;
    struct error error;
    struct emitter emitter;
    void *state;
};

static struct option_list data_list(struct fixture *fixture, unsigned first, unsigned count)
{
    return (struct option_list){.items = &fixture->data[first], .count = count, .set = true};
}

static struct stage_context context_of(struct fixture *fixture)
{
    return (struct stage_context){
        .config = &fixture->config, .arena = &fixture->arena, .subject_key = fixture->key, .workers = 1};
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    uint8_t key[SUBJECT_KEY_SIZE] = {1};
    assert_non_null(fixture);
    fixture->data[0] = PROGRAMME_DATA_BROWSE;
    fixture->data[1] = PROGRAMME_DATA_APP_USE;
    fixture->data[2] = PROGRAMME_DATA_APP_INSTALL;
    fixture->programmes[0].data = data_list(fixture, 0, 3);
    fixture->programmes[1].data = data_list(fixture, 0, 1);
    fixture->programmes[2].data = data_list(fixture, 1, 1);
    fixture->programmes[3].data = data_list(fixture, 2, 1);
    fixture->programmes[4].data = (struct option_list){.set = true};
    fixture->config.programmes = (struct option_list){.items = fixture->programmes, .count = 5, .set = true};
    fixture->key = subject_key_of_bytes(key, &fixture->error);
    assert_non_null(fixture->key);
    assert_true(arena_init(&fixture->arena, 65536, 1 << 20, &fixture->error));
    fixture->emitter = (struct emitter){.arena = &fixture->arena, .error = &fixture->error};
    fixture->state = calloc(1, stage_pseudonymize.state_size);
    struct stage_context context = context_of(fixture);
    assert_true(stage_pseudonymize.init(fixture->state, &context, &fixture->error));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->state);
    subject_key_free(fixture->key);
    arena_release(&fixture->arena);
    arena_release(&fixture->small);
    free(fixture);
    return 0;
}

/* An event with a canary in every field that can hold one. */
static struct record event(enum event_type type)
{
    struct record record = {
        .kind = RECORD_EVENT,
        .origin = {3, 44},
        .timestamp_ms = 1619395200001,
        .type = type,
        .time_ms = 1619395200000,
        .brand = VIEW(CANARY),
        .region = VIEW(CANARY),
        .plan = VIEW(CANARY),
        .birth_year = 1970,
        .url = VIEW("https://" CANARY ":" CANARY "@www.example.com/" CANARY "?q=" CANARY "#" CANARY),
        .app = VIEW("com.example.news"),
        .signals = {.gpc = GPC_TRUE,
                    .gpp_presence = PRESENCE_PRESENT,
                    .gpp_sid_presence = PRESENCE_PRESENT,
                    .us_privacy_presence = PRESENCE_PRESENT,
                    .gpp = VIEW(CANARY),
                    .gpp_sid = VIEW(CANARY),
                    .us_privacy = VIEW(CANARY)},
        .programmes = EVERY,
        .interests = {{7, 7}},
        .interest_count = 1,
        .rules_digest = 7,
    };
    record.subjects[SUBJECT_LINE] = (struct subject){
        .identifier_kind = IDENTIFIER_E164, .present = true, .identifier = VIEW(CANARY_NUMBER)};
    record.subjects[SUBJECT_ACCOUNT] =
        (struct subject){.identifier_kind = IDENTIFIER_OPAQUE, .present = true, .identifier = VIEW(CANARY)};
    record.subjects[SUBJECT_DEVICE] = (struct subject){
        .identifier_kind = IDENTIFIER_IMEI, .present = true, .identifier = VIEW(CANARY_IMEI)};
    return record;
}

static struct verdict process(struct fixture *fixture, struct record *record)
{
    return stage_pseudonymize.process(fixture->state, record, &fixture->emitter);
}

static void assert_verdict(struct verdict verdict, enum verdict_kind kind, unsigned reason, const char *why)
{
    if (verdict.kind != kind || (kind != VERDICT_PASS && verdict.reason != reason))
        fail_msg("verdict %d, reason %u (%s), instead of %d, %u: %s", verdict.kind, verdict.reason,
                 stage_pseudonymize.reasons[verdict.reason].name, kind, reason, why);
}

static void assert_gone(struct view view, const char *field)
{
    if (!view_is_absent(view) || view.size)
        fail_msg("%s goes on", field);
}

/* No identifier, no signal, nothing that consent only needed. */
static void assert_minimal(const struct record *record)
{
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++) {
        assert_gone(record->subjects[kind].identifier, "an identifier");
        assert_int_equal(record->subjects[kind].identifier_kind, IDENTIFIER_UNKNOWN);
        assert_false(record->subjects[kind].limit_ad_tracking);
    }
    assert_gone(record->brand, "brand");
    assert_gone(record->region, "region");
    assert_gone(record->plan, "plan");
    assert_gone(record->url, "url");
    assert_gone(record->signals.gpp, "gpp");
    assert_gone(record->signals.gpp_sid, "gpp_sid");
    assert_gone(record->signals.us_privacy, "us_privacy");
    assert_int_equal(record->signals.gpc, GPC_ABSENT);
    assert_int_equal(record->signals.gpp_presence, PRESENCE_ABSENT);
    assert_int_equal(record->signals.gpp_sid_presence, PRESENCE_ABSENT);
    assert_int_equal(record->signals.us_privacy_presence, PRESENCE_ABSENT);
    assert_int_equal(record->birth_year, 0);
    assert_false(record->preinstalled);
    assert_int_equal(record->interest_count, 0);
    assert_true(record->rules_digest == 0);
}

static void page_visit_becomes_pseudonyms_and_a_host(void **state)
{
    struct fixture *fixture = *state;
    struct record record = event(EVENT_BROWSE);
    struct pseudonym expected;
    assert_verdict(process(fixture, &record), VERDICT_PASS, 0, "a page visit");
    assert_minimal(&record);
    assert_gone(record.app, "app of a page visit");
    assert_true(record.app_token == 0);
    assert_true(view_equal_string(record.host, "www.example.com"));
    assert_int_equal(record.kind, RECORD_EVENT);
    assert_int_equal(record.type, EVENT_BROWSE);
    assert_true(record.time_ms == 1619395200000 && record.timestamp_ms == 1619395200001);
    assert_int_equal(record.origin.partition, 3);
    assert_int_equal(record.origin.offset, 44);
    static const struct {
        enum identifier_kind kind;
        struct view identifier;
    } rows[SUBJECT_KINDS] = {
        [SUBJECT_LINE] = {IDENTIFIER_E164, VIEW(CANARY_NUMBER)},
        [SUBJECT_ACCOUNT] = {IDENTIFIER_OPAQUE, VIEW(CANARY)},
        [SUBJECT_DEVICE] = {IDENTIFIER_IMEI, VIEW(CANARY_IMEI)},
    };
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++) {
        subject_pseudonym(fixture->key, (enum subject_kind)kind, rows[kind].kind, rows[kind].identifier,
                          &expected);
        assert_true(record.subjects[kind].present && record.subjects[kind].has_pseudonym);
        assert_memory_equal(&record.subjects[kind].pseudonym, &expected, sizeof expected);
    }
}

static void app_event_becomes_pseudonyms_an_app_and_its_token(void **state)
{
    struct fixture *fixture = *state;
    static const enum event_type types[] = {EVENT_APP_USE, EVENT_APP_INSTALL, EVENT_APP_REMOVE};
    for (unsigned i = 0; i < 3; i++) {
        struct record record = event(types[i]);
        record.host = VIEW(CANARY ".example.com");
        assert_verdict(process(fixture, &record), VERDICT_PASS, 0, "an app event");
        assert_minimal(&record);
        assert_gone(record.host, "host of an app event");
        assert_true(view_equal_string(record.app, "com.example.news"));
        assert_true(record.app_token == subject_app_token(fixture->key,
                                                          &record.subjects[SUBJECT_LINE].pseudonym,
                                                          VIEW("com.example.news")));
    }
}

static void pseudonyms_that_consent_made_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct record record = event(EVENT_BROWSE);
    record.subjects[SUBJECT_LINE].has_pseudonym = true;
    record.subjects[SUBJECT_LINE].pseudonym.bytes[0] = 99;
    assert_verdict(process(fixture, &record), VERDICT_PASS, 0, "hashed already");
    assert_int_equal(record.subjects[SUBJECT_LINE].pseudonym.bytes[0], 99);
    assert_int_equal(record.subjects[SUBJECT_LINE].pseudonym.bytes[1], 0);
}

static void subjects_without_identifier_are_left_out(void **state)
{
    struct fixture *fixture = *state;
    struct record record = event(EVENT_BROWSE);
    record.subjects[SUBJECT_ACCOUNT] = (struct subject){0};
    record.subjects[SUBJECT_DEVICE] =
        (struct subject){.identifier_kind = IDENTIFIER_MAID, .present = true, .limit_ad_tracking = true};
    assert_verdict(process(fixture, &record), VERDICT_PASS, 0, "account and device are no must here");
    assert_false(record.subjects[SUBJECT_ACCOUNT].present);
    assert_false(record.subjects[SUBJECT_DEVICE].present);
    assert_false(record.subjects[SUBJECT_DEVICE].has_pseudonym);
}

static void only_programmes_that_name_the_data_stay(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        enum event_type type;
        programme_set before, after; /* after 0: dropped */
        const char *why;
    } rows[] = {
        {EVENT_BROWSE, EVERY, ALL | BROWSE, "those that name browse"},
        {EVENT_APP_USE, EVERY, ALL | USE, "those that name app_use"},
        {EVENT_APP_INSTALL, EVERY, ALL | INSTALL, "those that name app_install"},
        {EVENT_APP_REMOVE, EVERY, ALL | USE | INSTALL, "app_remove goes with app_use and app_install"},
        {EVENT_BROWSE, BROWSE, BROWSE, "no programme is added"},
        {EVENT_BROWSE, BROWSE | USE, BROWSE, "one of two"},
        {EVENT_BROWSE, USE | INSTALL | NOTHING, 0, "none names browse"},
        {EVENT_APP_USE, BROWSE, 0, "browse alone names no apps"},
        {EVENT_APP_INSTALL, USE, 0, "use is not install"},
        {EVENT_APP_USE, INSTALL, 0, "install is not use"},
        {EVENT_APP_REMOVE, BROWSE, 0, "nothing of an app was ever taken"},
        {EVENT_BROWSE, NOTHING, 0, "an empty list names nothing"},
        {EVENT_BROWSE, 0, 0, "kept for no programme before"},
        {EVENT_BROWSE, 0x7fe0, 0, "programmes that don't exist"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record record = event(rows[i].type);
        record.programmes = rows[i].before;
        struct verdict verdict = process(fixture, &record);
        assert_verdict(verdict, rows[i].after ? VERDICT_PASS : VERDICT_DROP, PSEUDONYMIZE_DATA_NOT_NAMED,
                       rows[i].why);
        if (rows[i].after && record.programmes != rows[i].after)
            fail_msg("programmes %x instead of %x: %s", record.programmes, rows[i].after, rows[i].why);
    }
}

static void preinstalled_apps_are_nobodys_interest(void **state)
{
    struct fixture *fixture = *state;
    static const enum event_type types[] = {EVENT_APP_USE, EVENT_APP_INSTALL, EVENT_APP_REMOVE};
    for (unsigned i = 0; i < 3; i++) {
        struct record record = event(types[i]);
        record.preinstalled = true;
        assert_verdict(process(fixture, &record), VERDICT_DROP, PSEUDONYMIZE_PREINSTALLED, "preinstalled");
    }
    struct record record = event(EVENT_BROWSE);
    record.preinstalled = true;
    assert_verdict(process(fixture, &record), VERDICT_PASS, 0, "says nothing of a page visit");
}

#define NONE VIEW_ABSENT

static void page_visit_goes_on_with_its_host_only(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        struct view url, host;
        enum verdict_kind kind;
        enum pseudonymize_reason reason;
        const char *expected, *why;
    } rows[] = {
        {VIEW("https://example.com/secret/path?q=1"), NONE, VERDICT_PASS, 0, "example.com",
         "path and query end"},
        {VIEW("http://user:pw@Example.COM:8080/"), NONE, VERDICT_PASS, 0, "example.com",
         "user information, case and port"},
        {VIEW("https://example.com./"), NONE, VERDICT_PASS, 0, "example.com", "a trailing dot"},
        {NONE, VIEW("WWW.Example.com"), VERDICT_PASS, 0, "www.example.com", "a host alone"},
        {NONE, VIEW("example.com:443"), VERDICT_PASS, 0, "example.com", "a host with a port"},
        {VIEW("/just/a/path"), VIEW("example.com"), VERDICT_PASS, 0, "example.com",
         "the host goes before the URL, which is often just a path"},
        {NONE, NONE, VERDICT_REJECT, PSEUDONYMIZE_HOST_MISSING, NULL, "neither"},
        {VIEW(""), NONE, VERDICT_REJECT, PSEUDONYMIZE_URL_MALFORMED, NULL, "an empty URL"},
        {NONE, VIEW(""), VERDICT_REJECT, PSEUDONYMIZE_HOST_MALFORMED, NULL, "an empty host"},
        {VIEW("example.com/path"), NONE, VERDICT_REJECT, PSEUDONYMIZE_URL_MALFORMED, NULL, "no scheme"},
        {VIEW("ftp://example.com/"), NONE, VERDICT_REJECT, PSEUDONYMIZE_URL_MALFORMED, NULL,
         "another scheme"},
        {VIEW("https://exa mple.com/"), NONE, VERDICT_REJECT, PSEUDONYMIZE_URL_MALFORMED, NULL, "a space"},
        {VIEW("https://example.com/"), VIEW("exa mple"), VERDICT_REJECT, PSEUDONYMIZE_HOST_MALFORMED, NULL,
         "a malformed host isn't healed by the URL"},
        {VIEW("http://192.0.2.7/x"), NONE, VERDICT_DROP, PSEUDONYMIZE_IP_LITERAL, NULL, "IPv4"},
        {VIEW("http://[2001:db8::7]/x"), NONE, VERDICT_DROP, PSEUDONYMIZE_IP_LITERAL, NULL, "IPv6"},
        {VIEW("http://3221225991/"), NONE, VERDICT_DROP, PSEUDONYMIZE_IP_LITERAL, NULL, "IPv4 as a number"},
        {NONE, VIEW("192.0.2.7:80"), VERDICT_DROP, PSEUDONYMIZE_IP_LITERAL, NULL, "IPv4 as host"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record record = event(EVENT_BROWSE);
        record.url = rows[i].url;
        record.host = rows[i].host;
        assert_verdict(process(fixture, &record), rows[i].kind, rows[i].reason, rows[i].why);
        if (rows[i].expected && !view_equal_string(record.host, rows[i].expected))
            fail_msg("\"%.*s\" instead of %s: %s", (int)record.host.size, record.host.data, rows[i].expected,
                     rows[i].why);
    }
}

static void app_event_needs_an_app(void **state)
{
    struct fixture *fixture = *state;
    struct record record = event(EVENT_APP_USE);
    record.app = VIEW_ABSENT;
    assert_verdict(process(fixture, &record), VERDICT_REJECT, PSEUDONYMIZE_APP_MISSING, "absent");
    record = event(EVENT_APP_USE);
    record.app = VIEW("");
    assert_verdict(process(fixture, &record), VERDICT_REJECT, PSEUDONYMIZE_APP_MISSING, "empty");
}

static void record_without_line_is_a_dead_letter(void **state)
{
    struct fixture *fixture = *state;
    struct record record = event(EVENT_BROWSE);
    record.subjects[SUBJECT_LINE] = (struct subject){0};
    assert_verdict(process(fixture, &record), VERDICT_REJECT, PSEUDONYMIZE_SUBSCRIBER_MISSING, "no line");
    record = event(EVENT_BROWSE);
    record.subjects[SUBJECT_LINE].identifier = VIEW_ABSENT;
    assert_verdict(process(fixture, &record), VERDICT_REJECT, PSEUDONYMIZE_SUBSCRIBER_MISSING,
                   "no identifier");
}

static void unknown_records_stop(void **state)
{
    struct fixture *fixture = *state;
    struct record record = event(EVENT_UNKNOWN);
    assert_verdict(process(fixture, &record), VERDICT_STOP, 0, "type zero");
    record = event((enum event_type)EVENT_TYPES);
    assert_verdict(process(fixture, &record), VERDICT_STOP, 0, "one type past the last");
    record = event(EVENT_BROWSE);
    record.kind = RECORD_UNKNOWN;
    assert_verdict(process(fixture, &record), VERDICT_STOP, 0, "kind zero");
    assert_int_equal(fixture->error.exit_status, EXIT_STATUS_BUG);
}

static void full_arena_stops(void **state)
{
    struct fixture *fixture = *state;
    assert_true(arena_init(&fixture->small, 4096, 4096, &fixture->error));
    assert_non_null(arena_take(&fixture->small, 4000));
    fixture->emitter.arena = &fixture->small;
    struct record record = event(EVENT_BROWSE);
    assert_verdict(process(fixture, &record), VERDICT_STOP, 0, "no room for a host");
    assert_non_null(strstr(fixture->error.what, "full"));
    assert_true(fixture->error.abort_transaction); /* a smaller batch may fit */
}

static void hosts_take_no_more_memory_than_they_need(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 1000; i++) {
        struct record record = event(EVENT_BROWSE);
        assert_verdict(process(fixture, &record), VERDICT_PASS, 0, "a page visit");
    }
    assert_in_range(fixture->arena.used, 1000 * sizeof "www.example.com", 1000 * 64);
}

static void stage_without_key_does_not_start(void **state)
{
    struct fixture *fixture = *state;
    struct stage_context context = context_of(fixture);
    context.subject_key = NULL;
    assert_false(stage_pseudonymize.init(fixture->state, &context, &fixture->error));
    assert_int_equal(fixture->error.exit_status, EXIT_STATUS_CONFIGURATION);
}

static void descriptor_is_complete(void **state)
{
    (void)state;
    assert_string_equal(stage_pseudonymize.name, "pseudonymize");
    assert_int_equal(stage_pseudonymize.output, TOPIC_PSEUDONYMIZE_OUT);
    assert_int_equal(stage_pseudonymize.reason_count, PSEUDONYMIZE_REASONS);
    for (unsigned i = 0; i < stage_pseudonymize.reason_count; i++) {
        const char *name = stage_pseudonymize.reasons[i].name;
        assert_non_null(name);
        assert_non_null(stage_pseudonymize.reasons[i].help);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
    }
    struct pseudonymize_options options = {.key = VIEW("k")};
    assert_true(view_equal_string(stage_pseudonymize.subject_key_path(&options), "k"));
    assert_true(stage_pseudonymize.options->options[0].required);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(page_visit_becomes_pseudonyms_and_a_host),
        CASE(app_event_becomes_pseudonyms_an_app_and_its_token),
        CASE(pseudonyms_that_consent_made_are_kept),
        CASE(subjects_without_identifier_are_left_out),
        CASE(only_programmes_that_name_the_data_stay),
        CASE(preinstalled_apps_are_nobodys_interest),
        CASE(page_visit_goes_on_with_its_host_only),
        CASE(app_event_needs_an_app),
        CASE(record_without_line_is_a_dead_letter),
        CASE(unknown_records_stop),
        CASE(full_arena_stops),
        CASE(hosts_take_no_more_memory_than_they_need),
        CASE(stage_without_key_does_not_start),
        CASE(descriptor_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
