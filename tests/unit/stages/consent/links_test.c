/*
 * Who took whose place (moved_from, rule 10) outlives compaction by links, records under keys of their own (rule 6), and what was
 * published about who took a place is taken back when the other one says `out` (rule 9).
 */
#include "tests/unit/stages/consent/keeper_rig.h"

/* ---- a subject that took the place of another, live and rebuilt from what compaction leaves ---- */

static const struct move_case {
    const char *whose;
    unsigned read_first; /* records before the first full read is done */
    const char *why;
    const char *records[6][2];
} move_cases[] = {
    {"line:a",
     2,
     "nothing more happens",
     {{"line:old", R("\"basic\":\"out\"", 10, )}, {"line:a", R("", 20, ",\"moved_from\":\"line:old\"")}}},
    {"line:a",
     2,
     "the other one is erased",
     {{"line:old", R("\"basic\":\"out\"", 10, )},
      {"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:old", NOTHING}}},
    {"line:a",
     2,
     "it says `out` later, and is erased",
     {{"line:old", R("\"basic\":\"in\"", 10, )},
      {"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:old", R("\"enhanced\":\"out\"", 30, )},
      {"line:old", NOTHING}}},
    {"line:a",
     2,
     "and the subject confirms something since",
     {{"line:old", R("\"basic\":\"out\"", 10, )},
      {"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:old", NOTHING},
      {"line:a", R("\"enhanced\":\"in\"", 30, TWO_STEP)}}},
    {"line:a",
     2,
     "and its next holder says `in`",
     {{"line:old", R("\"basic\":\"out\"", 10, )},
      {"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:old", NOTHING},
      {"line:old", R("\"*\":\"in\"", 40, TWO_STEP)}}},
    {"line:a",
     2,
     "one before the other is erased",
     {{"line:older", R("\"basic\":\"out\"", 10, )},
      {"line:old", R("", 15, ",\"moved_from\":\"line:older\"")},
      {"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:older", NOTHING}}},
    {"line:a",
     3,
     "a later record without a word of the move is read before anything is copied",
     {{"line:old", R("\"basic\":\"out\"", 10, )},
      {"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:a", R("\"enhanced\":\"in\"", 30, )}}},
    {"line:a",
     2,
     "the other one says `out` behind a later record",
     {{"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:a", R("\"enhanced\":\"in\"", 30, )},
      {"line:old", R("\"basic\":\"out\"", 40, )}}},
    {"line:a",
     2,
     "and behind one that is confirmed",
     {{"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:a", R("\"enhanced\":\"in\"", 30, TWO_STEP)},
      {"line:old", R("\"basic\":\"out\"", 40, )}}},
    {"line:a",
     2,
     "a signal taught it",
     {{"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:a", R("\"enhanced\":\"in\"", 30, )},
      {"signal:line:old", R("\"*\":\"out\"", 40, )}}},
    {"line:a",
     2,
     "the other one is erased behind a later record",
     {{"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:a", R("\"enhanced\":\"in\"", 30, )},
      {"line:old", NOTHING}}},
    {"line:a",
     2,
     "two moves, and later records of both",
     {{"line:a", R("", 20, ",\"moved_from\":\"line:old\"")},
      {"line:old", R("", 15, ",\"moved_from\":\"line:older\"")},
      {"line:old", R("\"enhanced\":\"in\"", 30, )},
      {"line:a", R("\"enhanced\":\"in\"", 30, )},
      {"line:older", R("\"basic\":\"out\"", 40, )}}},
    {"account:b",
     2,
     "an account",
     {{"account:b", R("", 20, ",\"moved_from\":\"account:o\"")},
      {"account:b", R("", 30, )},
      {"account:o", R("\"basic\":\"out\"", 40, )}}},
    {"device:imei:49015420323751",
     2,
     "a device, which was unreadable once",
     {{"device:imei:49015420323751", R("", 20, ",\"moved_from\":\"imei:35693803564380\"")},
      {"device:imei:49015420323751", R("", 20, ",\"moved_from\":\"device:imei:35693803564380\"")},
      {"device:imei:49015420323751", R("", 50, ",\"two_step\":true")},
      {"device:imei:35693803564380", R("\"basic\":\"out\"", 40, )}}},
    {"line:a",
     2,
     "an earlier move than the first that was read: the `in` came behind it",
     {{"line:a", R("", 30, ",\"moved_from\":\"line:old\"")},
      {"line:a", R("", 15, ",\"moved_from\":\"line:old\"")},
      {"line:a", R("\"enhanced\":\"in\"", 50, )},
      {"line:old", R("\"basic\":\"out\"", 10, )},
      {"line:old", R("\"basic\":\"in\"", 20, TWO_STEP)}}},
};

