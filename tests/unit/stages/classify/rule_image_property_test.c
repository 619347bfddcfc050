/*
 * Done 2 of the rule files: a million random rules, compiled, mapped and asked for a million random hosts and apps, give
 * what a naive reference gives that reads the words of the specification off a sorted array. The seed is the
 * same in every run, so that a failure is one of the change at hand; RULES_SEED=n takes another, RULES_COUNT=n makes it
 * smaller.
 */
#include "stages/classify/rule_image.h"

#include "common/file_replace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINE_SIZE_MAX = 64, KEY_SIZE = 48, DENY = 0xffff, NONE = 0xfffe, UNKNOWN = 0 };

static const uint16_t interests[] = {207, 243, 257, 270, 280};
static const char taxonomy_text[] =
    "206\t0\t1\trefused\tInterest\n207\t206\t2\tpublishable\tA\n243\t206\t2\tpublishable\tB\n"
    "257\t206\t2\tpublishable\tC\n270\t206\t2\tpublishable\tD\n"
    "280\t206\t2\tpublishable\tE\n";

static uint64_t seed = 1, state_of_dice;
static size_t count = 1000000;

static unsigned dice(unsigned sides)
{
    state_of_dice = state_of_dice * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (unsigned)(state_of_dice >> 33) % sides;
}

/* What a row says; interests as a set of bits, so that sets of several rows join. */
struct row {
    char key[KEY_SIZE];
    unsigned says; /* DENY, NONE, or bits */
};

struct sample {
    struct row *rows;
    size_t count;
    bool apps;
};

static const char *word(void)
{
    static const char *const words[] = {"a", "b", "c", "www", "m", "x-1", "cdn", "img", "static", "api"};
    return words[dice(10)];
}

/* Names share their owners and nest, so that exact, inherited, blocked and unknown all occur. */
static void random_host(char name[KEY_SIZE], size_t owners)
{
    static const char *const ends[] = {"com", "de", "co.uk", "github.io"};
    unsigned owner = dice((unsigned)owners), labels = dice(4);
    size_t size = 0;
    for (unsigned i = 0; i < labels; i++)
        size += (size_t)snprintf(name + size, KEY_SIZE - size, "%s.", word());
    snprintf(name + size, KEY_SIZE - size, "site-%u.%s", owner, ends[owner % 4]);
}

static void random_app(char name[KEY_SIZE], size_t owners, bool may_be_prefix)
{
    unsigned labels = dice(4);
    size_t size = (size_t)snprintf(name, KEY_SIZE, "com.maker%u", dice((unsigned)owners));
    for (unsigned i = 0; i < labels; i++)
        size += (size_t)snprintf(name + size, KEY_SIZE - size, ".%s", word());
    if (may_be_prefix && dice(3) == 0)
        snprintf(name + size, KEY_SIZE - size, ".*");
}

