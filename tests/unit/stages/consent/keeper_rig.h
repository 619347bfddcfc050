/*
 * A consent topic of one partition in memory, and processes with the ledger and the keeper on it.
 */
#ifndef CLICKVEIL_TESTS_UNIT_STAGES_CONSENT_KEEPER_RIG_H
#define CLICKVEIL_TESTS_UNIT_STAGES_CONSENT_KEEPER_RIG_H

#include "stages/consent/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    BASIC = 1,
    ENHANCED = 2,
    SPRINT = 4,
    LOG_MAX = 64,
    TIMES = 6,
    NOW_MS = 1000000,
};

static const struct choice_names names = {
    .names = {{"basic", 5}, {"enhanced", 8}, {"sprint", 6}}, .predecessors = {SPRINT, 0, 0}, .count = 3};

static const struct choice_programmes programmes = {
    .names = {.names = {{"basic", 5}, {"enhanced", 8}, {"sprint", 6}},
              .predecessors = {SPRINT, 0, 0},
              .count = 3},
    .count = 3,
    .in_by = {7, 7, 0}};

struct entry {
    char key[128], value[1024], author[32]; /* "": absent */
};

struct topic {
    struct entry entries[LOG_MAX];
    unsigned count;
};

struct process { /* one with the consent stage */
    struct ledger *ledger;
    struct keeper keeper;
    unsigned applied, answered;
};

struct fixture {
    struct subject_key *key, *suppression;
    struct topic topic;
    struct arena arena;
    struct error error;
    bool signals_yield;
};

static struct fixture *current;

static inline void write_record(struct topic *topic, const char *key, const char *value, const char *author)
{
    assert_true(topic->count < LOG_MAX); /* else it goes on for ever */
    struct entry *entry = &topic->entries[topic->count++];
    snprintf(entry->key, sizeof entry->key, "%s", key);
    snprintf(entry->value, sizeof entry->value, "%s", value ? value : "");
    snprintf(entry->author, sizeof entry->author, "%s", author ? author : "");
}

/* Of the keeper: straight to the topic. */
bool emitter_output(struct emitter *emitter, const struct output *output)
{
    char key[128], value[1024], author[32];
    assert_int_equal(output->topic, TOPIC_CONSENT);
    assert_int_equal(output->partition, emitter->partition);
    assert_int_equal(output->header_count, 1);
    assert_string_equal(output->headers[0].name, "clickveil-author");
    snprintf(key, sizeof key, "%.*s", (int)output->key.size, output->key.data);
    snprintf(value, sizeof value, "%.*s", (int)output->value.size, output->value.data);
    snprintf(author, sizeof author, "%.*s", (int)output->headers[0].value.size,
             output->headers[0].value.data);
    write_record(&current->topic, key, value, author);
    return true;
}

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    static const uint8_t bytes[SUBJECT_KEY_SIZE] = {9};
    fixture->key = subject_key_of_bytes(bytes, &fixture->error);
    fixture->suppression = subject_key_derive_suppression(fixture->key, &fixture->error);
    assert_non_null(fixture->suppression);
    assert_true(arena_init(&fixture->arena, 65536, 1 << 22, &fixture->error));
    *state = current = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    subject_key_free(fixture->suppression);
    subject_key_free(fixture->key);
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

static inline void process_start(struct fixture *fixture, struct process *process)
{
    struct ledger_setup setup = {
        .names = &names,
        .subject_key = fixture->key,
        .suppression_key = fixture->suppression,
        .author = "test",
        .topic = "consent",
        .line_kind = IDENTIFIER_OPAQUE,
        .subjects = {true, true, true},
        .entries_max = 1000,
        .floor = 1,
        .readers = 1,
        .signals_yield = fixture->signals_yield,
    };
    *process = (struct process){.ledger = ledger_new(&setup, &fixture->error)};
    assert_non_null(process->ledger);
    struct keeper_setup keeper = {
        .ledger = process->ledger,
        .names = &names,
        .programmes = &programmes,
        .subject_key = fixture->key,
        .suppression_key = fixture->suppression,
        .line_kind = IDENTIFIER_OPAQUE,
        .author = VIEW("test.keeper"),
        .topic = "consent",
    };
    assert_true(keeper_init(&process->keeper, &keeper, &fixture->error));
}

static inline void process_stop(struct process *process)
{
    keeper_release(&process->keeper);
    ledger_free(process->ledger);
}

