/*
 * Compaction never undoes an opt-out (spec 3, rule 6): a topic of one partition in memory, the ledger and the keeper on it
 * until both are at rest; then only the last record of each key is kept, tombstones vanish, and a table made of what is
 * left must decide as the one before.
 */
#include "tests/unit/stages/consent/keeper_rig.h"

#include "stages/consent/restate.h"

/* ---- compaction ---- */

static const struct {
    const char *values[5]; /* of line:a, in the topic's order; "": a tombstone */
    int written;           /* records that the keeper adds */
    const char *why;
} cases[] = {
    {{R("\"*\":\"out\"", 10, )}, 0, "a record alone"},
    {{R("\"basic\":\"out\"", 20, ), R("\"*\":\"in\"", 10, )}, 1, "an older order at a higher offset"},
    {{R("\"basic\":\"in\"", 20, ), R("\"basic\":\"out\"", 10, )}, 1, "an older `out` that counts (rule 5)"},
    {{R("\"basic\":\"in\"", 20, TWO_STEP), R("\"basic\":\"out\"", 10, )}, 1, "an older `out` that does not"},
    {{R("\"basic\":\"out\"", 10, ), R("\"enhanced\":\"in\"", 20, )}, 1, "an `out` that is not mentioned"},
    {{R("\"*\":\"out\"", 10, ), R("\"*\":\"out\"", 20, )}, 0, "newer, and says the same"},
    {{R("\"sprint\":\"in\"", 10, ), R("", 20, )}, 1, "a withdrawn `in`, which matters to successors"},
    {{R("\"basic\":\"out\"", 10, ), R("\"basic\":\"in\"", 20, TWO_STEP)}, 1, "an `out` before the `in`"},
    {{R("\"basic\":\"out\"", 10, ), R("\"basic\":\"in\"", 20, )}, 1, "an `in` that does not count"},
    {{R("\"*\":\"out\"", 10, ), R("\"*\":\"in\"", 20, TWO_STEP), R("\"basic\":\"out\"", 30, )},
     1,
     "out, in, out again: the first one is before, the `in` withdrawn"},
    {{R("\"enhanced\":\"in\"", 10, ), "broken"}, 1, "a record that cannot be read: the `in` withdrawn"},
    {{"broken"}, 0, "alone it is `out`"},
    {{R("\"basic\":\"in\"", 20, ), R("\"basic\":\"out\"", 20, )}, 1, "equal order: `out` wins"},
    {{NOTHING}, 1, "an erasure"},
    {{R("\"*\":\"in\"", 10, ), NOTHING}, 1, "an erasure of an `in`"},
    {{R("\"*\":\"out\"", 10, ), NOTHING, R("\"basic\":\"in\"", 20, )}, 1, "no `in` ends an erasure"},
    {{NOTHING, R("\"basic\":\"in\"", 20, TWO_STEP)}, 1, "but a confirmed one, for what it names"},
    {{R("\"enhanced\":\"in\"", 10, ), R("\"other\":\"out\"", 20, )}, 1, "a programme of another pipeline"},
    {{R("\"basic\":\"out\"", 10, ), R("\"basic\":\"in\"", 20, ",\"closed\":true" TWO_STEP)}, 1, "closed"},
};

static void keeper_lets_compaction_undo_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned far_ahead = 0; far_ahead < 2; far_ahead++) {
        for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct process process;
            struct answers before, after;
            unsigned records = 0;
            fixture->topic.count = 0;
            for (; records < 5 && cases[i].values[records]; records++)
                write_record(&fixture->topic, "line:a", cases[i].values[records], NULL);
            process_start(fixture, &process);
            settle(fixture, &process, far_ahead);
            if (far_ahead && (int)(fixture->topic.count - records) != cases[i].written)
                fail_msg("%s: %u records written", cases[i].why, fixture->topic.count - records);
            ask(fixture, &process, &before);
            process_stop(&process);
            compact(&fixture->topic);
            process_start(fixture, &process);
            settle(fixture, &process, true);
            ask(fixture, &process, &after);
            process_stop(&process);
            if (memcmp(before.answers, after.answers, sizeof before.answers) != 0)
                fail_msg("%s (%s):\n%s\n%s", cases[i].why, far_ahead ? "far ahead" : "just ahead",
                         before.text, after.text);
        }
    }
}

