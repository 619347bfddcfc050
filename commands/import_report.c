#include "commands/import_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOTES_MAX = 200 };

static void *grow(void *items, unsigned count, size_t size)
{
    if (count & (count - 1)) /* room doubles at each power of two */
        return items;
    items = reallocarray(items, count ? 2 * (size_t)count : 1, size);
    ensure(items != NULL);
    return items;
}

void import_report_release(struct import_report *report)
{
    for (unsigned i = 0; i < report->source_count; i++)
        free(report->sources[i]);
    for (unsigned i = 0; i < report->note_count; i++)
        free(report->notes[i]);
    free(report->sources);
    free(report->notes);
    free(report->shown);
    *report = (struct import_report){0};
}

unsigned import_report_source(struct import_report *report, const char *name)
{
    report->sources = grow(report->sources, report->source_count, sizeof *report->sources);
    char *copy = strdup(name);
    ensure(copy != NULL);
    report->sources[report->source_count] = copy;
    return report->source_count++;
}

static void show(struct import_report *report, struct import_place place, enum import_fate fate,
                 enum import_fault fault, const char *text, va_list arguments)
    __attribute__((format(printf, 5, 0)));

static void show(struct import_report *report, struct import_place place, enum import_fate fate,
                 enum import_fault fault, const char *text, va_list arguments)
{
    unsigned kind = fate == IMPORT_MALFORMED ? IMPORT_FATES + fault : fate;
    report->fates[fate]++;
    report->faults[fault]++;
    if (report->shown_of[kind] >= report->shown_max)
        return;
    report->shown_of[kind]++;
    report->shown = grow(report->shown, report->shown_count, sizeof *report->shown);
    struct import_shown *shown = &report->shown[report->shown_count++];
    shown->fate = fate;
    shown->fault = fault;
    shown->place = place;
    vsnprintf(shown->text, sizeof shown->text, text, arguments);
}

void import_report_malformed(struct import_report *report, struct import_place place, enum import_fault fault,
                             const char *text, ...)
{
    va_list arguments;
    ensure(fault != IMPORT_FAULT_NONE);
    va_start(arguments, text);
    show(report, place, IMPORT_MALFORMED, fault, text, arguments);
    va_end(arguments);
}

void import_report_left_out(struct import_report *report, struct import_place place, enum import_fate fate,
                            const char *text, ...)
{
    va_list arguments;
    ensure(fate != IMPORT_MALFORMED);
    va_start(arguments, text);
    show(report, place, fate, IMPORT_FAULT_NONE, text, arguments);
    va_end(arguments);
}

void import_report_note(struct import_report *report, const char *text, ...)
{
    char note[IMPORT_TEXT_SIZE];
    va_list arguments;
    if (report->notes_all++ >= NOTES_MAX)
        return;
    va_start(arguments, text);
    vsnprintf(note, sizeof note, text, arguments);
    va_end(arguments);
    report->notes = grow(report->notes, report->note_count, sizeof *report->notes);
    char *copy = strdup(note);
    ensure(copy != NULL);
    report->notes[report->note_count++] = copy;
}

const char *import_fate_name(enum import_fate fate)
{
    static const char *const names[IMPORT_FATES] = {
        [IMPORT_MALFORMED] = "malformed", [IMPORT_UNMAPPED] = "unmapped",
        [IMPORT_UNMATCHED] = "unmatched", [IMPORT_AMBIGUOUS] = "ambiguous",
        [IMPORT_PATH] = "paths",          [IMPORT_UNNUMBERED] = "unnumbered",
        [IMPORT_MERGED] = "merged",       [IMPORT_INTERESTS] = "interests",
        [IMPORT_NONE] = "none",           [IMPORT_DENY] = "deny",
    };
    return names[fate];
}

const char *import_fault_name(enum import_fault fault)
{
    static const char *const names[IMPORT_FAULTS] = {
        [IMPORT_FAULT_NONE] = "none",
        [IMPORT_FAULT_ENCODING] = "encoding",
        [IMPORT_FAULT_CONTROL] = "control_character",
        [IMPORT_FAULT_SIZE] = "too_long",
        [IMPORT_FAULT_COLUMNS] = "columns",
        [IMPORT_FAULT_QUOTES] = "quotes",
        [IMPORT_FAULT_HOST] = "host",
        [IMPORT_FAULT_ADDRESS] = "address",
        [IMPORT_FAULT_SUFFIX] = "public_suffix",
        [IMPORT_FAULT_CATEGORY] = "category",
        [IMPORT_FAULT_INTERESTS] = "too_many_interests",
        [IMPORT_FAULT_IDENTIFIER] = "identifier",
        [IMPORT_FAULT_DUPLICATE] = "duplicate",
        [IMPORT_FAULT_PARENT] = "parent",
        [IMPORT_FAULT_TIER] = "tier",
    };
    return names[fault];
}

bool import_report_adds_up(const struct import_report *report)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < IMPORT_FATES; i++)
        sum += report->fates[i];
    return sum == report->read;
}