static inline struct followed_record record_at(const struct topic *topic, unsigned offset)
{
    const struct entry *entry = &topic->entries[offset];
    return (struct followed_record){
        .offset = offset,
        .timestamp_ms = NOW_MS,
        .key = view_of_string(entry->key),
        .value = entry->value[0] ? view_of_string(entry->value) : VIEW_ABSENT,
        .author = entry->author[0] ? view_of_string(entry->author) : VIEW_ABSENT,
        .committed = true,
    };
}

static inline void follow(struct fixture *fixture, struct process *process)
{
    for (; process->applied < fixture->topic.count; process->applied++) {
        struct followed_record record = record_at(&fixture->topic, process->applied);
        if (!ledger_apply(process->ledger, &record, &fixture->error))
            fail_msg("%s", fixture->error.what);
        ledger_committed_to(process->ledger, 0, record.offset + 1);
    }
}

static inline void answer_one(struct fixture *fixture, struct process *process)
{
    struct followed_record record = record_at(&fixture->topic, process->answered++);
    struct emitter emitter = {.arena = &fixture->arena, .now_ms = NOW_MS, .error = &fixture->error};
    if (!keeper_process(&process->keeper, &record, &emitter))
        fail_msg("%s", fixture->error.what);
}

/* Until nothing more is written. far_ahead: the table has all that stands there before the keeper begins; else it is just
 * ahead of it. */
static inline void settle(struct fixture *fixture, struct process *process, bool far_ahead)
{
    while (process->answered < fixture->topic.count) {
        if (far_ahead || process->applied <= process->answered)
            follow(fixture, process);
        answer_one(fixture, process);
        keeper_end(&process->keeper, true);
    }
    follow(fixture, process);
    arena_reset(&fixture->arena);
}

/* The last record of each key; of a tombstone nothing. */
static inline void compact(struct topic *topic)
{
    struct topic left = {.count = 0};
    for (unsigned i = 0; i < topic->count; i++) {
        bool last = true;
        for (unsigned j = i + 1; j < topic->count; j++)
            last &= strcmp(topic->entries[i].key, topic->entries[j].key) != 0;
        if (last && topic->entries[i].value[0])
            left.entries[left.count++] = topic->entries[i];
    }
    *topic = left;
}

/* What a subject says to each programme at some times; and what stands in the table, for messages. */
struct answers {
    enum choice_answer answers[3][TIMES];
    char text[256];
};

static inline void ask_key(struct fixture *fixture, struct process *process, const char *subject,
                           struct answers *out_answers)
{
    struct consent_key key;
    static const int64_t times[TIMES] = {0, 5, 15, 25, 35, 100};
    static const choice_set predecessors[3] = {SPRINT, 0, 0};
    struct choice_state state = {0}, erased;
    struct pseudonym pseudonym, suppression;
    consent_key_read(view_of_string(subject), IDENTIFIER_OPAQUE, &key);
    struct view identifier = {key.identifier, key.size};
    subject_pseudonym(fixture->key, key.subject, key.identifier_kind, identifier, &pseudonym);
    subject_pseudonym(fixture->suppression, key.subject, key.identifier_kind, identifier, &suppression);
    choice_table_hold(ledger_table(process->ledger), 0);
    choice_table_hold(ledger_erased(process->ledger), 0);
    (void)choice_table_find_whole(ledger_table(process->ledger), &pseudonym, &state);
    if (choice_table_find(ledger_erased(process->ledger), &suppression, &erased) && erased.out) {
        state.out |= CHOICE_STAR;
        state.in = 0;
    }
    choice_table_yield(ledger_erased(process->ledger), 0);
    choice_table_yield(ledger_table(process->ledger), 0);
    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < TIMES; j++)
            out_answers->answers[i][j] =
                choice_answer(&state, (choice_set)(1u << i), predecessors[i], times[j]);
    snprintf(out_answers->text, sizeof out_answers->text,
             "out %x in %x before %x withdrawn %x at %lld.%lld%s", state.out, state.in, state.before,
             state.withdrawn, (long long)state.effective_ms, (long long)state.seq,
             state.two_step ? " two_step" : "");
}

static inline void ask(struct fixture *fixture, struct process *process, struct answers *out_answers)
{
    ask_key(fixture, process, "line:a", out_answers);
}

#define R(choices, effective, more) \
    "{\"choices\":{" choices "},\"effective\":" #effective ",\"seq\":1" more "}"
#define TWO_STEP ",\"two_step\":true"
#define NOTHING  ""

#endif
