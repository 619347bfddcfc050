/*
 * A file is read whole, looked at byte by byte (UTF-8, NUL, control characters: libyaml's own words for these name no
 * line), and then fed to libyaml's event parser. A stack of open nodes builds the tree; a mapping's scalar key waits in
 * its frame until its value comes. What this subset refuses is reported and replaced by a spoilt node, so the rest of
 * the file is still read and all its mistakes are told in one run. Only broken YAML ends the reading early.
 */
#include "common/document.h"
#include "common/secret.h"

#include "common/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

struct frame {
    struct document_node *node;
    bool has_key; /* a mapping whose key was read and whose value comes next */
    bool bad_key;
    struct view key;
    struct option_place key_place;
};

struct builder {
    struct lint *lint;
    struct option_place origin;
    struct frame frames[DOCUMENT_DEPTH_MAX];
    unsigned depth;
    unsigned node_count;
    unsigned skipping; /* open collections inside one that is nested too deep or stands as a key */
    struct document_node *root;
    bool failed; /* nothing more can be read; it is reported */
};

struct document_node *document_node_new(struct lint *lint, enum document_kind kind,
                                        const struct option_place *place)
{
    struct document_node *node = arena_take_zeroed(lint->arena, sizeof *node);
    if (!node) {
        lint->memory_short = true;
        return NULL;
    }
    node->kind = kind;
    node->place = *place;
    return node;
}

