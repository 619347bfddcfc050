#include "stages/classify/rules.h"

#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Interest (206) with 207 > 215 > 216 and 243 > 244; 219 is sensitive, 2 is no interest. */
static const char taxonomy_text[] = "1\t0\t1\trefused\tDemographic\n"
                                    "2\t1\t2\trefused\t-\n"
                                    "206\t0\t1\trefused\tInterest\n"
                                    "207\t206\t2\tpublishable\tAcademic Interests\n"
                                    "215\t207\t3\tpublishable\tLife Sciences\n"
                                    "216\t215\t4\tpublishable\tAnimals\n"
                                    "217\t215\t4\tpublishable\tBiology\n"
                                    "219\t215\t4\tsensitive\tMedicine\n"
                                    "243\t206\t2\tpublishable\tAutomotive\n"
                                    "244\t243\t3\tpublishable\tBuying\n"
                                    "257\t206\t2\tpublishable\tBooks\n";

static struct taxonomy *taxonomy;
static struct mistakes mistakes;
static struct error error;

static int read_taxonomy(void **state)
{
    (void)state;
    taxonomy = taxonomy_new("taxonomy.tsv", view_of_string(taxonomy_text), &mistakes, &error);
    return taxonomy == NULL;
}

static int free_taxonomy(void **state)
{
    (void)state;
    taxonomy_free(taxonomy);
    return 0;
}

static struct rules *make_lists(const char *const *hosts, unsigned host_lists, const char *apps,
                                unsigned depth, unsigned support)
{
    struct rule_source sources[8];
    struct rules_settings settings = {depth, support};
    unsigned count = 0;
    for (; count < host_lists; count++)
        sources[count] = (struct rule_source){RULE_FILE_HOSTS, "hosts.tsv", view_of_string(hosts[count])};
    if (apps != NULL)
        sources[count++] = (struct rule_source){RULE_FILE_APPS, "apps.tsv", view_of_string(apps)};
    memset(&mistakes, 0, sizeof(mistakes));
    memset(&error, 0, sizeof(error));
    return rules_new(taxonomy, sources, count, &settings, &mistakes, &error);
}

static struct rules *make(const char *hosts, const char *apps)
{
    struct rules *rules = make_lists(&hosts, hosts != NULL, apps, 2, 1);
    if (rules == NULL)
        fail_msg("line %u: %s %s", mistakes.items[0].line, mistakes.items[0].text, error.what);
    return rules;
}

/* "none", "deny", "unknown", "unsupported" or identifiers with commas between. */
static const char *text_of(struct rule_answer answer)
{
    static char text[128];
    static const char *const words[] = {[RULE_UNKNOWN] = "unknown",
                                        [RULE_NONE] = "none",
                                        [RULE_DENY] = "deny",
                                        [RULE_UNSUPPORTED] = "unsupported"};
    size_t size = 0;
    if (answer.kind != RULE_INTERESTS) {
        assert_int_equal(answer.interest_count, 0);
        return words[answer.kind];
    }
    for (unsigned i = 0; i < answer.interest_count; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, i == 0 ? "%u" : ",%u",
                                 (unsigned)answer.interests[i]);
    return text;
}

struct lookup_case {
    const char *name, *expected, *why;
};

static void expect_hosts(const struct rules *rules, const struct lookup_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = text_of(rules_host(rules, view_of_string(cases[i].name)));
        if (strcmp(text, cases[i].expected) != 0)
            fail_msg("%s: %s instead of %s: %s", cases[i].name, text, cases[i].expected, cases[i].why);
    }
}

static void expect_apps(const struct rules *rules, const struct lookup_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = text_of(rules_app(rules, view_of_string(cases[i].name)));
        if (strcmp(text, cases[i].expected) != 0)
            fail_msg("%s: %s instead of %s: %s", cases[i].name, text, cases[i].expected, cases[i].why);
    }
}

