#include "commands/rules_people.h"
#include "commands/rules_set.h"
#include "commands/rules_tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct error error;

/* ---- the set ---- */

static void set_counts_each_number_once(void **state)
{
    (void)state;
    struct rules_set set = {0};
    bool is_new;
    for (unsigned round = 0; round < 2; round++) {
        for (uint64_t number = 0; number < 100000; number++) {
            assert_true(rules_set_add(&set, number * number, &is_new, &error));
            assert_int_equal(is_new, round == 0);
        }
        assert_int_equal(set.count, 100000);
    }
    assert_true(rules_set_add(&set, UINT64_MAX, &is_new, &error));
    assert_true(is_new);
    rules_set_release(&set);
    rules_set_release(&set); /* once more does no harm */
}

static void set_has_an_edge(void **state)
{
    (void)state;
    struct rules_set set = {0};
    bool is_new = false;
    assert_true(rules_set_add(&set, 1, &is_new, &error));
    uint64_t capacity = set.capacity;
    set.count = RULES_SET_COUNT_MAX; /* as if so many were in it */
    assert_false(rules_set_add(&set, 2, &is_new, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNAVAILABLE);
    assert_int_equal(set.capacity, capacity);
    rules_set_release(&set);
}

/* ---- the tally ---- */

static uint32_t tally_add(struct rules_tally *tally, bool app, const char *name, uint64_t count)
{
    uint32_t number = UINT32_MAX;
    assert_true(rules_tally_add(tally, app, view_of_string(name), count, &number, &error));
    return number;
}

static void tally_numbers_names_and_adds_up_counts(void **state)
{
    (void)state;
    struct rules_tally *tally = rules_tally_new(&error);
    uint32_t number;
    assert_non_null(tally);
    assert_false(rules_tally_find(tally, false, VIEW("a.example"), &number)); /* nothing is in it */
    assert_int_equal(tally_add(tally, false, "a.example", 2), 0);
    assert_int_equal(tally_add(tally, false, "b.example", 7), 1);
    assert_int_equal(tally_add(tally, true, "a.example", 1), 2); /* an app of that name is another */
    assert_int_equal(tally_add(tally, false, "a.example", 5), 0);
    assert_int_equal(rules_tally_names(tally), 3);
    assert_int_equal(rules_tally_at(tally, 0).count, 7);
    assert_true(view_equal_string(rules_tally_at(tally, 0).name, "a.example"));
    assert_true(rules_tally_at(tally, 2).app);
    assert_true(rules_tally_find(tally, true, VIEW("a.example"), &number));
    assert_int_equal(number, 2);
    assert_false(rules_tally_find(tally, true, VIEW("b.example"), &number));
    rules_tally_free(tally);
}

static void tally_keeps_many_names_and_ranks_them(void **state)
{
    (void)state;
    struct rules_tally *tally = rules_tally_new(&error);
    char name[32];
    for (unsigned i = 0; i < 50000; i++) {
        snprintf(name, sizeof name, "host-%u.example", i);
        (void)tally_add(tally, false, name, i % 1000);
    }
    (void)tally_add(tally, true, "app", 1);
    uint32_t count = 0;
    uint32_t *ranked = rules_tally_ranked(tally, false, &count, &error);
    assert_non_null(ranked);
    assert_int_equal(count, 50000);
    for (uint32_t i = 1; i < count; i++) {
        uint64_t before = rules_tally_at(tally, ranked[i - 1]).count,
                 here = rules_tally_at(tally, ranked[i]).count;
        assert_true(before > here || (before == here && ranked[i - 1] < ranked[i]));
    }
    free(ranked);
    ranked = rules_tally_ranked(tally, true, &count, &error);
    assert_int_equal(count, 1);
    free(ranked);
    rules_tally_free(tally);
}

/* ---- people ---- */

static void visit(struct rules_people *people, bool app, const char *name, const char *person,
                  uint16_t interest)
{
    assert_true(rules_people_add(people, app, view_of_string(name), view_of_string(person), &interest,
                                 interest != 0, &error));
}

static void people_are_counted_once_however_often_they_come(void **state)
{
    (void)state;
    struct rules_people *people = rules_people_new(&error);
    unsigned count = 0;
    assert_non_null(people);
    for (unsigned i = 0; i < 100; i++)
        visit(people, false, "www.big.example.com", "first", 607); /* a hundred times */
    visit(people, false, "m.example.com", "first", 607);           /* another host of the site */
    visit(people, false, "other.net", "second", 607);
    visit(people, true, "other.net", "third", 607); /* an app of that name is no site */
    visit(people, false, "nothing.org", "fourth", 0);
    struct rules_people_share *shares = rules_people_shares(people, &count, &error);
    assert_int_equal(rules_people_count(people), 4);
    assert_int_equal(count, 1);
    assert_int_equal(shares[0].interest, 607);
    assert_int_equal(shares[0].people, 3);
    assert_int_equal(shares[0].sites, 3);
    assert_int_equal(shares[0].top_people, 1);
    assert_true(view_equal_string(shares[0].top, "example.com"));
    free(shares);
    rules_people_free(people);
}

static void people_of_a_private_suffix_are_those_of_its_owners(void **state)
{
    (void)state;
    struct rules_people *people = rules_people_new(&error);
    unsigned count = 0;
    visit(people, false, "a.github.io", "first", 607);
    visit(people, false, "b.github.io", "second", 607);
    visit(people, false, "github.io", "third", 607); /* nobody's site */
    struct rules_people_share *shares = rules_people_shares(people, &count, &error);
    assert_int_equal(shares[0].sites, 3);
    assert_int_equal(shares[0].people, 3);
    free(shares);
    rules_people_free(people);
}

static void people_are_counted_by_interest_in_rising_order(void **state)
{
    (void)state;
    struct rules_people *people = rules_people_new(&error);
    static const uint16_t interests[] = {65535, 1, 607};
    unsigned count = 0;
    char person[16];
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(person, sizeof person, "%u", i);
        assert_true(rules_people_add(people, true, VIEW("one"), view_of_string(person), interests, 1 + i % 3,
                                     &error));
        visit(people, false, i % 10 ? "big.example" : "small.example", person, 1);
    }
    struct rules_people_share *shares = rules_people_shares(people, &count, &error);
    static const struct {
        uint16_t interest;
        uint64_t people, top_people;
        const char *top;
    } wanted[] = {{1, 3000, 2700, "big.example"}, {607, 1000, 1000, "one"}, {65535, 3000, 3000, "one"}};
    assert_int_equal(count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(shares[i].interest, wanted[i].interest);
        assert_int_equal(shares[i].people, wanted[i].people);
        assert_int_equal(shares[i].top_people, wanted[i].top_people);
        assert_true(view_equal_string(shares[i].top, wanted[i].top));
        assert_int_equal(shares[i].top_is_app, i > 0);
    }
    free(shares);
    rules_people_free(people);
}