void document_append(struct document_node *parent, struct document_node *child)
{
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

struct document_node *document_child(const struct document_node *map, struct view key)
{
    if (!map || map->kind != DOCUMENT_MAP)
        return NULL;
    for (struct document_node *child = map->first; child; child = child->next) {
        if (view_equal(child->key, key))
            return child;
    }
    return NULL;
}

/* Copy with a NUL behind the end. */
static bool copy_text(struct lint *lint, struct view text, struct view *out_copy)
{
    char *copy = arena_take(lint->arena, text.size + 1);
    if (!copy) {
        lint->memory_short = true;
        return false;
    }
    if (text.size)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *out_copy = (struct view){copy, text.size};
    return true;
}

const char *document_path(struct view path, const char *file, struct lint *lint)
{
    const char *slash = file && strcmp(file, "--set") != 0 ? strrchr(file, '/') : NULL;
    bool stays = (path.size && path.data[0] == '/') || secret_source_is_scheme(path);
    size_t folder_size = slash && !stays ? (size_t)(slash - file) + 1 : 0;
    char *joined = arena_take(lint->arena, folder_size + path.size + 1);
    if (!joined) {
        lint->memory_short = true;
        return NULL;
    }
    if (folder_size)
        memcpy(joined, file, folder_size);
    memcpy(joined + folder_size, path.data, path.size);
    joined[folder_size + path.size] = '\0';
    return joined;
}

/* ---- bytes ---- */

/* Code point of a character of UTF-8 with that many bytes. */
static uint32_t code_point(const char *text, size_t size)
{
    uint32_t code = (unsigned char)text[0];
    if (size > 1)
        code &= 0x7fu >> size;
    for (size_t i = 1; i < size; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3fu);
    return code;
}

/* Code points that YAML allows in a stream. */
static bool allowed(uint32_t code)
{
    return code == '\t' || code == '\n' || code == '\r' || code == 0x85 || (code >= 0x20 && code < 0x7f) ||
           (code >= 0xa0 && code != 0xfffe && code != 0xffff);
}

static bool check_bytes(struct view text, struct option_place place, struct lint *lint)
{
    bool byte_order_mark = text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0;
    for (size_t i = byte_order_mark ? 3 : 0; i < text.size;) {
        size_t length = utf8_character_size(text.data + i, text.size - i);
        uint32_t code = length ? code_point(text.data + i, length) : 0;
        const char *what = length == 0      ? "this is not UTF-8; save the file as UTF-8"
                           : code == 0      ? "a NUL byte; is this a text file?"
                           : code == 0xfeff ? "a byte order mark inside the text; remove it"
                           : !allowed(code) ? "a control character; remove it"
                                            : NULL;
        if (what) {
            lint_report(lint, LINT_ERROR, &place, "%s (byte 0x%02x)", what, (unsigned char)text.data[i]);
            return false;
        }
        if (code == '\n') {
            place.line++;
            place.column = 1;
        } else {
            place.column++;
        }
        i += length;
    }
    return true;
}

/* ---- events ---- */

static struct option_place place_at(const struct builder *builder, const yaml_mark_t *mark)
{
    struct option_place place = builder->origin;
    if (mark->line > 0 && strcmp(place.file ? place.file : "", "--set") == 0)
        return place; /* the command line has no second line; libyaml's end of an open value has */
    place.column = (mark->line == 0 ? place.column : 1) + (unsigned)mark->column;
    place.line += (unsigned)mark->line;
    return place;
}

static bool key_is_plain(struct view key)
{
    for (size_t i = 0; i < key.size; i++) {
        char c = key.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                     c == '_' || c == '-';
        if (!plain)
            return false;
    }
    return key.size > 0;
}

const char *document_key_name(const struct document_node *child)
{
    return key_is_plain(child->key) ? child->key.data : "this key";
}

static void report_duplicate(struct builder *builder, const struct frame *frame,
                             const struct document_node *first)
{
    lint_report(builder->lint, LINT_ERROR, &frame->key_place,
                "'%.60s' is written twice (first in line %u); remove one of them", document_key_name(first),
                first->key_place.line);
}

/* Put a finished or just opened node where it belongs. */
static void attach(struct builder *builder, struct document_node *node)
{
    if (builder->depth == 0) {
        builder->root = node;
        return;
    }
    struct frame *frame = &builder->frames[builder->depth - 1];
    if (frame->node->kind == DOCUMENT_LIST) {
        document_append(frame->node, node);
        return;
    }
    frame->has_key = false;
    if (frame->bad_key)
        return;
    const struct document_node *first = document_child(frame->node, frame->key);
    if (first) {
        report_duplicate(builder, frame, first);
        return;
    }
    node->key = frame->key;
    node->key_place = frame->key_place;
    document_append(frame->node, node);
}

static bool expects_key(const struct builder *builder)
{
    const struct frame *frame = builder->depth ? &builder->frames[builder->depth - 1] : NULL;
    return frame && frame->node->kind == DOCUMENT_MAP && !frame->has_key;
}

static void take_bad_key(struct builder *builder, const struct option_place *place, const char *what)
{
    struct frame *frame = &builder->frames[builder->depth - 1];
    if (what)
        lint_report(builder->lint, LINT_ERROR, place, "%s", what);
    frame->has_key = frame->bad_key = true;
}

static void take_key(struct builder *builder, struct view text, const struct option_place *place)
{
    struct frame *frame = &builder->frames[builder->depth - 1];
    if (text.size == 2 && memcmp(text.data, "<<", 2) == 0) {
        take_bad_key(builder, place, "merge keys (<<) are not supported; write the values out");
        return;
    }
    frame->has_key = true;
    frame->bad_key = false;
    frame->key_place = *place;
    if (!copy_text(builder->lint, text, &frame->key))
        builder->failed = true;
}

static struct document_node *node_new(struct builder *builder, enum document_kind kind,
                                      const struct option_place *place)
{
    if (++builder->node_count > DOCUMENT_NODES_MAX) {
        lint_report(builder->lint, LINT_ERROR, place, "more than %d values in one file; split it",
                    DOCUMENT_NODES_MAX);
        builder->failed = true;
        return NULL;
    }
    struct document_node *node = document_node_new(builder->lint, kind, place);
    if (!node)
        builder->failed = true;
    return node;
}

static bool is_null(const yaml_event_t *event, struct view text)
{
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.size == 0 || view_equal_string(text, "~") || view_equal_string(text, "null"));
}

/* Anchors and tags: a value that is read elsewhere, or as another type, is not what the reader of the file sees. */
static bool decorated(struct builder *builder, const yaml_char_t *anchor, const yaml_char_t *tag,
                      const struct option_place *place)
{
    if (anchor)
        lint_report(builder->lint, LINT_ERROR, place, "anchors (&) are not supported; write the value out");
    else if (tag)
        lint_report(builder->lint, LINT_ERROR, place, "tags (!) are not supported; remove it");
    return anchor || tag;
}