/* Live: each record is followed and answered at once, but for those of the first read. */
static void live_through(struct fixture *fixture, struct process *process, const struct move_case *row)
{
    unsigned erased = 0;
    for (unsigned j = 0; j < 6 && row->records[j][0]; j++) {
        write_record(&fixture->topic, row->records[j][0], row->records[j][1], NULL);
        erased += !row->records[j][1][0]; /* a tombstone is, until its subject's next record */
        if (j + 1 < row->read_first)
            continue;
        follow(fixture, process);
        assert_true(ledger_complete(process->ledger, &fixture->error));
        settle(fixture, process, false);
    }
    if (loose_count(ledger_loose(process->ledger)) > erased)
        fail_msg("%s: something stays loose", row->why);
}

static void check_move_case(struct fixture *fixture, const struct move_case *row)
{
    struct process process;
    struct answers before, after;
    fixture->topic.count = 0;
    process_start(fixture, &process);
    live_through(fixture, &process, row);
    ask_key(fixture, &process, row->whose, &before);
    process_stop(&process);
    if (before.answers[0][5] != CHOICE_OUT)
        fail_msg("%s: %s", row->why, before.text);
    compact(&fixture->topic);
    process_start(fixture, &process);
    follow(fixture, &process);
    assert_true(ledger_complete(process.ledger, &fixture->error));
    settle(fixture, &process, true);
    ask_key(fixture, &process, row->whose, &after);
    process_stop(&process);
    if (memcmp(before.answers, after.answers, sizeof before.answers) != 0)
        fail_msg("%s:\n%s\n%s", row->why, before.text, after.text);
}

/* Who took the place of another (rule 10) stays out of what that one was out of, also when that one is erased after the
 * keeper has written the newer subject's record again. */
static void keeper_lets_compaction_undo_no_out_of_a_subject_that_moved(void **state)
{
    for (unsigned i = 0; i < sizeof move_cases / sizeof *move_cases; i++)
        check_move_case(*state, &move_cases[i]);
}

/* ---- links ---- */

static unsigned count_keys(const struct topic *topic, const char *prefix, const char *in_value)
{
    unsigned count = 0;
    for (unsigned i = 0; i < topic->count; i++)
        count += strncmp(topic->entries[i].key, prefix, strlen(prefix)) == 0 &&
                 strstr(topic->entries[i].value, in_value);
    return count;
}

static void run(struct fixture *fixture, struct process *process, const char *key, const char *value)
{
    write_record(&fixture->topic, key, value, NULL);
    follow(fixture, process);
    if (!ledger_is_complete(process->ledger))
        assert_true(ledger_complete(process->ledger, &fixture->error));
    settle(fixture, process, true);
}

#define MOVED(from) ",\"moved_from\":\"" from "\""

static void links_are_written_once_and_settle(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    process_start(fixture, &process);
    run(fixture, &process, "line:a", R("", 20, MOVED("line:old")));
    assert_int_equal(fixture->topic.count, 2);
    const struct entry *link = &fixture->topic.entries[1];
    assert_memory_equal(link->key, "moved:", 6);
    assert_string_equal(link->key + 6 + 22, ":line:a");
    assert_null(strstr(link->key, "old"));
    assert_null(strstr(link->value, "line"));
    assert_non_null(strstr(link->value, "\"effective\":20,\"seq\":0,\"key_check\":"));
    assert_null(strstr(link->value, "take_back"));
    assert_string_equal(link->author, "test.keeper");
    run(fixture, &process, "line:a", R("", 30, MOVED("line:old"))); /* said again, later */
    run(fixture, &process, "line:a", R("", 40, MOVED("line:a")));   /* from itself: no move */
    assert_int_equal(count_keys(&fixture->topic, "moved:", ""), 1);
    assert_int_equal(loose_count(ledger_loose(process.ledger)), 0);
    run(fixture, &process, "line:a",
        R("", 10, MOVED("old"))); /* an earlier moment: what was `out` then is more */
    assert_int_equal(count_keys(&fixture->topic, "moved:", "\"effective\":10,"), 1);
    run(fixture, &process, "line:a", R("", 50, MOVED("line:second")));
    assert_int_equal(count_keys(&fixture->topic, "moved:", ""), 3);
    assert_int_equal(loose_count(ledger_loose(process.ledger)), 0);
    process_stop(&process);
    unsigned before = fixture->topic.count;
    process_start(fixture, &process); /* another process, over the same topic */
    follow(fixture, &process);
    assert_true(ledger_complete(process.ledger, &fixture->error));
    settle(fixture, &process, true);
    assert_int_equal(fixture->topic.count, before);
    process_stop(&process);
}

