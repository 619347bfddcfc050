#include "stages/classify/rule_image.h"

#include "common/file_replace.h"
#include "common/xxhash.h"
#include "stages/classify/rule_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char taxonomy_text[] = "206\t0\t1\trefused\tInterest\n"
                                    "207\t206\t2\tpublishable\tAcademic Interests\n"
                                    "215\t207\t3\tpublishable\tLife Sciences\n"
                                    "219\t215\t4\tsensitive\tMedicine\n"
                                    "243\t206\t2\tpublishable\tAutomotive\n"
                                    "257\t206\t2\tpublishable\tBooks\n";
static const char hosts_text[] =
    "# source: us\n# date: 2026-11-24\n# licence: Apache-2.0\n"
    "a.com\t243\nb.com\t215,257\nads.b.com\tnone\nclinic.b.com\tdeny\nx.clinic.b.com\t243\n"
    "c.co.uk\t207\nlonger-name-of-a-site.example.net\t257\n";
static const char apps_text[] = "# source: them\ncom.a\t257\ncom.b.c.*\t243,257\ncom.b.c.d\tdeny\n";

enum { FILE_SIZE_MAX = 65536, SECTIONS_AT = 144, SECTIONS = 8, SUM_AT = 376 };

static char folder[] = "/tmp/clickveil-image.XXXXXX";
static char path[64], second_path[64];
static struct taxonomy *taxonomy;
static struct mistakes mistakes;
static struct error error;