static void take_scalar(struct builder *builder, const yaml_event_t *event, const struct option_place *place)
{
    struct view text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    bool spoilt = decorated(builder, event->data.scalar.anchor, event->data.scalar.tag, place);
    if (memchr(text.data, '\0', text.size)) { /* "\0" in double quotes */
        lint_report(builder->lint, LINT_ERROR, place, "a NUL in a text; remove it");
        spoilt = true;
        text = VIEW("");
    }
    if (expects_key(builder)) {
        if (spoilt)
            take_bad_key(builder, place, NULL);
        else
            take_key(builder, text, place);
        return;
    }
    struct document_node *node =
        node_new(builder, !spoilt && is_null(event, text) ? DOCUMENT_NULL : DOCUMENT_SCALAR, place);
    if (!node)
        return;
    node->spoilt = spoilt;
    if (!copy_text(builder->lint, text, &node->text))
        builder->failed = true;
    else
        attach(builder, node);
}

static void take_start(struct builder *builder, enum document_kind kind, const yaml_char_t *anchor,
                       const yaml_char_t *tag, const struct option_place *place)
{
    bool spoilt = decorated(builder, anchor, tag, place);
    if (expects_key(builder)) {
        take_bad_key(builder, place, spoilt ? NULL : "a key must be a single word, not a list or mapping");
        builder->frames[builder->depth - 1].has_key = false; /* until the end of the collection */
        builder->skipping = 1;
        return;
    }
    if (builder->depth == DOCUMENT_DEPTH_MAX) {
        lint_report(builder->lint, LINT_ERROR, place, "nested deeper than %d levels", DOCUMENT_DEPTH_MAX);
        builder->failed = true;
        return;
    }
    struct document_node *node = node_new(builder, kind, place);
    if (!node)
        return;
    node->spoilt = spoilt;
    attach(builder, node);
    builder->frames[builder->depth++] = (struct frame){.node = node};
}

static void take_end(struct builder *builder)
{
    ensure(builder->depth > 0);
    builder->depth--;
}

static void take_alias(struct builder *builder, const struct option_place *place)
{
    lint_report(builder->lint, LINT_ERROR, place, "aliases (*) are not supported; write the value out%s",
                builder->depth == 0 ? "" : ", or put a text that starts with * in quotes");
    if (expects_key(builder)) {
        take_bad_key(builder, place, NULL);
        return;
    }
    struct document_node *node = node_new(builder, DOCUMENT_SCALAR, place);
    if (!node)
        return;
    node->spoilt = true;
    node->text = VIEW("");
    attach(builder, node);
}

/* Inside a collection that stands as a key: only its end matters. */
static void skip(struct builder *builder, const yaml_event_t *event)
{
    if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT)
        builder->skipping++;
    else if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
        builder->skipping--;
    if (builder->skipping == 0)
        builder->frames[builder->depth - 1].has_key = true;
}

static void take_document(struct builder *builder, const yaml_event_t *event,
                          const struct option_place *place)
{
    if (builder->root) {
        lint_report(builder->lint, LINT_ERROR, place, "a second document (---) in one file; split the file");
        builder->failed = true;
    } else if (event->data.document_start.version_directive ||
               event->data.document_start.tag_directives.start !=
                   event->data.document_start.tag_directives.end) {
        lint_report(builder->lint, LINT_ERROR, place, "directives (%%) are not supported; remove them");
    }
}