/* Without the keeper the same cases fail, so that the test above can. */
static void compaction_alone_undoes_opt_outs(void **state)
{
    struct fixture *fixture = *state;
    unsigned undone = 0;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct process process;
        struct answers before, after;
        fixture->topic.count = 0;
        for (unsigned j = 0; j < 5 && cases[i].values[j]; j++)
            write_record(&fixture->topic, "line:a", cases[i].values[j], NULL);
        process_start(fixture, &process);
        follow(fixture, &process);
        ask(fixture, &process, &before);
        process_stop(&process);
        compact(&fixture->topic);
        process_start(fixture, &process);
        follow(fixture, &process);
        ask(fixture, &process, &after);
        process_stop(&process);
        undone += memcmp(before.answers, after.answers, sizeof before.answers) != 0;
    }
    assert_true(undone >= 10);
}

/* Where signals yield, an older one must not be all that compaction leaves (rules 6 and 7). */
static void keeper_writes_the_newest_signal_again_where_signals_yield(void **state)
{
    static const struct {
        const char *values[3]; /* of signal:line:a */
        const char *again;
        bool yield;
    } rows[] = {
        {{R("", 20, ), R("", 10, )}, "{\"choices\":{\"*\":\"out\"},\"effective\":20,\"seq\":0}", true},
        {{R("", 20, ), R("", 10, ), R("", 30, )}, NULL, true},
        {{"{}", R("", 10, )}, "{\"choices\":{\"*\":\"out\"}}", true},
        {{R("", 10, ), "{}"}, NULL, true},
        {{R("", 20, ), R("", 20, )}, NULL, true},
        {{R("", 20, ), R("", 10, )}, NULL, false},
    };
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct process process;
        struct choice_state before = {0}, after = {0};
        struct pseudonym pseudonym;
        unsigned records = 0;
        fixture->topic.count = 0;
        fixture->signals_yield = rows[i].yield;
        subject_pseudonym(fixture->key, SUBJECT_LINE, IDENTIFIER_OPAQUE, VIEW("a"), &pseudonym);
        write_record(&fixture->topic, "line:b", R("", 1, ), NULL);
        for (; records < 3 && rows[i].values[records]; records++)
            write_record(&fixture->topic, "signal:line:a", rows[i].values[records], NULL);
        process_start(fixture, &process);
        settle(fixture, &process, true);
        assert_true(choice_table_find_whole(ledger_table(process.ledger), &pseudonym, &before));
        process_stop(&process);
        assert_int_equal(fixture->topic.count, 1 + records + (rows[i].again != NULL));
        if (rows[i].again) {
            const struct entry *last = &fixture->topic.entries[fixture->topic.count - 1];
            assert_string_equal(last->key, "signal:line:a");
            assert_string_equal(last->value, rows[i].again);
            assert_string_equal(last->author, "test.keeper");
        }
        compact(&fixture->topic);
        process_start(fixture, &process);
        settle(fixture, &process, true);
        assert_true(choice_table_find_whole(ledger_table(process.ledger), &pseudonym, &after));
        process_stop(&process);
        assert_int_equal(after.signalled_ms, before.signalled_ms);
        assert_true(after.signalled);
    }
}

/* ---- an end to it ---- */

static void keeper_writes_an_equal_record_once_while_it_is_on_its_way(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    write_record(&fixture->topic, "line:a", cases[1].values[0], NULL);
    write_record(&fixture->topic, "line:a", cases[1].values[1], NULL);
    process_start(fixture, &process);
    follow(fixture, &process);
    answer_one(fixture, &process);
    answer_one(fixture, &process);
    keeper_end(&process.keeper, true);
    assert_int_equal(fixture->topic.count, 3);
    process.answered = 1; /* read again, and the table has not taken the answer in */
    answer_one(fixture, &process);
    assert_int_equal(fixture->topic.count, 3);
    process_stop(&process);
}

static void keeper_writes_again_what_was_aborted(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    write_record(&fixture->topic, "line:a", "", NULL);
    write_record(&fixture->topic, "line:b", cases[1].values[0], NULL);
    write_record(&fixture->topic, "line:b", cases[1].values[1], NULL);
    process_start(fixture, &process);
    follow(fixture, &process);
    for (unsigned i = 0; i < 3; i++)
        answer_one(fixture, &process);
    assert_int_equal(fixture->topic.count, 5);
    keeper_end(&process.keeper, false);
    fixture->topic.count = 3;
    process.answered = 0;
    settle(fixture, &process, true);
    assert_int_equal(fixture->topic.count, 5);
    process_stop(&process);
}

