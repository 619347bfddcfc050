#include "stages/publish/publish_options.h"

#include "common/lint.h"
#include "common/stage.h"
#include "stages/publish/calendar.h"
#include "stages/publish/contribution.h"

#include <assert.h>

enum { UPDATE_DAYS_MAX = 30 };

static_assert(INTERESTS_MAX == 8, "the bound stands in the table as text");
static_assert(FEEDS_MAX == 64, "the bound stands in the table as text");

/* ---- update_every ---- */

static int64_t unit_ms(struct view unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", CALENDAR_DAY_MS}};
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++) {
        if (view_equal_string(unit, units[i].name))
            return units[i].ms;
    }
    return 0;
}

bool publish_options_update(struct view text, struct update *out_update)
{
    if (view_equal_string(text, "0") || view_equal_string(text, "drain")) {
        *out_update = (struct update){.kind = text.size == 1 ? UPDATE_AT_ONCE : UPDATE_DRAIN};
        return true;
    }
    int64_t number = 0;
    size_t digits = 0;
    for (; digits < text.size && digits < 10 && text.data[digits] >= '0' && text.data[digits] <= '9';
         digits++)
        number = number * 10 + (text.data[digits] - '0');
    int64_t ms = digits ? unit_ms((struct view){text.data + digits, text.size - digits}) : 0;
    if (!ms || number < 1 || number > UPDATE_DAYS_MAX * CALENDAR_DAY_MS / ms)
        return false;
    if (number * ms % CALENDAR_SLOT_MS)
        return false;
    *out_update = (struct update){.kind = UPDATE_SLOTS, .period_ms = number * ms};
    return true;
}

static bool judge_update(struct view text, char *why, size_t why_size)
{
    struct update update;
    if (publish_options_update(text, &update))
        return true;
    static const char wrong[] = "must be a multiple of 15m up to 30d, such as 24h, or 0, or drain";
    size_t size = sizeof wrong < why_size ? sizeof wrong : why_size;
    memcpy(why, wrong, size);
    why[size - 1] = '\0';
    return false;
}

/* ---- the tables ---- */

static const char *const kind_choices[] = {"", "interests", "groups", "detailed", NULL};
static const char *const id_choices[] = {"", "user", "device", NULL};
static const char *const retract_choices[] = {"", "slot", "now", NULL};

static const struct option feed_option_list[] = {
    {.name = "advertiser",
     .type = OPTION_STRING,
     .offset = offsetof(struct feed_options, advertiser),
     .required = true,
     .judge = option_judge_name,
     .help = "Whose feed it is: 1 to 32 of a-z, 0-9, `_` and `-`. `self` is the operator's own ad "
             "platform. IDs are derived from this name, so a new name makes new IDs."},
    {.name = "programme",
     .type = OPTION_STRING,
     .offset = offsetof(struct feed_options, programme),
     .required = true,
     .help = "The programme under which people are in this feed; one of `programmes`."},
    {.name = "kind",
     .type = OPTION_ENUM,
     .offset = offsetof(struct feed_options, kind),
     .choices = kind_choices,
     .required = true,
     .help = "What the feed holds; the programme must allow it. This version makes `interests`."},
    {.name = "id",
     .type = OPTION_ENUM,
     .offset = offsetof(struct feed_options, id),
     .choices = id_choices,
     .default_text = "user",
     .help = "What an ID stands for: a person (`user`), or one of the person's devices (`device`), "
             "which shows only what that device contributed."},
    {.name = "topic",
     .type = OPTION_STRING,
     .offset = offsetof(struct feed_options, topic),
     .required = true,
     .judge = option_judge_topic,
     .help = "The feed's own topic."},
    {0},
};

static const struct option_table feed_table = {
    .name = "feeds",
    .summary = "What one advertiser gets on its own topic under one programme.",
    .size = sizeof(struct feed_options),
    .options = feed_option_list,
};

