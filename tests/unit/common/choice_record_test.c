/*
 * What one consent record alone takes back (spec 3, rule 9): for which programmes it says `out`, for which an `in` that
 * may have stood before does not any more.
 *
 * Programmes: `tmobile` (opt_out, one region opt_in, predecessor `sprint`), `plus` (opt_in), `relevant` (opt_out
 * everywhere), `lines` (opt_in, by the line alone). Records are written in short: `*-` is out of everything, `plus+` in,
 * then flags.
 */
#include "common/choice_record.h"

#include "common/programme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { TMOBILE = 1, PLUS = 2, RELEVANT = 4, LINES = 8, ALL = 15, SPRINT = 16 };

static const struct option_enum_pair maine[] = {{.key = {"US-ME", 5}, .value = REGIME_OPT_IN}};
static const struct view sprint[] = {{"sprint", 6}};
static int line_and_account[] = {1, 2}, line_only[] = {1};

static const struct programme rules[] = {
    {.name = {"tmobile", 7},
     .regime = REGIME_OPT_OUT,
     .regions = {.items = (void *)(uintptr_t)maine, .count = 1},
     .predecessors = {.items = (void *)(uintptr_t)sprint, .count = 1},
     .in_by = {.items = line_and_account, .count = 2}},
    {.name = {"plus", 4}, .regime = REGIME_OPT_IN, .in_by = {.items = line_and_account, .count = 2}},
    {.name = {"relevant", 8}, .regime = REGIME_OPT_OUT, .in_by = {.items = line_and_account, .count = 2}},
    {.name = {"lines", 5}, .regime = REGIME_OPT_IN, .in_by = {.items = line_only, .count = 1}},
};

static const struct config config = {.programmes = {.items = (void *)(uintptr_t)rules, .count = 4}};

static struct choice_record record_of(const struct choice_names *names, const char *text)
{
    struct choice_record record = {.readable = true, .effective_ms = 1};
    while (*(text += strspn(text, " "))) {
        struct view word = {text, strcspn(text, " ")};
        text += word.size;
        choice_set bit = choice_names_bit(names, (struct view){word.data, word.size - 1});
        if (word.data[word.size - 1] == '+' && bit)
            record.in |= bit;
        else if (word.data[word.size - 1] == '-' && bit)
            record.out |= bit;
        else if (word.data[word.size - 1] == '~' && bit) { /* clickveil wrote it: its `in` was taken back */
            record.merged.present = true;
            record.merged.withdrawn |= bit;
        } else if (view_equal(word, VIEW("two_step")))
            record.two_step = true;
        else if (view_equal(word, VIEW("asked")))
            record.asked = true;
        else if (view_equal(word, VIEW("year_later"))) /* than last_out, which is 1970 */
            record.effective_ms = INT64_C(365) * 86400000;
        else if (view_equal(word, VIEW("closed")))
            record.closed = true;
        else if (view_equal(word, VIEW("moved")))
            record.moved = true;
        else if (view_equal(word, VIEW("reset")))
            record.reset = true;
        else if (view_equal(word, VIEW("had_out")))
            record.had_out = true;
        else if (view_equal(word, VIEW("void")))
            record.in_is_void = true;
        else if (view_equal(word, VIEW("tombstone")))
            record = (struct choice_record){.tombstone = true};
        else if (view_equal(word, VIEW("unreadable")))
            record = (struct choice_record){0};
        else
            fail_msg("'%.*s' is not in this test's notation", (int)word.size, word.data);
    }
    return record;
}

struct effect_case {
    const char *record;
    enum subject_kind subject;
    programme_set out, lapsed, moved, reset;
    const char *why;
};

