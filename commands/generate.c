/* clickveil generate: sample events, choices and rules, seeded, of any size, about nobody. */
#include "common/generate.h"
#include "commands/argument.h"
#include "commands/argument_value.h"
#include "commands/command.h"
#include "common/clock.h"
#include "common/file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    WRITE_BUFFER_BYTES = 1024 * 1024,
    PROGRESS_EVERY = 1 << 16, /* events between two looks at the clock */
};

struct texts {
    const char *events, *subscribers, *out_share, *in_share, *bad_share, *seed, *start, *days, *brands,
        *programme, *kind, *hosts, *apps, *output_events, *output_consent, *rules, *output_rules;
    bool keys;
};

static struct texts texts;

static const struct argument arguments[] = {
    {.name = "output-events",
     .letter = 'e',
     .value = "FILE",
     .text = &texts.output_events,
     .help = "where the events go, one JSON object a line; - is standard output"},
    {.name = "output-consent",
     .letter = 'c',
     .value = "FILE",
     .text = &texts.output_consent,
     .help = "where the choices go, as `clickveil run --consent` reads them"},
    {.name = "events",
     .letter = 'n',
     .value = "N",
     .text = &texts.events,
     .help = "how many events (20000); k, M and G may follow a number"},
    {.name = "subscribers",
     .letter = 'm',
     .value = "N",
     .text = &texts.subscribers,
     .help = "how many lines there are (2000)"},
    {.name = "seed",
     .letter = 's',
     .value = "N",
     .text = &texts.seed,
     .help = "the same seed gives the same bytes (1)"},
    {.name = "opt-out-share",
     .value = "SHARE",
     .text = &texts.out_share,
     .help = "lines with an `out`, their own or their account's (0.2)"},
    {.name = "opt-in-share",
     .value = "SHARE",
     .text = &texts.in_share,
     .help = "of the other lines, those with an `in` (0.1)"},
    {.name = "bad-share",
     .value = "SHARE",
     .text = &texts.bad_share,
     .help = "events that are bad in one way or another (0.001)"},
    {.name = "start",
     .value = "TIME",
     .text = &texts.start,
     .help = "when the first event arrives, RFC 3339 with zone or epoch milliseconds (so that the last one "
             "arrives now, on the hour)"},
    {.name = "days",
     .value = "N",
     .text = &texts.days,
     .help =
         "over how many days the events spread (1); file mode, whose clock stands still, takes 2 at most"},
    {.name = "brands",
     .value = "LIST",
     .text = &texts.brands,
     .help = "brands of the lines, with commas between (tmobile,metro,sprint)"},
    {.name = "programme",
     .value = "NAME",
     .text = &texts.programme,
     .help = "whom choices are for (*, all programmes)"},
    {.name = "subscriber-kind", .value = "KIND", .text = &texts.kind, .help = "e164, imsi or opaque (e164)"},
    {.name = "hosts",
     .value = "FILE",
     .text = &texts.hosts,
     .help = "the rule list that hosts are drawn from (all shipped ones)"},
    {.name = "apps",
     .value = "FILE",
     .text = &texts.apps,
     .help = "the rule list that apps are drawn from (all shipped ones)"},
    {.name = "keys",
     .letter = 'k',
     .flag = &texts.keys,
     .help = "write key, tab, value, as Kafka's console tools and kcat -K read them"},
    {.name = "rules", .value = "N", .text = &texts.rules, .help = "how many rules for --output-rules (1000)"},
    {.name = "output-rules",
     .value = "FILE",
     .text = &texts.output_rules,
     .help = "where a rule list of made-up hosts goes, to be given to --hosts or to classify.hosts"},
    {0},
};

static const struct argument_table table = {
    .command = "generate",
    .usage = "[OPTION]... --output-events FILE --output-consent FILE\n--rules N --output-rules FILE",
    .about =
        "Makes sample events, choices and rules. Nobody is in them: identifiers come from ranges that are "
        "assigned to nobody (docs/sample-data.md).",
    .arguments = arguments,
};

struct plan {
    struct generate_options options;
    struct generate_names *hosts, *apps;
    uint64_t rules;
};

/* ---- arguments ---- */

static bool wants_count(const char *name, const char *text, uint64_t *count)
{
    if (!text || argument_count(text, count))
        return true;
    (void)argument_wrong(&table, "--%s wants a whole number such as 20000 or 5M", name);
    return false;
}