#define EXPECT_HOSTS(rules, cases) expect_hosts((rules), (cases), sizeof(cases) / sizeof((cases)[0]))
#define EXPECT_APPS(rules, cases)  expect_apps((rules), (cases), sizeof(cases) / sizeof((cases)[0]))

static void rules_find_hosts_exactly_then_suffix_by_suffix(void **state)
{
    (void)state;
    static const struct lookup_case cases[] = {
        {"example.com", "243", "exact"},
        {"www.example.com", "243", "below"},
        {"a.b.c.d.example.com", "243", "far below"},
        {"books.example.com", "257", "the longer key wins"},
        {"x.books.example.com", "257", "below the longer key"},
        {"mail.example.com", "none", "an explicit none"},
        {"x.mail.example.com", "none", "none ends inheritance"},
        {"good.mail.example.com", "207", "a rule below a none"},
        {"notexample.com", "unknown", "no label begins there"},
        {"example.com.evil.net", "unknown", "the end counts"},
        {"xample.com", "unknown", "shorter"},
        {"com", "unknown", "a single label"},
        {"", "unknown", "empty"},
        {"..", "unknown", "labels without bytes"},
        {"someone.github.io", "244", "below a public suffix"},
        {"other.github.io", "unknown", "its neighbour there"},
    };
    static const char *const list[] = {"example.com\t243\nbooks.example.com\t257\nmail.example.com\tnone\n"
                                       "good.mail.example.com\t207\nsomeone.github.io\t244\n"};
    struct rules *rules = make_lists(list, 1, NULL, 3, 1);
    assert_non_null(rules);
    EXPECT_HOSTS(rules, cases);
    rules_free(rules);
}

static void rules_deny_wins_over_all_that_is_below(void **state)
{
    (void)state;
    static const struct lookup_case cases[] = {
        {"bad.com", "deny", "exact"},
        {"www.bad.com", "deny", "inherited"},
        {"books.bad.com", "deny", "a rule below can't get round it"},
        {"x.books.bad.com", "deny", "nor what is below that"},
        {"mail.bad.com", "deny", "nor a none"},
        {"deep.mail.bad.com", "deny", "nor a rule below a none"},
        {"good.com", "257", "a neighbour"},
        {"bad.good.com", "deny", "a deny below"},
    };
    struct rules *rules =
        make("bad.com\tdeny\nbooks.bad.com\t257\nmail.bad.com\tnone\ndeep.mail.bad.com\t257\n"
             "good.com\t257\nbad.good.com\tdeny\n",
             NULL);
    EXPECT_HOSTS(rules, cases);
    rules_free(rules);
}

static void rules_of_one_key_are_merged_over_lists(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "a.com\t243\nb.com\t243\nc.com\tnone\nd.com\t243\nd.com\t257\ne.com\t207,243\n",
        "a.com\tdeny\nb.com\tnone\nc.com\tdeny\nd.com\t207\ne.com\t243\n",
        "a.com\tnone\nb.com\t207\nc.com\t207\n",
    };
    static const struct lookup_case cases[] = {
        {"a.com", "deny", "deny over none and interests"},
        {"b.com", "none", "none over interests"},
        {"c.com", "deny", "deny over none"},
        {"d.com", "207,243,257", "interests are joined, rising"},
        {"e.com", "207,243", "each once"},
    };
    struct rules *rules = make_lists(lists, 3, NULL, 2, 1);
    assert_non_null(rules);
    EXPECT_HOSTS(rules, cases);
    assert_int_equal(rules_totals(rules)->hosts, 5);
    uint64_t digest = rules_totals(rules)->digest;
    rules_free(rules);

    const char *const reversed[] = {lists[2], lists[1], lists[0]};
    rules = make_lists(reversed, 3, NULL, 2, 1);
    assert_non_null(rules);
    EXPECT_HOSTS(rules, cases);
    assert_true(rules_totals(rules)->digest == digest); /* the order of lists says nothing */
    rules_free(rules);
}

