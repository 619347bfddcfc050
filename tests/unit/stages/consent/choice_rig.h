/*
 * Choices in short, as records and as answers.
 *
 * Histories are written in short: words with blanks between, the first the order (effective.seq), then choices such as
 * `*-` (out of everything) or `enhanced+` (in), then flags. Names: `basic`, `enhanced`, `tmobile`, its predecessor
 * `sprint`, and `unite`, whose predecessor is tmobile.
 */
#ifndef CLICKVEIL_TESTS_UNIT_STAGES_CONSENT_CHOICE_RIG_H
#define CLICKVEIL_TESTS_UNIT_STAGES_CONSENT_CHOICE_RIG_H

#include "stages/consent/choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BASIC, ENHANCED, TMOBILE, SPRINT, UNITE, NAMES };

static const struct choice_names names = {
    .names = {{"basic", 5}, {"enhanced", 8}, {"tmobile", 7}, {"sprint", 6}, {"unite", 5}},
    .predecessors = {[TMOBILE] = 1 << SPRINT, [UNITE] = 1 << TMOBILE | 1 << SPRINT},
    .count = NAMES,
};

static inline bool take_word(const char **text, struct view *out_word)
{
    *text += strspn(*text, " ");
    out_word->data = *text;
    out_word->size = strcspn(*text, " ");
    *text += out_word->size;
    return out_word->size > 0;
}

/* A mistake in the test's own notation fails the test. */
static inline struct choice_record record_of(const char *text)
{
    struct choice_record record = {.readable = true};
    struct view word;
    assert_true(take_word(&text, &word));
    if (view_equal(word, VIEW("tombstone")))
        return (struct choice_record){.tombstone = true};
    if (view_equal(word, VIEW("unreadable")))
        return (struct choice_record){0};
    char *rest;
    record.effective_ms = strtoll(word.data, &rest, 10);
    assert_true(*rest == '.');
    record.seq = strtoll(rest + 1, &rest, 10);
    assert_ptr_equal(rest, word.data + word.size);
    while (take_word(&text, &word)) {
        char last = word.data[word.size - 1];
        choice_set bit = choice_names_bit(&names, (struct view){word.data, word.size - 1});
        if (last == '+' && bit)
            record.in |= bit;
        else if (last == '-' && bit)
            record.out |= bit;
        else if (view_equal(word, VIEW("two_step")))
            record.two_step = true;
        else if (view_equal(word, VIEW("asked")))
            record.asked = true;
        else if (view_equal(word, VIEW("closed")))
            record.closed = true;
        else if (view_equal(word, VIEW("moved")))
            record.moved = true;
        else if (view_equal(word, VIEW("reset")))
            record.reset = true;
        else if (view_equal(word, VIEW("had_out")))
            record.had_out = true;
        else if (word.size > 8 && memcmp(word.data, "had_out=", 8) == 0) {
            record.had_out = true;
            record.last_out_ms = strtoll(word.data + 8, NULL, 10);
        } else if (view_equal(word, VIEW("void")))
            record.in_is_void = true;
        else
            fail_msg("'%.*s' is not in this test's notation", (int)word.size, word.data);
    }
    return record;
}

static inline enum choice_answer ask(const struct choice_state *state, unsigned programme, int64_t time_ms)
{
    return choice_answer(state, (choice_set)(1u << programme), names.predecessors[programme], time_ms);
}

struct history {
    const char *records[5]; /* in the order of their offsets */
    unsigned programme;
    int64_t time_ms; /* of the event */
    enum choice_answer answer;
    const char *why;
};

static const char *const answers[] = {"unknown",  "out", "out_by_signal", "out_of_predecessor", "none",
                                      "in_later", "in"};

#endif