static int prepare(void **state)
{
    (void)state;
    taxonomy = taxonomy_new("taxonomy.tsv", view_of_string(taxonomy_text), &mistakes, &error);
    if (taxonomy == NULL || mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/one.rules", folder);
    snprintf(second_path, sizeof(second_path), "%s/two.rules", folder);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    taxonomy_free(taxonomy);
    unlink(path);
    unlink(second_path);
    return rmdir(folder);
}

static struct rules *make(const char *hosts, const char *apps, unsigned depth, unsigned support)
{
    struct rule_source sources[2];
    struct rules_settings settings = {depth, support};
    unsigned count = 0;
    if (hosts != NULL)
        sources[count++] = (struct rule_source){RULE_FILE_HOSTS, "lists/hosts.tsv", view_of_string(hosts)};
    if (apps != NULL)
        sources[count++] = (struct rule_source){RULE_FILE_APPS, "lists/apps.tsv", view_of_string(apps)};
    memset(&mistakes, 0, sizeof(mistakes));
    struct rules *rules = rules_new(taxonomy, sources, count, &settings, &mistakes, &error);
    if (rules == NULL)
        fail_msg("%s", mistakes.count > 0 ? mistakes.items[0].text : error.what);
    return rules;
}

static bool put(void *context, const void *data, size_t size_bytes, struct error *why)
{
    return file_replace_write(context, data, size_bytes, why);
}

static void save(const struct rules *rules, const char *where)
{
    struct file_replace file;
    assert_true(file_replace_begin(&file, where, 0444, &error));
    assert_true(rule_image_write(rules, taxonomy, put, &file, &error));
    assert_true(file_replace_end(&file, &error));
}

static void compile(const char *hosts, const char *apps, const char *where)
{
    struct rules *rules = make(hosts, apps, 2, 1);
    save(rules, where);
    rules_free(rules);
}

static void write_bytes(const char *data, size_t size, const char *where)
{
    (void)unlink(where);
    FILE *file = fopen(where, "wb"); /* thousands of them: without the disk's leave */
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static struct rules *load_with(unsigned depth, unsigned support, unsigned files)
{
    const char *paths[] = {path, second_path, path};
    struct rules_settings settings = {depth, support};
    memset(&error, 0, sizeof(error));
    return rule_image_load(paths, files, taxonomy, &settings, &error);
}

static struct rules *load(void)
{
    struct rules *rules = load_with(2, 1, 1);
    if (rules == NULL)
        fail_msg("%s: %s", error.where, error.what);
    return rules;
}

/* The same rules, by their totals, one by one, and by what their look-ups say. */
static void expect_equal(const struct rules *a, const struct rules *b)
{
    static const enum rule_file_kind kinds[] = {RULE_FILE_HOSTS, RULE_FILE_APPS};
    assert_memory_equal(rules_totals(a), rules_totals(b), sizeof(struct rules_totals));
    for (unsigned i = 0; i < 2; i++) {
        size_t at_a = 0, at_b = 0;
        struct rule_answer rule_a, rule_b, found;
        while (rules_next(a, kinds[i], &at_a, &rule_a)) {
            assert_true(rules_next(b, kinds[i], &at_b, &rule_b));
            assert_true(rule_a.kind == rule_b.kind && view_equal(rule_a.key, rule_b.key));
            assert_int_equal(rule_a.interest_count, rule_b.interest_count);
            assert_memory_equal(rule_a.interests, rule_b.interests, 2 * rule_a.interest_count);
            found = kinds[i] == RULE_FILE_HOSTS ? rules_host(b, rule_a.key) : rules_app(b, rule_a.key);
            /* a prefix is no app */
            if (rule_a.key.data[rule_a.key.size - 1] != '.')
                assert_true(view_equal(found.key, rule_a.key));
        }
        assert_false(rules_next(b, kinds[i], &at_b, &rule_b));
    }
}

static void rule_image_says_what_the_lists_said(void **state)
{
    (void)state;
    static const struct {
        const char *hosts, *apps;
        unsigned depth, support;
        const char *why;
    } cases[] = {
        {hosts_text, apps_text, 2, 1, "both kinds"},
        {hosts_text, apps_text, 4, 2, "deeper, and with a guard that holds some back"},
        {hosts_text, NULL, 2, 1, "hosts alone"},
        {NULL, apps_text, 2, 1, "apps alone"},
        {"a.com\tdeny\n", NULL, 2, 1000, "one rule, nothing comes out"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rules *made = make(cases[i].hosts, cases[i].apps, cases[i].depth, cases[i].support);
        save(made, path);
        struct rules *loaded = load_with(cases[i].depth, cases[i].support, 1);
        if (loaded == NULL)
            fail_msg("%s: %s", cases[i].why, error.what);
        expect_equal(made, loaded);
        unsigned count_made, count_loaded;
        const struct rules_unsupported *unsupported = rules_unsupported(made, &count_made);
        const struct rules_unsupported *again = rules_unsupported(loaded, &count_loaded);
        assert_int_equal(count_made, count_loaded);
        assert_memory_equal(unsupported, again, count_made * sizeof(*unsupported));
        assert_true(view_equal(rules_lists(made), rules_lists(loaded)));
        assert_true(rule_image_verify(loaded, &error));
        assert_true(rules_are_whole(loaded));
        rules_free(made);
        rules_free(loaded);
    }
}

static void rule_image_keeps_what_the_lists_say_of_themselves(void **state)
{
    (void)state;
    compile(hosts_text, apps_text, path);
    struct rules *rules = load();
    assert_true(view_equal_string(rules_lists(rules), "apps\tapps.tsv\t3\tthem\t\t\n"
                                                      "hosts\thosts.tsv\t7\tus\t2026-11-24\tApache-2.0\n"));
    rules_free(rules);
}

static struct view read_file(const char *where)
{
    struct view bytes;
    assert_true(file_read(where, FILE_SIZE_MAX, &bytes, &error));
    return bytes;
}

static void rule_image_of_equal_lists_has_equal_bytes(void **state)
{
    (void)state;
    compile("# source: us\na.com\t243\nb.com\t257,207\nc.com\tdeny\n", apps_text, path);
    compile("# source: us\n\n# why\nc.com\tdeny\tnote\nB.com\t207,257\r\na.com\t243\n", apps_text,
            second_path);
    struct view one = read_file(path), two = read_file(second_path);
    assert_true(view_equal(one, two));
    assert_true(one.size % 64 == 0);
    file_free(one);
    file_free(two);
}

/* ---- damage ---- */

static void expect_refused(const char *data, size_t size, const char *why)
{
    write_bytes(data, size, path);
    struct rules *rules = load_with(2, 1, 1);
    if (rules != NULL)
        fail_msg("taken: %s", why);
    assert_string_equal(error.where, path);
    assert_int_equal(error.exit_status, EXIT_STATUS_CONFIGURATION);
}

static void rule_image_refuses_any_flipped_byte(void **state)
{
    (void)state;
    compile(hosts_text, apps_text, path);
    struct view bytes = read_file(path);
    char *damaged = malloc(bytes.size);
    assert_non_null(damaged);
    for (size_t at = 0; at < bytes.size; at++) {
        char why[32];
        snprintf(why, sizeof(why), "byte %zu", at);
        memcpy(damaged, bytes.data, bytes.size);
        damaged[at] ^= (char)(1 << at % 8);
        expect_refused(damaged, bytes.size, why);
    }
    free(damaged);
    file_free(bytes);
}

static void rule_image_refuses_any_other_length(void **state)
{
    (void)state;
    compile(hosts_text, apps_text, path);
    struct view bytes = read_file(path);
    char *longer = calloc(1, bytes.size + 64);
    assert_non_null(longer);
    memcpy(longer, bytes.data, bytes.size);
    for (size_t size = 1; size < bytes.size; size += size < 400 ? 1 : 37)
        expect_refused(longer, size, "cut off");
    expect_refused(longer, bytes.size - 1, "a byte is missing");
    expect_refused(longer, bytes.size + 1, "a byte too many");
    expect_refused(longer, bytes.size + 64, "zeros behind it");
    free(longer);
    file_free(bytes);
}

/* Whatever the checksums say: nothing leads a look-up out of the file. */

static uint64_t sum_of(const char *data, size_t size)
{
    struct xxhash hash;
    xxhash_init(&hash);
    xxhash_add(&hash, data, size);
    return xxhash_end(&hash);
}

static void get_section(const char *data, unsigned section, uint64_t *out_offset, uint64_t *out_size)
{
    memcpy(out_offset, data + SECTIONS_AT + 24 * section, 8);
    memcpy(out_size, data + SECTIONS_AT + 24 * section + 8, 8);
}

static void sum_again(char *data)
{
    for (unsigned section = 0; section < SECTIONS; section++) {
        uint64_t offset, size;
        get_section(data, section, &offset, &size);
        uint64_t sum = sum_of(data + offset, (size + 63) / 64 * 64);
        memcpy(data + SECTIONS_AT + 24 * section + 16, &sum, 8);
    }
    uint64_t sum = sum_of(data, SUM_AT);
    memcpy(data + SUM_AT, &sum, 8);
}

struct forgery {
    int section; /* -1: the head */
    size_t at;
    uint32_t value;
    unsigned size;
    const char *why;
};

static void rule_image_refuses_what_contradicts_itself(void **state)
{
    (void)state;
    static const struct forgery forgeries[] = {
        {-1, 8, 2, 4, "another version"},
        {-1, 8, 0, 4, "version zero"},
        {-1, 12, 0x04030201, 4, "another byte order"},
        {-1, 32, 8, 4, "fewer hosts than there are"},
        {-1, 32, 6, 4, "one host fewer"},
        {-1, 40, 0, 4, "no apps, though there are"},
        {-1, 48, 0, 4, "another taxonomy"},
        {-1, SECTIONS_AT, 448, 4, "a section that begins later"},
        {-1, SECTIONS_AT + 8, 0, 4, "a section without bytes"},
        {-1, SECTIONS_AT + 12, 0xffffffff, 4, "a section of exabytes"},
        {0, 0, 4, 4, "a first group that begins later"},
        {0, 8, 0xffffffff, 4, "a group that lies outside the file"},
        {0, 8, 3, 4, "a group that begins in another"},
        {0, 4, 0, 4, "a group behind an empty filter"},
        {1, 0, 0, 2, "a group of no records"},
        {1, 0, 0xffff, 2, "a group of more records than there are"},
        {2, 0, 0xffffffff, 4, "an order that leads out of the file"},
        {2, 0, 0, 4, "an order that leads to no record"},
        {-1, 32, 0xffffffff, 4, "four thousand million hosts"},
    };
    compile(hosts_text, apps_text, path);
    struct view bytes = read_file(path);
    char *forged = malloc(bytes.size);
    assert_non_null(forged);
    memcpy(forged, bytes.data, bytes.size);
    sum_again(forged);
    assert_memory_equal(forged, bytes.data, bytes.size); /* else the cases below show nothing */
    for (unsigned i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
        uint64_t offset = 0, size;
        memcpy(forged, bytes.data, bytes.size);
        if (forgeries[i].section >= 0)
            get_section(forged, (unsigned)forgeries[i].section, &offset, &size);
        memcpy(forged + offset + forgeries[i].at, &forgeries[i].value, forgeries[i].size);
        if (forgeries[i].at < SECTIONS_AT || forgeries[i].section >= 0)
            sum_again(forged);
        else {
            uint64_t sum = sum_of(forged, SUM_AT);
            memcpy(forged + SUM_AT, &sum, 8);
        }
        expect_refused(forged, bytes.size, forgeries[i].why);
    }
    free(forged);
    file_free(bytes);
}

/* A file of one rule: its group has a head of 4 bytes, and its record is `kind, 5, 1, 1, "a.com", 0, interest`. */
static void rule_image_refuses_a_record_that_is_none(void **state)
{
    (void)state;
    static const struct forgery forgeries[] = {
        {1, 4, 0, 1, "of no kind"},
        {1, 4, 5, 1, "of an unknown kind"},
        {1, 4, 4, 1, "unsupported, with an interest"},
        {1, 5, 0, 1, "with a key of no bytes"},
        {1, 5, 255, 1, "with a key that is longer than its record"},
        {1, 6, 0, 1, "with interests, but none"},
        {1, 6, 2, 1, "with more interests than there is room for"},
        {1, 7, 255, 1, "with room up to behind the end"},
        {1, 7, 3, 1, "with room for one more than it has"},
        {2, 0, 2, 4, "whose place is in its middle"},
    };
    compile("a.com\t243\n", NULL, path);
    struct view bytes = read_file(path);
    char forged[1024];
    assert_true(bytes.size <= sizeof(forged));
    for (unsigned i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
        uint64_t offset, size;
        memcpy(forged, bytes.data, bytes.size);
        get_section(forged, (unsigned)forgeries[i].section, &offset, &size);
        memcpy(forged + offset + forgeries[i].at, &forgeries[i].value, forgeries[i].size);
        sum_again(forged);
        expect_refused(forged, bytes.size, forgeries[i].why);
    }
    file_free(bytes);
}

static void rule_image_lets_nothing_out_that_the_taxonomy_holds_back(void **state)
{
    (void)state;
    static const uint16_t interests[] = {219, 215, 206, 9999, 0};
    compile("a.com\t243\n", NULL, path);
    struct view bytes = read_file(path);
    char forged[1024];
    uint64_t offset, size;
    assert_true(bytes.size <= sizeof(forged));
    for (unsigned i = 0; i < 5; i++) {
        memcpy(forged, bytes.data, bytes.size);
        get_section(forged, 1, &offset, &size);
        memcpy(forged + offset + 4 + 4 + 6, &interests[i], 2); /* behind two heads, `a.com` and a zero */
        sum_again(forged);
        expect_refused(forged, bytes.size, "sensitive, too deep, refused, unknown, zero");
    }
    file_free(bytes);
}

/* Change bits of a byte of the records, with sums that fit: it loads, and verify says `words`. */
static void expect_verify_refuses(unsigned at, unsigned char bits, const char *words)
{
    compile("b.com\tdeny\n", NULL, path);
    struct view bytes = read_file(path);
    char forged[1024];
    uint64_t offset, size;
    assert_true(bytes.size <= sizeof(forged));
    memcpy(forged, bytes.data, bytes.size);
    get_section(forged, 1, &offset, &size);
    assert_int_equal(forged[offset + 4], RULE_DENY);
    forged[offset + at] ^= (char)bits;
    sum_again(forged);
    write_bytes(forged, bytes.size, path);
    struct rules *rules = load();
    assert_false(rule_image_verify(rules, &error));
    assert_non_null(strstr(error.what, words));
    rules_free(rules);
    file_free(bytes);
}

static void rule_image_verify_sees_a_digest_that_is_not_theirs(void **state)
{
    (void)state;
    expect_verify_refuses(4, RULE_DENY ^ RULE_NONE, "digest"); /* its kind */
}

static void rule_image_verify_sees_a_rule_that_can_not_be_found(void **state)
{
    (void)state;
    expect_verify_refuses(2, 1, "can't be found"); /* its tag */
}

/* ---- what it was compiled for ---- */

static void rule_image_refuses_other_settings(void **state)
{
    (void)state;
    static const char other[] = "206\t0\t1\trefused\tInterest\n207\t206\t2\tpublishable\tAcademic Interests\n"
                                "243\t206\t2\tsensitive\tAutomotive\n257\t206\t2\tpublishable\tBooks\n";
    const char *paths[] = {path};
    compile("a.com\t243\n", NULL, path);
    assert_null(load_with(3, 1, 1));
    assert_non_null(strstr(error.what, "--depth 2"));
    assert_null(load_with(2, 5, 1));
    assert_non_null(strstr(error.what, "--support 1"));
    struct rules *rules = rule_image_load(paths, 1, taxonomy, NULL, &error);
    assert_non_null(rules); /* who only looks takes them as they are */
    rules_free(rules);
    struct taxonomy *another = taxonomy_new("other.tsv", view_of_string(other), &mistakes, &error);
    assert_non_null(another);
    assert_null(rule_image_load(paths, 1, another, NULL, &error));
    assert_non_null(strstr(error.what, "another taxonomy"));
    taxonomy_free(another);
    char commented[sizeof(taxonomy_text) + 16];
    snprintf(commented, sizeof(commented), "# why\n\n%s", taxonomy_text);
    another = taxonomy_new("same.tsv", view_of_string(commented), &mistakes, &error);
    assert_non_null(another);
    rules = rule_image_load(paths, 1, another, NULL, &error);
    assert_non_null(rules); /* the same rows, written otherwise */
    rules_free(rules);
    taxonomy_free(another);
}

static void rule_image_of_hosts_and_one_of_apps_are_one(void **state)
{
    (void)state;
    compile(hosts_text, NULL, path);
    compile(NULL, apps_text, second_path);
    struct rules *both = make(hosts_text, apps_text, 2, 1);
    struct rules *joined = load_with(2, 1, 2);
    assert_non_null(joined);
    expect_equal(both, joined);
    assert_true(rule_image_verify(joined, &error));
    rules_free(joined);
    compile(NULL, apps_text, path);
    compile(hosts_text, NULL, second_path);
    joined = load_with(2, 1, 2);
    assert_non_null(joined);
    expect_equal(both, joined);
    rules_free(joined);
    rules_free(both);
}

static void rule_image_refuses_files_that_do_not_go_together(void **state)
{
    (void)state;
    static const struct {
        const char *hosts[2], *apps[2];
        unsigned depth;
        const char *says;
    } cases[] = {
        {{hosts_text, "z.com\t243\n"}, {NULL, NULL}, 2, "both compiled rule files have rules for hosts"},
        {{NULL, NULL}, {apps_text, "com.z\t243\n"}, 2, "both compiled rule files have rules for apps"},
        {{hosts_text, NULL}, {apps_text, apps_text}, 2, "both kinds"},
        {{NULL, hosts_text}, {apps_text, apps_text}, 2, "both compiled rule files have rules for apps"},
        {{hosts_text, NULL}, {NULL, apps_text}, 3, "--depth"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        compile(cases[i].hosts[0], cases[i].apps[0], path);
        struct rules *rules = make(cases[i].hosts[1], cases[i].apps[1], cases[i].depth, 1);
        save(rules, second_path);
        rules_free(rules);
        assert_null(load_with(2, 1, 2));
        if (strstr(error.what, cases[i].says) == NULL)
            fail_msg("%s instead of %s", error.what, cases[i].says);
    }
    assert_null(load_with(2, 1, 3));
    assert_non_null(strstr(error.what, "3 compiled rule files"));
}

/* ---- by way of the options ---- */

static void rule_load_takes_compiled_rules_instead_of_lists(void **state)
{
    (void)state;
    char taxonomy_path[80];
    snprintf(taxonomy_path, sizeof(taxonomy_path), "%s/taxonomy.tsv", folder);
    write_bytes(taxonomy_text, sizeof(taxonomy_text) - 1, taxonomy_path);
    compile(hosts_text, apps_text, path);
    struct view item = view_of_string(path);
    struct classify_options options = {.rules = {.items = &item, .count = 1},
                                       .taxonomy = view_of_string(taxonomy_path),
                                       .depth = 2,
                                       .support = 1};
    struct rule_load *loading = calloc(1, sizeof(*loading));
    assert_non_null(loading);
    struct rules *rules = rule_load(&options, loading, NULL, &error);
    assert_non_null(rules);
    assert_int_equal(rules_host(rules, VIEW("www.a.com")).interests[0], 243);
    rules_free(rules);
    options.support = 5;
    assert_null(rule_load(&options, loading, NULL, &error));
    assert_int_equal(loading->mistakes.count, 1);
    options.depth = options.support = 0;
    rules = rule_load(&options, loading, NULL, &error);
    assert_non_null(rules);
    rules_free(rules);
    options.hosts = options.rules;
    assert_null(rule_load(&options, loading, NULL, &error));
    assert_non_null(strstr(loading->mistakes.items[0].text, "stand alone"));
    options.rules.count = 0;
    options.depth = options.support = 1;
    assert_null(rule_load(&options, loading, NULL, &error));
    assert_non_null(strstr(loading->mistakes.items[0].text, "compiled rule file, no list"));
    free(loading);
    unlink(taxonomy_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_image_says_what_the_lists_said),
        cmocka_unit_test(rule_image_keeps_what_the_lists_say_of_themselves),
        cmocka_unit_test(rule_image_of_equal_lists_has_equal_bytes),
        cmocka_unit_test(rule_image_refuses_any_flipped_byte),
        cmocka_unit_test(rule_image_refuses_any_other_length),
        cmocka_unit_test(rule_image_refuses_what_contradicts_itself),
        cmocka_unit_test(rule_image_refuses_a_record_that_is_none),
        cmocka_unit_test(rule_image_lets_nothing_out_that_the_taxonomy_holds_back),
        cmocka_unit_test(rule_image_verify_sees_a_digest_that_is_not_theirs),
        cmocka_unit_test(rule_image_verify_sees_a_rule_that_can_not_be_found),
        cmocka_unit_test(rule_image_refuses_other_settings),
        cmocka_unit_test(rule_image_of_hosts_and_one_of_apps_are_one),
        cmocka_unit_test(rule_image_refuses_files_that_do_not_go_together),
        cmocka_unit_test(rule_load_takes_compiled_rules_instead_of_lists),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
