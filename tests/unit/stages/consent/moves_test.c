/*
 * Subjects that took the place of others (moved_from), as the ledger follows them through the topic's partitions: read in
 * whatever order, committed or not, in chains and rings. What is copied stands in choice_later_test.c.
 */
#include "stages/consent/moves.h"

#include "common/subject.h"
#include "stages/consent/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BASIC = 1, ENHANCED = 2 };

static const struct choice_names names = {.names = {{"basic", 5}, {"enhanced", 8}}, .count = 2};

struct fixture {
    struct subject_key *key;
    struct ledger *ledger;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    static const uint8_t bytes[SUBJECT_KEY_SIZE] = {7};
    fixture->key = subject_key_of_bytes(bytes, &fixture->error);
    struct ledger_setup setup = {
        .names = &names,
        .subject_key = fixture->key,
        .topic = "subscriber.consent",
        .line_kind = IDENTIFIER_OPAQUE,
        .subjects = {true, true, false},
        .entries_max = 100000,
        .floor = 1,
        .readers = 1,
    };
    fixture->ledger = ledger_new(&setup, &fixture->error);
    assert_non_null(fixture->ledger);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    ledger_free(fixture->ledger);
    subject_key_free(fixture->key);
    free(fixture);
    return 0;
}

static void apply_at(struct fixture *fixture, int32_t partition, int64_t offset, bool committed,
                     const char *key, const char *value)
{
    struct followed_record record = {
        .partition = partition,
        .offset = offset,
        .timestamp_ms = 1000000,
        .key = view_of_string(key),
        .value = view_of_string(value),
        .committed = committed,
    };
    if (!ledger_apply(fixture->ledger, &record, &fixture->error))
        fail_msg("%s", fixture->error.what);
}

/* Committed, each record in a partition of its own, so at offset 0 of it. */
static void apply(struct fixture *fixture, const char *key, const char *value)
{
    static int32_t partition = 1;
    apply_at(fixture, partition++, 0, true, key, value);
}

static void complete(struct fixture *fixture)
{
    apply(fixture, "line:floor", "{\"choices\":{},\"effective\":1,\"seq\":1}");
    assert_true(ledger_complete(fixture->ledger, &fixture->error));
}

static enum choice_answer ask_at(struct fixture *fixture, const char *line, choice_set programme,
                                 int64_t time_ms)
{
    struct pseudonym pseudonym;
    subject_pseudonym(fixture->key, SUBJECT_LINE, IDENTIFIER_OPAQUE, view_of_string(line), &pseudonym);
    struct choice_table *table = ledger_table(fixture->ledger);
    choice_table_hold(table, 0);
    struct choice_state state;
    bool found = choice_table_find(table, &pseudonym, &state);
    choice_table_yield(table, 0);
    return found ? choice_answer(&state, programme, 0, time_ms) : CHOICE_NONE;
}

/* What a line says about an event at 500. */
static enum choice_answer ask(struct fixture *fixture, const char *line, choice_set programme)
{
    return ask_at(fixture, line, programme, 500);
}

#define OUT(names)  "{\"choices\":{" names "},\"effective\":10,\"seq\":1}"
#define MOVED(from) "{\"choices\":{},\"effective\":50,\"seq\":1,\"moved_from\":\"" from "\"}"

static void moves_are_resolved_when_the_topic_has_been_read(void **state)
{
    struct fixture *fixture = *state;
    apply(fixture, "line:new", MOVED("line:old"));
    apply(fixture, "line:old", OUT("\"basic\":\"out\""));
    apply(fixture, "line:old2", OUT("\"basic\":\"out\""));
    apply(fixture, "line:new2", MOVED("old2")); /* an identifier of the same kind */
    apply(fixture, "line:new3", MOVED("line:nobody"));
    complete(fixture);
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_OUT);
    assert_int_equal(ask(fixture, "new", ENHANCED), CHOICE_NONE);
    assert_int_equal(ask(fixture, "new2", BASIC), CHOICE_OUT);
    assert_int_equal(ask(fixture, "new3", BASIC), CHOICE_NONE);
}