static void rules_find_apps_exactly_then_by_the_longest_prefix(void **state)
{
    (void)state;
    static const struct lookup_case cases[] = {
        {"com.example.books", "257", "exact"},
        {"Com.Example.Books", "257", "case says nothing"},
        {"com.example.cars", "243", "prefix"},
        {"com.example.a.b.c", "243", "far below the prefix"},
        {"com.example.mail.x", "none", "the longer prefix"},
        {"com.example.mail", "243", "a prefix does not cover its own name"},
        {"com.example", "unknown", "nor the shorter one its own"},
        {"com.examples.cars", "unknown", "by whole segments only"},
        {"com.example.", "unknown", "no app ID ends with a dot"},
        {"com.example.mail.", "unknown", "not even where it looks like a key"},
        {"com.bad.game", "deny", "a rule below a denied prefix"},
        {"com.bad.x.game", "deny", "a prefix below a denied prefix"},
        {"com.bad.other", "deny", "a denied prefix"},
        {"", "unknown", "empty"},
        {"..", "unknown", "dots"},
    };
    struct rules *rules = make(NULL, "com.example.*\t243\ncom.example.books\t257\ncom.example.mail.*\tnone\n"
                                     "com.bad.*\tdeny\ncom.bad.game\t257\ncom.bad.x.*\t257\n");
    EXPECT_APPS(rules, cases);
    assert_int_equal(rules_totals(rules)->apps, 6);
    assert_int_equal(rules_totals(rules)->hosts, 0);
    rules_free(rules);
}

static void rules_look_up_names_of_any_length(void **state)
{
    (void)state;
    char name[RULE_KEY_SIZE_MAX + 1];
    char list[RULE_KEY_SIZE_MAX + 16];
    memset(name, 'a', sizeof(name));
    snprintf(list, sizeof(list), "%.*s\t243\n", RULE_KEY_SIZE_MAX, name);
    struct rules *rules = make("a.com\t243\n", list);
    assert_int_equal(rules_app(rules, (struct view){name, RULE_KEY_SIZE_MAX}).kind, RULE_INTERESTS);
    assert_int_equal(rules_app(rules, (struct view){name, RULE_KEY_SIZE_MAX + 1}).kind, RULE_UNKNOWN);
    memset(name, '.', sizeof(name));
    memcpy(name + RULE_KEY_SIZE_MAX - 6, ".a.com", 6);
    assert_int_equal(rules_host(rules, (struct view){name, RULE_KEY_SIZE_MAX}).kind, RULE_INTERESTS);
    assert_int_equal(rules_host(rules, (struct view){name, RULE_KEY_SIZE_MAX + 1}).kind, RULE_UNKNOWN);
    assert_int_equal(rules_app(rules, (struct view){name, RULE_KEY_SIZE_MAX}).kind, RULE_UNKNOWN);
    assert_int_equal(rules_host(rules, VIEW_ABSENT).kind, RULE_UNKNOWN);
    assert_int_equal(rules_app(rules, VIEW_ABSENT).kind, RULE_UNKNOWN);
    rules_free(rules);
}

static void rules_deeper_than_the_depth_become_their_row_there(void **state)
{
    (void)state;
    static const char *const list[] = {"a.com\t216,217\nb.com\t215\nc.com\t216,244\nd.com\t207\n"};
    static const struct lookup_case at_2[] = {{"a.com", "207", "both become one"},
                                              {"b.com", "207", "tier 3"},
                                              {"c.com", "207,243", "tiers 4 and 3"},
                                              {"d.com", "207", "as it is"}};
    static const struct lookup_case at_3[] = {{"a.com", "215", "both become one"},
                                              {"b.com", "215", "as it is"},
                                              {"c.com", "215,244", "tier 4, and as it is"},
                                              {"d.com", "207", "coarser than the depth"}};
    struct rules *rules = make_lists(list, 1, NULL, 2, 1);
    assert_non_null(rules);
    EXPECT_HOSTS(rules, at_2);
    assert_int_equal(rules_totals(rules)->interests, 2);
    rules_free(rules);
    rules = make_lists(list, 1, NULL, 3, 1);
    assert_non_null(rules);
    EXPECT_HOSTS(rules, at_3);
    rules_free(rules);
}

