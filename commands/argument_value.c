#include "commands/argument_value.h"

#include "common/error.h"
#include "common/rfc3339.h"
#include "stages/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool argument_count(const char *text, uint64_t *out_count)
{
    char *end = NULL;
    errno = 0;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long count = strtoull(text, &end, 10);
    uint64_t unit = *end == 'k' ? 1000 : *end == 'M' ? 1000000 : *end == 'G' ? 1000000000 : 1;
    end += unit > 1;
    if (errno || *end || count > UINT64_MAX / unit)
        return false;
    *out_count = count * unit;
    return true;
}

bool argument_share(const char *text, double *out_share)
{
    char *end = NULL;
    if ((*text < '0' || *text > '9') && *text != '.')
        return false;
    double share = strtod(text, &end);
    if (*end == '%') {
        share /= 100;
        end++;
    }
    if (*end || !(share >= 0 && share <= 1))
        return false;
    *out_share = share;
    return true;
}

bool argument_time(const char *text, int64_t *out_time_ms)
{
    if (rfc3339_read(view_of_string(text), out_time_ms))
        return true;
    uint64_t time_ms = 0;
    size_t digits = strspn(text, "0123456789");
    if (text[digits] || !argument_count(text, &time_ms) || time_ms >= (uint64_t)RFC3339_YEAR_10000_MS)
        return false;
    *out_time_ms = (int64_t)time_ms;
    return true;
}

static struct config *load(const char *path, const char *own, const struct argument_list *set, FILE *report,
                           struct error *error)
{
    struct config_override overrides[ARGUMENT_LIST_MAX + 1];
    unsigned count = 0;
    for (unsigned i = 0; i < set->count; i++) {
        const char *equals = strchr(set->texts[i], '=');
        if (!equals || equals == set->texts[i]) {
            error_fail(error, EXIT_STATUS_USAGE, "--set", "write it as in --set publish.k=200",
                       "number %u is not PATH=VALUE", i + 1);
            return NULL;
        }
        overrides[count++].text = set->texts[i];
    }
    if (own) /* the last, so that messages count the user's own from 1 */
        overrides[count++].text = own;
    return config_load(path, registry, overrides, count, report, error);
}

struct config *argument_config(const char *path, const char *own, const struct argument_list *set,
                               struct error *error)
{
    return load(path, own, set, stderr, error);
}

struct config *argument_config_quiet(const char *path, const struct argument_list *set, struct error *error)
{
    char *said = NULL;
    size_t size = 0;
    FILE *report = open_memstream(&said, &size);
    struct config *config = load(path, NULL, set, report ? report : stderr, error);
    if (report && fclose(report) == 0 && !config)
        fwrite(said, 1, size, stderr);
    free(said);
    return config;
}

int argument_failure(const char *command, const struct error *error)
{
    char text[3 * ERROR_TEXT_SIZE + 8];
    fprintf(stderr, "clickveil %s: %s\n", command, error_text(error, text, sizeof text));
    return (int)error->exit_status;
}

int argument_printed(const char *command, bool printed)
{
    struct error error = {0};
    bool flushed = fflush(stdout) == 0;
    if (printed && flushed && !ferror(stdout))
        return EXIT_STATUS_DONE;
    (void)error_fail(&error, EXIT_STATUS_IO, "standard output", NULL, "can't be written");
    return argument_failure(command, &error);
}