static const struct option option_list[] = {
    {.name = "key",
     .type = OPTION_PATH,
     .offset = offsetof(struct publish_options, key),
     .required = true,
     .judge = option_judge_key_source,
     .help =
         "File of the chain of keys that all IDs come from, made by `clickveil keygen --config`. It moves on "
         "with the epochs, so it lies in a folder that the process may write to; `credential:NAME` and "
         "`fd:N` are refused."},
    {.name = "key_grace",
     .type = OPTION_DURATION,
     .offset = offsetof(struct publish_options, key_grace_ms),
     .default_text = "1d",
     .minimum = "0s",
     .maximum = "30d",
     .help =
         "How long the keys of an epoch are kept after its last tombstone was due: time for a process that "
         "was away to write it."},
    {.name = "provider",
     .type = OPTION_STRING,
     .offset = offsetof(struct publish_options, provider),
     .required = true,
     .judge = option_judge_domain,
     .help = "The operator's domain: `source`, `inserter` and `name` in every feed record."},
    {.name = "k",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct publish_options, k),
     .default_text = "100",
     .minimum = "1",
     .maximum = "1000000000",
     .help = "An interest appears only where at least so many people have it, under that programme "
             "in that epoch. At least 50, unless `trial` is on. In this version each partition "
             "counts its own people."},
    {.name = "epoch",
     .type = OPTION_DURATION,
     .offset = offsetof(struct publish_options, epoch_ms),
     .default_text = "7d",
     .minimum = "1d",
     .maximum = "30d",
     .help = "How long an advertiser's ID for a person stays the same."},
    {.name = "origin",
     .type = OPTION_DATE,
     .offset = offsetof(struct publish_options, origin_day),
     .default_text = "1970-01-01",
     .help = "A day, at midnight UTC, at which an epoch begins; the others follow from it."},
    {.name = "interests_max",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct publish_options, interests_max),
     .default_text = "3",
     .minimum = "1",
     .maximum = "8",
     .help = "At most so many interests of a person in an epoch, over all versions of the record."},
    {.name = "update_every",
     .type = OPTION_STRING,
     .offset = offsetof(struct publish_options, update_every),
     .default_text = "24h",
     .judge = judge_update,
     .help = "How often an ID's record may change: every ID has one slot of 15 minutes in this period, "
             "a multiple of 15m up to 30d and not longer than `epoch`. `0` writes with every "
             "transaction and gives the time of events away; `drain` writes only at the end of the "
             "input or of the process."},
    {.name = "trial",
     .type = OPTION_BOOL,
     .offset = offsetof(struct publish_options, trial),
     .default_text = "false",
     .help = "Allows a `k` below 50, and says so in every record (`ext.trial`); not for real "
             "people's data."},
    {.name = "people_max",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct publish_options, people_max),
     .default_text = "5000000",
     .minimum = "1000",
     .maximum = "200000000",
     .help = "So many people (by programme and epoch) a worker keeps in memory at most, typically "
             "250 bytes each; one more stops it."},
    {.name = "retract",
     .type = OPTION_ENUM,
     .offset = offsetof(struct publish_options, retract),
     .choices = retract_choices,
     .default_text = "slot",
     .help =
         "When the IDs of somebody who said no get their tombstones: each at its own `slot`, as any other "
         "change, or `now`, which is quicker and shows which tombstones belong to one person. Nothing "
         "else is written about them from the moment on that the choice is known."},
    {.name = "lease",
     .type = OPTION_DURATION,
     .offset = offsetof(struct publish_options, followed.lease_ms),
     .default_text = "60s",
     .minimum = "1s",
     .maximum = "1h",
     .help = "How old the last complete reading of the topic of retractions may be; events and slots pause "
             "when it is older."},
    {.name = "barrier_every",
     .type = OPTION_DURATION,
     .offset = offsetof(struct publish_options, followed.barrier_every_ms),
     .default_text = "5s",
     .minimum = "100ms",
     .maximum = "10m",
     .help = "How often the topic of retractions is read to its end when no transaction asks for it. Must be "
             "shorter than lease."},
    {.name = "unanswered_consent",
     .type = OPTION_BOOL,
     .offset = offsetof(struct publish_options, followed.ignores_source),
     .default_text = "false",
     .help = "Publish although consent records may wait for pseudonymize to make retractions of them. False: "
             "nothing "
             "is committed before all of them are made, so a stopped pseudonymize stops publish after the "
             "lease. For "
             "a broker that keeps no positions of transactions only, as the demo's."},
    {.name = "retractions_max",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct publish_options, retractions_max),
     .default_text = "20000000",
     .minimum = "1000",
     .maximum = "1000000000",
     .help = "So many retractions (by subject and programme) that are still of use are kept in memory at "
             "most, 50 to 100 bytes each; more stop the process."},
    {.name = "feeds",
     .type = OPTION_GROUP_LIST,
     .offset = offsetof(struct publish_options, feeds),
     .table = &feed_table,
     .maximum = "64",
     .unique = "advertiser+programme+kind+id",
     .help = "The feeds."},
    {0},
};

