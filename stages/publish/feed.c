#include "stages/publish/feed.h"

#include "common/secret.h"

#include <sodium.h>

enum { EPOCHS_KEPT = 4 }; /* this one, the last, the next, and one to spare; a power of two */

struct epoch_keys {
    bool known;
    int32_t epoch;
    uint8_t id_key[FEED_ID_KEY_SIZE];
    uint8_t slot_key[FEED_ID_SLOT_KEY_SIZE];
};

struct feed_keys {
    uint8_t link[RATCHET_KEY_SIZE]; /* while keys are derived */
    struct epoch_keys feeds[FEEDS_MAX][EPOCHS_KEPT];
};

static void feed_add(struct feed_list *list, const struct config *config, const struct feed_options *options)
{
    unsigned index = list->count++;
    int programme = config_programme_index(config, options->programme);
    ensure(programme >= 0 && options->kind == FEED_KIND_INTERESTS);
    bool device = options->id == FEED_SUBJECT_DEVICE;
    struct feed *feed = &list->items[index];
    *feed = (struct feed){
        .name = {.advertiser = options->advertiser,
                 .programme = options->programme,
                 .kind = VIEW("interests"),
                 .id = device ? VIEW("device") : VIEW("user")},
        .programme = (uint8_t)programme,
        .subject = (enum feed_subject)options->id,
    };
    feed_id_tag(&feed->name, feed->tag);
    struct feed_refs *refs = device ? &list->devices[programme] : &list->users[programme];
    refs->items[refs->count++] = (uint8_t)index;
    list->programmes |= (programme_set)(1u << programme);
    list->any_device = list->any_device || device;
}

bool feed_list_init(struct feed_list *list, const struct config *config,
                    const struct publish_options *options, struct ratchet *ratchet, unsigned holder,
                    struct error *error)
{
    *list = (struct feed_list){.ratchet = ratchet, .holder = holder, .first_epoch = ratchet_first(ratchet)};
    list->keys = secret_memory_new(sizeof *list->keys, error);
    if (!list->keys)
        return false;
    memset(list->keys, 0, sizeof *list->keys);
    ensure(options->feeds.count <= FEEDS_MAX);
    for (unsigned i = 0; i < options->feeds.count; i++)
        feed_add(list, config, publish_options_feed(options, i));
    return true;
}

void feed_list_hold(struct feed_list *list, int32_t epoch)
{
    for (unsigned i = 0; i < list->count; i++) {
        for (unsigned j = 0; j < EPOCHS_KEPT; j++) {
            struct epoch_keys *keys = &list->keys->feeds[i][j];
            if (keys->known && keys->epoch < epoch)
                sodium_memzero(keys, sizeof *keys);
        }
    }
    list->first_epoch = ratchet_hold(list->ratchet, list->holder, epoch);
}

static const struct epoch_keys *keys_of(struct feed_list *list, unsigned feed, int32_t epoch)
{
    struct epoch_keys *keys = &list->keys->feeds[feed][(uint32_t)epoch % EPOCHS_KEPT];
    if (keys->known && keys->epoch == epoch)
        return keys;
    ensure(ratchet_key(list->ratchet, epoch, list->keys->link));
    feed_id_epoch_key(list->keys->link, &list->items[feed].name, epoch, keys->id_key);
    feed_id_slot_key(list->keys->link, &list->items[feed].name, epoch, keys->slot_key);
    sodium_memzero(list->keys->link, sizeof list->keys->link);
    keys->epoch = epoch;
    keys->known = true;
    return keys;
}

void feed_list_id(struct feed_list *list, unsigned feed, int32_t epoch, const struct pseudonym *pseudonym,
                  uint8_t out_id[FEED_ID_SIZE])
{
    feed_id(keys_of(list, feed, epoch)->id_key, pseudonym, out_id);
}

uint64_t feed_list_slot_hash(struct feed_list *list, unsigned feed, int32_t epoch,
                             const uint8_t id[FEED_ID_SIZE])
{
    return feed_id_slot_hash(keys_of(list, feed, epoch)->slot_key, id);
}

int feed_list_find(const struct feed_list *list, uint8_t programme, const uint8_t tag[FEED_ID_TAG_SIZE])
{
    for (unsigned i = 0; i < list->count; i++) {
        if (list->items[i].programme == programme && !memcmp(list->items[i].tag, tag, FEED_ID_TAG_SIZE))
            return (int)i;
    }
    return -1;
}

void feed_list_release(struct feed_list *list)
{
    if (list->ratchet)
        (void)ratchet_hold(list->ratchet, list->holder, RATCHET_NONE);
    secret_memory_free(list->keys);
    *list = (struct feed_list){0};
}
