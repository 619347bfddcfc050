/*
 * clickveil rules import: a foreign list becomes a rule file, and a published taxonomy the table that rules name.
 *
 * Design. Rows are read one by one into 24 bytes and their key each (import_rows.h), sorted, merged and written beside the
 * output, which takes its place only when all went well. What a row cannot be is counted by reason and shown; the counts
 * add up to what was read, or the process stops by its own ensure(). The output holds no time of its own: the same input
 * gives the same bytes.
 */
#include "commands/rules.h"

#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/import_folder.h"
#include "commands/import_key.h"
#include "commands/import_output.h"
#include "common/clock.h"
#include "common/date.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DAY_S = 86400 };

static const char *format_text, *mapping_path, *hosts_path, *output_path, *source_text, *date_text,
    *licence_text;
static const char *columns_text, *show_text;
static bool has_header, strict, as_json;

static const struct argument arguments[] = {
    {.name = "format",
     .value = "tsv|csv|override|ut1|taxonomy",
     .text = &format_text,
     .help = "how INPUT is written"},
    {.name = "mapping",
     .letter = 'm',
     .value = "FILE",
     .text = &mapping_path,
     .help = "what each category of the list becomes: TSV of category and interests, none or deny (of a "
             "taxonomy: "
             "publishable, none or deny). Without one the list must have such words itself; for the "
             "taxonomies of IAB "
             "Tech Lab the one that is shipped is taken"},
    {.name = "hosts",
     .value = "FILE",
     .text = &hosts_path,
     .help = "of an override list: hosts, one a line, among which its keys are looked for"},
    {.name = "output", .letter = 'o', .value = "FILE", .text = &output_path, .help = "where the rules go"},
    {.name = "columns",
     .value = "KEY,CATEGORY",
     .text = &columns_text,
     .help = "of tsv and csv: which columns count, from 1; others may stand beside them. Without it there "
             "are two"},
    {.name = "header", .flag = &has_header, .help = "of tsv and csv: the first row names the columns"},
    {.name = "source",
     .value = "TEXT",
     .text = &source_text,
     .help =
         "where the list is from, for the head of the output; what the list's own head says unless given"},
    {.name = "date",
     .value = "YYYY-MM-DD|today",
     .text = &date_text,
     .help = "of the list; what its head says unless given, else when its file was written"},
    {.name = "licence", .value = "TEXT", .text = &licence_text, .help = "of the list, likewise"},
    {.name = "strict",
     .flag = &strict,
     .help = "write nothing when a row is malformed, or its category or its host is not known"},
    {.name = "show",
     .value = "N",
     .text = &show_text,
     .help = "how many rows of each kind that are left out are shown, 5 unless given, at most 1000"},
    {.name = "json", .flag = &as_json, .help = "the summary as JSON"},
    {0},
};

static const struct argument_table table = {
    .command = "rules import",
    .usage = "--format FORMAT [--mapping FILE] [--hosts FILE] --output FILE INPUT|-",
    .about =
        "Turns a list of others into a rule file that `clickveil rules compile` reads: rows of a host and a "
        "category "
        "(tsv, csv), override lists whose keys are hosts with spaces for -, _, . and + (override), a folder "
        "with "
        "a folder for each category and in it domains and urls (ut1), or one of IAB Tech Lab's taxonomies "
        "(taxonomy). No row is lost without a word: each is written, merged with another of its key, or "
        "counted "
        "by what is wrong with it and shown with its line.",
    .arguments = arguments,
    .operands_min = 1,
    .operands_max = 1,
    .notes = "Exit status: 0 written; 64 wrong use; 65 nothing in the list could be written, or --strict "
             "found something; "
             "74 reading or writing failed; 78 the mapping has mistakes. docs/rules-import.md has an example "
             "of each.",
};

struct importing {
    struct import import;
    struct view mapping_bytes, taxonomy_bytes;
    struct import_mapping *mapping;
    struct import_taxonomy *taxonomy;
    char mapping_found[FILE_PATH_SIZE];
    const char *mapping_path;
    struct import_output output;
    char file_date[16];
};

/* ---- the command line ---- */