static void rules_with_interests_that_may_not_be_published_do_not_load(void **state)
{
    (void)state;
    static const struct {
        const char *list, *word;
        unsigned column;
    } cases[] = {
        {"a.com\t9999\n", "no row 9999", 7},
        {"a.com\t207,9999\n", "no row 9999", 11},
        {"a.com\t2\n", "no interest", 7},
        {"a.com\t206\n", "no interest", 7},
        {"a.com\t219\n", "(Medicine) is sensitive", 7},
        {"a.com\t207,243,219\n", "write deny", 15},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_null(make_lists(&cases[i].list, 1, NULL, 2, 1));
        assert_int_equal(mistakes.count, 1);
        if (strstr(mistakes.items[0].text, cases[i].word) == NULL || mistakes.items[0].line != 1 ||
            mistakes.items[0].column != cases[i].column)
            fail_msg("%s: %u: %s", cases[i].list, mistakes.items[0].column, mistakes.items[0].text);
        assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
        assert_non_null(strstr(error.where, "hosts.tsv:1:"));
    }
}

static void rules_report_all_mistakes_of_all_lists_and_load_nothing(void **state)
{
    (void)state;
    static const char *const lists[] = {"a.com\t9999,2\nco.uk\tdeny\n", "b.com\tNONE\nc.com\t207\n"};
    assert_null(make_lists(lists, 2, "com.*\tdeny\n", 2, 1));
    assert_int_equal(mistakes.count, 5);
    assert_string_equal(mistakes.items[4].file, "apps.tsv");
    assert_non_null(strstr(error.action, "4 more"));
}