/* Two processes, and the partition goes from one to the other after every record. */
static void keepers_that_take_turns_come_to_rest(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct process processes[2];
        fixture->topic.count = 0;
        unsigned records = 0;
        for (; records < 5 && cases[i].values[records]; records++)
            write_record(&fixture->topic, "line:a", cases[i].values[records], NULL);
        process_start(fixture, &processes[0]);
        process_start(fixture, &processes[1]);
        unsigned answered = 0;
        for (; answered < fixture->topic.count; answered++) {
            struct process *process = &processes[answered % 2];
            follow(fixture, process);
            process->answered = answered;
            answer_one(fixture, process);
            keeper_end(&process->keeper, true);
        }
        if ((int)(answered - records) != cases[i].written)
            fail_msg("%s: %u records written", cases[i].why, answered - records);
        process_stop(&processes[0]);
        process_stop(&processes[1]);
    }
}

/* ---- suppression entries ---- */

static void suppression_entries_name_nobody_and_come_back_when_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    struct answers answers;
    write_record(&fixture->topic, "line:a", "", NULL);
    process_start(fixture, &process);
    settle(fixture, &process, true);
    assert_int_equal(fixture->topic.count, 2);
    const struct entry *hash = &fixture->topic.entries[1];
    assert_memory_equal(hash->key, "hash:", 5);
    assert_int_equal(strlen(hash->key), 5 + 22);
    char deleted[128];
    snprintf(deleted, sizeof deleted, "%s", hash->key);
    write_record(&fixture->topic, deleted, "", NULL);
    settle(fixture, &process, true);
    assert_int_equal(fixture->topic.count, 4);
    assert_string_equal(fixture->topic.entries[3].key, deleted);
    write_record(&fixture->topic, "line:a", "", NULL); /* erased again: there is one */
    settle(fixture, &process, true);
    assert_int_equal(fixture->topic.count, 5);
    ask(fixture, &process, &answers);
    assert_int_equal(answers.answers[1][5], CHOICE_OUT);
    process_stop(&process);
}

static void suppression_entries_of_another_key_stop_and_say_so(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *key, *value;
        enum exit_status exit_status;
        const char *why;
    } rows[] = {
        {"hash:AAAAAAAAAAAAAAAAAAAAAA", R("\"*\":\"out\"", 1, ",\"key_check\":\"AAAAAAAAAAA\""),
         EXIT_STATUS_CONFIGURATION, "another key"},
        {"hash:AAAAAAAAAAAAAAAAAAAAAA", R("\"*\":\"out\"", 1, ), EXIT_STATUS_CONFIGURATION, "no check"},
        {"hash:AAAAAAAAAAAAAAAAAAAAAA", "broken", EXIT_STATUS_CONFIGURATION, "no JSON"},
        {"hash:0011", R("\"*\":\"out\"", 1, ), EXIT_STATUS_DATA, "no hash"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct process process;
        fixture->topic.count = 0;
        write_record(&fixture->topic, rows[i].key, rows[i].value, "test.keeper");
        process_start(fixture, &process);
        struct followed_record record = record_at(&fixture->topic, 0);
        if (ledger_apply(process.ledger, &record, &fixture->error))
            fail_msg("%s", rows[i].why);
        assert_int_equal(fixture->error.exit_status, rows[i].exit_status);
        assert_string_equal(fixture->error.where, "consent[0]@0");
        process_stop(&process);
    }
}

static void keeper_without_a_key_that_lasts_stops_at_an_erasure(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    struct emitter emitter = {.arena = &fixture->arena, .error = &fixture->error};
    write_record(&fixture->topic, "line:a", "", NULL);
    process_start(fixture, &process);
    process.keeper.setup.suppression_key = NULL;
    follow(fixture, &process);
    struct followed_record record = record_at(&fixture->topic, 0);
    assert_false(keeper_process(&process.keeper, &record, &emitter));
    assert_int_equal(fixture->error.exit_status, EXIT_STATUS_CONFIGURATION);
    process.keeper.setup.files = true; /* nothing vanishes from a file */
    assert_true(keeper_process(&process.keeper, &record, &emitter));
    process_stop(&process);
}

/* ---- what the names can't hold ---- */

