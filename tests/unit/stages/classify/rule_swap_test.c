#include "stages/classify/rule_swap.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct taxonomy *taxonomy;

/* Rules that give example.com `first` or `second`: 207 or 243. */
static struct rules *make(bool second)
{
    static struct mistakes mistakes;
    struct rule_source source = {RULE_FILE_HOSTS, "hosts.tsv",
                                 second ? VIEW("example.com\t243\n") : VIEW("example.com\t207\n")};
    struct rules_settings settings = {2, 1};
    return rules_new(taxonomy, &source, 1, &settings, &mistakes, NULL);
}

static unsigned interest_of(const struct rule_lease *lease)
{
    struct rule_answer answer = rules_host(rule_lease_rules(lease), VIEW("example.com"));
    return answer.interest_count == 1 ? answer.interests[0] : 0;
}

static int read_taxonomy(void **state)
{
    static struct mistakes mistakes;
    (void)state;
    taxonomy = taxonomy_new("taxonomy.tsv",
                            VIEW("206\t0\t1\trefused\tInterest\n207\t206\t2\tpublishable\tA\n"
                                 "243\t206\t2\tpublishable\tB\n"),
                            &mistakes, NULL);
    return taxonomy == NULL;
}

static int free_taxonomy(void **state)
{
    (void)state;
    taxonomy_free(taxonomy);
    return 0;
}

static void rule_swap_keeps_what_a_worker_holds(void **state)
{
    (void)state;
    struct rule_swap swap;
    assert_true(rule_swap_init(&swap, 2, make(false), NULL));
    struct rule_lease *held = rule_swap_take(&swap, 0);
    assert_true(rule_swap_replace(&swap, make(true), NULL));
    assert_int_equal(interest_of(held), 207);
    struct rule_lease *fresh = rule_swap_take(&swap, 1);
    assert_int_equal(interest_of(fresh), 243);
    rule_swap_give(held);
    rule_swap_give(fresh);
    rule_swap_release(&swap);
}

static void rule_swap_can_be_released_before_the_last_worker_gives_back(void **state)
{
    (void)state;
    struct rule_swap swap;
    assert_true(rule_swap_init(&swap, 1, make(false), NULL));
    struct rule_lease *held = rule_swap_take(&swap, 0);
    rule_swap_release(&swap);
    assert_int_equal(interest_of(held), 207);
    rule_swap_give(held);
    rule_swap_release(&swap); /* again: nothing is left */
}

static void rule_swap_totals_are_those_of_the_current_rules(void **state)
{
    (void)state;
    struct rule_swap swap;
    assert_true(rule_swap_init(&swap, 1, make(false), NULL));
    uint64_t digest = rule_swap_totals(&swap).digest;
    assert_int_equal(rule_swap_totals(&swap).hosts, 1);
    assert_true(rule_swap_replace(&swap, make(true), NULL));
    assert_true(rule_swap_totals(&swap).digest != digest);
    rule_swap_release(&swap);
}

enum { WORKERS = 3, TRANSACTIONS = 3000, REPLACEMENTS = 300 };

struct reader {
    struct rule_swap *swap;
    unsigned worker;
    unsigned wrong;
};

static void *read_rules(void *argument)
{
    struct reader *reader = argument;
    for (unsigned i = 0; i < TRANSACTIONS; i++) {
        struct rule_lease *lease = rule_swap_take(reader->swap, reader->worker);
        unsigned first = interest_of(lease);
        unsigned second = interest_of(lease);
        reader->wrong += first != second || (first != 207 && first != 243);
        rule_swap_give(lease);
    }
    return NULL;
}

/* The sanitizers judge this one: no use after free, no race, no leak. */
static void rule_swap_replaces_under_readers(void **state)
{
    (void)state;
    struct rule_swap swap;
    struct reader readers[WORKERS];
    pthread_t threads[WORKERS];
    assert_true(rule_swap_init(&swap, WORKERS, make(false), NULL));
    for (unsigned i = 0; i < WORKERS; i++) {
        readers[i] = (struct reader){&swap, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_rules, &readers[i]), 0);
    }
    for (unsigned i = 0; i < REPLACEMENTS; i++)
        assert_true(rule_swap_replace(&swap, make(i % 2 == 0), NULL));
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].wrong, 0);
    }
    rule_swap_release(&swap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_swap_keeps_what_a_worker_holds),
        cmocka_unit_test(rule_swap_can_be_released_before_the_last_worker_gives_back),
        cmocka_unit_test(rule_swap_totals_are_those_of_the_current_rules),
        cmocka_unit_test(rule_swap_replaces_under_readers),
    };
    return cmocka_run_group_tests(tests, read_taxonomy, free_taxonomy);
}