static enum import_format format_of(const char *text)
{
    static const struct {
        const char *name;
        enum import_format format;
    } formats[] = {{"tsv", IMPORT_FORMAT_TSV},
                   {"csv", IMPORT_FORMAT_CSV},
                   {"override", IMPORT_FORMAT_OVERRIDE},
                   {"ut1", IMPORT_FORMAT_UT1},
                   {"taxonomy", IMPORT_FORMAT_TAXONOMY}};
    for (unsigned i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(text, formats[i].name) == 0)
            return formats[i].format;
    }
    return IMPORT_FORMAT_UNKNOWN;
}

static bool read_column(const char **text, unsigned *out_column)
{
    char *end;
    if (**text < '1' || **text > '9')
        return false;
    unsigned long column = strtoul(*text, &end, 10);
    if (column > IMPORT_CSV_FIELDS_MAX)
        return false;
    *text = end;
    *out_column = (unsigned)column - 1;
    return true;
}

static bool read_columns(const char *text, struct import *import)
{
    return read_column(&text, &import->key_column) && *text++ == ',' &&
           read_column(&text, &import->category_column) && *text == '\0' &&
           import->key_column != import->category_column;
}

/* What goes into a comment of the output. */
static bool is_line(const char *text)
{
    enum import_fault fault;
    const char *why;
    struct view line = view_of_string(text);
    return line.size > 0 && line.size < IMPORT_HEAD_SIZE && !memchr(line.data, '\t', line.size) &&
           import_text_clean(line, &fault, &why);
}

static void write_date(int64_t time_s, char out_date[16])
{
    struct date date = date_of_days(date_floor_divide(time_s, DAY_S));
    snprintf(out_date, 16, "%04d-%02d-%02d", (int)date.year % 10000, date.month % 100, date.day % 100);
}

/* 2026-11-24, and there is such a day. */
static bool is_date(const char *text)
{
    int number[3] = {0};
    static const char form[] = "0000-00-00";
    if (strlen(text) != sizeof form - 1)
        return false;
    for (unsigned i = 0, part = 0; form[i]; i++) {
        if (form[i] == '-') {
            part++;
            if (text[i] != '-')
                return false;
        } else if (text[i] < '0' || text[i] > '9') {
            return false;
        } else {
            number[part] = number[part] * 10 + (text[i] - '0');
        }
    }
    return number[1] >= 1 && number[1] <= 12 && number[2] >= 1 &&
           number[2] <= date_month_days(number[0], number[1]);
}

static int read_texts(struct importing *importing)
{
    struct import *import = &importing->import;
    uint64_t show = IMPORT_SHOWN_DEFAULT;
    if (!format_text || !output_path)
        return argument_wrong(&table, "--%s is missing", format_text ? "output" : "format");
    import->format = format_of(format_text);
    bool columns = import->format == IMPORT_FORMAT_TSV || import->format == IMPORT_FORMAT_CSV;
    if (import->format == IMPORT_FORMAT_UNKNOWN)
        return argument_wrong(&table, "--format is tsv, csv, override, ut1 or taxonomy");
    if ((import->format == IMPORT_FORMAT_OVERRIDE) != (hosts_path != NULL))
        return argument_wrong(&table, hosts_path
                                          ? "--hosts is for an override list"
                                          : "an override list wants --hosts: its keys are looked for there");
    if (import->format == IMPORT_FORMAT_UT1 && !mapping_path)
        return argument_wrong(&table, "a folder of categories wants --mapping");
    if ((columns_text || has_header) && !columns)
        return argument_wrong(&table, "--columns and --header are for tsv and csv");
    import->key_column = 0;
    import->category_column = 1;
    if (columns_text && !read_columns(columns_text, import))
        return argument_wrong(&table, "--columns wants two numbers from 1 to %d, such as 1,3",
                              IMPORT_CSV_FIELDS_MAX);
    import->any_columns = columns_text != NULL;
    import->has_header = has_header;
    if ((source_text && !is_line(source_text)) || (licence_text && !is_line(licence_text)))
        return argument_wrong(&table, "--source and --licence are a line of 1 to %d bytes each",
                              IMPORT_HEAD_SIZE - 1);
    if (date_text && strcmp(date_text, "today") != 0 && !is_date(date_text))
        return argument_wrong(&table, "--date is a day such as 2026-11-24, or today");
    if (show_text && (!argument_count(show_text, &show) || show > IMPORT_SHOWN_MAX))
        return argument_wrong(&table, "--show is a number from 0 to %d", IMPORT_SHOWN_MAX);
    import->report.shown_max = (unsigned)show;
    return 0;
}

