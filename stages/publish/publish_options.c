#include "stages/publish/publish_options.h"

#include "common/stage.h"
#include "stages/publish/calendar.h"
#include "stages/publish/contribution.h"

#include <assert.h>

enum { UPDATE_DAYS_MAX = 30, ADVERTISER_SIZE_MAX = 64, TOPIC_SIZE_MAX = 249, DOMAIN_SIZE_MAX = 253 };

static_assert(INTERESTS_MAX == 8, "the bound stands in the table as text");
static_assert(FEEDS_MAX == 64, "the bound stands in a message as text");

static const char *const kind_choices[] = {"", "interests", "groups", "detailed", NULL};
static const char *const id_choices[] = {"", "user", "device", NULL};

static const struct option feed_option_list[] = {
    {.name = "advertiser",
     .type = OPTION_STRING,
     .offset = offsetof(struct feed_options, advertiser),
     .required = true,
     .place_offset = offsetof(struct feed_options, advertiser_place),
     .help = "Whose feed it is: 1 to 64 of a-z, 0-9, `_` and `-`. `self` is the operator's own ad platform. "
             "IDs are "
             "derived from this name, so a new name makes new IDs."},
    {.name = "programme",
     .type = OPTION_STRING,
     .offset = offsetof(struct feed_options, programme),
     .required = true,
     .place_offset = offsetof(struct feed_options, programme_place),
     .help = "The programme under which people are in this feed; one of `programmes`."},
    {.name = "kind",
     .type = OPTION_ENUM,
     .offset = offsetof(struct feed_options, kind),
     .choices = kind_choices,
     .required = true,
     .place_offset = offsetof(struct feed_options, kind_place),
     .help = "What the feed holds; the programme must allow it. This version makes `interests`."},
    {.name = "id",
     .type = OPTION_ENUM,
     .offset = offsetof(struct feed_options, id),
     .choices = id_choices,
     .default_text = "user",
     .help = "What an ID stands for: a person (`user`), or one of the person's devices (`device`), which "
             "shows only "
             "what that device contributed."},
    {.name = "topic",
     .type = OPTION_STRING,
     .offset = offsetof(struct feed_options, topic),
     .required = true,
     .place_offset = offsetof(struct feed_options, topic_place),
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
     .help = "File of the root key of all IDs, made by `clickveil keygen`; or `credential:NAME`, or `fd:N`."},
    {.name = "provider",
     .type = OPTION_STRING,
     .offset = offsetof(struct publish_options, provider),
     .required = true,
     .place_offset = offsetof(struct publish_options, provider_place),
     .help = "The operator's domain: `source`, `inserter` and `name` in every feed record."},
    {.name = "k",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct publish_options, k),
     .default_text = "100",
     .minimum = "1",
     .maximum = "1000000000",
     .place_offset = offsetof(struct publish_options, k_place),
     .help = "An interest appears only where at least so many people have it, under that programme in that "
             "epoch. At "
             "least 50, unless `trial` is on. In this version each partition counts its own people."},
    {.name = "epoch",
     .type = OPTION_DURATION,
     .offset = offsetof(struct publish_options, epoch_ms),
     .default_text = "7d",
     .minimum = "1d",
     .maximum = "30d",
     .place_offset = offsetof(struct publish_options, epoch_place),
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
     .place_offset = offsetof(struct publish_options, interests_max_place),
     .help = "At most so many interests of a person in an epoch, over all versions of the record."},
    {.name = "update_every",
     .type = OPTION_STRING,
     .offset = offsetof(struct publish_options, update_every),
     .default_text = "24h",
     .place_offset = offsetof(struct publish_options, update_every_place),
     .help =
         "How often an ID's record may change: every ID has one slot of 15 minutes in this period, a "
         "multiple of "
         "15m up to 30d and not longer than `epoch`. `0` writes with every transaction and gives the time of "
         "events away; `drain` writes only at the end of the input or of the process."},
    {.name = "trial",
     .type = OPTION_BOOL,
     .offset = offsetof(struct publish_options, trial),
     .default_text = "false",
     .help = "Allows a `k` below 50, and says so in every record (`ext.trial`); not for real people's data."},
    {.name = "people_max",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct publish_options, people_max),
     .default_text = "5000000",
     .minimum = "1000",
     .maximum = "200000000",
     .help = "So many people (by programme and epoch) a worker keeps in memory at most, typically 250 bytes "
             "each; one "
             "more stops it."},
    {.name = "feeds",
     .type = OPTION_GROUP_LIST,
     .offset = offsetof(struct publish_options, feeds),
     .table = &feed_table,
     .place_offset = offsetof(struct publish_options, feeds_place),
     .help = "The feeds, at most 64."},
    {0},
};

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