static void take_event(struct builder *builder, const yaml_event_t *event)
{
    struct option_place place = place_at(builder, &event->start_mark);
    if (builder->skipping) {
        skip(builder, event);
        return;
    }
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        take_document(builder, event, &place);
        break;
    case YAML_SCALAR_EVENT:
        take_scalar(builder, event, &place);
        break;
    case YAML_SEQUENCE_START_EVENT:
        take_start(builder, DOCUMENT_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag,
                   &place);
        break;
    case YAML_MAPPING_START_EVENT:
        take_start(builder, DOCUMENT_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag,
                   &place);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        take_end(builder);
        break;
    case YAML_ALIAS_EVENT:
        take_alias(builder, &place);
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

/* libyaml's words, with what usually lies behind them. None of them quotes the text. */
static void report_syntax(const struct builder *builder, const yaml_parser_t *parser)
{
    struct option_place place = place_at(builder, &parser->problem_mark);
    const char *problem = parser->problem ? parser->problem : "not YAML";
    const char *hint = "";
    if (strstr(problem, "cannot start any token"))
        hint = "; indent with spaces, not with a tab, and put text that starts with @, ` or % in quotes";
    else if (strstr(problem, "mapping values are not allowed"))
        hint = "; put a text that holds ': ' in quotes, and check the indentation";
    else if (strstr(problem, "did not find expected key") || strstr(problem, "could not find expected ':'"))
        hint = "; check the indentation, and that a colon and a space stand behind the key";
    unsigned context_line = place_at(builder, &parser->context_mark).line;
    if (parser->context && context_line != place.line)
        lint_report(builder->lint, LINT_ERROR, &place, "%s (%s that starts in line %u)%s", problem,
                    parser->context, context_line, hint);
    else
        lint_report(builder->lint, LINT_ERROR, &place, "%s%s%s%s%s", problem, parser->context ? " (" : "",
                    parser->context ? parser->context : "", parser->context ? ")" : "", hint);
}

struct document_node *document_parse(struct view text, struct option_place origin, struct lint *lint)
{
    if (!check_bytes(text, origin, lint))
        return NULL;
    struct builder builder = {.lint = lint, .origin = origin};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        lint->memory_short = true;
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    for (bool more = true; more && !builder.failed;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            if (parser.error == YAML_MEMORY_ERROR)
                lint->memory_short = true;
            else
                report_syntax(&builder, &parser);
            builder.failed = true;
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        take_event(&builder, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (builder.failed)
        return NULL;
    if (!builder.root)
        builder.root = document_node_new(lint, DOCUMENT_NULL, &origin);
    return builder.root;
}

/* ---- files ---- */

/* The file name next to the missing one that looks most like it. */
static void suggest_file(const char *path, char out[LINT_QUOTE_SIZE + 20])
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char folder[1024];
    out[0] = '\0';
    size_t folder_size = slash ? (size_t)(slash - path) + 1 : 0;
    if (folder_size >= sizeof folder)
        return;
    memcpy(folder, path, folder_size);
    folder[folder_size] = '\0';
    DIR *directory = opendir(folder_size ? folder : ".");
    if (!directory)
        return;
    char best[LINT_SUGGEST_SIZE_MAX + 1];
    struct lint_suggestion suggestion = lint_suggest(view_of_string(name));
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        struct view before = suggestion.best;
        lint_suggest_candidate(&suggestion, view_of_string(entry->d_name));
        if (suggestion.best.data != before.data && suggestion.best.size < sizeof best) {
            memcpy(best, suggestion.best.data,
                   suggestion.best.size); /* the entry goes with the next readdir */
            suggestion.best.data = best;
        }
    }
    lint_suggestion_text(&suggestion, out);
    closedir(directory);
}

static void report_unreadable(const char *path, int number, const struct option_place *named_at,
                              struct lint *lint)
{
    char suggestion[LINT_QUOTE_SIZE + 20] = "";
    if (number == ENOENT)
        suggest_file(path, suggestion);
    struct option_place place = {.file = path};
    if (named_at)
        lint_report(lint, LINT_ERROR, named_at, "can't read %s: %s%s", path, strerror(number), suggestion);
    else
        lint_report(lint, LINT_ERROR, &place, "can't read the file: %s%s", strerror(number), suggestion);
}

/* Read at most DOCUMENT_SIZE_MAX + 1 bytes. Returns an errno, 0 when read. */
static int read_all(const char *path, char *buffer, size_t *out_size)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return errno;
    size_t size = 0;
    int number = 0;
    while (size <= DOCUMENT_SIZE_MAX) {
        ssize_t got = read(descriptor, buffer + size, DOCUMENT_SIZE_MAX + 1 - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            number = errno;
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    close(descriptor);
    *out_size = size;
    return number;
}

struct document_node *document_read(const char *path, const struct option_place *named_at, struct lint *lint)
{
    char *buffer = malloc(DOCUMENT_SIZE_MAX + 1);
    if (!buffer) {
        lint->memory_short = true;
        return NULL;
    }
    size_t size = 0;
    struct document_node *root = NULL;
    struct option_place origin = {path, 1, 1};
    int number = read_all(path, buffer, &size);
    if (number) {
        report_unreadable(path, number, named_at, lint);
    } else if (size > DOCUMENT_SIZE_MAX) {
        struct option_place place = {.file = path};
        lint_report(lint, LINT_ERROR, &place, "larger than %d KiB; is this a configuration?",
                    DOCUMENT_SIZE_MAX / 1024);
    } else {
        root = document_parse((struct view){buffer, size}, origin, lint);
    }
    free(buffer);
    return root;
}