static void moves_from_an_account_or_of_a_stored_signal_are_copied(void **state)
{
    struct fixture *fixture = *state;
    apply(fixture, "line:a", MOVED("account:bill"));
    apply(fixture, "account:bill", OUT("\"enhanced\":\"out\""));
    apply(fixture, "line:b", MOVED("line:gpc"));
    apply(fixture, "signal:line:gpc", "{}");
    apply(fixture, "line:c", MOVED("device:maid:00000000-0000-0000-0000-000000000000"));
    complete(fixture);
    assert_int_equal(ask(fixture, "a", ENHANCED), CHOICE_OUT);
    assert_int_equal(ask(fixture, "a", BASIC), CHOICE_NONE);
    assert_int_equal(ask(fixture, "b", BASIC), CHOICE_OUT);
    assert_int_equal(ask(fixture, "c", BASIC), CHOICE_NONE);
}

/* Read by chance before the old subject's confirmed `in`, or after it: the same. */
static void moves_do_not_copy_what_was_answered_before(void **state)
{
    struct fixture *fixture = *state;
    apply_at(fixture, 0, 0, true, "line:old", OUT("\"basic\":\"out\""));
    apply(fixture, "line:new", MOVED("line:old"));
    apply_at(fixture, 0, 1, true, "line:old",
             "{\"choices\":{\"basic\":\"in\"},\"effective\":20,\"seq\":1,\"two_step\":true}");
    complete(fixture);
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_NONE);
}

static void moves_follow_later_outs_and_the_barrier_hears_of_it(void **state)
{
    struct fixture *fixture = *state;
    apply(fixture, "line:new", MOVED("line:old"));
    complete(fixture);
    const struct recent *recent = ledger_recent(fixture->ledger);
    uint64_t before = recent_position(recent);
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_NONE);
    apply(fixture, "line:old", OUT("\"basic\":\"out\""));
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_OUT);
    assert_int_equal(recent_position(recent) - before, 2); /* of both subjects */

    apply(fixture, "line:late", MOVED("line:old")); /* a move that comes later finds what is there */
    assert_int_equal(ask(fixture, "late", BASIC), CHOICE_OUT);
}

static void moves_pass_uncommitted_outs_on_at_once(void **state)
{
    struct fixture *fixture = *state;
    apply(fixture, "line:new", MOVED("line:old"));
    apply(fixture, "line:newest", MOVED("line:new"));
    complete(fixture);
    apply_at(fixture, 0, 0, false, "line:old", OUT("\"basic\":\"out\""));
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_OUT);
    assert_int_equal(ask(fixture, "newest", BASIC), CHOICE_OUT);
    assert_int_equal(ask(fixture, "newest", ENHANCED), CHOICE_NONE);
    ledger_committed_to(fixture->ledger, 0, 1); /* it was aborted */
    assert_int_equal(ask(fixture, "old", BASIC), CHOICE_NONE);
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_NONE);
    assert_int_equal(ask(fixture, "newest", BASIC), CHOICE_NONE);

    apply_at(fixture, 0, 1, false, "line:old", OUT("\"basic\":\"out\""));
    apply_at(fixture, 0, 1, true, "line:old", OUT("\"basic\":\"out\""));
    ledger_committed_to(fixture->ledger, 0, 2);
    assert_int_equal(ask(fixture, "newest", BASIC), CHOICE_OUT);
}

static void moves_are_out_of_everything_until_they_are_committed(void **state)
{
    struct fixture *fixture = *state;
    complete(fixture);
    apply_at(fixture, 0, 0, false, "line:new", MOVED("line:old"));
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_OUT);
    apply_at(fixture, 0, 0, true, "line:new", MOVED("line:old"));
    ledger_committed_to(fixture->ledger, 0, 1);
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_NONE);
}

/* An `out` that stood uncommitted when the move became known is copied for good. */
static void moves_take_over_what_is_uncommitted(void **state)
{
    struct fixture *fixture = *state;
    complete(fixture);
    apply_at(fixture, 0, 0, false, "line:old", OUT("\"basic\":\"out\""));
    apply(fixture, "line:new", MOVED("line:old"));
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_OUT);
}

