/*
 * A stage of its own on a bench: publish with a configuration made by hand, a clock that is set, and outputs that are
 * kept. Transactions are the test's: what was sent counts when rig_commit is called, as on Kafka.
 */
#ifndef CLICKVEIL_TESTS_UNIT_STAGES_PUBLISH_RIG_H
#define CLICKVEIL_TESTS_UNIT_STAGES_PUBLISH_RIG_H

#include "common/config.h"
#include "common/retraction.h"
#include "common/secret.h"
#include "stages/publish/calendar.h"
#include "stages/publish/publish.h"
#include "stages/publish/publish_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define RIG_NOW         INT64_C(1619438400000) /* 2021-04-26T12:00:00Z, a Monday */
#define RIG_DAY         INT64_C(86400000)
#define RIG_FIRST_EPOCH (-10) /* earlier than any that a test is about */

enum { RIG_FEEDS_MAX = 4, RIG_PROGRAMMES = 3 };

struct rig_record {
    enum topic_role topic;
    unsigned feed;
    int32_t partition;
    int64_t timestamp_ms;
    unsigned header_count;
    char *key, *value; /* value NULL: tombstone; NUL behind their ends */
    size_t key_size, value_size;
};

struct rig_log {
    struct rig_record *items;
    size_t count, capacity;
};

struct rig {
    char key_path[128];
    struct config config;
    struct programme programmes[RIG_PROGRAMMES];
    int kinds[1];
    struct publish_options options;
    struct feed_options feeds[RIG_FEEDS_MAX];
    bool files;
    bool holding; /* of what is flushed from now on */
    struct arena start, arena;
    void *shared, *state;
    struct stage_context context;
    const struct named_fields_key *named_fields_key; /* NULL: no programme names fields */
    int64_t now_ms;
    int32_t first_epoch; /* of the chain of keys */
    struct error error;
    struct rig_log open;      /* sent in the open transaction */
    struct rig_log committed; /* in order */
};

static inline void rig_log_add(struct rig_log *log, struct rig_record record)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity ? log->capacity * 2 : 64;
        log->items = realloc(log->items, log->capacity * sizeof *log->items);
        assert_non_null(log->items);
    }
    log->items[log->count++] = record;
}

static inline void rig_log_clear(struct rig_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        free(log->items[i].key);
        free(log->items[i].value);
    }
    free(log->items);
    *log = (struct rig_log){0};
}

static inline char *rig_copy(struct view view)
{
    if (view_is_absent(view))
        return NULL;
    char *copy = malloc(view.size + 1);
    assert_non_null(copy);
    memcpy(copy, view.data, view.size);
    copy[view.size] = '\0';
    return copy;
}

/* The chain's part, played by the test. */
bool emitter_output(struct emitter *emitter, const struct output *output)
{
    struct rig *rig = emitter->chain;
    rig_log_add(&rig->open, (struct rig_record){.topic = output->topic,
                                                .feed = output->feed,
                                                .partition = output->partition,
                                                .timestamp_ms = output->timestamp_ms,
                                                .header_count = output->header_count,
                                                .key = rig_copy(output->key),
                                                .value = rig_copy(output->value),
                                                .key_size = output->key.size,
                                                .value_size = output->value.size});
    return true;
}

/* The configuration's part. */
int config_programme_index(const struct config *config, struct view name)
{
    for (unsigned i = 0; i < config->programmes.count; i++) {
        if (view_equal(config_programme(config, i)->name, name))
            return (int)i;
    }
    return -1;
}

static inline void rig_feed(struct rig *rig, const char *advertiser, const char *programme,
                            enum feed_subject id)
{
    unsigned index = rig->options.feeds.count++;
    assert_true(index < RIG_FEEDS_MAX);
    rig->feeds[index] = (struct feed_options){.advertiser = view_of_string(advertiser),
                                              .programme = view_of_string(programme),
                                              .kind = FEED_KIND_INTERESTS,
                                              .id = id,
                                              .topic = view_of_string("feed.topic")};
}

