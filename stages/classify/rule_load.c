#include "stages/classify/rule_load.h"

#include "stages/classify/rule_image.h"

static const char shipped_taxonomy[] = "config/rules/audience-taxonomy-1.1.tsv";

/* Read one file; what is wrong with it becomes a mistake, so that the others are looked at too. */
static struct view read_bytes(const char *path, size_t size_bytes_max, struct mistakes *mistakes)
{
    struct error error = {0};
    struct view bytes;
    if (file_read(path, size_bytes_max, &bytes, &error))
        return bytes;
    mistakes_add_error(mistakes, path, &error);
    return VIEW_ABSENT;
}

/* Does a list say anything: has it a line that is neither blank nor a comment? */
static bool says_something(struct view bytes)
{
    bool in_comment = false;
    for (size_t i = 0; i < bytes.size; i++) {
        char c = bytes.data[i];
        if (c == '\n')
            in_comment = false;
        else if (c == '#')
            in_comment = true;
        else if (!in_comment && c != '\r' && c != ' ' && c != '\t' && (unsigned char)c < 0x80)
            return true;
    }
    return false;
}

static unsigned count_lines(struct view bytes)
{
    unsigned lines = 0;
    for (size_t i = 0; i < bytes.size; i++)
        lines += bytes.data[i] == '\n';
    return lines;
}

/* A file that somebody is still writing, or that was cut off, must not take the place of a whole one: without its rules
 * every event would be dropped, without its end a rule may name another interest. */
static void check_whole(const char *path, struct view bytes, struct mistakes *mistakes)
{
    if (!says_something(bytes))
        mistakes_add(mistakes, path, 0, 0,
                     "no rule stands in this file; leave it out of the configuration if that is meant");
    else if (bytes.data[bytes.size - 1] != '\n')
        mistakes_add(mistakes, path, count_lines(bytes) + 1, 0,
                     "the last line has no end, so the file may be cut off; end it with a newline");
}

static void read_list(const struct option_list *paths, enum rule_file_kind kind,
                      struct rule_source sources[RULE_LOAD_FILES_MAX], unsigned *count,
                      struct mistakes *mistakes)
{
    const struct view *items = paths->items;
    for (unsigned i = 0; i < paths->count && *count < RULE_LOAD_FILES_MAX; i++) {
        struct view bytes = read_bytes(items[i].data, RULE_LOAD_FILE_BYTES_MAX, mistakes);
        if (view_is_absent(bytes))
            continue;
        if (rule_image_is(bytes)) {
            mistakes_add(mistakes, items[i].data, 0, 0,
                         "this is a compiled rule file, no list; name it in classify.rules");
            file_free(bytes);
            continue;
        }
        check_whole(items[i].data, bytes, mistakes); /* its rows are looked at all the same */
        sources[*count] = (struct rule_source){.kind = kind, .name = items[i].data, .bytes = bytes};
        ++*count;
    }
}

static struct taxonomy *load_taxonomy(const struct classify_options *options, struct rule_load *load,
                                      struct error *error)
{
    if (view_is_absent(options->taxonomy)) {
        struct error not_found = {0};
        if (!file_find_data(shipped_taxonomy, load->taxonomy_path, &not_found)) {
            mistakes_add_error(&load->mistakes, "audience-taxonomy-1.1.tsv", &not_found);
            return NULL;
        }
    } else {
        ensure(options->taxonomy.size <
               sizeof(load->taxonomy_path)); /* paths of options have 4096 bytes at most */
        memcpy(load->taxonomy_path, options->taxonomy.data, options->taxonomy.size + 1);
    }
    struct view bytes = read_bytes(load->taxonomy_path, RULE_LOAD_TAXONOMY_BYTES_MAX, &load->mistakes);
    if (view_is_absent(bytes))
        return NULL;
    struct taxonomy *taxonomy = taxonomy_new(load->taxonomy_path, bytes, &load->mistakes, error);
    file_free(bytes);
    return taxonomy;
}

/* Without a taxonomy the lists can be read, though not understood. */
static void look_at_lists(const struct rule_source *sources, unsigned count, struct mistakes *mistakes)
{
    struct rule_file file;
    struct rule_row row;
    for (unsigned i = 0; i < count; i++) {
        rule_file_init(&file, sources[i].kind, sources[i].name, sources[i].bytes, mistakes);
        while (rule_file_next(&file, &row))
            ;
    }
}

