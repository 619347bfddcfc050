/* The command line of a subcommand: what is taken, and what is wrong with the rest. */
#include "commands/argument.h"

#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct values {
    bool json;
    const char *output;
    struct argument_list list;
};

/* Parse words with a table of one option of each kind; what was printed is read back from a file. */
static enum argument_result parse(const char *const *words, struct values *values, int *out_operand,
                                  unsigned operands_min, unsigned operands_max, char printed[4096])
{
    const struct argument options[] = {
        {.name = "json", .letter = 'j', .help = "a flag", .flag = &values->json},
        {.name = "output",
         .letter = 'o',
         .value = "FILE",
         .help = "a text whose help is so long that it has to go on in a second line, below its beginning",
         .text = &values->output},
        {.name = "set", .value = "PATH=VALUE", .help = "a list", .list = &values->list},
        {0},
    };
    const struct argument_table table = {.command = "probe",
                                         .usage = "[OPTION]... FILE\n--json",
                                         .about = "Tries things.",
                                         .arguments = options,
                                         .operands_min = operands_min,
                                         .operands_max = operands_max,
                                         .notes = "That is all."};
    char *argv[16] = {(char *)"probe"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(NULL);
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    enum argument_result result = argument_parse(&table, argc, argv, out_operand);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    rewind(file);
    printed[fread(printed, 1, 4095, file)] = '\0';
    fclose(file);
    if (result == ARGUMENT_GO && *out_operand < argc)
        assert_ptr_equal(argv[argc], NULL);
    return result;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void options_are_taken_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *words[6];
        bool json;
        const char *output;
        unsigned list_count;
        const char *why;
    } rows[] = {
        {{NULL}, false, NULL, 0, "nothing given, nothing changed"},
        {{"--json"}, true, NULL, 0, "a flag"},
        {{"-j"}, true, NULL, 0, "its letter"},
        {{"--output", "f"}, false, "f", 0, "a value behind a space"},
        {{"--output=f"}, false, "f", 0, "a value behind an equals sign"},
        {{"--output="}, false, "", 0, "an empty value"},
        {{"-o", "f"}, false, "f", 0, "a value behind a letter and a space"},
        {{"-of"}, false, "f", 0, "a value behind a letter"},
        {{"-jof"}, true, "f", 0, "letters together"},
        {{"--out", "f"}, false, "f", 0, "a clear abbreviation"},
        {{"--output", "--json"}, false, "--json", 0, "a value that looks like an option"},
        {{"-o", "f", "-o", "g"}, false, "g", 0, "the last one counts"},
        {{"--set", "a=1", "--set=b=2"}, false, NULL, 2, "a list"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct values values = {0};
        char printed[4096];
        int operand = 0;
        if (parse(rows[i].words, &values, &operand, 0, 0, printed) != ARGUMENT_GO)
            fail_msg("%s: %s", printed, rows[i].why);
        assert_string_equal(printed, "");
        if (values.json != rows[i].json || !values.output != !rows[i].output ||
            (values.output && strcmp(values.output, rows[i].output) != 0) ||
            values.list.count != rows[i].list_count)
            fail_msg("taken wrongly: %s", rows[i].why);
    }
    struct values values = {0};
    char printed[4096];
    int operand = 0;
    assert_int_equal(parse(WORDS("--set", "a=1", "--set=b=2"), &values, &operand, 0, 0, printed),
                     ARGUMENT_GO);
    assert_string_equal(values.list.texts[0], "a=1");
    assert_string_equal(values.list.texts[1], "b=2");
}

static void wrong_use_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *words[6];
        const char *said, *why;
    } rows[] = {
        {{"--jsom"}, "there is no option --jsom", "unknown"},
        {{"--jsom=1"}, "there is no option --jsom", "unknown, with a value"},
        {{"-x"}, "there is no option -x", "an unknown letter"},
        {{"-jx"}, "there is no option -x", "an unknown letter behind a known one"},
        {{"--output"}, "--output needs a value", "no value"},
        {{"-o"}, "-o needs a value", "a letter without value"},
        {{"--json=1"}, "--json takes no value", "a flag with a value"},
        {{"--12025550123"}, "there is no option --", "a number where a name is expected"},
        {{"file"}, "there are no operands", "an operand where there are none"},
        {{"--", "--json"}, "there are no operands", "an operand behind --"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct values values = {0};
        char printed[4096], expected[256];
        int operand = 0;
        if (parse(rows[i].words, &values, &operand, 0, 0, printed) != ARGUMENT_WRONG)
            fail_msg("accepted: %s", rows[i].why);
        snprintf(expected, sizeof expected, "clickveil probe: %s; see clickveil probe --help\n",
                 rows[i].said);
        assert_string_equal(printed, expected);
    }
}

static void operands_are_counted(void **state)
{
    (void)state;
    struct values values = {0};
    char printed[4096];
    int operand = 0;
    assert_int_equal(parse(WORDS("a", "--json", "b"), &values, &operand, 1, 2, printed), ARGUMENT_GO);
    assert_int_equal(operand, 2); /* options are moved before them */
    assert_true(values.json);
    assert_int_equal(parse(WORDS("-"), &values, &operand, 1, 2, printed), ARGUMENT_GO);
    assert_int_equal(parse(WORDS("--", "-j"), &values, &operand, 1, 2, printed), ARGUMENT_GO);
    assert_int_equal(parse(WORDS("--json"), &values, &operand, 1, 2, printed), ARGUMENT_WRONG);
    assert_non_null(strstr(printed, "something is missing"));
    assert_int_equal(parse(WORDS("a", "b", "c"), &values, &operand, 1, 2, printed), ARGUMENT_WRONG);
    assert_non_null(strstr(printed, "operand 3 is too much"));
}

static void lists_have_an_end(void **state)
{
    (void)state;
    struct values values = {.list.count = ARGUMENT_LIST_MAX - 1};
    char printed[4096];
    int operand = 0;
    assert_int_equal(parse(WORDS("--set", "a=1"), &values, &operand, 0, 0, printed), ARGUMENT_GO);
    assert_int_equal(values.list.count, ARGUMENT_LIST_MAX);
    assert_int_equal(parse(WORDS("--set", "a=1"), &values, &operand, 0, 0, printed), ARGUMENT_WRONG);
    assert_non_null(strstr(printed, "64 times at most"));
}

static void help_names_everything(void **state)
{
    (void)state;
    static const char *const forms[] = {"--help", "-h", "--hel"};
    for (size_t i = 0; i < 3; i++) {
        struct values values = {0};
        char printed[4096];
        int operand = 0;
        assert_int_equal(parse(WORDS("--json", forms[i], "--nonsense"), &values, &operand, 0, 0, printed),
                         ARGUMENT_HELP);
        assert_string_equal(
            printed,
            "usage: clickveil probe [OPTION]... FILE\n"
            "       clickveil probe --json\n"
            "\n"
            "Tries things.\n"
            "\n"
            "  -j, --json                  a flag\n"
            "  -o, --output FILE           a text whose help is so long that it has to go on in a second\n"
            "                              line, below its beginning\n"
            "      --set PATH=VALUE        a list\n"
            "  -h, --help                  print this text\n"
            "\n"
            "That is all.\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_taken_in_every_form),
        cmocka_unit_test(wrong_use_says_what_is_wrong),
        cmocka_unit_test(operands_are_counted),
        cmocka_unit_test(lists_have_an_end),
        cmocka_unit_test(help_names_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
