/* clickveil rules compile: makes of rule lists the one file that `classify.rules` maps. */
#include "commands/rules.h"

#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/rules_print.h"
#include "common/file_replace.h"
#include "common/json_writer.h"
#include "stages/classify/rule_image.h"
#include "stages/classify/rule_load.h"
#include "stages/classify/support.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    /* Nobody needs to write into it, and who tries is told so: it is mapped, and replaced by renaming. */
    OUTPUT_MODE = 0444,
    LIST_FIELDS = 6,
    JSON_ROOM = 4096,
};

static const struct argument_table *table_of(void);

static struct wish {
    const char *taxonomy, *depth, *support, *output;
    struct argument_list app_lists;
    bool apps, json;
} wish;

/* What is compiled. */
struct compilation {
    struct view paths[2 * ARGUMENT_LIST_MAX];
    struct classify_options options;
    struct rule_load load;
    struct taxonomy *taxonomy;
    struct rules *rules;
    uint64_t size_bytes;
};

/* ---- the command line ---- */

static bool number(const char *text, uint64_t least, uint64_t most, int64_t otherwise, int64_t *out_number)
{
    uint64_t given = (uint64_t)otherwise;
    if (text != NULL && (!argument_count(text, &given) || given < least || given > most))
        return false;
    *out_number = (int64_t)given;
    return true;
}

/* False: said on standard error. */
static bool read_wish(struct compilation *compilation, char **inputs, unsigned input_count)
{
    struct classify_options *options = &compilation->options;
    unsigned count = 0;
    const char *wrong = NULL;
    if (wish.output == NULL)
        wrong = "--output is missing";
    else if (!number(wish.depth, RULE_LOAD_DEPTH_LEAST, RULE_LOAD_DEPTH_MOST, RULE_LOAD_DEPTH_DEFAULT,
                     &options->depth))
        wrong = "--depth is a tier from 2 to 6";
    else if (!number(wish.support, 1, SUPPORT_LEAST_MAX, RULE_LOAD_SUPPORT_DEFAULT, &options->support))
        wrong = "--support is a number from 1 to 1000";
    else if (wish.apps && wish.app_lists.count > 0)
        wrong = "with --apps every INPUT is a list of apps: --app-list is for lists of apps beside lists of "
                "hosts";
    else if (input_count + wish.app_lists.count > RULE_LOAD_FILES_MAX)
        wrong = "more than 64 lists";
    if (wrong != NULL) {
        (void)argument_wrong(table_of(), "%s", wrong);
        return false;
    }
    for (; count < input_count; count++)
        compilation->paths[count] = view_of_string(inputs[count]);
    for (unsigned i = 0; i < wish.app_lists.count; i++)
        compilation->paths[count + i] = view_of_string(wish.app_lists.texts[i]);
    struct option_list given = {.items = compilation->paths, .count = input_count};
    options->hosts = wish.apps ? (struct option_list){0} : given;
    options->apps =
        wish.apps ? given
                  : (struct option_list){.items = compilation->paths + count, .count = wish.app_lists.count};
    options->taxonomy = view_of_string(wish.taxonomy);
    return true;
}

/* ---- the file ---- */

static bool write_piece(void *context, const void *data, size_t size_bytes, struct error *error)
{
    return file_replace_write(context, data, size_bytes, error);
}

static bool write_file(struct compilation *compilation, struct error *error)
{
    struct file_replace file;
    if (!file_replace_begin(&file, wish.output, OUTPUT_MODE, error))
        return false;
    if (!rule_image_write(compilation->rules, compilation->taxonomy, write_piece, &file, error)) {
        file_replace_give_up(&file);
        return false;
    }
    compilation->size_bytes = file.size_bytes;
    return file_replace_end(&file, error);
}

/* ---- what is said ---- */

/* The fields of the next line of rules_lists: kind, name, rows, source, date, licence. False: there is none. */
static bool next_list(struct view *rest, struct view out_fields[LIST_FIELDS])
{
    if (rest->size == 0)
        return false;
    for (unsigned i = 0; i < LIST_FIELDS; i++) {
        char end = i + 1 < LIST_FIELDS ? '\t' : '\n';
        const char *at = memchr(rest->data, end, rest->size);
        ensure(at != NULL); /* made by list_head.c */
        size_t size = (size_t)(at - rest->data);
        out_fields[i] = (struct view){rest->data, size};
        *rest = (struct view){at + 1, rest->size - size - 1};
    }
    return true;
}