static void people_over_is_more_than_the_share(void **state)
{
    (void)state;
    static const struct {
        uint64_t people, top;
        double share;
        bool over;
        const char *why;
    } cases[] = {
        {100, 50, 0.5, false, "exactly half"},
        {100, 51, 0.5, true, "one more"},
        {101, 50, 0.5, false, "just below half"},
        {1, 1, 0.5, true, "one person, one site"},
        {2, 1, 0.5, false, "two people, two sites"},
        {10, 9, 0.9, false, "exactly nine tenths"},
        {10, 10, 0.9, true, "all"},
        {10, 10, 1, false, "a share of all lets all through"},
        {100000000, 50000001, 0.5, true, "one of a hundred million"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rules_people_share share = {.people = cases[i].people, .top_people = cases[i].top};
        if (rules_people_is_over(&share, cases[i].share) != cases[i].over)
            fail_msg("%s", cases[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_counts_each_number_once),
        cmocka_unit_test(set_has_an_edge),
        cmocka_unit_test(tally_numbers_names_and_adds_up_counts),
        cmocka_unit_test(tally_keeps_many_names_and_ranks_them),
        cmocka_unit_test(people_are_counted_once_however_often_they_come),
        cmocka_unit_test(people_of_a_private_suffix_are_those_of_its_owners),
        cmocka_unit_test(people_are_counted_by_interest_in_rising_order),
        cmocka_unit_test(people_over_is_more_than_the_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