/* ---- what goes in ---- */

static bool read_mapping(struct importing *importing, const char *path, struct error *error)
{
    struct mistakes *mistakes = calloc(1, sizeof *mistakes);
    ensure(mistakes != NULL);
    bool taxonomy = importing->import.format == IMPORT_FORMAT_TAXONOMY;
    importing->mapping_path = path;
    bool fine = file_read(path, IMPORT_MAPPING_SIZE_MAX, &importing->mapping_bytes, error);
    if (fine) {
        importing->mapping = import_mapping_new(taxonomy ? IMPORT_MAPPING_TAXONOMY : IMPORT_MAPPING_RULES,
                                                path, importing->mapping_bytes, mistakes, error);
        fine = importing->mapping != NULL;
    }
    for (unsigned i = 0; i < mistakes->count && i < MISTAKES_MAX; i++)
        fprintf(stderr, "%s:%u:%u: error: %s\n", path, mistakes->items[i].line,
                mistakes->items[i].column ? mistakes->items[i].column : 1, mistakes->items[i].text);
    if (mistakes->count > 0)
        fine = error_fail(error, EXIT_STATUS_CONFIGURATION, path, "mend it; nothing was read",
                          "the mapping has %u mistake%s", mistakes->count, mistakes->count == 1 ? "" : "s");
    free(mistakes);
    return fine;
}

static bool read_hosts(struct import *import, struct error *error)
{
    uint64_t good, bad;
    import->hosts = import_rows_new(IMPORT_ORDER_FOLDED, error);
    if (!import->hosts || !import_hosts_read(import->hosts, hosts_path, &good, &bad, error))
        return false;
    if (bad > 0)
        import_report_note(&import->report, "%s: %" PRIu64 " of %" PRIu64 " lines name no host", hosts_path,
                           bad, good + bad);
    if (good > 0)
        return true;
    return error_fail(error, EXIT_STATUS_DATA, hosts_path, "give hosts, one a line",
                      "no line of it names a host");
}

static bool read_taxonomy(struct importing *importing, const char *path, const char *name,
                          struct error *error)
{
    if (!file_read(path, IMPORT_TAXONOMY_SIZE_MAX, &importing->taxonomy_bytes, error))
        return false;
    const char *shipped = mapping_path ? NULL : import_taxonomy_mapping(importing->taxonomy_bytes);
    if (shipped && (!file_find_data(shipped, importing->mapping_found, error) ||
                    !read_mapping(importing, importing->mapping_found, error)))
        return false;
    importing->taxonomy = import_taxonomy_new(name, importing->taxonomy_bytes, importing->mapping,
                                              &importing->import.report, error);
    return importing->taxonomy != NULL;
}

static bool read_input(struct importing *importing, const char *path, const char *name, struct error *error)
{
    struct import *import = &importing->import;
    struct stat status;
    int64_t newest_s = 0;
    if (mapping_path && !read_mapping(importing, mapping_path, error))
        return false;
    if (import->format == IMPORT_FORMAT_TAXONOMY) {
        if (!read_taxonomy(importing, path, name, error))
            return false;
    } else {
        import->categories =
            import_categories_new(importing->mapping, import->format == IMPORT_FORMAT_OVERRIDE, error);
        import->rows = import_rows_new(IMPORT_ORDER_BYTES, error);
        if (!import->categories || !import->rows || (hosts_path && !read_hosts(import, error)))
            return false;
        bool folder = import->format == IMPORT_FORMAT_UT1;
        if (folder ? !import_folder_read(import, importing->mapping, path, &newest_s, error)
                   : !import_list_read(import, path, name, NULL, error))
            return false;
    }
    if (newest_s == 0 && strcmp(path, "-") != 0 && stat(path, &status) == 0)
        newest_s = status.st_mtim.tv_sec;
    if (newest_s > 0)
        write_date(newest_s, importing->file_date);
    return true;
}

