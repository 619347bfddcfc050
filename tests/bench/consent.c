/*
 * The consent stage alone: how fast a topic of many choices is taken in, what an entry costs in memory, and what an
 * event with three subjects costs, against a table of that size with random subjects.
 *
 *   consent [ENTRIES [EVENTS]]        1000000 and 2000000 unless given; prints one JSON object
 *
 * "hash" is keyed BLAKE2b of the three subjects, which the pipeline needs anyway; "decide" is all of consent behind it;
 * "event" is both in one, where memory is waited for while hashing. All in CPU time of the thread.
 */
#include "stages/consent/consent.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/subject.h"
#include "stages/consent/consent_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LIST(array) ((struct option_list){(void *)(array), sizeof(array) / sizeof *(array), true})
#define NOW_MS      INT64_C(1700000000000)

enum { BATCH = 30000, POOL = 1024, READ_BATCH = 1000 };

static struct config config;
static struct consent_options options;
static struct stage_context context;
static void *shared, *state;
static struct error error;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* others share the machine */
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t random_below(uint64_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 16) % bound;
}

static void start(uint64_t entries)
{
    static const int data[] = {PROGRAMME_DATA_BROWSE}, in_by[] = {1, 2}, subjects[] = {1, 2, 3};
    static const struct view brands[] = {{"brand", 5}};
    static const struct view plans[] = {{"business", 8}, {"child", 5}};
    static const struct option_enum_pair regions[] = {{{"US-ME", 5}, REGIME_OPT_IN, {0}}};
    static struct programme programme;
    programme = (struct programme){
        .name = VIEW("basic"),
        .regime = REGIME_OPT_OUT,
        .regions = LIST(regions),
        .brands = LIST(brands),
        .from_day = 0,
        .until_day = OPTION_DATE_UNSET,
        .timezone = VIEW("America/New_York"),
        .data = LIST(data),
        .exclude = {LIST(plans), 18},
        .unknown_age = UNKNOWN_AGE_ALLOW,
        .in_by = LIST(in_by),
    };
    config.programmes = (struct option_list){&programme, 1, true};
    config.subscriber.kind = IDENTIFIER_E164;
    config.input.future_max_ms = 86400000;
    config.input.late_max_ms = 172800000;
    config.runtime.batch_records_max = BATCH;
    options = (struct consent_options){
        .subjects = LIST(subjects), .floor = 1, .entries_max = (int64_t)entries + 10};
    static const uint8_t key[SUBJECT_KEY_SIZE] = {1};
    context = (struct stage_context){.config = &config,
                                     .options = &options,
                                     .workers = 1,
                                     .subject_key = subject_key_of_bytes(key, &error)};
    shared = calloc(1, stage_consent.shared_size);
    state = calloc(1, stage_consent.state_size);
    ensure(shared && state && context.subject_key);
    ensure(stage_consent.shared_init(shared, &context, &error));
    context.shared = shared;
    ensure(stage_consent.init(state, &context, &error));
}

/* Of any three numbers in a row, one is a line's, one an account's and one a device's. Valid identifiers all. */
static int write_identifier(uint64_t number, char out_text[24], enum subject_kind *out_kind)
{
    *out_kind = (enum subject_kind)(number % 3);
    switch (*out_kind) {
    case SUBJECT_LINE:
        return snprintf(out_text, 24, "99%012llu", (unsigned long long)number);
    case SUBJECT_ACCOUNT:
        return snprintf(out_text, 24, "A-%llu", (unsigned long long)number);
    default:
        return snprintf(out_text, 24, "%014llu", (unsigned long long)number);
    }
}

/* As a follower does it: a queue's worth at a time, first shown, then taken in. */
struct batch_of_records {
    struct followed_record records[READ_BATCH];
    char keys[READ_BATCH][40], values[READ_BATCH][96];
};

/* One in eight says `in`, each at a time of its own, in the form that clickveil's commands write. */
static void make_records(struct batch_of_records *batch, uint64_t first, size_t count)
{
    static const char *const prefixes[] = {"line:", "account:", "device:imei:"};
    for (size_t i = 0; i < count; i++) {
        uint64_t number = first + i;
        char identifier[24];
        enum subject_kind kind;
        write_identifier(number, identifier, &kind);
        int key_size = snprintf(batch->keys[i], sizeof batch->keys[i], "%s%s", prefixes[kind], identifier);
        int value_size = snprintf(batch->values[i], sizeof batch->values[i],
                                  "{\"choices\":{\"*\":\"%s\"},\"effective\":%lld,\"seq\":%llu}",
                                  number % 8 ? "out" : "in", (long long)(NOW_MS - 1 - (int64_t)number * 1000),
                                  (unsigned long long)number);
        batch->records[i] = (struct followed_record){
            .offset = (int64_t)number,
            .timestamp_ms = NOW_MS,
            .now_ms = NOW_MS,
            .key = {batch->keys[i], (size_t)key_size},
            .value = {batch->values[i], (size_t)value_size},
            .committed = true,
        };
    }
}