static void rules_refuse_more_interests_of_one_key_than_a_record_holds(void **state)
{
    (void)state;
    char text[4096] = "1\t0\t1\trefused\tInterest\n";
    const char *lists[] = {"a.com\t2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n", "a.com\t17\n", "a.com\t18\n"};
    struct taxonomy *small = taxonomy;
    for (unsigned id = 2; id <= 18; id++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u\t1\t2\tpublishable\tx\n", id);
    taxonomy = taxonomy_new("taxonomy.tsv", view_of_string(text), &mistakes, &error);
    assert_non_null(taxonomy);
    struct rules *rules = make_lists(lists, 2, NULL, 2, 1);
    assert_non_null(rules);
    assert_int_equal(rules_host(rules, VIEW("a.com")).interest_count, RECORD_INTERESTS_MAX);
    rules_free(rules);
    assert_null(make_lists(lists, 3, NULL, 2, 1));
    assert_non_null(strstr(mistakes.items[0].text, "more than 16"));
    taxonomy_free(taxonomy);
    taxonomy = small;
}

static void rules_that_are_none_at_all_do_not_load(void **state)
{
    (void)state;
    static const char *const lists[] = {"# nothing\n"};
    assert_null(make_lists(lists, 1, "", 2, 1));
    assert_int_equal(mistakes.count, 0);
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
    assert_null(make_lists(lists, 0, NULL, 2, 1));
}

static void rules_support_counts_registrable_domains_and_apps_once_each(void **state)
{
    (void)state;
    static const struct {
        const char *hosts, *apps;
        unsigned support;
        const char *expected, *why;
    } cases[] = {
        {"a.com\t243\nb.com\t243\n", "com.c\t243\n", 3, "243", "two domains and an app: at the bound"},
        {"a.com\t243\nb.com\t243\n", "com.c\t243\n", 4, "unsupported", "one past"},
        {"a.com\t243\nx.a.com\t243\ny.a.com\t243\n", NULL, 2, "unsupported", "hosts of one domain"},
        {"a.com\t243\nx.github.io\t243\ny.github.io\t243\n", NULL, 3, "243", "owners below a private suffix"},
        {"a.com\t243\nb.com\tdeny\nx.b.com\t243\n", NULL, 2, "unsupported", "what is denied backs nothing"},
        {"a.com\t243\n", "com.c.*\t243\n", 2, "243", "a prefix is one"},
        {"a.com\t243\n", "a.com\t243\n", 2, "243", "a host and an app of one name are two"},
        {"a.com\t243\nb.com\t257\n", NULL, 2, "unsupported", "backers of another interest"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rules *rules = make_lists(&cases[i].hosts, 1, cases[i].apps, 2, cases[i].support);
        assert_non_null(rules);
        const char *text = text_of(rules_host(rules, VIEW("a.com")));
        if (strcmp(text, cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].why, text);
        rules_free(rules);
    }
}

static void rules_support_rolls_up_where_the_parent_may_be_published(void **state)
{
    (void)state;
    static const char *const list[] = {"a.com\t216\nb.com\t217\nc.com\t244\nd.com\t243\ne.com\t257\n"};
    static const struct lookup_case deep[] = {
        {"a.com", "215", "one backer, rolled up; two stand behind the parent"},
        {"b.com", "215", "its sibling"},
        {"c.com", "243", "rolled up to a row that has one of its own"},
        {"d.com", "243", "which now has two"},
        {"e.com", "unsupported", "the row above may not be published"},
    };
    struct rules *rules = make_lists(list, 1, NULL, 4, 2);
    unsigned count;
    assert_non_null(rules);
    EXPECT_HOSTS(rules, deep);
    assert_int_equal(rules_totals(rules)->interests, 2);
    const struct rules_unsupported *unsupported = rules_unsupported(rules, &count);
    assert_int_equal(count, 4);
    assert_int_equal(unsupported[0].interest, 216);
    assert_int_equal(unsupported[0].result, 215);
    assert_int_equal(unsupported[0].backers, 1);
    assert_int_equal(unsupported[3].interest, 257);
    assert_int_equal(unsupported[3].result, 0);
    rules_free(rules);

    static const struct lookup_case rolled_twice[] = {
        {"a.com", "207", "up two tiers: three stand behind the grandparent"},
        {"b.com", "207", "its sibling"},
        {"c.com", "unsupported", "two are not three"},
    };
    static const char *const three[] = {"a.com\t216\nb.com\t217\nc.com\t244\nd.com\t243\ne.com\t207\n"};
    rules = make_lists(three, 1, NULL, 4, 3);
    assert_non_null(rules);
    EXPECT_HOSTS(rules, rolled_twice);
    rules_free(rules);
}

static void rules_digest_tells_rules_apart_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *hosts, *apps;
        bool same;
        const char *why;
    } cases[] = {
        {"a.com\t243\nb.com\tnone\n", "com.a\t257\n", true, "equal"},
        {"# c\n\nB.com\tnone\tnote\r\na.com\t243", "com.a\t257\n", true, "order, notes, spelling"},
        {"a.com\t244\nb.com\tnone\n", "com.a\t257\n", true, "a deeper row that becomes the same"},
        {"a.com\t257\nb.com\tnone\n", "com.a\t257\n", false, "another interest"},
        {"a.com\t243\nb.com\tdeny\n", "com.a\t257\n", false, "another kind"},
        {"a.com\t243\nc.com\tnone\n", "com.a\t257\n", false, "another key"},
        {"a.com\t243\nb.com\tnone\nc.com\tnone\n", "com.a\t257\n", false, "one more"},
        {"a.com\t243\nb.com\tnone\n", "com.a.x.*\t257\n", false, "a prefix"},
        {"a.com\t243\nb.com\tnone\ncom.a\t257\n", NULL, false, "a host instead of an app"},
    };
    uint64_t digest = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rules *rules = make(cases[i].hosts, cases[i].apps);
        if (i == 0)
            digest = rules_totals(rules)->digest;
        else if ((rules_totals(rules)->digest == digest) != cases[i].same)
            fail_msg("%s", cases[i].why);
        rules_free(rules);
    }
    assert_true(digest != 0);
}