static void keeper_takes_over_choices_of_other_pipelines(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    write_record(&fixture->topic, "line:a", R("\"basic\":\"out\"", 10, ), NULL);
    write_record(&fixture->topic, "line:a", R("\"enhanced\":\"in\",\"x\":\"in\",\"y\":\"out\"", 20, ), NULL);
    process_start(fixture, &process);
    settle(fixture, &process, true);
    assert_int_equal(fixture->topic.count, 3);
    assert_string_equal(fixture->topic.entries[2].value,
                        "{\"choices\":{\"basic\":\"out\",\"enhanced\":\"in\",\"x\":\"in\",\"y\":\"out\"},"
                        "\"effective\":20,\"seq\":1,"
                        "\"merged\":{\"before\":[],\"withdrawn\":[],\"until\":0,\"last_out\":10}}");
    process_stop(&process);
    fixture->topic.count = 0; /* an `in` of an older record is not made newer */
    write_record(&fixture->topic, "line:a", R("\"basic\":\"out\"", 20, ), NULL);
    write_record(&fixture->topic, "line:a", R("\"x\":\"in\",\"y\":\"out\"", 10, ), NULL);
    process_start(fixture, &process);
    settle(fixture, &process, true);
    assert_non_null(strstr(fixture->topic.entries[2].value, "\"y\":\"out\""));
    assert_null(strstr(fixture->topic.entries[2].value, "\"x\""));
    process_stop(&process);
}

/* Only clickveil writes `merged`: in a record of somebody else it makes the `in`s void. */
static void merged_counts_only_from_clickveil(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    struct answers answers;
    write_record(&fixture->topic, "line:a",
                 R("\"enhanced\":\"in\"", 10,
                   ",\"merged\":{\"before\":[],\"withdrawn\":[],\"until\":0,\"last_out\":0}"),
                 NULL);
    process_start(fixture, &process);
    settle(fixture, &process, true);
    ask(fixture, &process, &answers);
    assert_int_not_equal(answers.answers[1][5], CHOICE_IN);
    process_stop(&process);
}

/* A value of `size` bytes with so many programmes of other pipelines. */
static char *long_value(size_t size, unsigned count, int effective, const char *more)
{
    char *value = test_malloc(size + 1);
    size_t at = (size_t)snprintf(value, size, "{\"choices\":{");
    size_t tail = (size_t)snprintf(NULL, 0, "},\"effective\":%d,\"seq\":1%s}", effective, more);
    for (unsigned i = 0; i < count; i++) {
        size_t rest = (size - at - tail) / (count - i); /* of the names that are still to come, evenly */
        size_t fixed = (size_t)snprintf(value + at, size - at, "%s\"n%u", i ? "," : "", i);
        size_t end = i + 1 == count ? size - tail : at + rest;
        at += fixed;
        while (at < end - strlen("\":\"out\""))
            value[at++] = 'x';
        at += (size_t)snprintf(value + at, size - at, "\":\"out\"");
    }
    at += (size_t)snprintf(value + at, size + 1 - at, "},\"effective\":%d,\"seq\":1%s}", effective, more);
    assert_int_equal(at, size);
    return value;
}

/* The largest record that may be written, once more, with the names of this pipeline beside the others. */
static void the_winner_of_the_largest_record_can_be_read(void **state)
{
    struct fixture *fixture = *state;
    struct consent_key key;
    struct consent_value value, again;
    struct choice_state merged = {0}, alone = {0};
    struct view winner;
    char *text = long_value(CONSENT_VALUE_BYTES_MAX, CONSENT_CHOICES_MAX, 20, "");
    struct consent_reader *reader = consent_reader_new(&names, IDENTIFIER_OPAQUE);
    const struct choice_record out = {
        .readable = true, .out = BASIC | ENHANCED | SPRINT, .effective_ms = 10, .seq = 1};
    consent_key_read(VIEW("line:a"), IDENTIFIER_OPAQUE, &key);
    consent_value_read(reader, &key, view_of_string(text), NOW_MS, &value);
    assert_true(value.record.readable);
    assert_int_equal(value.unknown_names, CONSENT_CHOICES_MAX);
    choice_apply(&merged, &out, &names);
    choice_apply(&merged, &value.record, &names);
    assert_true(restate_write(reader, view_of_string(text), &value.record, &merged, &names, &fixture->arena,
                              &winner));
    assert_true(winner.size > CONSENT_VALUE_BYTES_MAX);
    consent_value_read(reader, &key, winner, NOW_MS, &again);
    assert_true(again.record.readable);
    assert_int_equal(again.unknown_names, CONSENT_CHOICES_MAX);
    assert_true(restate_stands_alone(&again.record, &merged, &names));
    choice_apply(&alone, &again.record, &names);
    assert_int_equal(alone.out, BASIC | ENHANCED | SPRINT);
    consent_reader_free(reader);
    test_free(text);
}