static double take_in(uint64_t entries)
{
    static struct batch_of_records batch;
    const struct followed *followed = stage_consent.followed;
    int64_t spent = 0;
    followed->begin(shared, entries);
    for (uint64_t first = 0; first < entries; first += READ_BATCH) {
        size_t count = entries - first < READ_BATCH ? (size_t)(entries - first) : READ_BATCH;
        make_records(&batch, first, count);
        int64_t began = now_ns();
        followed->ahead(shared, batch.records, count);
        for (size_t i = 0; i < count; i++)
            ensure(followed->apply(shared, &batch.records[i], &error));
        spent += now_ns() - began;
    }
    int64_t began = now_ns();
    ensure(followed->complete(shared, &error));
    return (double)(spent + now_ns() - began) / (double)entries;
}

struct texts {
    char identifiers[SUBJECT_KINDS][24];
};

/* Events of random subjects: share_in of a thousand subjects have an entry. */
static void make_event(struct record *record, struct texts *texts, uint64_t entries, unsigned share_in)
{
    *record = (struct record){
        .kind = RECORD_EVENT,
        .type = EVENT_BROWSE,
        .time_ms = NOW_MS,
        .timestamp_ms = NOW_MS,
        .brand = VIEW("brand"),
        .region = VIEW("US-CA"),
        .plan = VIEW("postpaid"),
        .birth_year = 1980,
        .signals = {.gpc = GPC_ABSENT,
                    .gpp_presence = PRESENCE_ABSENT,
                    .gpp_sid_presence = PRESENCE_ABSENT,
                    .us_privacy_presence = PRESENCE_ABSENT},
    };
    static const enum identifier_kind kinds[] = {IDENTIFIER_E164, IDENTIFIER_OPAQUE, IDENTIFIER_IMEI};
    for (unsigned i = 0; i < SUBJECT_KINDS; i++) {
        uint64_t number = random_below(entries / 3) * 3 + i;
        if (random_below(1000) >= share_in)
            number += entries / 3 * 3 + 3;
        enum subject_kind kind;
        int size = write_identifier(number, texts->identifiers[i], &kind);
        record->subjects[kind] = (struct subject){.present = true,
                                                  .identifier_kind = kinds[kind],
                                                  .identifier = {texts->identifiers[i], (size_t)size}};
    }
}

struct costs {
    double hash_ns;   /* three subjects */
    double decide_ns; /* an event whose subjects are hashed already */
    double event_ns;  /* an event, with the hashing */
};

static double process_all(struct record *records, uint64_t round)
{
    struct emitter emitter = {.now_ms = NOW_MS, .error = &error};
    int64_t began = now_ns();
    for (unsigned i = 0; i < POOL; i++)
        ensure(stage_consent.process(state, &records[i], &emitter).kind != VERDICT_STOP);
    if (round % (BATCH / POOL) == 0) {
        ensure(stage_consent.stands(state));
        stage_consent.commit(state);
    }
    return (double)(now_ns() - began);
}

static struct costs measure(uint64_t entries, uint64_t events, unsigned share_in)
{
    static struct record records[POOL];
    static struct texts texts[POOL];
    struct costs costs = {0};
    uint64_t rounds = (events + POOL - 1) / POOL;
    for (uint64_t round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < POOL; i++)
            make_event(&records[i], &texts[i], entries, share_in);
        if (round % 2 == 0) {
            costs.event_ns += process_all(records, round);
            continue;
        }
        int64_t began = now_ns();
        for (unsigned i = 0; i < POOL; i++)
            subject_hash_record(context.subject_key, &records[i]);
        costs.hash_ns += (double)(now_ns() - began);
        costs.decide_ns += process_all(records, round);
    }
    double half = (double)(rounds * POOL) / 2;
    return (struct costs){costs.hash_ns / half, costs.decide_ns / half, costs.event_ns / half};
}

static double table_bytes;

static void take_gauge(void *unused, const char *name, double value)
{
    (void)unused;
    if (strcmp(name, "consent_table_bytes") == 0)
        table_bytes = value;
}

int main(int argc, char **argv)
{
    uint64_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint64_t events = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000;
    ensure(entries >= 3 && events > 0);
    start(entries);
    double take_in_ns = take_in(entries);
    stage_consent.gauges(shared, take_gauge, NULL);
    struct costs few = measure(entries, events, 50), all = measure(entries, events, 1000);
    printf("{\"entries\": %llu, \"events\": %llu, \"take_in_ns\": %.0f, \"bytes_per_entry\": %.1f, "
           "\"hash_ns\": %.0f, "
           "\"5_percent_in_table\": {\"decide_ns\": %.0f, \"event_ns\": %.0f}, "
           "\"all_in_table\": {\"decide_ns\": %.0f, \"event_ns\": %.0f}}\n",
           (unsigned long long)entries, (unsigned long long)events, take_in_ns, table_bytes / (double)entries,
           few.hash_ns, few.decide_ns, few.event_ns, all.decide_ns, all.event_ns);
    stage_consent.release(state);
    stage_consent.shared_release(shared);
    subject_key_free((struct subject_key *)context.subject_key);
    free(state);
    free(shared);
    return 0;
}
