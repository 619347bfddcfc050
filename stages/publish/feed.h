/*
 * The feeds of the configuration, as publish works with them, and their keys.
 *
 * Feeds with an ID of the user and of the device are listed by programme. Keys of epochs are derived from the chain when
 * they are first needed and kept for the few epochs that live at one time, in locked memory. The list holds the links that
 * its owner needs (ratchet_hold); those before are forgotten here first, so that nobody has what the chain has not.
 *
 * One thread at a time: its worker's.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_FEED_H
#define CLICKVEIL_STAGES_PUBLISH_FEED_H

#include "common/ratchet.h"
#include "stages/publish/feed_id.h"
#include "stages/publish/publish_options.h"

struct feed_keys;

struct feed {
    struct feed_name name;
    uint8_t programme; /* index in the configuration */
    enum feed_subject subject;
    uint8_t tag[FEED_ID_TAG_SIZE];
};

struct feed_refs {
    uint8_t items[FEEDS_MAX]; /* indices of feeds */
    unsigned count;
};

/* A zeroed struct may be released. */
struct feed_list {
    struct feed items[FEEDS_MAX];
    unsigned count;
    struct feed_refs users[RECORD_PROGRAMMES_MAX];   /* by programme: feeds with the user's ID */
    struct feed_refs devices[RECORD_PROGRAMMES_MAX]; /* feeds with the device's */
    programme_set programmes;                        /* that have a feed */
    bool any_device;
    struct ratchet *ratchet; /* borrowed */
    unsigned holder;         /* of the ratchet */
    int32_t first_epoch;     /* that has keys */
    struct feed_keys *keys;
};

/* Prepare from the checked configuration. The options and the chain are borrowed; holder: whose list it is, by number. */
CLICKVEIL_MUST_CHECK bool feed_list_init(struct feed_list *list, const struct config *config,
                                         const struct publish_options *options, struct ratchet *ratchet,
                                         unsigned holder, struct error *error);

/* Say that keys of that epoch and later ones are needed from now on, and wipe those before. RATCHET_NONE: none is. An
 * earlier epoch than the last time: those that are still there. */
void feed_list_hold(struct feed_list *list, int32_t epoch);

/* Are there keys of an epoch? Then there are until the next feed_list_hold. */
static inline bool feed_list_has(const struct feed_list *list, int32_t epoch)
{
    return epoch >= list->first_epoch;
}

/* ID of a pseudonym in a feed and epoch; the epoch must have keys. */
void feed_list_id(struct feed_list *list, unsigned feed, int32_t epoch, const struct pseudonym *pseudonym,
                  uint8_t out_id[FEED_ID_SIZE]);

/* Keyed hash of an ID of that epoch, which decides its slot. */
uint64_t feed_list_slot_hash(struct feed_list *list, unsigned feed, int32_t epoch,
                             const uint8_t id[FEED_ID_SIZE]);

/* Index of the feed of a programme with that tag, or -1. */
int feed_list_find(const struct feed_list *list, uint8_t programme, const uint8_t tag[FEED_ID_TAG_SIZE]);

/* Wipe and free. */
void feed_list_release(struct feed_list *list);

#endif