static const struct effect_case cases[] = {
    {"", SUBJECT_LINE, 0, PLUS | LINES, 0, 0, "no choice: an `in` to an opt_in programme is gone"},
    {"", SUBJECT_ACCOUNT, 0, PLUS, 0, 0, "in_by: the account never said `in` to `lines`"},
    {"", SUBJECT_DEVICE, 0, 0, 0, 0, "a device never gives an `in`"},

    {"*-", SUBJECT_LINE, ALL, PLUS | LINES, 0, 0, "out of everything"},
    {"*-", SUBJECT_DEVICE, ALL, 0, 0, 0, "a device's `out` likewise"},
    {"relevant-", SUBJECT_LINE, RELEVANT, PLUS | LINES, 0, 0, "by name, and no other opt_out programme"},
    {"relevant-", SUBJECT_DEVICE, RELEVANT, 0, 0, 0, "by name"},
    {"sprint-", SUBJECT_DEVICE, TMOBILE, 0, 0, 0, "a predecessor's `out` goes on"},
    {"sprint- tmobile+", SUBJECT_LINE, TMOBILE, TMOBILE | PLUS | LINES, 0, 0,
     "also against an `in` of the same record: the strict reading of choice.c"},
    {"*- plus+", SUBJECT_LINE, TMOBILE | RELEVANT | LINES, LINES, 0, 0, "`*` is all that are not named"},
    {"*- tmobile+ plus+ relevant+ lines+", SUBJECT_LINE, 0, 0, 0, 0, "all are named"},
    {"*+ relevant-", SUBJECT_LINE, RELEVANT, 0, 0, 0, "`*` in, one out"},
    {"*+ plus-", SUBJECT_LINE, PLUS, PLUS, 0, 0, "its own name wins over `*`"},

    {"plus+ lines+", SUBJECT_LINE, 0, 0, 0, 0, "an `in` takes nothing back"},
    {"*+", SUBJECT_LINE, 0, 0, 0, 0, "`*` in gives it to all"},
    {"plus+", SUBJECT_LINE, 0, LINES, 0, 0, "the other opt_in programme is not named"},
    {"tmobile+", SUBJECT_LINE, 0, PLUS | LINES, 0, 0, "opt_in programmes are not named"},
    {"sprint+", SUBJECT_LINE, 0, PLUS | LINES, 0, 0, "an `in` to the predecessor takes nothing from tmobile"},

    {"plus+ void", SUBJECT_LINE, 0, PLUS | LINES, 0, 0, "an `in` that cannot count"},
    {"plus+ had_out", SUBJECT_LINE, PLUS, PLUS | LINES, 0, 0, "an `out` before it that it may not answer"},
    {"plus+ had_out two_step", SUBJECT_LINE, 0, LINES, 0, 0, "which two_step may"},
    {"plus+ had_out two_step asked", SUBJECT_LINE, PLUS, PLUS | LINES, 0, 0,
     "and asked not within 12 months"},
    {"plus+ had_out two_step asked year_later", SUBJECT_LINE, 0, LINES, 0, 0, "but after them"},
    {"plus+ two_step asked", SUBJECT_LINE, 0, LINES, 0, 0, "asked, and no `out` is known"},
    {"tmobile+ void", SUBJECT_LINE, 0, TMOBILE | PLUS | LINES, 0, 0,
     "where tmobile is opt_in the `in` is gone, and the record speaks of it"},
    {"sprint+ void", SUBJECT_LINE, TMOBILE, PLUS | LINES, 0, 0,
     "a withdrawn `in` of the predecessor is `out` of tmobile"},
    {"*- plus+ void", SUBJECT_LINE, ALL, PLUS | LINES, 0, 0, "an `in` that does not count leaves it to `*`"},

    {"tmobile~", SUBJECT_LINE, 0, TMOBILE | PLUS | LINES, 0, 0,
     "an `in` taken back without a word: told of when it is written again"},
    {"plus+ tmobile~", SUBJECT_LINE, 0, TMOBILE | LINES, 0, 0, "beside another programme's `in`"},
    {"tmobile+ tmobile~", SUBJECT_LINE, 0, PLUS | LINES, 0, 0, "given again since"},
    {"*~", SUBJECT_LINE, TMOBILE, TMOBILE | PLUS | LINES, 0, 0, "an `in` to everything"},
    {"*~ tmobile+", SUBJECT_LINE, 0, PLUS | LINES, 0, 0, "but what is given"},
    {"relevant~", SUBJECT_LINE, 0, PLUS | LINES, 0, 0, "opt_out everywhere: nothing hung on it"},
    {"tmobile~", SUBJECT_DEVICE, 0, 0, 0, 0, "a device's counted for nothing"},

    {"sprint~", SUBJECT_LINE, TMOBILE, PLUS | LINES, 0, 0,
     "a predecessor's `in` taken back goes on as `out`"},
    {"sprint~", SUBJECT_DEVICE, TMOBILE, 0, 0, 0, "and the stage asks nobody whether a device may give it"},
    {"plus+ sprint~", SUBJECT_LINE, TMOBILE, LINES, 0, 0, "beside another programme's `in`"},
    {"*+ sprint~", SUBJECT_LINE, TMOBILE, 0, 0, 0, "which no `in` of `*` answers"},
    {"tmobile+ sprint~", SUBJECT_LINE, 0, PLUS | LINES, 0, 0, "one by name does"},
    {"tmobile- sprint~", SUBJECT_LINE, TMOBILE, PLUS | LINES, 0, 0, "out, and out"},
    {"*~", SUBJECT_DEVICE, TMOBILE, 0, 0, 0, "an `in` of everything was the predecessor's too"},
    {"sprint- tmobile+ plus~", SUBJECT_LINE, 0, PLUS | LINES, 0, 0,
     "an `in` that stands in what all records come to was confirmed behind the predecessor's `out`"},
    {"sprint~ void", SUBJECT_LINE, 0, PLUS | LINES, 0, 0,
     "`merged` of a record that clickveil did not write"},

    {"closed", SUBJECT_LINE, 0, TMOBILE | PLUS | LINES, 0, 0,
     "every `in` is void: opt_in anywhere, and successors"},
    {"closed", SUBJECT_DEVICE, 0, TMOBILE | PLUS | LINES, 0, 0, "whoever it is"},
    {"relevant- closed", SUBJECT_LINE, RELEVANT, TMOBILE | PLUS | LINES, 0, 0, "and keeps its `out`s"},
    {"plus+ closed", SUBJECT_LINE, 0, TMOBILE | PLUS | LINES, 0, 0, "its own `in` too"},
    {"moved", SUBJECT_LINE, 0, PLUS | LINES, ALL, 0, "the other subject may be out of anything"},
    {"plus+ moved", SUBJECT_LINE, 0, PLUS | LINES, ALL, 0, "never an `in`"},
    {"reset", SUBJECT_DEVICE, 0, 0, 0, ALL, "forgets and retracts, and is no `out`"},
    {"reset", SUBJECT_LINE, 0, 0, 0, ALL, "nor does it end an `in` that it does not name"},
    {"relevant- reset", SUBJECT_LINE, RELEVANT, 0, 0, ALL, "what it names counts as ever"},
    {"reset closed", SUBJECT_LINE, 0, TMOBILE | PLUS | LINES, 0, ALL, "closed voids every `in`"},
    {"*+ reset", SUBJECT_LINE, 0, 0, 0, ALL, "whatever it chooses"},

    {"tombstone", SUBJECT_LINE, ALL, 0, 0, 0, "erasure counts as `out`"},
    {"unreadable", SUBJECT_ACCOUNT, ALL, 0, 0, 0, "what cannot be read is `out`"},
};