/* Sixteen names, none shorter than it may be, and each in three places. */
static void the_longest_names_of_a_configuration_find_room(void **state)
{
    struct fixture *fixture = *state;
    struct choice_names long_names = {.count = CHOICE_NAMES_MAX};
    char text[CHOICE_NAMES_MAX][32];
    for (unsigned i = 0; i < CHOICE_NAMES_MAX; i++) {
        memset(text[i], 'a' + (int)i, sizeof text[i]);
        long_names.names[i] = (struct view){text[i], sizeof text[i]};
    }
    const choice_set all = (choice_set)~0;
    const struct choice_state merged = {.out = all,
                                        .before = all,
                                        .withdrawn = all,
                                        .ordered = true,
                                        .two_step = true,
                                        .asked = true,
                                        .effective_ms = CHOICE_EFFECTIVE_MS_MAX,
                                        .seq = INT64_MIN,
                                        .before_until_ms = CHOICE_EFFECTIVE_MS_MAX,
                                        .last_out_ms = CHOICE_LAST_OUT_UNTIMED};
    const struct choice_record unreadable = {0};
    struct consent_reader *reader = consent_reader_new(&long_names, IDENTIFIER_OPAQUE);
    struct view winner;
    assert_true(
        restate_write(reader, VIEW("?"), &unreadable, &merged, &long_names, &fixture->arena, &winner));
    assert_true(winner.size > 1500);
    consent_reader_free(reader);
}

/* What other pipelines wrote again is full: nothing can be added, and it says what helps. */
static void keeper_says_what_helps_when_one_record_cannot_hold_all(void **state)
{
    static const char merged[] = ",\"merged\":{\"before\":[],\"withdrawn\":[],\"until\":0,\"last_out\":0}";
    static const struct {
        size_t size;
        unsigned names;
    } rows[] = {{CONSENT_MERGED_BYTES_MAX, 100}, {60000, CONSENT_MERGED_CHOICES_MAX}};
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct process process;
        struct emitter emitter = {.arena = &fixture->arena, .error = &fixture->error};
        char *text = long_value(rows[i].size, rows[i].names, 5, merged);
        fixture->topic.count = 0;
        fixture->error = (struct error){0};
        write_record(&fixture->topic, "line:a", R("\"basic\":\"out\"", 10, ), NULL);
        process_start(fixture, &process);
        follow(fixture, &process);
        const struct followed_record record = {.offset = 1,
                                               .timestamp_ms = NOW_MS,
                                               .key = VIEW("line:a"),
                                               .value = view_of_string(text),
                                               .author = VIEW("other.keeper"),
                                               .committed = true};
        assert_true(ledger_apply(process.ledger, &record, &fixture->error));
        assert_false(keeper_process(&process.keeper, &record, &emitter));
        assert_int_equal(fixture->error.exit_status, EXIT_STATUS_DATA);
        assert_false(fixture->error.abort_transaction); /* no smaller batch helps */
        assert_string_equal(fixture->error.where, "consent[0]@1");
        assert_non_null(strstr(fixture->error.action, "write the subject's choices again"));
        write_record(&fixture->topic, "line:a", "",
                     NULL); /* takes the place of what is not in the topic here */
        write_record(&fixture->topic, "line:a", R("\"basic\":\"out\"", 20, ), NULL);
        process.applied = 2;
        follow(fixture, &process);
        assert_true(keeper_process(&process.keeper, &record, &emitter)); /* as advised */
        process_stop(&process);
        test_free(text);
        arena_reset(&fixture->arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeper_lets_compaction_undo_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeper_writes_the_newest_signal_again_where_signals_yield, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(compaction_alone_undoes_opt_outs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeper_writes_an_equal_record_once_while_it_is_on_its_way, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(keeper_writes_again_what_was_aborted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keepers_that_take_turns_come_to_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(suppression_entries_name_nobody_and_come_back_when_deleted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(suppression_entries_of_another_key_stop_and_say_so, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(keeper_without_a_key_that_lasts_stops_at_an_erasure, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(keeper_takes_over_choices_of_other_pipelines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(merged_counts_only_from_clickveil, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_winner_of_the_largest_record_can_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_names_of_a_configuration_find_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeper_says_what_helps_when_one_record_cannot_hold_all, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
