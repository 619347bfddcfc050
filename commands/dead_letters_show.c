/*
 * clickveil dead-letters show: one letter, opened. What it prints is raw data of a person, so it goes to a terminal only,
 * unless it is said that it is meant; and a terminal gets no byte that it would obey.
 */
#include "commands/dead_letters.h"

#include "common/rfc3339.h"
#include "common/utf8.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yyjson.h>

static struct dead_letters_texts texts;
static const char *secret_text;
static bool as_json, force;

static const struct argument arguments[] = {
    DEAD_LETTERS_ARGUMENTS(texts),
    {.name = "secret-key",
     .letter = 'k',
     .value = "FILE",
     .text = &secret_text,
     .help = DEAD_LETTERS_SECRET_HELP},
    {.name = "force",
     .letter = 'f',
     .flag = &force,
     .help = "print it although standard output is no terminal"},
    {.name = "json", .flag = &as_json, .help = "answer in JSON, bytes that are no UTF-8 as base64"},
    {0},
};

static const struct argument_table table = {
    .command = "dead-letters show",
    .usage = "--config FILE --secret-key FILE PARTITION:OFFSET [OPTION]...",
    .about =
        "Opens one dead letter and prints where its input came from, why and when it failed, and the input "
        "itself. THE OUTPUT IS RAW DATA OF A PERSON: it goes to a terminal only, unless --force is given. "
        "Without the key, and without the data, `clickveil dead-letters list` and `clickveil explain "
        "--dead-letter` say what there is and what each stage makes of it.",
    .arguments = arguments,
    .operands_min = 1,
    .operands_max = 1,
    .notes =
        "In text, bytes that a terminal would obey, and those that are no UTF-8, are written \\xNN. Exit "
        "status: "
        "0 done, 64 wrong usage, or standard output is no terminal; 65 nothing committed stands there, or it "
        "can't be opened; 69 the broker or the topic is not there, 74 an I/O error, 78 bad configuration or "
        "key.",
};

/* ---- text ---- */

/* Length of the character at text[0] that may be printed as it is, or 0. */
static size_t printable(struct view text)
{
    unsigned char first = (unsigned char)text.data[0];
    size_t size = utf8_character_size(text.data, text.size);
    bool is_c1 = size == 2 && first == 0xc2 && (unsigned char)text.data[1] < 0xa0;
    return first < 0x20 || first == 0x7f || is_c1 ? 0 : size;
}

static void print_bytes(struct view bytes)
{
    while (bytes.size > 0) {
        size_t size = printable(bytes);
        if (size > 0)
            fwrite(bytes.data, 1, size, stdout);
        else
            printf("\\x%02x", (unsigned char)bytes.data[0]);
        size = size ? size : 1;
        bytes = (struct view){bytes.data + size, bytes.size - size};
    }
}

static void print_field(const char *name, const struct dead_letter_field *field)
{
    char digest[2 * DEAD_LETTER_DIGEST_SIZE + 1];
    printf("%-10s ", name);
    if (view_is_absent(field->bytes)) {
        puts("(null)");
        return;
    }
    print_bytes(field->bytes);
    puts("");
    if (!field->cut)
        return;
    sodium_bin2hex(digest, sizeof digest, field->digest, sizeof field->digest);
    printf("%-10s cut: these are the first %zu of %" PRIu64 " bytes; BLAKE2b-256 of all of them is %s\n", "",
           field->bytes.size, field->size, digest);
}

static void print_time(const char *name, int64_t time_ms)
{
    char text[RFC3339_TEXT_SIZE];
    if (time_ms < 0 || time_ms >= RFC3339_YEAR_10000_MS) {
        printf("%-10s (none)\n", name);
        return;
    }
    rfc3339_write(time_ms, text);
    printf("%-10s %.*s (%" PRId64 ")\n", name, RFC3339_TEXT_SIZE, text, time_ms);
}

static void print_text(const struct dead_letter *letter)
{
    printf("%-10s ", "reason");
    print_bytes(letter->reason);
    printf("\n%-10s %" PRIu32 "\n", "attempt", letter->attempt);
    print_time("failed", letter->failed_ms);
    printf("%-10s ", "input");
    print_bytes(letter->topic);
    printf("[%" PRId32 "]@%" PRId64 "\n", letter->partition, letter->offset);
    print_time("timestamp", letter->timestamp_ms);
    if (!view_is_absent(letter->origin.bytes))
        print_field("origin", &letter->origin);
    print_field("key", &letter->key);
    print_field("value", &letter->value);
}

/* ---- JSON ---- */