int64_t publish_options_life_ms(const struct publish_options *options, int64_t late_max_ms, bool files)
{
    struct update update = {.kind = UPDATE_UNKNOWN};
    ensure(publish_options_update(options->update_every, &update));
    /* A tombstone is written up to one period behind the end of the life, and must be there before the epoch after the
     * next one has its first record. The end of a file is everyone's slot. */
    int64_t slack_ms = files ? 0 : update.period_ms;
    int64_t most_ms = options->epoch_ms > slack_ms ? options->epoch_ms - slack_ms : 0;
    return late_max_ms < most_ms ? late_max_ms : most_ms;
}

struct view publish_options_key_chain(const struct config *config, const void *options,
                                      struct ratchet_times *out_times)
{
    const struct publish_options *publish = options;
    struct update update = {.kind = UPDATE_UNKNOWN};
    ensure(publish_options_update(publish->update_every, &update));
    *out_times = (struct ratchet_times){
        .epoch_ms = publish->epoch_ms,
        .origin_ms = publish->origin_day == OPTION_DATE_UNSET ? 0 : publish->origin_day * CALENDAR_DAY_MS,
        .kept_ms = publish_options_life_ms(publish, config->input.late_max_ms, false) + update.period_ms +
                   publish->key_grace_ms,
    };
    return publish->key;
}

int64_t publish_options_useful_ms(const struct config *config, const void *options)
{
    const struct publish_options *publish = options;
    /* A choice of the moment T is about the epoch that T lies in, which ends up to epoch_ms later and lives on for life_ms;
     * and about what came up to a minute after T (stages/publish/retractions.h) and lies up to future_max ahead of its
     * time. T itself lies up to future_max ahead of the record's own timestamp (stages/pseudonymize/retract.c). The day is
     * for that minute, and for clocks that differ. */
    return publish->epoch_ms + publish_options_life_ms(publish, config->input.late_max_ms, false) +
           2 * config->input.future_max_ms + CALENDAR_DAY_MS;
}

struct view publish_options_feed_topic(const void *options, unsigned feed)
{
    const struct publish_options *publish = options;
    return publish && feed < publish->feeds.count ? publish_options_feed(publish, feed)->topic : VIEW_ABSENT;
}

bool publish_options_describe_feed(const void *options, unsigned feed, struct stage_feed *out_feed)
{
    const struct publish_options *publish = options;
    if (!publish || feed >= publish->feeds.count)
        return false;
    const struct feed_options *found = publish_options_feed(publish, feed);
    *out_feed = (struct stage_feed){.topic = found->topic,
                                    .advertiser = found->advertiser,
                                    .programme = found->programme,
                                    .epoch_ms = publish->epoch_ms};
    return true;
}

/* ---- lint ---- */

static void check_privacy(const struct publish_options *options, struct lint *lint)
{
    if (options->k < PUBLISH_OPTIONS_K_MIN && !options->trial)
        lint_report(
            lint, LINT_ERROR, lint_place(lint, &options->k),
            "k is below 50, so that few people could be singled out; 50 or more, or `trial: true` for a "
            "trial");
    if (options->interests_max > PUBLISH_OPTIONS_INTERESTS_MAX_SAFE)
        lint_report(
            lint, LINT_WARNING, lint_place(lint, &options->interests_max),
            "more than 3 interests make many profiles unique; the default of 3 is chosen to avoid that");
    if (options->trial)
        lint_report(lint, LINT_WARNING, lint_place(lint, &options->trial),
                    "a trial: every feed record says so, and an advertiser's check refuses it");
}