/* ---- against a map that is searched by the words of the specification ---- */

static uint64_t seed = 1;

static unsigned dice(unsigned sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (unsigned)(seed >> 33) % sides;
}

enum { NAIVE_MAX = 400 };

struct naive {
    char key[64];
    const char *says; /* "deny", "none", or an identifier */
};

static struct naive naive[NAIVE_MAX];
static unsigned naive_count;

static int strength(const char *says)
{
    return strcmp(says, "deny") == 0 ? 3 : strcmp(says, "none") == 0 ? 2 : 1;
}

/* Strongest of all entries with that key; NULL: none. */
static const char *naive_at(const char *key)
{
    const char *best = NULL;
    for (unsigned i = 0; i < naive_count; i++) {
        if (strcmp(naive[i].key, key) == 0 && (best == NULL || strength(naive[i].says) > strength(best)))
            best = naive[i].says;
    }
    return best;
}

static const char *naive_host(const char *host)
{
    const char *decision = "unknown";
    for (const char *suffix = host; suffix != NULL; suffix = strchr(suffix, '.')) {
        suffix += suffix != host;
        const char *says = naive_at(suffix);
        if (says != NULL && strcmp(says, "deny") == 0)
            return says;
        if (says != NULL && strcmp(decision, "unknown") == 0)
            decision = says;
    }
    return decision;
}

static const char *naive_app(const char *app)
{
    char prefix[80];
    const char *decision = naive_at(app);
    snprintf(prefix, sizeof(prefix), "%s", app);
    if (decision != NULL && strcmp(decision, "deny") == 0)
        return decision;
    for (char *dot = strrchr(prefix, '.'); dot != NULL; dot = strrchr(prefix, '.')) {
        memcpy(dot, ".*", 3);
        const char *says = naive_at(prefix);
        if (says != NULL && strcmp(says, "deny") == 0)
            return says;
        if (says != NULL && decision == NULL)
            decision = says;
        *dot = '\0';
    }
    return decision == NULL ? "unknown" : decision;
}

/* Names over few words, so that keys meet, nest and repeat. */
static void random_name(char name[64], unsigned labels, const char *end)
{
    static const char *const words[] = {"a", "b", "ab", "ba", "c", "example"};
    name[0] = '\0';
    for (unsigned i = 0; i < labels; i++)
        snprintf(name + strlen(name), 64 - strlen(name), "%s.", words[dice(6)]);
    snprintf(name + strlen(name), 64 - strlen(name), "%s", end);
}

static const char *random_says(void)
{
    static const char *const says[] = {"207", "243", "257", "207", "243", "257", "none", "none", "deny"};
    return says[dice(9)];
}

/* One key, one set of interests, so that "strongest" is all there is to decide. */
static const char *says_for(const char *key)
{
    const char *there = naive_at(key);
    const char *says = random_says();
    return there != NULL && strength(there) == 1 && strength(says) == 1 ? there : says;
}

static void check_random_rules(bool apps, unsigned round)
{
    static char text[NAIVE_MAX * 80];
    size_t size = 0;
    naive_count = 1 + dice(NAIVE_MAX);
    unsigned count = naive_count;
    for (naive_count = 0; naive_count < count; naive_count++) {
        struct naive *entry = &naive[naive_count];
        random_name(entry->key, 1 + dice(4), apps ? (dice(2) ? "*" : "app") : "com");
        if (apps && strcmp(strchr(entry->key, '.'), ".*") == 0)
            random_name(entry->key, 2, "*"); /* prefixes have two segments or more */
        entry->says = says_for(entry->key);
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s\t%s\n", entry->key, entry->says);
    }
    struct rules *rules = apps ? make(NULL, text) : make(text, NULL);
    for (unsigned i = 0; i < 1000; i++) {
        char name[64];
        random_name(name, dice(6), apps ? "app" : "com");
        struct view view = view_of_string(name);
        const char *got = text_of(apps ? rules_app(rules, view) : rules_host(rules, view));
        const char *wanted = apps ? naive_app(name) : naive_host(name);
        if (strcmp(got, wanted) != 0)
            fail_msg("round %u: %s: %s instead of %s", round, name, got, wanted);
    }
    rules_free(rules);
}