static void choice_record_effect_is_what_the_record_alone_takes_back(void **state)
{
    (void)state;
    struct choice_programmes programmes;
    struct error error = {0};
    assert_true(choice_programmes_compile(&config, &programmes, &error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct effect_case *row = &cases[i];
        struct choice_record record = record_of(&programmes.names, row->record);
        struct choice_effect effect;
        memset(&effect, 0xff, sizeof effect);
        choice_record_effect(&record, row->subject, &programmes, &effect);
        if (effect.out != row->out || effect.lapsed != row->lapsed || effect.moved != row->moved ||
            effect.reset != row->reset)
            fail_msg("'%s': out %x, lapsed %x, moved %x, reset %x: %s", row->record, effect.out,
                     effect.lapsed, effect.moved, effect.reset, row->why);
        assert_int_equal(choice_effect_all(&effect), row->out | row->lapsed | row->moved | row->reset);
    }
}

static void choice_names_are_programmes_then_predecessors(void **state)
{
    (void)state;
    struct choice_names names;
    struct error error = {0};
    assert_true(choice_names_compile(&config, &names, &error));
    assert_int_equal(names.count, 5);
    assert_int_equal(choice_names_bit(&names, VIEW("lines")), LINES);
    assert_int_equal(choice_names_bit(&names, VIEW("sprint")), SPRINT);
    assert_int_equal(choice_names_bit(&names, VIEW("*")), CHOICE_STAR);
    assert_int_equal(choice_names_bit(&names, VIEW("Sprint")), 0);
    assert_int_equal(choice_names_successors(&names, SPRINT), TMOBILE);
    assert_int_equal(choice_names_successors(&names, CHOICE_STAR | ALL), 0);
}

static void choice_names_refuse_more_than_there_are_bits(void **state)
{
    (void)state;
    char text[CHOICE_NAMES_MAX + 1][8];
    struct view many[CHOICE_NAMES_MAX + 1];
    for (unsigned i = 0; i <= CHOICE_NAMES_MAX; i++)
        many[i] = (struct view){text[i], (size_t)snprintf(text[i], sizeof text[i], "p%u", i)};
    for (unsigned count = CHOICE_NAMES_MAX - 1; count <= CHOICE_NAMES_MAX; count++) {
        struct programme one = {.name = {"one", 3}, .predecessors = {.items = many, .count = count}};
        struct config few = {.programmes = {.items = &one, .count = 1}};
        struct choice_names names;
        struct error error = {0};
        bool fits = choice_names_compile(&few, &names, &error);
        assert_int_equal(fits, count + 1 <= CHOICE_NAMES_MAX);
        assert_int_equal(error.exit_status, fits ? 0 : EXIT_STATUS_CONFIGURATION);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_record_effect_is_what_the_record_alone_takes_back),
        cmocka_unit_test(choice_names_are_programmes_then_predecessors),
        cmocka_unit_test(choice_names_refuse_more_than_there_are_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