static void check_update(const struct publish_options *options, struct lint *lint)
{
    struct update update;
    if (!publish_options_update(options->update_every, &update))
        return; /* reported by its judge */
    if (update.period_ms > options->epoch_ms)
        lint_report(lint, LINT_ERROR, lint_place(lint, &options->update_every),
                    "update_every is longer than the epoch, so that some IDs would never be written");
    if (update.kind == UPDATE_AT_ONCE)
        lint_report(
            lint, LINT_WARNING, lint_place(lint, &options->update_every),
            "update_every 0 writes with every transaction, so that the time of a record gives the time of an "
            "event away; for trials only");
}

static void check_key(const struct publish_options *options, struct lint *lint)
{
    if (!view_is_absent(options->key) && secret_source_is_scheme(options->key))
        lint_report(
            lint, LINT_ERROR, lint_place(lint, &options->key),
            "the publish key moves on with the epochs, and old ones are destroyed: it must be a file in a "
            "folder that the process may write to, not a credential or a descriptor");
}

static void check_options(const void *value, struct lint *lint)
{
    const struct publish_options *options = value;
    check_key(options, lint);
    check_privacy(options, lint);
    check_update(options, lint);
    if (options->followed.barrier_every_ms >= options->followed.lease_ms)
        lint_report(lint, LINT_ERROR, lint_place(lint, &options->followed.barrier_every_ms),
                    "barrier_every must be shorter than lease, else every pause between two readings would "
                    "stop the pipeline");
    if (options->feeds.count == 0)
        lint_report(lint, LINT_WARNING, lint_place(lint, &options->feeds),
                    "publish has no feeds, so that every event is dropped as no_feed");
    if (options->followed.ignores_source)
        lint_report(
            lint, LINT_WARNING, lint_place(lint, &options->followed.ignores_source),
            "unanswered_consent: somebody who said no may be published until the retraction is there; for "
            "demonstrations only");
    for (unsigned i = 0; i < options->feeds.count; i++) {
        const struct feed_options *feed = publish_options_feed(options, i);
        if (feed->kind == FEED_KIND_GROUPS || feed->kind == FEED_KIND_DETAILED)
            lint_report(lint, LINT_ERROR, lint_place(lint, &feed->kind),
                        "feeds of kind `%s` are not in this version; use `interests`",
                        kind_choices[feed->kind]);
    }
}

const struct option_table publish_options_table = {
    .name = "publish",
    .summary = "What advertisers get, and what protects people in it.",
    .size = sizeof(struct publish_options),
    .options = option_list,
    .check = check_options,
};

static void report_unknown(const struct config *config, const struct feed_options *feed, struct lint *lint)
{
    struct lint_suggestion suggestion = lint_suggest(feed->programme);
    for (unsigned i = 0; i < config->programmes.count; i++)
        lint_suggest_candidate(&suggestion, config_programme(config, i)->name);
    char quoted[LINT_QUOTE_SIZE], meant[LINT_QUOTE_SIZE + 20];
    lint_report(lint, LINT_ERROR, lint_place(lint, &feed->programme),
                "there is no programme %s among `programmes`%s", lint_quote(feed->programme, quoted),
                lint_suggestion_text(&suggestion, meant));
}

static void lint_feed(const struct config *config, const struct feed_options *feed, struct lint *lint)
{
    if (view_is_absent(feed->programme))
        return; /* reported as missing */
    int index = config_programme_index(config, feed->programme);
    char quoted[LINT_QUOTE_SIZE];
    if (index < 0)
        report_unknown(config, feed, lint);
    else if (feed->kind && !option_list_has(&config_programme(config, (unsigned)index)->kinds, feed->kind))
        lint_report(lint, LINT_ERROR, lint_place(lint, &feed->kind),
                    "programme %s does not allow feeds of kind `%s`", lint_quote(feed->programme, quoted),
                    kind_choices[feed->kind]);
}

void publish_options_lint(const struct config *config, const void *options, struct lint *lint)
{
    const struct publish_options *publish = options;
    for (unsigned i = 0; i < publish->feeds.count; i++)
        lint_feed(config, publish_options_feed(publish, i), lint);
    struct update update;
    if (publish_options_update(publish->update_every, &update) &&
        publish_options_life_ms(publish, config->input.late_max_ms, false) < config->input.late_max_ms)
        lint_report(
            lint, LINT_WARNING, lint_place(lint, &publish->epoch_ms),
            "the epoch is too short for late_max and update_every: late events are dropped as epoch_over "
            "earlier than late_max says, so that no third ID of a person lives");
}
