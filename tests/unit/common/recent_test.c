/* The ring of recent changes: what a visit finds, and when nobody can say any more what there was. */
#include "common/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SIZE = 8 };

struct visit {
    struct recent *recent;
    uint64_t tags[4 * SIZE];
    unsigned count;
    uint64_t stop_at;  /* tag; 0: none */
    unsigned appended; /* changes that the writer makes while the first tag is looked at */
};

static bool take(void *context, uint64_t tag)
{
    struct visit *visit = context;
    for (unsigned i = 0; visit->count == 0 && i < visit->appended; i++)
        recent_append(visit->recent, 1000 + i);
    visit->tags[visit->count++] = tag;
    return tag == visit->stop_at;
}

static void append(struct recent *recent, unsigned count)
{
    for (unsigned i = 1; i <= count; i++)
        recent_append(recent, i);
}

static void ring_shows_what_came_since_a_position(void **state)
{
    (void)state;
    static const struct {
        unsigned before, after, appended;
        uint64_t stop_at;
        bool found, lost;
        unsigned visited;
        const char *why;
    } cases[] = {
        {0, 0, 0, 0, false, false, 0, "nothing came"},
        {3, 3, 0, 0, false, false, 3, "each one"},
        {0, SIZE - 1, 0, 0, false, false, SIZE - 1, "as many as are kept for certain"},
        {0, SIZE, 0, 0, true, true, 0, "one more: the oldest may be overwritten any moment"},
        {5, 3 * SIZE, 0, 0, true, true, 0, "far more"},
        {0, 4, 0, 2, true, false, 2, "ends where the visitor says so"},
        {0, 4, 3, 0, false, false, 4, "what comes meanwhile is not visited"},
        {0, 4, 4, 0, true, true, 4, "overtaken meanwhile"},
        {0, 4, 4, 4, true, true, 4, "ended by the visitor, and overtaken"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct recent recent;
        assert_true(recent_init(&recent, SIZE));
        append(&recent, cases[i].before);
        uint64_t position = recent_position(&recent);
        append(&recent, cases[i].after);
        struct visit visit = {.recent = &recent, .stop_at = cases[i].stop_at, .appended = cases[i].appended};
        bool found = recent_any(&recent, position, take, &visit);
        if (found != cases[i].found || recent_has_lost(&recent, position) != cases[i].lost ||
            visit.count != cases[i].visited)
            fail_msg("%s: found %d, %u visited", cases[i].why, found, visit.count);
        recent_release(&recent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_shows_what_came_since_a_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