static bool only(struct view text, size_t size_max, const char *others)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return text.size >= 1 && text.size <= size_max;
}

static bool is_domain(struct view text)
{
    bool dot = false;
    size_t label = 0;
    for (size_t i = 0; i < text.size; i++) {
        char before = i ? text.data[i - 1] : '.';
        if (text.data[i] == '.') {
            if (label == 0 || before == '-')
                return false;
            dot = true;
            label = 0;
        } else if (++label > 63 || (label == 1 && text.data[i] == '-')) {
            return false;
        }
    }
    return dot && label > 0 && text.data[text.size - 1] != '-' && only(text, DOMAIN_SIZE_MAX, "-.");
}

static void check_feed(const struct feed_options *feed, struct lint *lint)
{
    if (!view_is_absent(feed->advertiser) && !only(feed->advertiser, ADVERTISER_SIZE_MAX, "_-"))
        lint_report(lint, LINT_ERROR, &feed->advertiser_place,
                    "the advertiser's name must be 1 to 64 of a-z, 0-9, `_` and `-`");
    static const char topic_others[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-";
    if (!view_is_absent(feed->topic) &&
        (!only(feed->topic, TOPIC_SIZE_MAX, topic_others) || view_equal_string(feed->topic, ".") ||
         view_equal_string(feed->topic, "..")))
        lint_report(lint, LINT_ERROR, &feed->topic_place,
                    "no name of a topic: 1 to 249 of a-z, A-Z, 0-9, `.`, `_` and `-`");
    if (feed->kind == FEED_KIND_GROUPS || feed->kind == FEED_KIND_DETAILED)
        lint_report(lint, LINT_ERROR, &feed->kind_place,
                    "feeds of kind `%s` are not in this version; use `interests`", kind_choices[feed->kind]);
}

static void check_feeds_differ(const struct publish_options *options, struct lint *lint)
{
    for (unsigned i = 0; i < options->feeds.count; i++) {
        const struct feed_options *feed = publish_options_feed(options, i);
        for (unsigned j = 0; j < i; j++) {
            const struct feed_options *other = publish_options_feed(options, j);
            if (view_equal(feed->topic, other->topic) && !view_is_absent(feed->topic))
                lint_report(lint, LINT_ERROR, &feed->topic_place,
                            "another feed (line %u) has this topic; each feed needs its own",
                            other->topic_place.line);
            if (view_equal(feed->advertiser, other->advertiser) &&
                view_equal(feed->programme, other->programme) && feed->kind == other->kind &&
                feed->id == other->id && !view_is_absent(feed->advertiser) &&
                !view_is_absent(feed->programme))
                lint_report(lint, LINT_ERROR, &feed->advertiser_place,
                            "the advertiser has this feed already (line %u): same programme, kind and id",
                            other->advertiser_place.line);
        }
    }
}

static void check_privacy(const struct publish_options *options, struct lint *lint)
{
    if (options->k < PUBLISH_OPTIONS_K_MIN && !options->trial)
        lint_report(
            lint, LINT_ERROR, &options->k_place,
            "k is below 50, so few people could be singled out; 50 or more, or `trial: true` for a trial");
    if (options->interests_max > PUBLISH_OPTIONS_INTERESTS_MAX_SAFE)
        lint_report(
            lint, LINT_WARNING, &options->interests_max_place,
            "more than 3 interests make many profiles unique; the default of 3 is chosen to avoid that");
    if (options->trial)
        lint_report(lint, LINT_WARNING, NULL,
                    "publish.trial is on: every feed record says `trial`, and advertisers' checks refuse it");
}

static void check_update(const struct publish_options *options, struct lint *lint)
{
    struct update update;
    if (!publish_options_update(options->update_every, &update)) {
        lint_report(lint, LINT_ERROR, &options->update_every_place,
                    "update_every must be a multiple of 15m up to 30d (such as 24h), or `0`, or `drain`");
        return;
    }
    if (update.period_ms > options->epoch_ms)
        lint_report(lint, LINT_ERROR, &options->update_every_place,
                    "update_every is longer than the epoch, so that some IDs would never be written");
    if (update.kind == UPDATE_AT_ONCE)
        lint_report(
            lint, LINT_WARNING, &options->update_every_place,
            "update_every 0 writes with every transaction, so the time of a record gives away the time of an "
            "event; for trials only");
}

static void check_options(const void *value, struct lint *lint)
{
    const struct publish_options *options = value;
    if (!view_is_absent(options->provider) && !is_domain(options->provider))
        lint_report(lint, LINT_ERROR, &options->provider_place,
                    "provider must be a domain in lower case, such as ads.example");
    check_privacy(options, lint);
    check_update(options, lint);
    if (options->feeds.count > FEEDS_MAX)
        lint_report(lint, LINT_ERROR, &options->feeds_place, "%u feeds; at most 64 are possible",
                    options->feeds.count);
    if (options->feeds.count == 0)
        lint_report(lint, LINT_WARNING, &options->feeds_place,
                    "publish has no feeds, so every event is dropped as no_feed");
    for (unsigned i = 0; i < options->feeds.count; i++)
        check_feed(publish_options_feed(options, i), lint);
    check_feeds_differ(options, lint);
}

const struct option_table publish_options_table = {
    .name = "publish",
    .summary = "What advertisers get, and what protects people in it.",
    .size = sizeof(struct publish_options),
    .options = option_list,
    .check = check_options,
};

static bool allows(const struct programme *programme, int kind)
{
    for (unsigned i = 0; i < programme->kinds.count; i++) {
        if (((const int *)programme->kinds.items)[i] == kind)
            return true;
    }
    return false;
}

static bool is_other_topic(const struct config *config, struct view topic)
{
    for (int role = TOPIC_NONE + 1; role < TOPIC_ROLES; role++) {
        if (role != TOPIC_FEED && view_equal(config_topic(config, (enum topic_role)role, 0), topic))
            return true;
    }
    return false;
}

static void lint_feed(const struct config *config, const struct feed_options *feed, struct lint *lint)
{
    if (view_is_absent(feed->programme) || view_is_absent(feed->topic))
        return; /* reported as missing already */
    int index = config_programme_index(config, feed->programme);
    if (index < 0)
        lint_report(lint, LINT_ERROR, &feed->programme_place,
                    "there is no programme `%.*s` among `programmes`", (int)feed->programme.size,
                    feed->programme.data);
    else if (feed->kind && !allows(config_programme(config, (unsigned)index), feed->kind))
        lint_report(lint, LINT_ERROR, &feed->kind_place, "programme `%.*s` does not allow feeds of kind `%s`",
                    (int)feed->programme.size, feed->programme.data, kind_choices[feed->kind]);
    if (is_other_topic(config, feed->topic))
        lint_report(lint, LINT_ERROR, &feed->topic_place,
                    "this topic serves the pipeline itself; a feed needs its own");
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
            lint, LINT_WARNING, &publish->epoch_place,
            "the epoch is too short for late_max and update_every: late events are dropped as epoch_over "
            "earlier than late_max says, so that no third ID of a person lives");
}
