/*
 * Design: a line is formatted on the caller's stack and leaves by one write(), so lines of threads never mix. Rates
 * are kept in a small open table by the address of the static code string, under one mutex: logging is not on the hot
 * path, and a code that repeats is exactly the case that must stay cheap for the reader.
 */
#include "common/log.h"

#include "common/clock.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { CODES_MAX = 256, TEXT_SIZE = 1536 };

struct rate {
    const char *code;
    int64_t window_start_ms;
    unsigned written;
    unsigned long suppressed;
};

static struct rate rates[CODES_MAX];
static pthread_mutex_t rates_lock = PTHREAD_MUTEX_INITIALIZER;
static enum log_format log_format = LOG_FORMAT_AUTO;
static enum log_level log_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {"none", "error", "warning", "info", "debug"};

void log_init(enum log_format format, enum log_level level)
{
    log_format = format;
    log_level = level;
}

/* May a line of this code be written now? Sets how many were left out in the window that has just ended. */
static bool admit(const char *code, int64_t at_ms, unsigned long *out_suppressed)
{
    bool admitted = true;
    *out_suppressed = 0;
    pthread_mutex_lock(&rates_lock);
    for (unsigned probe = 0; probe < CODES_MAX; probe++) {
        struct rate *rate = &rates[((uintptr_t)code / 8 + probe) % CODES_MAX];
        if (rate->code && rate->code != code)
            continue;
        rate->code = code;
        if (at_ms - rate->window_start_ms > LOG_WINDOW_MS) {
            *out_suppressed = rate->suppressed;
            *rate = (struct rate){.code = code, .window_start_ms = at_ms};
        }
        admitted = rate->written < LOG_BURST;
        if (admitted)
            rate->written++;
        else
            rate->suppressed++;
        break;
    }
    pthread_mutex_unlock(&rates_lock);
    return admitted;
}

static size_t escape(char *out, size_t out_size, const char *text)
{
    size_t used = 0;
    for (; *text && used + 8 < out_size; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\') {
            out[used++] = '\\';
            out[used++] = (char)byte;
        } else if (byte < 0x20 || byte == 0x7f) {
            used += (size_t)snprintf(out + used, out_size - used, "\\u%04x", byte);
        } else {
            out[used++] = (char)byte;
        }
    }
    out[used] = '\0';
    return used;
}

static void write_line(enum log_level level, const char *code, const char *text, int64_t at_ms,
                       unsigned long suppressed)
{
    char line[LOG_LINE_SIZE], safe[TEXT_SIZE], stamp[32], more[64] = "";
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm when;
    gmtime_r(&seconds, &when);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &when);
    escape(safe, sizeof safe, text);
    bool json = log_format == LOG_FORMAT_JSON || (log_format == LOG_FORMAT_AUTO && !isatty(STDERR_FILENO));
    int size;
    if (json) {
        if (suppressed)
            snprintf(more, sizeof more, ",\"suppressed\":%lu", suppressed);
        size = snprintf(line, sizeof line,
                        "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"code\":\"%s\",\"text\":\"%s\"%s}\n", stamp,
                        (int)(at_ms % 1000), level_names[level], code, safe, more);
    } else {
        if (suppressed)
            snprintf(more, sizeof more, " (and %lu more like it)", suppressed);
        size = snprintf(line, sizeof line, "%s.%03dZ %-7s %s: %s%s\n", stamp, (int)(at_ms % 1000),
                        level_names[level], code, safe, more);
    }
    if (size < 0)
        return;
    if ((size_t)size >= sizeof line)
        size = sizeof line - 1;
    if (write(STDERR_FILENO, line, (size_t)size) < 0)
        return; /* nowhere left to say so */
}

void log_line(enum log_level level, const char *code, const char *format, ...)
{
    if (level > log_level || level == LOG_LEVEL_NONE)
        return;
    int64_t at_ms = clock_unix_ms();
    unsigned long suppressed;
    if (!admit(code, at_ms, &suppressed))
        return;
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_line(level, code, text, at_ms, suppressed);
}

void log_failure(enum log_level level, const char *code, const struct error *error)
{
    char text[3 * ERROR_TEXT_SIZE];
    log_line(level, code, "%s", error_text(error, text, sizeof text));
}