/* Three programmes a, b, c; no feed yet; k 2, trial, drain only, 7 days, at most 3. */
static inline void rig_init(struct rig *rig)
{
    static const char *const names[RIG_PROGRAMMES] = {"a", "b", "c"};
    *rig = (struct rig){.now_ms = RIG_NOW, .kinds = {FEED_KIND_INTERESTS}};
    for (unsigned i = 0; i < RIG_PROGRAMMES; i++)
        rig->programmes[i] =
            (struct programme){.name = view_of_string(names[i]), .kinds = {.items = rig->kinds, .count = 1}};
    rig->config.programmes = (struct option_list){.items = rig->programmes, .count = RIG_PROGRAMMES};
    rig->config.input.late_max_ms = 2 * RIG_DAY;
    rig->config.input.future_max_ms = RIG_DAY;
    rig->options = (struct publish_options){.provider = VIEW("ads.example"),
                                            .k = 2,
                                            .epoch_ms = 7 * RIG_DAY,
                                            .origin_day = 0,
                                            .interests_max = 3,
                                            .update_every = VIEW("drain"),
                                            .trial = true,
                                            .people_max = 1000000,
                                            .retract = RETRACT_SLOT,
                                            .retractions_max = 1000000,
                                            .feeds = {.items = rig->feeds}};
    rig->first_epoch = RIG_FIRST_EPOCH;
    char folder[] = "/tmp/clickveil-publish-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(rig->key_path, sizeof rig->key_path, "%s/publish.key", folder);
    rig->options.key = view_of_string(rig->key_path);
}

/* One chain in all tests, whose link of epoch rig.first_epoch is the bytes 0 to 31. Its file moves on, so it is made once. */
static inline void rig_make_key(struct rig *rig)
{
    uint8_t bytes[SECRET_SIZE];
    if (access(rig->key_path, F_OK) == 0)
        return;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    struct secret_place place = {
        .chain = "0123456789abcdef", .epoch = rig->first_epoch, .epoch_ms = rig->options.epoch_ms};
    struct secret *secret = secret_of_link(&place, bytes, &rig->error);
    assert_non_null(secret);
    assert_true(secret_write(secret, rig->key_path, &rig->error));
    secret_free(secret);
}

/* The chain alone, for one holder, without a stage. */
static inline struct ratchet *rig_ratchet(struct rig *rig)
{
    struct ratchet_times times;
    struct view path = publish_options_key_chain(&rig->config, &rig->options, &times);
    rig_make_key(rig);
    struct ratchet *ratchet = ratchet_open(path.data, &times, 1, false, &rig->error);
    assert_non_null(ratchet);
    return ratchet;
}

static inline void rig_start(struct rig *rig)
{
    rig_make_key(rig);
    assert_true(arena_init(&rig->start, 65536, 1 << 20, &rig->error));
    if (!rig->arena.first)
        assert_true(arena_init(&rig->arena, 1 << 20, 1 << 28, &rig->error));
    rig->shared = calloc(1, stage_publish.shared_size);
    rig->state = calloc(1, stage_publish.state_size);
    rig->context = (struct stage_context){.config = &rig->config,
                                          .options = &rig->options,
                                          .arena = &rig->start,
                                          .workers = 1,
                                          .files = rig->files,
                                          .named_fields_key = rig->named_fields_key};
    assert_true(stage_publish.shared_init(rig->shared, &rig->context, &rig->error));
    rig->context.shared = rig->shared;
    assert_true(stage_publish.init(rig->state, &rig->context, &rig->error));
}

static inline void rig_assign(struct rig *rig, int32_t partition)
{
    assert_true(stage_publish.partitioned->assign(rig->state, partition, 8, &rig->error));
}

/* Stop the process; its outputs stay, the open transaction's don't. */
static inline void rig_stop(struct rig *rig)
{
    stage_publish.release(rig->state);
    stage_publish.shared_release(rig->shared);
    free(rig->state);
    free(rig->shared);
    rig->state = rig->shared = NULL;
    rig_log_clear(&rig->open);
    arena_release(&rig->start);
    arena_release(&rig->arena);
}