static void add_bytes(yyjson_mut_doc *json, yyjson_mut_val *entry, const char *text, struct view bytes)
{
    if (utf8_valid(bytes)) {
        yyjson_mut_obj_add_strncpy(json, entry, text, bytes.data, bytes.size);
        return;
    }
    size_t size = sodium_base64_ENCODED_LEN(bytes.size, sodium_base64_VARIANT_ORIGINAL);
    char *encoded = malloc(size);
    ensure(encoded != NULL);
    sodium_bin2base64(encoded, size, (const unsigned char *)bytes.data, bytes.size,
                      sodium_base64_VARIANT_ORIGINAL);
    yyjson_mut_obj_add_strcpy(json, entry, "base64", encoded);
    free(encoded);
}

static void add_field(yyjson_mut_doc *json, yyjson_mut_val *root, const char *name,
                      const struct dead_letter_field *field)
{
    char digest[2 * DEAD_LETTER_DIGEST_SIZE + 1];
    if (view_is_absent(field->bytes)) {
        yyjson_mut_obj_add_null(json, root, name);
        return;
    }
    yyjson_mut_val *entry = yyjson_mut_obj_add_obj(json, root, name);
    add_bytes(json, entry, "text", field->bytes);
    yyjson_mut_obj_add_uint(json, entry, "size", field->size);
    yyjson_mut_obj_add_bool(json, entry, "cut", field->cut);
    if (!field->cut)
        return;
    sodium_bin2hex(digest, sizeof digest, field->digest, sizeof field->digest);
    yyjson_mut_obj_add_strcpy(json, entry, "blake2b", digest);
}

static bool print_json(const struct dead_letter *letter)
{
    yyjson_mut_doc *json = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(json);
    yyjson_mut_doc_set_root(json, root);
    add_bytes(json, root, "reason", letter->reason);
    yyjson_mut_obj_add_uint(json, root, "attempt", letter->attempt);
    yyjson_mut_obj_add_int(json, root, "failed", letter->failed_ms);
    add_bytes(json, root, "topic", letter->topic);
    yyjson_mut_obj_add_int(json, root, "partition", letter->partition);
    yyjson_mut_obj_add_int(json, root, "offset", letter->offset);
    yyjson_mut_obj_add_int(json, root, "timestamp", letter->timestamp_ms);
    add_field(json, root, "origin", &letter->origin);
    add_field(json, root, "key", &letter->key);
    add_field(json, root, "value", &letter->value);
    /* A terminal would obey some characters above U+007F too. */
    bool printed =
        yyjson_mut_write_fp(stdout, json, YYJSON_WRITE_PRETTY | YYJSON_WRITE_ESCAPE_UNICODE, NULL, NULL) &&
        putchar('\n') != EOF;
    yyjson_mut_doc_free(json);
    return printed;
}

static bool show(struct dead_letter_place place, struct error *error)
{
    struct arena arena = {0};
    struct dead_letter letter;
    struct config *config = dead_letters_open(&texts, error);
    struct secret *secret = config ? secret_load(secret_text, SECRET_DEAD_LETTER_SECRET, error) : NULL;
    bool fine = secret && arena_init(&arena, 1 << 20, DEAD_LETTERS_ARENA_SIZE_MAX, error) &&
                dead_letters_fetch(config, secret, place, &arena, &letter, error);
    bool printed = true;
    if (fine && as_json)
        printed = print_json(&letter);
    else if (fine)
        print_text(&letter);
    if (fine && (!printed || fflush(stdout) != 0))
        fine = error_fail(error, EXIT_STATUS_IO, "standard output", NULL, "can't be written");
    arena_release(&arena);
    secret_free(secret);
    config_free(config);
    return fine;
}

int dead_letters_show(int argc, char **argv)
{
    int operand;
    struct error error = {0};
    struct dead_letter_place place;
    enum argument_result parsed = argument_parse(&table, argc, argv, &operand);
    if (parsed != ARGUMENT_GO)
        return parsed == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    if (!texts.config)
        return argument_wrong(&table, "--config is missing");
    if (!secret_text)
        return argument_wrong(&table, "--secret-key is missing");
    if (!dead_letter_place_read(view_of_string(argv[operand]), &place))
        return argument_wrong(&table, "write the place as PARTITION:OFFSET, such as 0:1234");
    if (!force && !isatty(STDOUT_FILENO))
        return argument_wrong(&table,
                              "this is raw data of a person, and standard output is no terminal; --force "
                              "prints it all the same");
    return show(place, &error) ? EXIT_STATUS_DONE : argument_failure(table.command, &error);
}