static bool wants_share(const char *name, const char *text, double *share)
{
    if (!text || argument_share(text, share))
        return true;
    (void)argument_wrong(&table, "--%s wants a share such as 0.2 or 20%%", name);
    return false;
}

static bool wants_brands(const char *list, struct generate_options *options)
{
    for (const char *name = list; name;) {
        const char *comma = strchr(name, ',');
        if (options->brand_count == GENERATE_BRANDS_MAX) {
            (void)argument_wrong(&table, "--brands takes %d names at most", GENERATE_BRANDS_MAX);
            return false;
        }
        options->brands[options->brand_count++] =
            (struct view){name, comma ? (size_t)(comma - name) : strlen(name)};
        name = comma ? comma + 1 : NULL;
    }
    return true;
}

static bool wants_kind(const char *text, enum identifier_kind *kind)
{
    static const enum identifier_kind kinds[] = {IDENTIFIER_E164, IDENTIFIER_IMSI, IDENTIFIER_OPAQUE};
    static const char *const names[] = {"e164", "imsi", "opaque"};
    for (unsigned i = 0; text && i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *kind = kinds[i];
            return true;
        }
    }
    if (text)
        (void)argument_wrong(&table, "--subscriber-kind wants e164, imsi or opaque");
    return !text;
}

static bool wants_times(struct generate_options *options)
{
    uint64_t days = 1;
    if (!wants_count("days", texts.days, &days))
        return false;
    if (days < 1 || days > 3660) {
        (void)argument_wrong(&table, "--days wants 1 to 3660");
        return false;
    }
    options->duration_ms = (int64_t)days * 86400000;
    int64_t now_ms = clock_unix_ms();
    options->start_ms = now_ms - now_ms % 3600000 - options->duration_ms;
    if (texts.start && !argument_time(texts.start, &options->start_ms)) {
        (void)argument_wrong(&table, "--start wants a time such as 2026-11-24T00:00:00Z");
        return false;
    }
    return true;
}

static bool read_arguments(struct plan *plan)
{
    struct generate_options *options = &plan->options;
    *options = generate_defaults();
    options->events = 20000;
    options->subscribers = 2000;
    plan->rules = 1000;
    if (texts.programme)
        options->programme = view_of_string(texts.programme);
    return wants_count("events", texts.events, &options->events) &&
           wants_count("subscribers", texts.subscribers, &options->subscribers) &&
           wants_count("seed", texts.seed, &options->seed) &&
           wants_count("rules", texts.rules, &plan->rules) &&
           wants_share("opt-out-share", texts.out_share, &options->opt_out_share) &&
           wants_share("opt-in-share", texts.in_share, &options->opt_in_share) &&
           wants_share("bad-share", texts.bad_share, &options->bad_share) && wants_times(options) &&
           wants_brands(texts.brands ? texts.brands : "tmobile,metro,sprint", options) &&
           wants_kind(texts.kind, &options->subscriber_kind);
}

/* From one list of the caller's, or from all that the product ships of a kind: what has interests comes first. */
static struct generate_names *load_names(const char *path, const char *const *shipped, struct error *error)
{
    char found[FILE_PATH_SIZE];
    if (path)
        return generate_names_load(path, error);
    if (!file_find_data(shipped[0], found, error))
        return NULL;
    struct generate_names *names = generate_names_load(found, error);
    for (unsigned i = 1; names && shipped[i]; i++) {
        if (file_find_data(shipped[i], found, error) && generate_names_add(names, found, error))
            continue;
        generate_names_free(names);
        return NULL;
    }
    return names;
}

/* ---- writing ---- */

static FILE *open_output(const char *path, struct error *error)
{
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
    if (out)
        (void)setvbuf(out, NULL, _IOFBF, WRITE_BUFFER_BYTES);
    else
        (void)error_fail(error, EXIT_STATUS_IO, path, NULL, "can't be written: %s", strerror(errno));
    return out;
}

/* Flush, close, and say whether all of it arrived. */
static bool close_output(FILE *out, const char *path, struct error *error)
{
    bool bad = ferror(out) != 0;
    errno = 0;
    bad |= (out == stdout ? fflush(out) : fclose(out)) != 0;
    return !bad || error_fail(error, EXIT_STATUS_IO, path, NULL, "can't be written: %s",
                              errno ? strerror(errno) : "an earlier write failed");
}

static void write_view(FILE *out, struct view view)
{
    (void)fwrite(view.data, 1, view.size, out);
}