static unsigned random_says(void)
{
    unsigned kind = dice(20);
    return kind == 0 ? DENY : kind < 4 ? NONE : 1u << dice(5) | (kind < 7 ? 1u << dice(5) : 0);
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

static struct sample make_sample(bool apps)
{
    struct sample sample = {.rows = calloc(count, sizeof(struct row)), .count = count, .apps = apps};
    assert_non_null(sample.rows);
    for (size_t i = 0; i < count; i++) {
        if (apps)
            random_app(sample.rows[i].key, count / 3 + 1, true);
        else
            random_host(sample.rows[i].key, count / 3 + 1);
        sample.rows[i].says = random_says();
    }
    return sample;
}

static struct rules *compile(const struct sample *sample, const struct taxonomy *taxonomy)
{
    static struct mistakes mistakes;
    struct error error = {0};
    struct rules_settings settings = {2, 1};
    char *text = malloc(sample->count * (KEY_SIZE + LINE_SIZE_MAX));
    size_t size = 0;
    assert_non_null(text);
    for (size_t i = 0; i < sample->count; i++) {
        const struct row *row = &sample->rows[i];
        size += (size_t)snprintf(text + size, KEY_SIZE, "%s", row->key);
        if (row->says >= NONE)
            size += (size_t)snprintf(text + size, LINE_SIZE_MAX, "\t%s", row->says == DENY ? "deny" : "none");
        char mark = '\t';
        for (unsigned bit = 0; row->says < NONE && bit < 5; bit++) {
            if (row->says >> bit & 1) {
                size += (size_t)snprintf(text + size, LINE_SIZE_MAX, "%c%u", mark, (unsigned)interests[bit]);
                mark = ',';
            }
        }
        text[size++] = '\n';
    }
    struct rule_source source = {sample->apps ? RULE_FILE_APPS : RULE_FILE_HOSTS, "list", {text, size}};
    struct rules *rules = rules_new(taxonomy, &source, 1, &settings, &mistakes, &error);
    if (rules == NULL)
        fail_msg("line %u: %s", mistakes.items[0].line, mistakes.items[0].text);
    free(text);
    return rules;
}

/* ---- the reference ---- */

/* What all rows of a key say together: deny over none over interests, which are joined (spec 9). */
static unsigned says_at(const struct sample *sample, const char *key)
{
    size_t low = 0, high = sample->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(sample->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    unsigned says = UNKNOWN;
    for (; low < sample->count && strcmp(sample->rows[low].key, key) == 0; low++) {
        unsigned row = sample->rows[low].says;
        if (row == DENY || says == DENY)
            says = DENY;
        else if (row == NONE || says == NONE)
            says = NONE;
        else
            says |= row;
    }
    return says;
}

/* The longest key decides; a deny above it all the same. */
static void walk(unsigned says, unsigned *decision)
{
    if (says == DENY)
        *decision = DENY;
    else if (*decision == UNKNOWN)
        *decision = says;
}

static unsigned naive_host(const struct sample *sample, const char *host)
{
    unsigned decision = UNKNOWN;
    for (const char *suffix = host; suffix != NULL; suffix = strchr(suffix, '.')) {
        suffix += suffix != host;
        walk(says_at(sample, suffix), &decision);
    }
    return decision;
}

static unsigned naive_app(const struct sample *sample, const char *app)
{
    char prefix[KEY_SIZE + 2];
    unsigned decision = UNKNOWN;
    walk(says_at(sample, app), &decision);
    snprintf(prefix, sizeof(prefix), "%s", app);
    for (char *dot = strrchr(prefix, '.'); dot != NULL; dot = strrchr(prefix, '.')) {
        memcpy(dot, ".*", 3);
        walk(says_at(sample, prefix), &decision);
        *dot = '\0';
    }
    return decision;
}

static unsigned as_bits(struct rule_answer answer)
{
    unsigned bits = 0;
    if (answer.kind != RULE_INTERESTS)
        return answer.kind == RULE_DENY ? DENY : answer.kind == RULE_NONE ? NONE : UNKNOWN;
    for (unsigned i = 0; i < answer.interest_count; i++) {
        for (unsigned bit = 0; bit < 5; bit++)
            bits |= (unsigned)(answer.interests[i] == interests[bit]) << bit;
    }
    return bits;
}

/* ---- side by side ---- */

static bool put(void *context, const void *data, size_t size_bytes, struct error *error)
{
    return file_replace_write(context, data, size_bytes, error);
}

/* Through a file and back. */
static struct rules *map(struct rules *rules, const struct taxonomy *taxonomy)
{
    char path[] = "/tmp/clickveil-property.XXXXXX";
    const char *paths[] = {path};
    struct error error = {0};
    struct file_replace file;
    close(mkstemp(path));
    assert_true(file_replace_begin(&file, path, 0444, &error));
    assert_true(rule_image_write(rules, taxonomy, put, &file, &error));
    assert_true(file_replace_end(&file, &error));
    uint64_t digest = rules_totals(rules)->digest;
    rules_free(rules);
    rules = rule_image_load(paths, 1, taxonomy, NULL, &error);
    unlink(path);
    if (rules == NULL)
        fail_msg("%s", error.what);
    assert_true(rules_totals(rules)->digest == digest);
    return rules;
}

static void check(bool apps)
{
    static struct mistakes mistakes;
    struct error error = {0};
    unsigned seen_deny = 0, seen_none = 0, seen_unknown = 0, seen_interests = 0;
    struct taxonomy *taxonomy = taxonomy_new("taxonomy", view_of_string(taxonomy_text), &mistakes, &error);
    assert_non_null(taxonomy);
    struct sample sample = make_sample(apps);
    struct rules *rules = map(compile(&sample, taxonomy), taxonomy);
    qsort(sample.rows, sample.count, sizeof(struct row), compare_rows);
    for (size_t i = 0; i < count; i++) {
        char name[KEY_SIZE];
        if (apps)
            random_app(name, count / 3 + 1, false);
        else
            random_host(name, count / 3 + 1);
        unsigned wanted = apps ? naive_app(&sample, name) : naive_host(&sample, name);
        unsigned got =
            as_bits(apps ? rules_app(rules, view_of_string(name)) : rules_host(rules, view_of_string(name)));
        if (got != wanted)
            fail_msg("%s: %x instead of %x; RULES_SEED=%llu", name, got, wanted, (unsigned long long)seed);
        seen_deny += wanted == DENY;
        seen_none += wanted == NONE;
        seen_unknown += wanted == UNKNOWN;
        seen_interests += wanted != DENY && wanted != NONE && wanted != UNKNOWN;
    }
    print_message("# %zu rules on %s, %zu look-ups: %u interests, %u none, %u deny, %u unknown\n",
                  sample.count, apps ? "apps" : "hosts", count, seen_interests, seen_none, seen_deny,
                  seen_unknown);
    /* each kind of answer was asked for often, or the agreement means little */
    size_t least = count / 100;
    assert_true(seen_deny > least && seen_none > least && seen_unknown > least && seen_interests > least);
    rules_free(rules);
    taxonomy_free(taxonomy);
    free(sample.rows);
}

static void rule_image_answers_for_hosts_as_a_naive_reference(void **state)
{
    (void)state;
    check(false);
}

static void rule_image_answers_for_apps_as_a_naive_reference(void **state)
{
    (void)state;
    check(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_image_answers_for_hosts_as_a_naive_reference),
        cmocka_unit_test(rule_image_answers_for_apps_as_a_naive_reference),
    };
    const char *given = getenv("RULES_SEED"), *fewer = getenv("RULES_COUNT");
    if (given != NULL)
        seed = strtoull(given, NULL, 10);
    if (fewer != NULL)
        count = strtoul(fewer, NULL, 10);
    state_of_dice = seed;
    print_message("# RULES_SEED=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