static void rules_decide_as_a_naive_map_does(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        check_random_rules(false, round);
        check_random_rules(true, round);
    }
}

/* The lists in config/rules, all together, as config/pipeline.yaml names them. */
static void rules_that_the_product_ships_load_and_support_all_interests(void **state)
{
    (void)state;
    enum { HOST_LISTS = 3, LISTS = 6 };
    static const char *const names[LISTS] = {
        "config/rules/hosts.tsv", "config/rules/sensitive.tsv",      "config/rules/infrastructure.tsv",
        "config/rules/apps.tsv",  "config/rules/sensitive-apps.tsv", "config/rules/preinstalled.tsv"};
    static const char taxonomy_name[] = "config/rules/audience-taxonomy-1.1.tsv";
    struct rule_source sources[LISTS];
    struct rules_settings settings = {2, 5};
    struct view taxonomy_bytes;
    char path[FILE_PATH_SIZE];
    unsigned count;
    for (unsigned i = 0; i < LISTS; i++) {
        sources[i].kind = i < HOST_LISTS ? RULE_FILE_HOSTS : RULE_FILE_APPS;
        sources[i].name = names[i];
        assert_true(file_find_data(names[i], path, &error));
        assert_true(file_read(path, 1 << 24, &sources[i].bytes, &error));
    }
    assert_true(file_find_data(taxonomy_name, path, &error));
    assert_true(file_read(path, 1 << 24, &taxonomy_bytes, &error));
    memset(&mistakes, 0, sizeof(mistakes));
    struct taxonomy *shipped = taxonomy_new(taxonomy_name, taxonomy_bytes, &mistakes, &error);
    assert_non_null(shipped);
    struct rules *rules = rules_new(shipped, sources, LISTS, &settings, &mistakes, &error);
    if (rules == NULL)
        fail_msg("%s:%u: %s", mistakes.items[0].file, mistakes.items[0].line, mistakes.items[0].text);
    rules_unsupported(rules, &count);
    assert_int_equal(count, 0);
    assert_true(rules_totals(rules)->interests == 24); /* every row of tier 2 that is not sensitive */
    assert_int_equal(rules_host(rules, VIEW("www.airbnb.com")).kind, RULE_INTERESTS);
    assert_int_equal(rules_host(rules, VIEW("www.pornhub.com")).kind, RULE_DENY);
    assert_int_equal(rules_host(rules, VIEW("pagead.doubleclick.net")).kind, RULE_NONE);
    assert_int_equal(rules_app(rules, VIEW("com.king.candycrushsaga")).kind, RULE_INTERESTS);
    assert_int_equal(rules_app(rules, VIEW("com.tinder")).kind, RULE_DENY);
    assert_int_equal(rules_app(rules, VIEW("com.samsung.android.calendar")).kind, RULE_NONE);
    rules_free(rules);
    taxonomy_free(shipped);
    file_free(taxonomy_bytes);
    for (unsigned i = 0; i < LISTS; i++)
        file_free(sources[i].bytes);
}