/* The move stands behind a newer record of the same line, which alone is as all together: that is not written again, and
 * neither is the older one, which lacks what the newer one says of other pipelines' programmes. */
static void links_of_an_older_record_leave_the_newest_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    write_record(&fixture->topic, "line:a", R("", 20, MOVED("line:old")), NULL);
    write_record(&fixture->topic, "line:a", R("\"elsewhere\":\"out\"", 30, ), NULL);
    process_start(fixture, &process);
    follow(fixture, &process);
    assert_true(ledger_complete(process.ledger, &fixture->error));
    settle(fixture, &process, true);
    assert_int_equal(fixture->topic.count, 3);
    assert_memory_equal(fixture->topic.entries[2].key, "moved:", 6);
    process_stop(&process);
}

/* It would be a move anew, and take back what was published since. */
static void what_a_moved_subject_comes_to_is_written_again_without_the_move(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    process_start(fixture, &process);
    run(fixture, &process, "line:old", R("\"basic\":\"out\"", 10, ));
    run(fixture, &process, "line:a", R("", 20, MOVED("line:old")));
    assert_int_equal(fixture->topic.count, 4);
    assert_int_equal(count_keys(&fixture->topic, "moved:", ""), 1);
    assert_int_equal(count_keys(&fixture->topic, "line:a", "\"choices\":{\"basic\":\"out\"}"), 1);
    assert_int_equal(count_keys(&fixture->topic, "line:a", "moved_from"), 1);
    process_stop(&process);
}

static void links_that_somebody_deletes_come_back_and_those_of_the_erased_go(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    char key[128];
    process_start(fixture, &process);
    run(fixture, &process, "line:a", R("", 20, MOVED("line:old")));
    snprintf(key, sizeof key, "%s", fixture->topic.entries[1].key);
    run(fixture, &process, key, NOTHING);
    assert_int_equal(count_keys(&fixture->topic, key, "moved_from"), 2);
    run(fixture, &process, "line:a", NOTHING);
    struct topic all = fixture->topic;
    compact(&fixture->topic);
    assert_int_equal(count_keys(&fixture->topic, "moved:", ""), 0);
    assert_int_equal(count_keys(&fixture->topic, "hash:", ""), 1);
    fixture->topic = all; /* who was erased is not named again */
    run(fixture, &process, "line:old", R("\"basic\":\"out\"", 30, ));
    assert_int_equal(count_keys(&fixture->topic, "moved:", "moved_from"), 2);
    process_stop(&process);
}

/* The tombstone stands before the link that is on its way. */
static void links_of_a_subject_that_is_erased_meanwhile_go_too(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    write_record(&fixture->topic, "line:a", R("", 20, MOVED("line:old")), NULL);
    write_record(&fixture->topic, "line:a", NOTHING, NULL);
    process_start(fixture, &process);
    follow(fixture, &process);
    assert_true(ledger_complete(process.ledger, &fixture->error));
    settle(fixture, &process, true);
    assert_int_equal(count_keys(&fixture->topic, "moved:", "moved_from"), 1);
    compact(&fixture->topic);
    assert_int_equal(count_keys(&fixture->topic, "moved:", ""), 0);
    process_stop(&process);
}

/* What was published about who took its place is to be taken back (rules 9 and 10). */
static void links_are_written_again_when_the_other_subject_says_out(void **state)
{
    static const struct {
        const char *key, *value;
        unsigned again; /* of two links behind line:old, in a chain */
        const char *why;
    } rows[] = {
        {"line:old", R("\"enhanced\":\"out\"", 30, ), 2, "an `out`"},
        {"line:old", NOTHING, 2, "erasure"},
        {"signal:line:old", R("\"*\":\"out\"", 30, ), 2, "a signal"},
        {"signal:line:old", NOTHING, 2, "erasure, of what a signal taught"},
        {"line:old", "broken", 2, "what cannot be read is `out`"},
        {"line:old", R("", 30, MOVED("line:older")), 2, "a move: the one before may be out"},
        {"line:old", R("", 30, ",\"closed\":true"), 2, "an `in` taken back, which a successor inherits"},
        {"line:old", R("\"enhanced\":\"in\"", 30, ), 0, "an `in` is not copied"},
        {"line:b", R("\"enhanced\":\"out\"", 30, ), 1, "the one between"},
        {"line:a", R("\"enhanced\":\"out\"", 30, ), 0, "the last one has no follower"},
        {"line:other", R("\"enhanced\":\"out\"", 30, ), 0, "somebody else"},
        {"account:old", R("\"enhanced\":\"out\"", 30, ), 0, "an account of that name"},
    };
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct process process;
        fixture->topic.count = 0;
        process_start(fixture, &process);
        run(fixture, &process, "line:b", R("", 20, MOVED("line:old")));
        run(fixture, &process, "line:a", R("", 20, MOVED("line:b")));
        assert_int_equal(count_keys(&fixture->topic, "moved:", ""), 2);
        unsigned before = count_keys(&fixture->topic, "moved:", "\"take_back\":true");
        run(fixture, &process, rows[i].key, rows[i].value);
        unsigned after = count_keys(&fixture->topic, "moved:", "\"take_back\":true");
        if (after - before < rows[i].again || (after > before && !rows[i].again))
            fail_msg("%s: %u links again", rows[i].why, after - before);
        process_stop(&process);
    }
}

