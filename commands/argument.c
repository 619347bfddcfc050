#include "commands/argument.h"

#include "common/error.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    LONG_ONLY = 256, /* getopt's value of the table's entry i is LONG_ONLY + i */
    HELP_COLUMN = 30,
    HELP_WIDTH = 96,
};

int argument_wrong(const struct argument_table *table, const char *what, ...)
{
    va_list arguments;
    fprintf(stderr, "clickveil %s: ", table->command);
    va_start(arguments, what);
    vfprintf(stderr, what, arguments);
    va_end(arguments);
    fprintf(stderr, "; see clickveil %s --help\n", table->command);
    return EXIT_STATUS_USAGE;
}

/* Print words, from column `column` on, no further than HELP_WIDTH. */
static void print_wrapped(const char *text, int column)
{
    int at = column;
    while (*text) {
        int size = (int)strcspn(text, " ");
        if (at > column && at + 1 + size > HELP_WIDTH) {
            printf("\n%*s", column, "");
            at = column;
        } else if (at > column) {
            putchar(' ');
            at++;
        }
        printf("%.*s", size, text);
        at += size;
        text += size;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_argument(const struct argument *argument)
{
    char left[64];
    int size = snprintf(left, sizeof left, "  %c%c%s --%s%s%s", argument->letter ? '-' : ' ',
                        argument->letter ? argument->letter : ' ', argument->letter ? "," : " ",
                        argument->name, argument->value ? " " : "", argument->value ? argument->value : "");
    ensure(size > 0 && (size_t)size < sizeof left);
    if (size > HELP_COLUMN - 2)
        printf("%s\n%*s", left, HELP_COLUMN, "");
    else
        printf("%-*s", HELP_COLUMN, left);
    print_wrapped(argument->help, HELP_COLUMN);
}

static void print_help(const struct argument_table *table)
{
    static const struct argument help = {.name = "help", .letter = 'h', .help = "print this text"};
    const char *form = table->usage;
    for (const char *before = "usage:"; form; before = "      ") {
        const char *end = strchr(form, '\n');
        printf("%s clickveil %s %.*s\n", before, table->command, end ? (int)(end - form) : (int)strlen(form),
               form);
        form = end ? end + 1 : NULL;
    }
    putchar('\n');
    print_wrapped(table->about, 0);
    putchar('\n');
    for (const struct argument *argument = table->arguments; argument->name; argument++)
        print_argument(argument);
    print_argument(&help);
    if (table->notes) {
        putchar('\n');
        print_wrapped(table->notes, 0);
    }
}

/* getopt's tables from ours. */
static unsigned build(const struct argument_table *table, struct option *long_options, char *short_options)
{
    unsigned count = 0;
    char *letters = short_options;
    *letters++ = ':'; /* a missing value is told from an unknown option */
    for (; table->arguments[count].name; count++) {
        const struct argument *argument = &table->arguments[count];
        ensure(count < ARGUMENTS_MAX);
        ensure((argument->flag != NULL) + (argument->text != NULL) + (argument->list != NULL) == 1);
        ensure((argument->flag != NULL) == (argument->value == NULL));
        long_options[count] = (struct option){.name = argument->name,
                                              .has_arg = argument->value ? required_argument : no_argument,
                                              .val = LONG_ONLY + (int)count};
        if (argument->letter) {
            *letters++ = argument->letter;
            if (argument->value)
                *letters++ = ':';
        }
    }
    long_options[count] = (struct option){.name = "help", .val = 'h'};
    long_options[count + 1] = (struct option){0};
    *letters++ = 'h';
    *letters = '\0';
    return count;
}

static bool take(const struct argument_table *table, const struct argument *argument, const char *value)
{
    if (argument->flag) {
        *argument->flag = true;
    } else if (argument->text) {
        *argument->text = value;
    } else if (argument->list->count == ARGUMENT_LIST_MAX) {
        (void)argument_wrong(table, "--%s can be given %d times at most", argument->name, ARGUMENT_LIST_MAX);
        return false;
    } else {
        argument->list->texts[argument->list->count++] = value;
    }
    return true;
}

static const struct argument *argument_of(const struct argument_table *table, int found, unsigned count)
{
    if (found >= LONG_ONLY)
        return &table->arguments[found - LONG_ONLY];
    for (unsigned i = 0; i < count; i++)
        if (table->arguments[i].letter == found)
            return &table->arguments[i];
    return NULL;
}

/* getopt found something that it does not know ('?') or that lacks its value (':'). Of the word only what could be an
 * option's name is said: a value may be an identifier. */
static void report(const struct argument_table *table, int found, const char *text)
{
    int size = (int)strspn(text, "-abcdefghijklmnopqrstuvwxyz");
    if (found == ':')
        (void)argument_wrong(table, "%.*s needs a value", size, text);
    else if (optopt > 0 && optopt < LONG_ONLY)
        (void)argument_wrong(table, "there is no option -%c", optopt);
    else if (optopt >= LONG_ONLY)
        (void)argument_wrong(table, "%.*s takes no value", size, text);
    else
        (void)argument_wrong(table, "there is no option %.*s", size, text);
}

enum argument_result argument_parse(const struct argument_table *table, int argc, char **argv,
                                    int *out_first_operand)
{
    struct option long_options[ARGUMENTS_MAX + 2];
    char short_options[2 * ARGUMENTS_MAX + 3];
    unsigned count = build(table, long_options, short_options);
    int found;

    opterr = 0;
    optind = 0; /* glibc: start afresh */
    while ((found = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        if (found == 'h') {
            print_help(table);
            return ARGUMENT_HELP;
        }
        const struct argument *argument =
            found == '?' || found == ':' ? NULL : argument_of(table, found, count);
        if (!argument) {
            report(table, found, argv[optind - 1]);
            return ARGUMENT_WRONG;
        }
        if (!take(table, argument, optarg))
            return ARGUMENT_WRONG;
    }
    unsigned operands = (unsigned)(argc - optind);
    if (operands < table->operands_min) {
        (void)argument_wrong(table, "something is missing");
        return ARGUMENT_WRONG;
    }
    if (operands > table->operands_max) {
        if (table->operands_max)
            (void)argument_wrong(table, "operand %u is too much", table->operands_max + 1);
        else
            (void)argument_wrong(table, "there are no operands");
        return ARGUMENT_WRONG;
    }
    *out_first_operand = optind;
    return ARGUMENT_GO;
}