static void warn_of_heads(const struct rules *rules)
{
    static const char *const names[] = {"source", "date", "licence"};
    struct view rest = rules_lists(rules), fields[LIST_FIELDS];
    while (next_list(&rest, fields)) {
        for (unsigned i = 0; i < 3; i++) {
            if (fields[3 + i].size == 0)
                fprintf(stderr, "%.*s: warning: no comment line `# %s: ...` at its top\n",
                        (int)fields[1].size, fields[1].data, names[i]);
        }
    }
}

static void warn_of_support(const struct compilation *compilation)
{
    unsigned count;
    const struct rules_unsupported *unsupported = rules_unsupported(compilation->rules, &count);
    for (unsigned i = 0; i < count; i++) {
        struct view name = taxonomy_name(compilation->taxonomy, unsupported[i].interest);
        fprintf(stderr, "warning: interest %u (%.*s) has %u sites and apps behind it, fewer than %u: ",
                (unsigned)unsupported[i].interest, (int)name.size, name.data, unsupported[i].backers,
                (unsigned)compilation->options.support);
        if (unsupported[i].result == 0)
            fputs("it is dropped\n", stderr);
        else
            fprintf(stderr, "it counts as %u\n", (unsigned)unsupported[i].result);
    }
}

static void print_text(const struct compilation *compilation)
{
    const struct rules_totals *totals = rules_totals(compilation->rules);
    uint64_t rules = totals->hosts + totals->apps;
    struct view rest = rules_lists(compilation->rules), fields[LIST_FIELDS];
    printf("%s: %llu rules on hosts, %llu on apps, %llu interests; %llu bytes, %.1f a rule\n", wish.output,
           (unsigned long long)totals->hosts, (unsigned long long)totals->apps,
           (unsigned long long)totals->interests, (unsigned long long)compilation->size_bytes,
           (double)compilation->size_bytes / (double)rules);
    printf("digest   %016llx\n", (unsigned long long)totals->digest);
    while (next_list(&rest, fields))
        printf("%-8.*s %.*s: %.*s rows; source: %.*s; date: %.*s; licence: %.*s\n", (int)fields[0].size,
               fields[0].data, (int)fields[1].size, fields[1].data, (int)fields[2].size, fields[2].data,
               (int)fields[3].size, fields[3].data, (int)fields[4].size, fields[4].data, (int)fields[5].size,
               fields[5].data);
}

static void write_lists(struct json_writer *writer, const struct rules *rules)
{
    struct view rest = rules_lists(rules), fields[LIST_FIELDS];
    json_writer_name(writer, "lists");
    json_writer_open_array(writer);
    while (next_list(&rest, fields)) {
        char rows[32];
        snprintf(rows, sizeof(rows), "%.*s", (int)fields[2].size, fields[2].data);
        json_writer_open_object(writer);
        json_writer_member_string(writer, "kind", fields[0]);
        json_writer_member_string(writer, "name", fields[1]);
        json_writer_member_unsigned(writer, "rows", strtoull(rows, NULL, 10));
        json_writer_member_string(writer, "source", fields[3]);
        json_writer_member_string(writer, "date", fields[4]);
        json_writer_member_string(writer, "licence", fields[5]);
        json_writer_close_object(writer);
    }
    json_writer_close_array(writer);
}

static void write_unsupported(struct json_writer *writer, const struct rules *rules)
{
    unsigned count;
    const struct rules_unsupported *unsupported = rules_unsupported(rules, &count);
    json_writer_name(writer, "unsupported");
    json_writer_open_array(writer);
    for (unsigned i = 0; i < count; i++) {
        json_writer_open_object(writer);
        json_writer_member_unsigned(writer, "interest", unsupported[i].interest);
        json_writer_member_unsigned(writer, "backers", unsupported[i].backers);
        json_writer_member_unsigned(writer, "becomes", unsupported[i].result);
        json_writer_close_object(writer);
    }
    json_writer_close_array(writer);
}

static bool print_json(const struct compilation *compilation, struct error *error)
{
    const struct rules_totals *totals = rules_totals(compilation->rules);
    struct json_writer writer;
    char digest[17];
    /* a byte of text is six of JSON at most */
    size_t size = JSON_ROOM + 6 * (strlen(wish.output) + rules_lists(compilation->rules).size) +
                  128 * totals->unsupported + 128 * (size_t)RULE_LOAD_FILES_MAX;
    char *buffer = malloc(size);
    if (buffer == NULL)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory for the answer");
    snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)totals->digest);
    json_writer_init(&writer, buffer, size);
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "output", view_of_string(wish.output));
    json_writer_member_unsigned(&writer, "size_bytes", compilation->size_bytes);
    json_writer_member_unsigned(&writer, "hosts", totals->hosts);
    json_writer_member_unsigned(&writer, "apps", totals->apps);
    json_writer_member_unsigned(&writer, "interests", totals->interests);
    json_writer_member_string(&writer, "digest", view_of_string(digest));
    json_writer_member_integer(&writer, "depth", compilation->options.depth);
    json_writer_member_integer(&writer, "support", compilation->options.support);
    write_lists(&writer, compilation->rules);
    write_unsupported(&writer, compilation->rules);
    json_writer_close_object(&writer);
    ensure(!writer.overflow);
    printf("%.*s\n", (int)writer.size, writer.data);
    free(buffer);
    return true;
}