static bool write_rules(const struct plan *plan, struct error *error)
{
    FILE *out = open_output(texts.output_rules, error);
    if (!out)
        return false;
    bool written = generate_rules(plan->options.seed, plan->rules, out, error);
    return close_output(out, texts.output_rules, error) && written;
}

static bool write_consents(struct generator *generator, uint64_t *out_count, struct error *error)
{
    FILE *out = open_output(texts.output_consent, error);
    if (!out)
        return false;
    struct generated consent;
    uint64_t count = 0;
    while (!ferror(out) && generator_next_consent(generator, &consent)) {
        count++;
        fputs(texts.keys ? "" : "{\"key\":\"", out);
        write_view(out, consent.key);
        fputs(texts.keys ? "\t" : "\",\"value\":", out);
        write_view(out, consent.value);
        if (!texts.keys)
            fprintf(out, ",\"timestamp\":%lld}", (long long)consent.timestamp_ms);
        putc('\n', out);
    }
    *out_count = count;
    return close_output(out, texts.output_consent, error);
}

static void show_progress(uint64_t done, uint64_t all, int64_t *shown_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms - *shown_ms < 500)
        return;
    *shown_ms = now_ms;
    fprintf(stderr, "\r%3llu %% of %llu events", (unsigned long long)(done * 100 / all),
            (unsigned long long)all);
}

static bool write_events(struct generator *generator, uint64_t events, struct error *error)
{
    FILE *out = open_output(texts.output_events, error);
    if (!out)
        return false;
    bool progress = isatty(STDERR_FILENO) && out != stdout;
    int64_t shown_ms = clock_monotonic_ms();
    for (uint64_t i = 0; i < events && !ferror(out); i++) {
        struct generated event;
        generator_event(generator, i, &event);
        if (texts.keys) {
            write_view(out, event.key);
            putc('\t', out);
        }
        write_view(out, event.value);
        putc('\n', out);
        if (progress && i % PROGRESS_EVERY == 0)
            show_progress(i, events, &shown_ms);
    }
    if (progress)
        fputs("\r                                        \r", stderr);
    return close_output(out, texts.output_events, error);
}

static bool write_sample(const struct plan *plan, struct error *error)
{
    struct generator *generator = generator_new(&plan->options, error);
    if (!generator)
        return false;
    uint64_t consents = 0;
    bool written = (!texts.output_consent || write_consents(generator, &consents, error)) &&
                   (!texts.output_events || write_events(generator, plan->options.events, error));
    generator_free(generator);
    if (written)
        fprintf(stderr, "generate: %llu events, %llu choices of %llu lines, seed %llu\n",
                (unsigned long long)(texts.output_events ? plan->options.events : 0),
                (unsigned long long)consents, (unsigned long long)plan->options.subscribers,
                (unsigned long long)plan->options.seed);
    return written;
}

static bool generate(struct plan *plan, struct error *error)
{
    if (texts.output_rules && !write_rules(plan, error))
        return false;
    if (!texts.output_events && !texts.output_consent)
        return true;
    static const char *const hosts[] = {"config/rules/hosts.tsv", "config/rules/sensitive.tsv",
                                        "config/rules/infrastructure.tsv", NULL};
    static const char *const apps[] = {"config/rules/apps.tsv", "config/rules/sensitive-apps.tsv",
                                       "config/rules/preinstalled.tsv", NULL};
    plan->hosts = load_names(texts.hosts, hosts, error);
    plan->apps = plan->hosts ? load_names(texts.apps, apps, error) : NULL;
    plan->options.hosts = plan->hosts;
    plan->options.apps = plan->apps;
    bool written = plan->apps && write_sample(plan, error);
    generate_names_free(plan->hosts);
    generate_names_free(plan->apps);
    return written;
}

int command_generate(int argc, char **argv)
{
    int operand;
    enum argument_result result = argument_parse(&table, argc, argv, &operand);
    if (result != ARGUMENT_GO)
        return result == ARGUMENT_HELP ? EXIT_STATUS_DONE : EXIT_STATUS_USAGE;
    struct plan plan = {0};
    if (!read_arguments(&plan))
        return EXIT_STATUS_USAGE;
    if (!texts.output_events && !texts.output_consent && !texts.output_rules)
        return argument_wrong(&table,
                              "nothing to make: give --output-events, --output-consent or --output-rules");
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is a failed write */
    struct error error = {0};
    return generate(&plan, &error) ? EXIT_STATUS_DONE : argument_failure("generate", &error);
}
