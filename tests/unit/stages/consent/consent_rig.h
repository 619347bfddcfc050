/*
 * The stage as the chain sees it: events in, and consent records in two views.
 *
 * One line (+1415550100x), its account and its IMEI; programmes `basic` (opt_out) and `enhanced` (opt_in) of one brand.
 */
#ifndef CLICKVEIL_TESTS_UNIT_STAGES_CONSENT_CONSENT_RIG_H
#define CLICKVEIL_TESTS_UNIT_STAGES_CONSENT_CONSENT_RIG_H

#include "common/config.h"
#include "common/document.h"
#include "common/lint.h"
#include "common/recent.h"
#include "common/subject.h"
#include "stages/consent/consent.h"
#include "stages/consent/consent_options.h"
#include "stages/consent/reason.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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

static inline void new_programme(unsigned index, struct view name, enum regime regime)
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

static inline int set_up(void **state)
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

static inline void start(struct fixture *fixture)
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

static inline void stop_stage(struct fixture *fixture)
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

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    stop_stage(fixture);
    subject_key_free(fixture->key);
    free(fixture);
    return 0;
}

static inline bool apply_at(struct fixture *fixture, int32_t partition, int64_t offset, bool committed,
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
static inline void apply(struct fixture *fixture, const char *key, const char *value)
{
    assert_true(apply_at(fixture, 0, fixture->offset, false, key, value));
    assert_true(apply_at(fixture, 0, fixture->offset, true, key, value));
    stage_consent.followed->committed_to(fixture->shared, 0, ++fixture->offset);
}

/* A value with a running order. */
static inline const char *choices(struct fixture *fixture, const char *text)
{
    static char value[200];
    snprintf(value, sizeof value, "{\"choices\":{%s},\"effective\":1000,\"seq\":%lld,\"two_step\":true}",
             text, (long long)fixture->offset);
    return value;
}

static inline void complete(struct fixture *fixture)
{
    apply(fixture, "line:+14155559999", choices(fixture, "\"*\":\"out\"")); /* the floor */
    assert_true(stage_consent.followed->complete(fixture->shared, &fixture->error));
}

#define LINE    "14155550100"
#define ACCOUNT "A-1"
#define IMEI    "49015420323751"

static inline void set_subject(struct record *record, enum subject_kind kind,
                               enum identifier_kind identifier_kind, const char *identifier)
{
    record->subjects[kind] = (struct subject){.present = identifier != NULL,
                                              .identifier_kind = identifier_kind,
                                              .identifier = view_of_string(identifier)};
}

static inline struct record event_of(const char *line, const char *account, const char *imei)
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

static inline struct verdict process(struct fixture *fixture, struct record *record)
{
    fixture->error = (struct error){0};
    return stage_consent.process(fixture->states[0], record, &fixture->emitter);
}

/* Judge an event in a transaction of its own. */
static inline struct verdict judge(struct fixture *fixture, struct record *record)
{
    struct verdict verdict = process(fixture, record);
    stage_consent.commit(fixture->states[0]);
    return verdict;
}

static inline void expect(struct fixture *fixture, const char *line, const char *account, const char *imei,
                          programme_set programmes_kept, enum consent_reason reason)
{
    struct record record = event_of(line, account, imei);
    struct verdict verdict = judge(fixture, &record);
    assert_int_equal(verdict.kind, programmes_kept ? VERDICT_PASS : VERDICT_DROP);
    assert_string_equal(consent_reasons[verdict.reason].name, consent_reasons[reason].name);
    assert_int_equal(record.programmes, programmes_kept);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
