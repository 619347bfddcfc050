#include "common/error.h"

#include <stdio.h>
#include <unistd.h>

static void copy_text(char *out, const char *text)
{
    snprintf(out, ERROR_TEXT_SIZE, "%s", text ? text : "");
}

bool error_fail(struct error *error, enum exit_status exit_status, const char *where, const char *action,
                const char *what, ...)
{
    if (!error)
        return false;
    va_list arguments;
    va_start(arguments, what);
    vsnprintf(error->what, sizeof error->what, what, arguments);
    va_end(arguments);
    copy_text(error->where, where);
    copy_text(error->action, action);
    error->exit_status = exit_status;
    error->retriable = error->abort_transaction = error->fatal = false;
    return false;
}

void error_at(struct error *error, const char *where, ...)
{
    if (!error)
        return;
    va_list arguments;
    va_start(arguments, where);
    vsnprintf(error->where, sizeof error->where, where, arguments);
    va_end(arguments);
}

void error_advise(struct error *error, const char *action, ...)
{
    if (!error)
        return;
    va_list arguments;
    va_start(arguments, action);
    vsnprintf(error->action, sizeof error->action, action, arguments);
    va_end(arguments);
}

const char *error_text(const struct error *error, char *text, size_t text_size)
{
    snprintf(text, text_size, "%s%s%s%s%s", error->where, error->where[0] ? ": " : "", error->what,
             error->action[0] ? "; " : "", error->action);
    return text;
}

void ensure_failed(const char *file, int line, const char *condition)
{
    char text[512];
    int size =
        snprintf(text, sizeof text, "clickveil: bug at %s:%d: %s does not hold; nothing more is committed\n",
                 file, line, condition);
    if (size > 0 &&
        write(STDERR_FILENO, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1) < 0)
        _exit(EXIT_STATUS_BUG);
    _exit(EXIT_STATUS_BUG);
}
