#include "stages/consent/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PROGRAMMES = 2 };

struct seen {
    uint64_t kept[PROGRAMMES], gpc[PROGRAMMES], others;
};

static void see(void *context, unsigned programme, const char *reason, uint64_t count)
{
    struct seen *seen = context;
    assert_in_range(programme, 0, PROGRAMMES - 1);
    if (!reason)
        seen->kept[programme] += count;
    else if (strcmp(reason, "gpc") == 0)
        seen->gpc[programme] += count;
    else
        seen->others += count;
}

static void tally_shows_what_committed_by_programme(void **state)
{
    (void)state;
    static struct tally tally, other_worker;
    static struct tally_shared shared;
    struct policy_screening screening = {.reasons = {CONSENT_NO_REASON, CONSENT_GPC}};
    tally_count(&tally, PROGRAMMES, &screening);
    tally_count(&tally, PROGRAMMES, &screening);
    tally_count(&other_worker, PROGRAMMES, &screening);
    struct seen seen = {0};
    tally_visit(&shared, PROGRAMMES, see, &seen);
    assert_int_equal(seen.kept[0] + seen.gpc[1], 0); /* a transaction that is open shows nothing */

    tally_commit(&tally, PROGRAMMES, &shared);
    tally_commit(&tally, PROGRAMMES, &shared); /* counts once */
    tally_commit(&other_worker, PROGRAMMES, &shared);
    tally_visit(&shared, PROGRAMMES, see, &seen);
    assert_int_equal(seen.kept[0], 3);
    assert_int_equal(seen.gpc[1], 3);
    assert_int_equal(seen.kept[1] + seen.gpc[0] + seen.others, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tally_shows_what_committed_by_programme)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