/* ---- what comes out ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The option, else what the list says itself, else what its file says. */
static bool find_head(struct importing *importing, const char *path, struct import_head *out_head,
                      struct error *error)
{
    const struct import *import = &importing->import;
    static char today[16], source[IMPORT_HEAD_SIZE];
    char shown[MISTAKE_SHOWN_MAX + 4];
    write_date(clock_unix_ms() / 1000, today);
    snprintf(source, sizeof source, "imported from %s",
             strcmp(path, "-") == 0 ? "standard input"
                                    : mistakes_show(view_of_string(base_name(path)), shown));
    struct import_head head = {
        .source = source_text         ? source_text
                  : import->source[0] ? import->source
                                      : source,
        .licence = licence_text         ? licence_text
                   : import->licence[0] ? import->licence
                                        : "not stated",
        .format = format_text,
        .date = import->date[0] ? import->date : importing->file_date,
        .mapping = importing->mapping_path ? base_name(importing->mapping_path) : NULL,
    };
    if (date_text)
        head.date = strcmp(date_text, "today") == 0 ? today : date_text;
    if (head.date[0] == '\0')
        return error_fail(error, EXIT_STATUS_USAGE, NULL, "give --date",
                          "the list does not say of which day it is");
    if (head.mapping && !is_line(head.mapping))
        head.mapping = "of an unprintable name";
    *out_head = head;
    return true;
}

/* Was everything taken over, as --strict asks? */
static bool check_strict(const struct import *import, struct error *error)
{
    const uint64_t *fates = import->report.fates;
    uint64_t unknown = fates[IMPORT_UNMAPPED] + fates[IMPORT_UNMATCHED] + fates[IMPORT_AMBIGUOUS];
    uint64_t malformed = fates[IMPORT_MALFORMED];
    if (malformed + unknown == 0)
        return true;
    return error_fail(error, EXIT_STATUS_DATA, NULL, "nothing was written",
                      "%" PRIu64 " row%s malformed and of %" PRIu64
                      " the category or the host is not known, and --strict was asked for",
                      malformed, malformed == 1 ? " is" : "s are", unknown);
}

static bool write_output(struct importing *importing, const char *path, struct error *error)
{
    struct import *import = &importing->import;
    const uint64_t *fates = import->report.fates;
    struct import_head head;
    if (!find_head(importing, path, &head, error) ||
        !import_output_open(&importing->output, output_path, error))
        return false;
    if (importing->taxonomy)
        import_output_taxonomy(&importing->output, importing->taxonomy, &head);
    else
        import_output_rules(&importing->output, import, &head);
    if (fates[IMPORT_INTERESTS] + fates[IMPORT_NONE] + fates[IMPORT_DENY] == 0 &&
        (!importing->taxonomy || fates[IMPORT_UNMAPPED] == 0))
        return error_fail(error, EXIT_STATUS_DATA, NULL, "nothing was written",
                          import->report.read ? "no row of the list could be taken over"
                                              : "the list has no rows");
    return (!strict || check_strict(import, error)) && import_output_keep(&importing->output, error);
}

static void release(struct importing *importing)
{
    import_output_abandon(&importing->output);
    import_taxonomy_free(importing->taxonomy);
    import_mapping_free(importing->mapping);
    import_categories_free(importing->import.categories);
    import_rows_free(importing->import.rows);
    import_rows_free(importing->import.hosts);
    import_report_release(&importing->import.report);
    file_free(importing->mapping_bytes);
    file_free(importing->taxonomy_bytes);
    free(importing);
}

static int import(struct importing *importing, const char *path)
{
    struct error error = {0};
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    if (!read_input(importing, path, name, &error)) {
        import_output_shown(&importing->import);
        return argument_failure(table.command, &error);
    }
    bool kept = write_output(importing, path, &error);
    import_output_abandon(&importing->output);
    import_output_shown(&importing->import);
    bool merged = kept || error.exit_status == EXIT_STATUS_DATA; /* else not every row has its fate */
    bool said = !merged || import_output_summary(&importing->import, importing->mapping, as_json, format_text,
                                                 kept ? output_path : NULL);
    if (!kept)
        return argument_failure(table.command, &error);
    return said ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
}

int rules_import(int argc, char **argv)
{
    int operand;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    struct importing *importing = calloc(1, sizeof *importing);
    ensure(importing != NULL);
    int status = read_texts(importing);
    if (status == 0)
        status = import(importing, argv[operand]);
    release(importing);
    return status;
}
