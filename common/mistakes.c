#include "common/mistakes.h"

#include <stdarg.h>
#include <stdio.h>

void mistakes_add(struct mistakes *mistakes, const char *file, unsigned line, unsigned column,
                  const char *text, ...)
{
    if (mistakes->count < MISTAKES_MAX) {
        struct mistake *mistake = &mistakes->items[mistakes->count];
        va_list arguments;
        mistake->file = file;
        mistake->line = line;
        mistake->column = column;
        va_start(arguments, text);
        vsnprintf(mistake->text, sizeof(mistake->text), text, arguments);
        va_end(arguments);
    }
    mistakes->count++;
}

void mistakes_add_error(struct mistakes *mistakes, const char *file, const struct error *error)
{
    if (error->action[0] != '\0')
        mistakes_add(mistakes, file, 0, 0, "%s; %s", error->what, error->action);
    else
        mistakes_add(mistakes, file, 0, 0, "%s", error->what);
}

bool mistakes_fail(const struct mistakes *mistakes, struct error *error)
{
    ensure(mistakes->count > 0);
    const struct mistake *first = &mistakes->items[0];
    error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, NULL, "%s", first->text);
    if (error == NULL)
        return false;
    if (first->line == 0)
        error_at(error, "%s", first->file);
    else if (first->column == 0)
        error_at(error, "%s:%u", first->file, first->line);
    else
        error_at(error, "%s:%u:%u", first->file, first->line, first->column);
    if (mistakes->count > 1)
        error_advise(error, "mend this and %u more in these files; `clickveil check` lists them",
                     mistakes->count - 1);
    return false;
}

const char *mistakes_show(struct view text, char out_shown[MISTAKE_SHOWN_MAX + 4])
{
    size_t size = text.size < MISTAKE_SHOWN_MAX ? text.size : MISTAKE_SHOWN_MAX;
    for (size_t i = 0; i < size; i++) {
        char byte = text.data[i];
        out_shown[i] = byte >= ' ' && byte <= '~' ? byte : '?';
    }
    memcpy(out_shown + size, "...", text.size > size ? 4 : 0);
    if (text.size <= size)
        out_shown[size] = '\0';
    return out_shown;
}