static bool print(const struct compilation *compilation, struct error *error)
{
    warn_of_heads(compilation->rules);
    warn_of_support(compilation);
    if (!wish.json)
        print_text(compilation);
    else if (!print_json(compilation, error))
        return false;
    return rules_flush(error);
}

/* ---- the whole ---- */

/* What is wrong with a list is bad data here, and no configuration that is bad. */
static int say_mistakes(const struct mistakes *mistakes)
{
    rules_print_mistakes(mistakes);
    if (mistakes->count > MISTAKES_MAX)
        fprintf(stderr, "and %u more mistakes\n", mistakes->count - MISTAKES_MAX);
    fputs("clickveil rules compile: the lists have mistakes, nothing was written\n", stderr);
    return EXIT_STATUS_DATA;
}

static int compile(struct compilation *compilation)
{
    struct error error = {0};
    compilation->rules = rule_load(&compilation->options, &compilation->load, &compilation->taxonomy, &error);
    if (compilation->rules == NULL && compilation->load.mistakes.count > 0)
        return say_mistakes(&compilation->load.mistakes);
    if (compilation->rules == NULL || !write_file(compilation, &error) || !print(compilation, &error))
        return argument_failure("rules compile", &error);
    return EXIT_STATUS_DONE;
}

static const struct argument_table *table_of(void)
{
    static const struct argument options[] = {
        {.name = "apps",
         .letter = 'a',
         .flag = &wish.apps,
         .help = "every INPUT is a list of apps, not of hosts"},
        {.name = "app-list",
         .value = "FILE",
         .list = &wish.app_lists,
         .help = "a list of apps beside the hosts of INPUT, for one file with both; may come again"},
        {.name = "taxonomy",
         .letter = 't',
         .value = "FILE",
         .text = &wish.taxonomy,
         .help = "the taxonomy in which interests are named; by default the one that the product ships"},
        {.name = "depth",
         .letter = 'd',
         .value = "N",
         .text = &wish.depth,
         .help = "deepest tier that is published, 2 to 6; 2 by default"},
        {.name = "support",
         .letter = 'm',
         .value = "M",
         .text = &wish.support,
         .help = "fewest sites and apps behind an interest, 1 to 1000; 5 by default"},
        {.name = "output",
         .letter = 'o',
         .value = "FILE",
         .text = &wish.output,
         .help = "the file to be made"},
        {.name = "json", .letter = 'j', .flag = &wish.json, .help = "print one object of JSON"},
        {0},
    };
    static const struct argument_table table = {
        .command = "rules compile",
        .usage = "[--apps] [--app-list FILE]... [--taxonomy FILE] [--depth N] [--support M] --output FILE "
                 "INPUT...",
        .about = "Makes of rule lists one file for `classify.rules`, which is mapped instead of being read. "
                 "Equal lists "
                 "give equal bytes, in whatever order they are named.",
        .arguments = options,
        .operands_min = 1,
        .operands_max = RULE_LOAD_FILES_MAX,
        .notes = "The support guard counts the backers in all lists of one compilation: compile hosts and "
                 "apps together. "
                 "The old file stays until the new one is whole, and a running pipeline takes it by itself.",
    };
    return &table;
}

int rules_compile(int argc, char **argv)
{
    int operand;
    wish = (struct wish){.output = NULL};
    enum argument_result parsed = argument_parse(table_of(), argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    struct compilation *compilation = calloc(1, sizeof(*compilation));
    if (compilation == NULL) {
        fputs("clickveil rules compile: no memory\n", stderr);
        return EXIT_STATUS_UNAVAILABLE;
    }
    int status = EXIT_STATUS_USAGE;
    if (read_wish(compilation, argv + operand, (unsigned)(argc - operand)))
        status = compile(compilation);
    rules_free(compilation->rules);
    taxonomy_free(compilation->taxonomy);
    free(compilation);
    return status;
}
