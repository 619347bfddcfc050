/*
 * publish: from events with interests to the feeds of advertisers (spec 6).
 *
 * The last stage. It remembers what a person contributed in an epoch, chooses at most n interests, and writes the state
 * of each feed topic at each ID's own slot. The state belongs to the input partition and lives in the changelog.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_PUBLISH_H
#define CLICKVEIL_STAGES_PUBLISH_PUBLISH_H

#include "common/stage.h"

/* Why publish drops or rejects an event; index into its reasons. */
enum publish_reason {
    PUBLISH_NO_FEED = 0,
    PUBLISH_EPOCH_OVER,
    PUBLISH_EPOCH_AHEAD,
    PUBLISH_PERSON_FULL,
    PUBLISH_NOTHING_TO_REMOVE,
    PUBLISH_NO_INTEREST,
    PUBLISH_RETRACTED,
    PUBLISH_FIELDS_MISSING,    /* REJECT */
    PUBLISH_FIELDS_UNREADABLE, /* REJECT */
    PUBLISH_REASONS,
};

extern const struct stage stage_publish;

#endif