static inline void rig_release(struct rig *rig)
{
    if (rig->state)
        rig_stop(rig);
    rig_log_clear(&rig->committed);
    unlink(rig->key_path);
    char lock_path[sizeof rig->key_path + 8];
    snprintf(lock_path, sizeof lock_path, "%s.lock", rig->key_path);
    unlink(lock_path);
    *strrchr(rig->key_path, '/') = '\0';
    rmdir(rig->key_path);
}

static inline struct emitter rig_emitter(struct rig *rig, int32_t partition)
{
    return (struct emitter){.arena = &rig->arena,
                            .now_ms = rig->now_ms,
                            .partition = partition,
                            .error = &rig->error,
                            .chain = rig};
}

static inline struct pseudonym rig_pseudonym(unsigned kind, unsigned number)
{
    struct pseudonym pseudonym;
    for (unsigned i = 0; i < PSEUDONYM_SIZE; i++)
        pseudonym.bytes[i] = (uint8_t)((number + 1) * 2654435761u >> (i % 4 * 8)) ^ (uint8_t)(kind * 16 + i);
    return pseudonym;
}

/* A browse event of a line with one interest, for programme a, now. */
static inline struct record rig_event(const struct rig *rig, unsigned line, uint16_t interest)
{
    struct record record = {.kind = RECORD_EVENT,
                            .type = EVENT_BROWSE,
                            .time_ms = rig->now_ms,
                            .timestamp_ms = rig->now_ms,
                            .programmes = 1,
                            .interests = {{interest, 1}},
                            .interest_count = 1};
    record.subjects[SUBJECT_LINE] =
        (struct subject){.present = true, .has_pseudonym = true, .pseudonym = rig_pseudonym(0, line)};
    return record;
}

static inline struct record rig_with_device(struct record record, unsigned device)
{
    record.subjects[SUBJECT_DEVICE] =
        (struct subject){.present = true, .has_pseudonym = true, .pseudonym = rig_pseudonym(2, device)};
    return record;
}

static inline struct record rig_with_app(struct record record, enum event_type type, uint64_t app_token)
{
    record.type = type;
    record.app_token = app_token;
    return record;
}

static inline struct verdict rig_process_in(struct rig *rig, int32_t partition, struct record record)
{
    struct emitter emitter = rig_emitter(rig, partition);
    return stage_publish.process(rig->state, &record, &emitter);
}

static inline struct verdict rig_process(struct rig *rig, struct record record)
{
    return rig_process_in(rig, 0, record);
}

static inline void rig_pass(struct rig *rig, struct record record)
{
    struct verdict verdict = rig_process(rig, record);
    if (verdict.kind != VERDICT_PASS)
        fail_msg("verdict %d, reason %u: %s", (int)verdict.kind, verdict.reason, rig->error.what);
}

static inline void rig_drops(struct rig *rig, struct record record, unsigned reason, const char *why)
{
    struct verdict verdict = rig_process(rig, record);
    if (verdict.kind != VERDICT_DROP || verdict.reason != reason)
        fail_msg("%s: verdict %d, reason %u instead of a drop for %u", why, (int)verdict.kind, verdict.reason,
                 reason);
}

/* A retraction of the topic is read: of a subject (kind and number as in rig_pseudonym), read and made at those moments. */
static inline void rig_retract_chosen(struct rig *rig, enum subject_kind kind, unsigned number,
                                      const char *programme, int64_t time_ms, int64_t chosen_ms)
{
    struct arena arena = {0};
    struct output output;
    assert_true(arena_init(&arena, 4096, 4096, &rig->error));
    assert_true(retraction_write(&(struct retraction){.kind = kind,
                                                      .subject = rig_pseudonym(kind, number),
                                                      .programme = view_of_string(programme),
                                                      .time_ms = time_ms,
                                                      .chosen_ms = chosen_ms},
                                 &arena, &output));
    struct followed_record record = {.timestamp_ms = time_ms,
                                     .now_ms = rig->now_ms,
                                     .key = output.key,
                                     .value = output.value,
                                     .committed = true};
    if (!stage_publish.followed->apply(rig->shared, &record, &rig->error))
        fail_msg("%s", rig->error.what);
    arena_release(&arena);
}