static void moves_are_answered_by_a_confirmed_in_alone(void **state)
{
    struct fixture *fixture = *state;
    apply(fixture, "line:new", MOVED("line:old"));
    apply(fixture, "line:old", OUT("\"*\":\"out\""));
    complete(fixture);
    apply(fixture, "line:new", "{\"choices\":{\"basic\":\"in\"},\"effective\":60,\"seq\":1}");
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_OUT);
    apply(fixture, "line:new",
          "{\"choices\":{\"basic\":\"in\"},\"effective\":70,\"seq\":1,\"two_step\":true}");
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_IN);
    assert_int_equal(ask(fixture, "new", ENHANCED), CHOICE_OUT);
    apply(fixture, "line:old", "{\"choices\":{\"basic\":\"out\"},\"effective\":80,\"seq\":1}");
    assert_int_equal(ask(fixture, "new", BASIC), CHOICE_IN); /* confirmed itself since */
}

/* The topic does not say which of the two came first, so read live or from the start, in whatever order, it is the same. */
static void an_out_that_was_copied_holds_until_the_in_that_answers_it_takes_effect(void **state)
{
    static const char *const records[3][2] = {
        {"line:new", MOVED("line:old")},
        {"line:new", "{\"choices\":{\"basic\":\"in\"},\"effective\":600,\"seq\":1,\"two_step\":true}"},
        {"line:old", OUT("\"basic\":\"out\"")},
    };
    static const unsigned orders[3][3] = {{0, 1, 2}, {0, 2, 1}, {2, 0, 1}};
    struct fixture *fixture = *state;
    for (unsigned order = 0; order < 3; order++) {
        for (unsigned read_first = 0; read_first <= 3; read_first++) {
            for (unsigned i = 0; i <= 3; i++) {
                if (i == read_first)
                    complete(fixture);
                if (i < 3)
                    apply(fixture, records[orders[order][i]][0], records[orders[order][i]][1]);
            }
            if (ask_at(fixture, "new", BASIC, 599) != CHOICE_OUT ||
                ask_at(fixture, "new", BASIC, 600) != CHOICE_IN)
                fail_msg("order %u, %u of them before the topic was read whole: %d, %d", order, read_first,
                         ask_at(fixture, "new", BASIC, 599), ask_at(fixture, "new", BASIC, 600));
            assert_int_equal(tear_down(state), 0);
            assert_int_equal(set_up(state), 0);
            fixture = *state;
        }
    }
}

static void moves_in_chains_and_rings_end(void **state)
{
    struct fixture *fixture = *state;
    char key[40], value[120];
    for (unsigned i = 1; i <= 200;
         i++) { /* 200 from 199 from ... from 0, and 0 from 200; all partitions in disorder */
        unsigned at = i * 71 % 200 + 1;
        snprintf(key, sizeof key, "line:%u", at);
        snprintf(value, sizeof value,
                 "{\"choices\":{},\"effective\":50,\"seq\":1,\"moved_from\":\"line:%u\"}", at - 1);
        apply(fixture, key, value);
    }
    apply(fixture, "line:0", MOVED("line:200"));
    apply(fixture, "line:self", MOVED("line:self"));
    complete(fixture);
    assert_int_equal(ask(fixture, "200", BASIC), CHOICE_NONE);
    apply_at(fixture, 0, 0, false, "line:100", OUT("\"basic\":\"out\""));
    assert_int_equal(ask(fixture, "99", BASIC), CHOICE_OUT);
    ledger_committed_to(fixture->ledger, 0, 1);
    apply(fixture, "line:50", OUT("\"enhanced\":\"out\""));
    for (unsigned i = 0; i <= 200; i++) {
        snprintf(key, sizeof key, "%u", i);
        assert_int_equal(ask(fixture, key, ENHANCED), CHOICE_OUT);
        assert_int_equal(ask(fixture, key, BASIC), CHOICE_NONE);
    }
    assert_int_equal(ask(fixture, "self", BASIC), CHOICE_NONE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(moves_are_resolved_when_the_topic_has_been_read),
        CASE(moves_from_an_account_or_of_a_stored_signal_are_copied),
        CASE(moves_do_not_copy_what_was_answered_before),
        CASE(moves_follow_later_outs_and_the_barrier_hears_of_it),
        CASE(moves_pass_uncommitted_outs_on_at_once),
        CASE(moves_are_out_of_everything_until_they_are_committed),
        CASE(moves_take_over_what_is_uncommitted),
        CASE(moves_are_answered_by_a_confirmed_in_alone),
        CASE(an_out_that_was_copied_holds_until_the_in_that_answers_it_takes_effect),
        CASE(moves_in_chains_and_rings_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
