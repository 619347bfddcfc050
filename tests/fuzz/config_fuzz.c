/*
 * Fuzz target: whatever bytes come as a configuration, and as overrides behind it, loading ends with a report or with a
 * configuration, never in memory that is not ours.
 *
 *   clang -std=c17 -D_GNU_SOURCE -I. -g -O1 -fsanitize=fuzzer,address,undefined -o config_fuzz \
 *       tests/fuzz/config_fuzz.c common/{arena,config,config_kafka,config_topics,date,document,error,lint,option,\
 *       option_judge,option_override,option_reference,option_value,programme,secret,utf8,zone}.c -lyaml -lsodium
 *   ./config_fuzz -dict=tests/fuzz/config.dict config config/programmes config/split
 *
 * Overrides are what stands behind bytes 0x01. The file is also read as a programme's.
 */
#include "common/config.h"
#include "common/document.h"
#include "common/lint.h"
#include "common/stage.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OVERRIDES_MAX = 4 };

struct section {
    struct option_list lists, paths;
    int64_t number;
};

static const char *const words[] = {"", "one", "two", NULL};

static const struct option section_options[] = {
    {.name = "lists",
     .type = OPTION_ENUM_LIST,
     .offset = offsetof(struct section, lists),
     .choices = words,
     .default_text = "[one]"},
    {.name = "paths", .type = OPTION_PATH_LIST, .offset = offsetof(struct section, paths)},
    {.name = "number",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct section, number),
     .required = true,
     .help = "A number."},
    {0},
};

static const struct option_table section_table = {
    .name = "consent", .size = sizeof(struct section), .options = section_options};
static const struct stage first = {.name = "consent", .summary = "", .options = &section_table};
static const struct stage second = {.name = "publish", .summary = ""};
static const struct stage *const stages[] = {&first, &second, NULL};

static void read_as_programme(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct lint lint;
    struct error error;
    struct programme programme = {0};
    ensure(arena_init(&arena, 64 * 1024, 64 * 1024 * 1024, &error));
    lint_init(&lint, &arena);
    struct option_place origin = {"p", 1, 1};
    struct document_node *root = document_parse((struct view){(const char *)data, size}, origin, &lint);
    if (root)
        ensure(option_fill(&programme_option_table, root, &programme, "p", &lint));
    option_check_all(&lint);
    ensure(!lint.memory_short);
    ensure(root || lint.error_count > 0);
    arena_release(&arena);
}

static void load(const char *path, char *rest)
{
    struct config_override overrides[OVERRIDES_MAX];
    struct error error = {0};
    unsigned count = 0;
    for (; rest && count < OVERRIDES_MAX; count++) {
        overrides[count].text = rest;
        rest = strchr(rest, '\1');
        if (rest)
            *rest++ = '\0';
    }
    char *text = NULL;
    size_t text_size = 0;
    FILE *report = open_memstream(&text, &text_size);
    ensure(report != NULL);
    struct config *config = config_load(path, stages, overrides, count, report, &error);
    fclose(report);
    ensure(!config == (strstr(text, "error: ") != NULL));
    ensure(config || error.exit_status == EXIT_STATUS_CONFIGURATION);
    config_free(config);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *mark = size ? memchr(data, 1, size) : NULL;
    size_t file_size = mark ? (size_t)(mark - data) : size;
    char path[64], *rest = NULL;
    int file = memfd_create("config", MFD_CLOEXEC);
    ensure(file >= 0 && write(file, data, file_size) == (ssize_t)file_size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (mark) {
        rest = strndup((const char *)mark + 1, size - file_size - 1);
        ensure(rest != NULL);
    }
    load(path, rest);
    free(rest);
    close(file);
    read_as_programme(data, file_size);
    return 0;
}