/* The taxonomy goes with the rules where it is wanted. */
static struct rules *hand_over(struct rules *rules, struct taxonomy *taxonomy, struct taxonomy **out_taxonomy)
{
    if (rules != NULL && out_taxonomy != NULL)
        *out_taxonomy = taxonomy;
    else
        taxonomy_free(taxonomy);
    return rules;
}

static struct rules *load_compiled(const struct classify_options *options, const struct taxonomy *taxonomy,
                                   struct mistakes *mistakes, struct error *error)
{
    struct rules_settings settings = {(unsigned)options->depth, (unsigned)options->support};
    const struct view *items = options->rules.items;
    const char *paths[RULE_LOAD_FILES_MAX];
    struct error why = {0};
    if (options->hosts.count + options->apps.count > 0)
        mistakes_add(
            mistakes, items[0].data, 0, 0,
            "compiled rules stand alone: compile the lists of classify.hosts and classify.apps into them");
    ensure(options->rules.count <= RULE_LOAD_FILES_MAX);
    for (unsigned i = 0; i < options->rules.count; i++)
        paths[i] = items[i].data;
    struct rules *rules =
        rule_image_load(paths, options->rules.count, taxonomy, options->depth > 0 ? &settings : NULL, &why);
    if (rules == NULL) {
        unsigned wrong = 0; /* the first, where it is no file of its own that failed */
        for (unsigned i = 0; i < options->rules.count; i++)
            wrong = strcmp(why.where, paths[i]) == 0 ? i : wrong;
        mistakes_add_error(mistakes, paths[wrong], &why);
    }
    if (mistakes->count > 0) {
        rules_free(rules);
        rules = NULL;
        mistakes_fail(mistakes, error);
        if (error != NULL && why.exit_status != 0)
            error->exit_status = why.exit_status;
    }
    return rules;
}

struct rules *rule_load(const struct classify_options *options, struct rule_load *load,
                        struct taxonomy **out_taxonomy, struct error *error)
{
    struct rule_source sources[RULE_LOAD_FILES_MAX];
    struct rules_settings settings = {(unsigned)options->depth, (unsigned)options->support};
    struct rules *rules = NULL;
    unsigned count = 0;

    memset(load, 0, sizeof(*load));
    struct taxonomy *taxonomy = load_taxonomy(options, load, error);
    if (options->rules.count > 0) {
        if (taxonomy != NULL)
            rules = load_compiled(options, taxonomy, &load->mistakes, error);
        else if (load->mistakes.count > 0)
            mistakes_fail(&load->mistakes, error);
        return hand_over(rules, taxonomy, out_taxonomy);
    }
    read_list(&options->hosts, RULE_FILE_HOSTS, sources, &count, &load->mistakes);
    read_list(&options->apps, RULE_FILE_APPS, sources, &count, &load->mistakes);
    /* with a file missing the others are read all the same, so that one run shows what is wrong with them; it fails */
    if (taxonomy != NULL)
        rules = rules_new(taxonomy, sources, count, &settings, &load->mistakes, error);
    else if (load->mistakes.count > 0) {
        look_at_lists(sources, count, &load->mistakes);
        mistakes_fail(&load->mistakes, error);
    }
    for (unsigned i = 0; i < count; i++)
        file_free(sources[i].bytes);
    return hand_over(rules, taxonomy, out_taxonomy);
}

void rule_load_files(const struct classify_options *options, void (*add)(void *context, const char *path),
                     void *context)
{
    const struct option_list *lists[] = {&options->hosts, &options->apps, &options->rules};
    char shipped[FILE_PATH_SIZE];
    struct error error = {0};
    for (unsigned list = 0; list < 3; list++) {
        const struct view *items = lists[list]->items;
        for (unsigned i = 0; i < lists[list]->count; i++)
            add(context, items[i].data);
    }
    if (!view_is_absent(options->taxonomy))
        add(context, options->taxonomy.data);
    else if (file_find_data(shipped_taxonomy, shipped, &error))
        add(context, shipped);
}
