/*
 * Messages are kept as text with their place and sorted only when they are written: by the order in which their files
 * came into play (the main file first), then by line and column. Places of values are a list that is searched from
 * its newest end; it is searched only when something is wrong, so its length costs nothing in a good configuration.
 */
#include "common/lint.h"

#include <stdarg.h>
#include <stdlib.h>

struct lint_message {
    struct lint_message *next;
    enum lint_severity severity;
    struct option_place place;
    unsigned number; /* order of arrival */
    char text[];
};

struct lint_known_place {
    struct lint_known_place *next;
    const char *member;
    size_t size;
    bool group, spoilt;
    struct option_place place;
};

struct lint_check {
    struct lint_check *next;
    const struct option_table *table;
    const void *value;
};

void lint_init(struct lint *lint, struct arena *arena)
{
    *lint = (struct lint){.arena = arena};
}

static bool same_file(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_place(const struct option_place *a, const struct option_place *b)
{
    return a->line == b->line && a->column == b->column && same_file(a->file, b->file);
}

static bool is_spoilt(const struct lint *lint, const struct option_place *place)
{
    for (const struct lint_known_place *known = lint->places; known; known = known->next) {
        if (known->spoilt && same_place(&known->place, place))
            return true;
    }
    return false;
}

void lint_report(struct lint *lint, enum lint_severity severity, const struct option_place *place,
                 const char *text, ...)
{
    if (!place || !place->file)
        place = lint->around;
    if (place && is_spoilt(lint, place))
        return;
    if (severity == LINT_ERROR)
        lint->error_count++;
    else
        lint->warning_count++;
    if (lint->message_count == LINT_MESSAGES_MAX)
        return;
    char buffer[LINT_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, text);
    vsnprintf(buffer, sizeof buffer, text, arguments);
    va_end(arguments);
    size_t size = strlen(buffer) + 1;
    struct lint_message *message = arena_take(lint->arena, sizeof *message + size);
    if (!message) {
        lint->memory_short = true;
        return;
    }
    *message =
        (struct lint_message){.next = lint->first, .severity = severity, .number = lint->message_count++};
    if (place)
        message->place = *place;
    memcpy(message->text, buffer, size);
    lint->first = message;
}

void lint_note_place(struct lint *lint, const void *member, size_t size, bool group, bool spoilt,
                     const struct option_place *place)
{
    if (!place->file)
        return; /* out of a default: the group around it says more */
    struct lint_known_place *known = arena_take(lint->arena, sizeof *known);
    if (!known) {
        lint->memory_short = true;
        return;
    }
    *known = (struct lint_known_place){lint->places, member, size, group, spoilt, *place};
    lint->places = known;
}

const struct option_place *lint_place(const struct lint *lint, const void *member)
{
    const struct lint_known_place *around = NULL;
    for (const struct lint_known_place *known = lint->places; known; known = known->next) {
        const char *address = member;
        if (known->member == address && !known->group)
            return &known->place;
        if (known->group && address >= known->member && address < known->member + known->size &&
            (!around || known->size < around->size))
            around = known;
    }
    return around ? &around->place : NULL;
}

void lint_note_check(struct lint *lint, const struct option_table *table, const void *value)
{
    struct lint_check *check = arena_take(lint->arena, sizeof *check);
    if (!check) {
        lint->memory_short = true;
        return;
    }
    *check = (struct lint_check){NULL, table, value};
    if (lint->last_check)
        lint->last_check->next = check;
    else
        lint->checks = check;
    lint->last_check = check;
}

void lint_at_group(struct lint *lint, const void *value)
{
    lint->around = NULL;
    for (const struct lint_known_place *known = lint->places; value && known; known = known->next) {
        if (known->group && known->member == value) { /* not its first member, which has the same address */
            lint->around = &known->place;
            return;
        }
    }
}

void lint_run_checks(struct lint *lint)
{
    for (const struct lint_check *check = lint->checks; check; check = check->next) {
        lint_at_group(lint, check->value);
        check->table->check(check->value, lint);
    }
    lint_at_group(lint, NULL);
    lint->checks = lint->last_check = NULL;
}

/* ---- writing ---- */

struct sorted {
    const struct lint_message *message;
    unsigned file; /* order in which files came into play */
};

static int compare(const void *left, const void *right)
{
    const struct sorted *a = left, *b = right;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    const struct option_place *p = &a->message->place, *q = &b->message->place;
    if (p->line != q->line)
        return p->line < q->line ? -1 : 1;
    if (p->column != q->column)
        return p->column < q->column ? -1 : 1;
    return a->message->number < b->message->number ? -1 : 1;
}

static void write_message(const struct lint_message *message, FILE *out)
{
    const struct option_place *place = &message->place;
    if (place->file && place->line)
        fprintf(out, "%s:%u:%u: ", place->file, place->line, place->column);
    else if (place->file)
        fprintf(out, "%s: ", place->file);
    fprintf(out, "%s: %s\n", message->severity == LINT_ERROR ? "error" : "warning", message->text);
}

void lint_write(const struct lint *lint, FILE *out)
{
    struct sorted *sorted = calloc(lint->message_count + 1, sizeof *sorted);
    if (!sorted) { /* unsorted is better than unsaid */
        for (const struct lint_message *message = lint->first; message; message = message->next)
            write_message(message, out);
        return;
    }
    unsigned count = lint->message_count;
    for (const struct lint_message *message = lint->first; message; message = message->next)
        sorted[message->number].message = message;
    for (unsigned i = 0; i < count; i++) {
        sorted[i].file = i;
        for (unsigned j = 0; j < i; j++) {
            if (same_file(sorted[i].message->place.file, sorted[j].message->place.file)) {
                sorted[i].file = sorted[j].file;
                break;
            }
        }
    }
    qsort(sorted, count, sizeof *sorted, compare);
    for (unsigned i = 0; i < count; i++)
        write_message(sorted[i].message, out);
    if (lint->error_count + lint->warning_count > count)
        fprintf(out, "... and %u more\n", lint->error_count + lint->warning_count - count);
    free(sorted);
}

/* ---- words ---- */

const char *lint_quote(struct view text, char out[LINT_QUOTE_SIZE])
{
    enum { SHOWN = LINT_QUOTE_SIZE - 6 }; /* two quotes, three dots, NUL */
    size_t shown = text.size < SHOWN ? text.size : SHOWN;
    char *end = out;
    *end++ = '\'';
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text.data[i];
        *end++ = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    if (shown < text.size) {
        memcpy(end, "...", 3);
        end += 3;
    }
    *end++ = '\'';
    *end = '\0';
    return out;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned smallest(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance: a swap of neighbours is one step. */
static unsigned distance(struct view a, struct view b)
{
    unsigned rows[3][LINT_SUGGEST_SIZE_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.size; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= a.size; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.size; j++) {
            char x = lower(a.data[i - 1]), y = lower(b.data[j - 1]);
            unsigned best = smallest(last[j - 1] + (x != y), smallest(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower(b.data[j - 2]) && lower(a.data[i - 2]) == y)
                best = smallest(best, before[j - 2] + 1);
            now[j] = best;
        }
        unsigned *spare = before;
        before = last, last = now, now = spare;
    }
    return last[b.size];
}

struct lint_suggestion lint_suggest(struct view word)
{
    /* A third of the letters may differ: more would be a guess. */
    return (struct lint_suggestion){
        .word = word, .best = VIEW_ABSENT, .distance = (unsigned)(word.size < 3 ? 1 : word.size / 3) + 1};
}

void lint_suggest_candidate(struct lint_suggestion *suggestion, struct view candidate)
{
    if (suggestion->word.size == 0 || suggestion->word.size > LINT_SUGGEST_SIZE_MAX || candidate.size == 0 ||
        candidate.size > LINT_SUGGEST_SIZE_MAX)
        return;
    unsigned found = distance(suggestion->word, candidate);
    if (found < suggestion->distance && found < candidate.size) {
        suggestion->distance = found;
        suggestion->best = candidate;
    }
}

const char *lint_suggestion_text(const struct lint_suggestion *suggestion, char out[LINT_QUOTE_SIZE + 20])
{
    char quoted[LINT_QUOTE_SIZE];
    out[0] = '\0';
    if (!view_is_absent(suggestion->best))
        snprintf(out, LINT_QUOTE_SIZE + 20, "; did you mean %s?", lint_quote(suggestion->best, quoted));
    return out;
}