static void rules_deny_rows_of_the_taxonomy_in_every_list(void **state)
{
    (void)state;
    static const struct {
        const char *deny, *tier_2, *tier_3, *tier_4, *both, *app, *why;
        unsigned depth;
    } cases[] = {
        {"207\tdeny\n", "deny", "deny", "deny", "243", "deny", "what is below goes with it", 2},
        {"207\tdeny\n", "deny", "deny", "deny", "244", "deny", "at any depth", 4},
        {"215\tdeny\n", "207", "deny", "deny", "207,244", "deny", "what is above stays", 4},
        {"216\tdeny\n", "deny", "deny", "deny", "243", "deny", "as what it would be published as", 2},
        {"219\tdeny\n2\tdeny\n", "207", "207", "207", "207,243", "207", "what is never published", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned before = 0; before < 2; before++) { /* the order of the lists does not matter */
            static const char hosts[] = "two.com\t207\nthree.com\t215\nfour.com\t216\nboth.com\t207,244\n";
            const char *lists[] = {before ? cases[i].deny : hosts, before ? hosts : cases[i].deny};
            struct rules *rules = make_lists(lists, 2, "org.app\t217\n", cases[i].depth, 1);
            assert_non_null(rules);
            const struct lookup_case lookups[] = {
                {"two.com", cases[i].tier_2, cases[i].why},
                {"three.com", cases[i].tier_3, cases[i].why},
                {"x.four.com", cases[i].tier_4, cases[i].why},
                {"both.com", cases[i].both, cases[i].why},
            };
            EXPECT_HOSTS(rules, lookups);
            const struct lookup_case apps[] = {{"org.app", cases[i].app, cases[i].why}};
            EXPECT_APPS(rules, apps);
            rules_free(rules);
        }
    }
}

/* What is denied backs nothing, also not the row above it, to which it would be rolled up. */
static void rules_count_no_backers_of_denied_rows(void **state)
{
    (void)state;
    const char *hosts[] = {"a.com\t216\nb.com\t216\nc.com\t215\n", "216\tdeny\n"};
    static const struct lookup_case alone[] = {{"a.com", "215", "rolled up"},
                                               {"c.com", "215", "with three backers"}};
    static const struct lookup_case denied[] = {{"a.com", "deny", "denied"},
                                                {"c.com", "unsupported", "one backer"}};
    struct rules *rules = make_lists(hosts, 1, NULL, 4, 3);
    EXPECT_HOSTS(rules, alone);
    rules_free(rules);
    rules = make_lists(hosts, 2, NULL, 4, 3);
    EXPECT_HOSTS(rules, denied);
    rules_free(rules);
}

static void rules_refuse_to_deny_a_row_that_is_not_there(void **state)
{
    (void)state;
    const char *hosts[] = {"a.com\t207\n", "# a list\n999\tdeny\n"};
    assert_null(make_lists(hosts, 2, NULL, 2, 1));
    assert_int_equal(mistakes.count, 1);
    assert_int_equal(mistakes.items[0].line, 2);
    assert_non_null(strstr(mistakes.items[0].text, "no row 999"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_find_hosts_exactly_then_suffix_by_suffix),
        cmocka_unit_test(rules_deny_wins_over_all_that_is_below),
        cmocka_unit_test(rules_of_one_key_are_merged_over_lists),
        cmocka_unit_test(rules_find_apps_exactly_then_by_the_longest_prefix),
        cmocka_unit_test(rules_look_up_names_of_any_length),
        cmocka_unit_test(rules_deeper_than_the_depth_become_their_row_there),
        cmocka_unit_test(rules_with_interests_that_may_not_be_published_do_not_load),
        cmocka_unit_test(rules_report_all_mistakes_of_all_lists_and_load_nothing),
        cmocka_unit_test(rules_refuse_more_interests_of_one_key_than_a_record_holds),
        cmocka_unit_test(rules_that_are_none_at_all_do_not_load),
        cmocka_unit_test(rules_support_counts_registrable_domains_and_apps_once_each),
        cmocka_unit_test(rules_support_rolls_up_where_the_parent_may_be_published),
        cmocka_unit_test(rules_digest_tells_rules_apart_and_nothing_else),
        cmocka_unit_test(rules_decide_as_a_naive_map_does),
        cmocka_unit_test(rules_that_the_product_ships_load_and_support_all_interests),
        cmocka_unit_test(rules_deny_rows_of_the_taxonomy_in_every_list),
        cmocka_unit_test(rules_count_no_backers_of_denied_rows),
        cmocka_unit_test(rules_refuse_to_deny_a_row_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, read_taxonomy, free_taxonomy);
}