static void links_that_cannot_be_read_stop_and_say_so(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    process_start(fixture, &process);
    run(fixture, &process, "line:a", R("", 20, MOVED("line:old")));
    process_stop(&process);
    const struct entry good = fixture->topic.entries[1];
    char other[128], moved[1024];
    snprintf(other, sizeof other, "moved:AAAAAAAAAAAAAAAAAAAAAA:line:a");
    snprintf(moved, sizeof moved, "%s", good.value);
    moved[strlen("{\"moved_from\":\"") + 40] ^= 1;
    const struct {
        const char *key, *value, *author;
        enum exit_status exit_status;
        const char *why;
    } rows[] = {
        {good.key, good.value, "test.keeper", 0, "as it is"},
        {good.key, good.value, NULL, EXIT_STATUS_DATA, "somebody else wrote it"},
        {good.key, "broken", "test.keeper", EXIT_STATUS_DATA, "no JSON"},
        {good.key, moved, "test.keeper", EXIT_STATUS_DATA, "a bit of the seal is another"},
        {other, good.value, "test.keeper", EXIT_STATUS_DATA, "key and value name two subjects"},
        {"moved:AAAAAAAAAAAAAAAAAAAAAA", good.value, "test.keeper", EXIT_STATUS_DATA, "no subject"},
        {"moved:AAAA:line:a", good.value, "test.keeper", EXIT_STATUS_DATA, "no hash"},
        {good.key, "{\"moved_from\":\"AAAA\",\"effective\":20,\"seq\":0,\"key_check\":\"AAAAAAAAAAA\"}",
         "test.keeper", EXIT_STATUS_CONFIGURATION, "another key"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture->topic.count = 0;
        write_record(&fixture->topic, rows[i].key, rows[i].value, rows[i].author);
        process_start(fixture, &process);
        struct followed_record record = record_at(&fixture->topic, 0);
        fixture->error = (struct error){0};
        if (ledger_apply(process.ledger, &record, &fixture->error) != (rows[i].exit_status == 0))
            fail_msg("%s", rows[i].why);
        assert_int_equal(fixture->error.exit_status, rows[i].exit_status);
        process_stop(&process);
    }
}

static void keeper_without_a_key_that_lasts_stops_at_a_move(void **state)
{
    struct fixture *fixture = *state;
    struct process process;
    struct emitter emitter = {.arena = &fixture->arena, .error = &fixture->error};
    struct subject_key *key = fixture->suppression;
    write_record(&fixture->topic, "line:a", R("", 20, MOVED("line:old")), NULL);
    fixture->suppression = NULL;
    process_start(fixture, &process);
    follow(fixture, &process);
    struct followed_record record = record_at(&fixture->topic, 0);
    assert_false(keeper_process(&process.keeper, &record, &emitter));
    assert_int_equal(fixture->error.exit_status, EXIT_STATUS_CONFIGURATION);
    process.keeper.setup.files = true; /* nothing vanishes from a file */
    assert_true(keeper_process(&process.keeper, &record, &emitter));
    assert_int_equal(fixture->topic.count, 1);
    process_stop(&process);
    fixture->suppression = key;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(keeper_lets_compaction_undo_no_out_of_a_subject_that_moved),
        CASE(links_are_written_once_and_settle),
        CASE(links_of_an_older_record_leave_the_newest_as_it_is),
        CASE(what_a_moved_subject_comes_to_is_written_again_without_the_move),
        CASE(links_that_somebody_deletes_come_back_and_those_of_the_erased_go),
        CASE(links_of_a_subject_that_is_erased_meanwhile_go_too),
        CASE(links_are_written_again_when_the_other_subject_says_out),
        CASE(links_that_cannot_be_read_stop_and_say_so),
        CASE(keeper_without_a_key_that_lasts_stops_at_a_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
