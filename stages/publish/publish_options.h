/*
 * The options of publish (spec 9).
 *
 * Filled by the option table; checks that need other sections are in publish_options_lint.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_PUBLISH_OPTIONS_H
#define CLICKVEIL_STAGES_PUBLISH_PUBLISH_OPTIONS_H

#include "common/config.h"
#include "common/followed_options.h"
#include "common/option.h"
#include "common/ratchet.h"

enum {
    FEEDS_MAX = 64,
    PUBLISH_OPTIONS_K_MIN = 50,             /* spec 6: below that only with trial */
    PUBLISH_OPTIONS_INTERESTS_MAX_SAFE = 3, /* chosen so that few profiles are unique (spec 6) */
};

/* What a feed's ID stands for. */
enum feed_subject {
    FEED_SUBJECT_UNKNOWN = 0,
    FEED_SUBJECT_USER,   /* the line; OpenRTB atype 3 */
    FEED_SUBJECT_DEVICE, /* the device; OpenRTB atype 1 */
};

struct feed_options {
    struct view advertiser; /* [a-z0-9_-]{1,32}; `self` is the operator's own ad platform */
    struct view programme;
    int kind; /* enum feed_kind */
    int id;   /* enum feed_subject */
    struct view topic;
};

/* When those who said no get their tombstones (spec 3, rule 9). */
enum retract_when {
    RETRACT_UNKNOWN = 0,
    RETRACT_SLOT, /* each ID at its own slot */
    RETRACT_NOW,  /* as soon as it is known */
};

struct publish_options {
    struct followed_options followed; /* topics.retractions; first, see common/followed_options.h */
    struct view key;                  /* path of the chain of keys (common/ratchet.h) */
    int64_t key_grace_ms;
    struct view provider;
    int64_t k;
    int64_t epoch_ms;
    int64_t origin_day; /* days since 1970-01-01, or OPTION_DATE_UNSET for that day */
    int64_t interests_max;
    struct view update_every; /* see publish_options_update */
    bool trial;
    int64_t people_max;
    int retract; /* enum retract_when */
    int64_t retractions_max;
    struct option_list feeds; /* struct feed_options */
};

/* When anything may be written about an ID. */
enum update_kind {
    UPDATE_UNKNOWN = 0, /* never */
    UPDATE_SLOTS,       /* in the ID's own slot of every period */
    UPDATE_AT_ONCE,     /* with every transaction */
    UPDATE_DRAIN,       /* at the end of the input or of the process only */
};

struct update {
    enum update_kind kind;
    int64_t period_ms; /* of UPDATE_SLOTS: a multiple of a slot; else 0 */
};

/* Read `update_every`: a duration such as 24h, `0`, or `drain`. False: it is neither, or no multiple of 15 minutes, or
 * longer than 30 days. */
CLICKVEIL_MUST_CHECK bool publish_options_update(struct view text, struct update *out_update);

/* How long an epoch lives on behind its end: input.late_max, but never so long that a third ID of a person could stand
 * in a feed (spec 6: at most two). files: file mode, which has no slots. */
int64_t publish_options_life_ms(const struct publish_options *options, int64_t late_max_ms, bool files);

/* How long a record of topics.retractions may be of use behind its Kafka timestamp, amply: see struct followed. */
int64_t publish_options_useful_ms(const struct config *config, const void *options);

/* The file of the chain of keys, and how its epochs go by time; see struct stage. */
struct view publish_options_key_chain(const struct config *config, const void *options,
                                      struct ratchet_times *out_times);

extern const struct option_table publish_options_table;

/* The checks that need the whole configuration; see struct stage. */
void publish_options_lint(const struct config *config, const void *options, struct lint *lint);

/* Topic of a feed by index; absent behind the last one. */
struct view publish_options_feed_topic(const void *options, unsigned feed);

/* What topics and tools need to know of a feed; false behind the last one. */
struct stage_feed;
bool publish_options_describe_feed(const void *options, unsigned feed, struct stage_feed *out_feed);

static inline const struct feed_options *publish_options_feed(const struct publish_options *options,
                                                              unsigned feed)
{
    return &((const struct feed_options *)options->feeds.items)[feed];
}

#endif
