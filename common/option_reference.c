/* The reference of all options as Markdown, from the tables that also parse them. */
#include "common/option.h"

#include <stdio.h>

static const char *type_name(const struct option *option)
{
    switch (option->type) {
    case OPTION_BOOL:
        return "true or false";
    case OPTION_INTEGER:
        return "whole number";
    case OPTION_DURATION:
        return "duration";
    case OPTION_SIZE:
        return "size";
    case OPTION_RATIO:
        return "ratio";
    case OPTION_STRING:
        return "text";
    case OPTION_PATH:
        return "path";
    case OPTION_ENUM:
        return "one of";
    case OPTION_DATE:
        return "date";
    case OPTION_STRING_LIST:
        return "list of texts";
    case OPTION_PATH_LIST:
        return "list of paths";
    case OPTION_ENUM_LIST:
        return "list of";
    case OPTION_MAP:
        return "mapping to text";
    case OPTION_ENUM_MAP:
        return "mapping to one of";
    case OPTION_GROUP:
        return "section";
    case OPTION_GROUP_LIST:
        return "list of sections";
    case OPTION_FILE_LIST:
        return "list of files";
    case OPTION_NONE:
        break;
    }
    ensure(!"an option without a type");
    return "";
}

static const char *unit_name(const struct option *option)
{
    switch (option->type) {
    case OPTION_DURATION:
        return "ms, s, m, h, d";
    case OPTION_SIZE:
        return "B, KiB, MiB, GiB";
    case OPTION_RATIO:
        return "0 to 1, or %";
    case OPTION_DATE:
        return "year-month-day";
    default:
        return "";
    }
}

static bool is_nested(const struct option *option)
{
    return option->type == OPTION_GROUP || option->type == OPTION_GROUP_LIST ||
           option->type == OPTION_FILE_LIST;
}

/* A `|` would end the cell. */
static void write_cell(const char *text, FILE *out)
{
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void write_type(const struct option *option, FILE *out)
{
    fputs(type_name(option), out);
    if (!option->choices)
        return;
    fputs(option->type == OPTION_MAP ? "; keys: " : option->type == OPTION_DURATION ? ", or " : " ", out);
    for (int i = 1; option->choices[i]; i++)
        fprintf(out, "%s`%s`", i == 1 ? "" : ", ", option->choices[i]);
}

static void write_default(const struct option *option, FILE *out)
{
    if (option->default_help)
        write_cell(option->default_help, out);
    else if (option->default_text)
        fprintf(out, "`%s`", option->default_text);
    else if (option->required && option->type != OPTION_GROUP)
        fputs("**required**", out);
}

static void write_bounds(const struct option *option, FILE *out)
{
    bool counted = option_element_size(option) != 0;
    const char *noun = counted                                                        ? " entries"
                       : option->type == OPTION_STRING || option->type == OPTION_PATH ? " bytes"
                                                                                      : "";
    if (option->minimum && option->maximum)
        fprintf(out, "%s to %s%s", option->minimum, option->maximum, noun);
    else if (option->minimum)
        fprintf(out, "at least %s%s", option->minimum, noun);
    else if (option->maximum)
        fprintf(out, "at most %s%s", option->maximum, noun);
}

void option_reference_write(const struct option_table *table, const char *path, FILE *out)
{
    if (path[0])
        fprintf(out, "## `%s`\n\n", path);
    if (table->summary)
        fprintf(out, "%s\n\n", table->summary);
    fputs(
        "| option | type | default | unit | bounds | what it does |\n| --- | --- | --- | --- | --- | --- |\n",
        out);
    for (const struct option *option = table->options; option->name; option++) {
        fprintf(out, "| `%s` | ", option->name);
        write_type(option, out);
        fputs(" | ", out);
        write_default(option, out);
        fprintf(out, " | %s | ", unit_name(option));
        write_bounds(option, out);
        fputs(" | ", out);
        write_cell(option->help ? option->help : "", out);
        fputs(" |\n", out);
    }
    fputs("\n", out);
    for (const struct option *option = table->options; option->name; option++) {
        if (!is_nested(option))
            continue;
        char inner[192];
        snprintf(inner, sizeof inner, "%s%s%s%s", path, path[0] ? "." : "", option->name,
                 option->type == OPTION_GROUP ? "" : "[]");
        option_reference_write(option->table, inner, out);
    }
}