static inline void rig_retract(struct rig *rig, enum subject_kind kind, unsigned number,
                               const char *programme, int64_t time_ms)
{
    rig_retract_chosen(rig, kind, number, programme, time_ms, time_ms);
}

static inline int64_t rig_due_ms(const struct rig *rig)
{
    return stage_publish.next_due_ms(rig->state);
}

static inline void rig_tend(struct rig *rig)
{
    if (!stage_publish.tend(rig->shared, rig->now_ms, &rig->error))
        fail_msg("%s", rig->error.what);
}

/* Flush; true: there is more. */
static inline bool rig_flush(struct rig *rig, bool draining)
{
    struct emitter emitter = rig_emitter(rig, -1);
    emitter.draining = draining;
    emitter.holding = rig->holding;
    bool more = false;
    if (!stage_publish.flush(rig->state, &emitter, &more))
        fail_msg("%s", rig->error.what);
    return more;
}

static inline void rig_end(struct rig *rig)
{
    arena_reset(&rig->arena);
    free(rig->open.items);
    rig->open = (struct rig_log){0};
}

static inline void rig_commit(struct rig *rig)
{
    stage_publish.commit(rig->state);
    for (size_t i = 0; i < rig->open.count; i++)
        rig_log_add(&rig->committed, rig->open.items[i]);
    rig_end(rig);
}

static inline void rig_abort(struct rig *rig)
{
    stage_publish.abort(rig->state);
    rig_log_clear(&rig->open);
    rig_end(rig);
}

/* Transactions until nothing is due. Returns how many. */
static inline unsigned rig_settle(struct rig *rig, bool draining)
{
    for (unsigned transactions = 1;; transactions++) {
        bool more = rig_flush(rig, draining);
        rig_commit(rig);
        if (!more)
            return transactions;
        assert_true(transactions < 1000);
    }
}

static inline size_t rig_count(const struct rig *rig, enum topic_role topic)
{
    size_t count = 0;
    for (size_t i = 0; i < rig->committed.count; i++)
        count += rig->committed.items[i].topic == topic;
    return count;
}

/* The last record of a key in a topic (and feed), or NULL. */
static inline const struct rig_record *rig_last(const struct rig *rig, enum topic_role topic, unsigned feed,
                                                const char *key, size_t key_size)
{
    for (size_t i = rig->committed.count; i-- > 0;) {
        const struct rig_record *record = &rig->committed.items[i];
        if (record->topic == topic && record->feed == feed && record->key_size == key_size &&
            !memcmp(record->key, key, key_size))
            return record;
    }
    return NULL;
}

/* Is that the last record of its key? */
static inline bool rig_is_last(const struct rig *rig, const struct rig_record *record)
{
    return rig_last(rig, record->topic, record->feed, record->key, record->key_size) == record;
}

/* Give the committed changelog of a partition to a fresh process. */
static inline void rig_restore(struct rig *rig, int32_t partition)
{
    rig_assign(rig, partition);
    for (size_t i = 0; i < rig->committed.count; i++) {
        const struct rig_record *record = &rig->committed.items[i];
        if (record->topic != TOPIC_STATE || record->partition != partition)
            continue;
        struct view value = record->value ? (struct view){record->value, record->value_size} : VIEW_ABSENT;
        if (!stage_publish.partitioned->restore(
                rig->state, partition, (struct view){record->key, record->key_size}, value, &rig->error))
            fail_msg("%s", rig->error.what);
    }
    assert_true(stage_publish.partitioned->restored(rig->state, partition, &rig->error));
}

#endif
