/*
 * The ID that an advertiser sees for a person or a device, and the slot that it is written in.
 *
 * Derived from the pseudonym with a key per feed and epoch, so that two feeds can't be joined by ID, even of one
 * advertiser, nor two epochs (spec 6). Both keys of an epoch, that of IDs and that of slots, come from the epoch's link of
 * the chain (common/ratchet.h) by keyed BLAKE2b over length-prefixed fields: they are gone with it. docs/feed-ids.md
 * specifies every byte and has test vectors.
 *
 * Pure; any thread. The caller wipes the keys.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_FEED_ID_H
#define CLICKVEIL_STAGES_PUBLISH_FEED_ID_H

#include "common/record.h"
#include "common/view.h"

enum {
    FEED_ID_SIZE = 16,      /* bytes */
    FEED_ID_TEXT_SIZE = 22, /* characters of unpadded base64url, no NUL */
    FEED_ID_KEY_SIZE = 32,  /* bytes of a link and of an epoch's key */
    FEED_ID_SLOT_KEY_SIZE = 16,
    FEED_ID_TAG_SIZE = 4,
};

/* What tells one feed from another. Texts as in the configuration. */
struct feed_name {
    struct view advertiser, programme;
    struct view kind; /* interests */
    struct view id;   /* user or device */
};

/* Key of a feed's IDs in one epoch, from that epoch's link. */
void feed_id_epoch_key(const uint8_t link[FEED_ID_KEY_SIZE], const struct feed_name *name, int32_t epoch,
                       uint8_t out_key[FEED_ID_KEY_SIZE]);

/* Key of a feed's slots in one epoch, from that epoch's link. */
void feed_id_slot_key(const uint8_t link[FEED_ID_KEY_SIZE], const struct feed_name *name, int32_t epoch,
                      uint8_t out_key[FEED_ID_SLOT_KEY_SIZE]);

/* The ID of a pseudonym (of a line, or of a device) under an epoch's key. */
void feed_id(const uint8_t epoch_key[FEED_ID_KEY_SIZE], const struct pseudonym *pseudonym,
             uint8_t out_id[FEED_ID_SIZE]);

/* Keyed hash of an ID; its remainder by the number of slots is the ID's phase. */
uint64_t feed_id_slot_hash(const uint8_t slot_key[FEED_ID_SLOT_KEY_SIZE], const uint8_t id[FEED_ID_SIZE]);

/* Text form, which is the key of a feed record. */
void feed_id_text(const uint8_t id[FEED_ID_SIZE], char out_text[FEED_ID_TEXT_SIZE]);

/* Four bytes that stand for a feed in the changelog, so that the order of feeds in the configuration may change. */
void feed_id_tag(const struct feed_name *name, uint8_t out_tag[FEED_ID_TAG_SIZE]);

#endif
