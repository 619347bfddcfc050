/* The barrier: a batch falls when somebody in it opted out meanwhile, and stands otherwise. */
#include "tests/unit/stages/consent/consent_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(consent_batch_falls_when_somebody_in_it_opts_out),
        CASE(consent_batch_falls_by_every_kind_of_change),
        CASE(consent_batch_stands_for_whom_it_dropped),
        CASE(consent_batch_falls_when_the_table_grew_meanwhile),
        CASE(consent_batch_falls_when_more_changed_than_is_remembered),
        CASE(consent_batch_too_large_falls_by_anybodys_change),
        CASE(consent_workers_have_batches_of_their_own),
        CASE(consent_batch_never_stands_against_an_out_that_was_taken_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
