/*
 * Key of a person:   version, kind 1, size of the programme's name, the name, epoch (4), line (16)
 * Key of meta:       version, kind 2
 * Key of a mark:     as of a person, kind 3
 * Key of the chain:  version, kind 4
 * Value of a person: version, standing, first event (4), number of accounts, those (16 each), number of devices,
 *                    [shared devices (a bit for each, in whole bytes), devices (16 each)], number of kept interests,
 *                    those (2 each), number of published IDs (2), those (feed tag 4, device 1, mask 1), number of
 *                    contributions, those (interest 2, device 1, [app token 8], events 1 to 5)
 * Value of meta:     version, last slot (8)
 * Value of a mark:   version
 * Value of the chain: version, label (8)
 *
 * Numbers are big endian; events are base 128, low groups first (LEB128). Bit 7 of a contribution's device byte says
 * that an app token follows.
 */
#include "stages/publish/changelog.h"

enum {
    KEY_PERSON = 1,
    KEY_META = 2,
    KEY_MARK = 3,
    KEY_CHAIN = 4,
    /* standing */
    STANDS = 0,
    RETRACTED = 1,
    MARKED = 2,
    HAS_APP = 0x80,
    NAME_SIZE_MAX = 32, /* of a programme (common/programme.h) */
    PERSON_KEY_SIZE_MAX = 3 + NAME_SIZE_MAX + 4 + PSEUDONYM_SIZE,
    PUBLISHED_SIZE = FEED_ID_TAG_SIZE + 2,
    CONTRIBUTION_SIZE_MAX = 2 + 1 + 8 + 5,
};

static const char meta_key[] = {CHANGELOG_VERSION, KEY_META};
static const char chain_key[] = {CHANGELOG_VERSION, KEY_CHAIN};
static const char mark_value[] = {CHANGELOG_VERSION};

/* ---- writing; the room was reckoned before ---- */

static char *put_byte(char *out, unsigned byte)
{
    *out = (char)byte;
    return out + 1;
}

static char *put_number(char *out, uint64_t number, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        out[i] = (char)(number >> (8 * (size - 1 - i)));
    return out + size;
}

static char *put_bytes(char *out, const void *bytes, size_t size)
{
    memcpy(out, bytes, size);
    return out + size;
}

static char *put_events(char *out, uint32_t events)
{
    for (; events >= 0x80; events >>= 7)
        out = put_byte(out, (events & 0x7f) | 0x80);
    return put_byte(out, events);
}

static bool write_key(const struct partition *partition, const struct person *person, unsigned kind,
                      struct arena *arena, struct view *out_key)
{
    const struct people *people = partition_people(partition, person);
    const struct feed_list *feeds = &partition->rules->feeds;
    const struct feed_refs *refs = feeds->users[people->programme].count ? &feeds->users[people->programme]
                                                                         : &feeds->devices[people->programme];
    struct view name = feeds->items[refs->items[0]].name.programme;
    ensure(name.size <= NAME_SIZE_MAX);
    char *key = arena_take(arena, PERSON_KEY_SIZE_MAX);
    if (!key)
        return false;
    char *out = put_byte(key, CHANGELOG_VERSION);
    out = put_byte(out, kind);
    out = put_byte(out, (unsigned)name.size);
    out = put_bytes(out, name.data, name.size);
    out = put_number(out, (uint32_t)people->epoch, 4);
    out = put_bytes(out, person->line.bytes, PSEUDONYM_SIZE);
    *out_key = (struct view){key, (size_t)(out - key)};
    return true;
}

bool changelog_person_key(const struct partition *partition, const struct person *person, struct arena *arena,
                          struct view *out_key)
{
    return write_key(partition, person, KEY_PERSON, arena, out_key);
}

bool changelog_mark_key(const struct partition *partition, const struct person *person, struct arena *arena,
                        struct view *out_key)
{
    return write_key(partition, person, KEY_MARK, arena, out_key);
}

struct view changelog_mark_value(void)
{
    return (struct view){mark_value, sizeof mark_value};
}

struct view changelog_meta_key(void)
{
    return (struct view){meta_key, sizeof meta_key};
}

struct view changelog_chain_key(void)
{
    return (struct view){chain_key, sizeof chain_key};
}

/* Bytes of the bits that say which devices are shared. */
static unsigned shared_size(unsigned device_count)
{
    return (device_count + 7) / 8;
}

static char *put_published(char *out, const struct partition *partition, const struct person *person)
{
    char *count = out;
    out += 2;
    unsigned published = 0;
    for (uint32_t reference = person->ids; reference;) {
        const struct live_id *id = slab_at(&partition->slab, reference);
        reference = id->person_next;
        if (!id->published)
            continue;
        out = put_bytes(out, partition->rules->feeds.items[id->feed].tag, FEED_ID_TAG_SIZE);
        out = put_byte(out, id->device);
        out = put_byte(out, id->published);
        published++;
    }
    put_number(count, published, 2);
    return out;
}

static char *put_contributions(char *out, const struct partition *partition, const struct person *person)
{
    const struct contribution *entries = person_contributions(&partition->slab, person);
    out = put_byte(out, person->contribution_count);
    for (unsigned i = 0; i < person->contribution_count; i++) {
        out = put_number(out, entries[i].interest, 2);
        out = put_byte(out, entries[i].device | (entries[i].app_token ? HAS_APP : 0u));
        if (entries[i].app_token)
            out = put_number(out, entries[i].app_token, 8);
        out = put_events(out, entries[i].events);
    }
    return out;
}

bool changelog_person_value(const struct partition *partition, const struct person *person,
                            struct arena *arena, struct view *out_value)
{
    size_t size_max = 2 + 4 + 1 + 1 + sizeof person->shared_devices +
                      (size_t)person_subject_count(person) * PSEUDONYM_SIZE + 1 + 2 * INTERESTS_MAX + 2 +
                      (size_t)person->live * PUBLISHED_SIZE + 1 +
                      (size_t)person->contribution_count * CONTRIBUTION_SIZE_MAX;
    char *value = arena_take(arena, size_max);
    if (!value)
        return false;
    char *out = put_byte(value, CHANGELOG_VERSION);
    out = put_byte(out, person->standing == PERSON_STANDS   ? STANDS
                        : person->standing == PERSON_MARKED ? MARKED
                                                            : RETRACTED);
    out = put_number(out, person->first_s, 4);
    out = put_byte(out, person->account_count);
    if (person->account_count)
        out = put_bytes(out, person_accounts(&partition->slab, person),
                        (size_t)person->account_count * PSEUDONYM_SIZE);
    out = put_byte(out, person->device_count);
    if (person->device_count) {
        out = put_number(out, person->shared_devices, shared_size(person->device_count));
        out = put_bytes(out, person_devices(&partition->slab, person),
                        (size_t)person->device_count * PSEUDONYM_SIZE);
    }
    out = put_byte(out, person->kept.count);
    for (unsigned i = 0; i < person->kept.count; i++)
        out = put_number(out, person->kept.ids[i], 2);
    out = put_published(out, partition, person);
    out = put_contributions(out, partition, person);
    size_t size = (size_t)(out - value);
    ensure(size <= size_max);
    arena_shrink(arena, value, size_max, size);
    *out_value = (struct view){value, size};
    return true;
}

bool changelog_meta_value(const struct changelog_meta *meta, struct arena *arena, struct view *out_value)
{
    char *value = arena_take(arena, 9);
    if (!value)
        return false;
    put_number(put_byte(value, CHANGELOG_VERSION), (uint64_t)meta->slot_done, 8);
    *out_value = (struct view){value, 9};
    return true;
}

bool changelog_chain_value(const uint8_t chain[PARTITION_CHAIN_SIZE], struct arena *arena,
                           struct view *out_value)
{
    char *value = arena_take(arena, 1 + PARTITION_CHAIN_SIZE);
    if (!value)
        return false;
    put_bytes(put_byte(value, CHANGELOG_VERSION), chain, PARTITION_CHAIN_SIZE);
    *out_value = (struct view){value, 1 + PARTITION_CHAIN_SIZE};
    return true;
}

/* ---- reading ---- */

struct reader {
    const uint8_t *at;
    size_t left;
    bool failed; /* something was missing; everything read since is zero */
};

static struct reader reader_of(struct view bytes)
{
    return (struct reader){(const uint8_t *)bytes.data, bytes.size, view_is_absent(bytes)};
}

static const uint8_t *get_bytes(struct reader *reader, size_t size)
{
    if (reader->failed || reader->left < size) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += size;
    reader->left -= size;
    return bytes;
}

static uint64_t get_number(struct reader *reader, unsigned size)
{
    const uint8_t *bytes = get_bytes(reader, size);
    uint64_t number = 0;
    for (unsigned i = 0; bytes && i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

static void get_pseudonym(struct reader *reader, struct pseudonym *out_pseudonym)
{
    const uint8_t *bytes = get_bytes(reader, PSEUDONYM_SIZE);
    if (bytes)
        memcpy(out_pseudonym->bytes, bytes, PSEUDONYM_SIZE);
}

static uint32_t get_events(struct reader *reader)
{
    uint64_t events = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint64_t group = get_number(reader, 1);
        events |= (group & 0x7f) << shift;
        if (!(group & 0x80)) {
            reader->failed = reader->failed || events == 0 || events > UINT32_MAX || (shift && !group);
            return (uint32_t)events;
        }
    }
    reader->failed = true;
    return 0;
}

static bool all_read(const struct reader *reader)
{
    return !reader->failed && reader->left == 0;
}

bool changelog_read_key(struct view key, struct changelog_key *out_key)
{
    struct reader reader = reader_of(key);
    struct changelog_key read = {.kind = CHANGELOG_UNREADABLE};
    if (get_number(&reader, 1) != CHANGELOG_VERSION)
        return false;
    uint64_t kind = get_number(&reader, 1);
    if (kind == KEY_META || kind == KEY_CHAIN) {
        read.kind = kind == KEY_META ? CHANGELOG_META : CHANGELOG_CHAIN;
    } else if (kind == KEY_PERSON || kind == KEY_MARK) {
        read.kind = kind == KEY_PERSON ? CHANGELOG_PERSON : CHANGELOG_MARK;
        read.programme.size = (size_t)get_number(&reader, 1);
        read.programme.data = (const char *)get_bytes(&reader, read.programme.size);
        read.epoch = (int32_t)(uint32_t)get_number(&reader, 4);
        get_pseudonym(&reader, &read.line);
    }
    if (read.kind == CHANGELOG_UNREADABLE || !all_read(&reader))
        return false;
    *out_key = read;
    return true;
}

static void get_standing(struct reader *reader, struct person_state *state)
{
    uint64_t standing = get_number(reader, 1);
    reader->failed = reader->failed || standing > MARKED;
    state->standing = standing == STANDS      ? PERSON_STANDS
                      : standing == RETRACTED ? PERSON_RETRACTED
                                              : PERSON_MARKED;
    state->first_s = (uint32_t)get_number(reader, 4);
}

static void get_accounts(struct reader *reader, struct person_state *state)
{
    uint64_t count = get_number(reader, 1);
    if (count > PERSON_ACCOUNTS_MAX) {
        reader->failed = true;
        return;
    }
    state->account_count = (uint8_t)count;
    for (unsigned i = 0; i < count; i++)
        get_pseudonym(reader, &state->accounts[i]);
}

static void get_devices(struct reader *reader, struct person_state *state)
{
    uint64_t count = get_number(reader, 1);
    if (count > PERSON_DEVICES_MAX) {
        reader->failed = true;
        return;
    }
    state->device_count = (uint8_t)count;
    state->shared_devices = get_number(reader, shared_size((unsigned)count));
    reader->failed = reader->failed || state->shared_devices >> count;
    for (unsigned i = 0; i < count; i++)
        get_pseudonym(reader, &state->devices[i]);
}

static void get_kept(struct reader *reader, struct person_state *state)
{
    uint64_t count = get_number(reader, 1);
    if (count > INTERESTS_MAX) {
        reader->failed = true;
        return;
    }
    state->kept.count = 0;
    for (unsigned i = 0; i < count; i++) {
        uint16_t interest = (uint16_t)get_number(reader, 2);
        reader->failed = reader->failed || interest == 0 || interest_set_index(&state->kept, interest) >= 0;
        state->kept.ids[state->kept.count++] = interest;
    }
}

static void get_published(struct reader *reader, const struct feed_list *feeds, struct person_state *state)
{
    uint64_t count = get_number(reader, 2);
    state->published_count = 0;
    for (unsigned i = 0; i < count && !reader->failed; i++) {
        const uint8_t *tag = get_bytes(reader, FEED_ID_TAG_SIZE);
        uint8_t device = (uint8_t)get_number(reader, 1);
        uint8_t mask = (uint8_t)get_number(reader, 1);
        reader->failed = reader->failed || mask == 0 || mask >> state->kept.count ||
                         (device && device >= state->device_count);
        int feed = reader->failed ? -1 : feed_list_find(feeds, state->programme, tag);
        if (feed < 0)
            continue;
        if (state->published_count == sizeof state->published / sizeof *state->published) {
            reader->failed = true;
            return;
        }
        state->published[state->published_count].feed = (uint8_t)feed;
        state->published[state->published_count].device = device;
        state->published[state->published_count].mask = mask;
        state->published_count++;
    }
}

static void get_contributions(struct reader *reader, struct person_state *state)
{
    state->contribution_count = (unsigned)get_number(reader, 1);
    for (unsigned i = 0; i < state->contribution_count && !reader->failed; i++) {
        struct contribution entry = {.interest = (uint16_t)get_number(reader, 2)};
        uint8_t device = (uint8_t)get_number(reader, 1);
        entry.device = device & 0x7f;
        if (device & HAS_APP)
            entry.app_token = get_number(reader, 8);
        entry.events = get_events(reader);
        unsigned place;
        bool known =
            contribution_find(state->contributions, i, entry.interest, entry.device, entry.app_token, &place);
        reader->failed = reader->failed || entry.interest == 0 || known || place != i ||
                         (device & HAS_APP && entry.app_token == 0) ||
                         (entry.device != CONTRIBUTION_NO_DEVICE && entry.device >= state->device_count);
        state->contributions[i] = entry;
    }
}

bool changelog_read_person(struct view value, const struct feed_list *feeds, struct person_state *out_state)
{
    struct reader reader = reader_of(value);
    if (get_number(&reader, 1) != CHANGELOG_VERSION)
        return false;
    get_standing(&reader, out_state);
    if (!reader.failed)
        get_accounts(&reader, out_state);
    if (!reader.failed)
        get_devices(&reader, out_state);
    if (!reader.failed)
        get_kept(&reader, out_state);
    if (!reader.failed)
        get_published(&reader, feeds, out_state);
    if (!reader.failed)
        get_contributions(&reader, out_state);
    return all_read(&reader);
}

bool changelog_read_mark(struct view value)
{
    return view_equal(value, changelog_mark_value());
}

bool changelog_read_chain(struct view value, uint8_t out_chain[PARTITION_CHAIN_SIZE])
{
    struct reader reader = reader_of(value);
    if (get_number(&reader, 1) != CHANGELOG_VERSION)
        return false;
    const uint8_t *chain = get_bytes(&reader, PARTITION_CHAIN_SIZE);
    if (!all_read(&reader))
        return false;
    memcpy(out_chain, chain, PARTITION_CHAIN_SIZE);
    return true;
}

bool changelog_read_meta(struct view value, struct changelog_meta *out_meta)
{
    struct reader reader = reader_of(value);
    if (get_number(&reader, 1) != CHANGELOG_VERSION)
        return false;
    int64_t slot_done = (int64_t)get_number(&reader, 8);
    if (!all_read(&reader))
        return false;
    out_meta->slot_done = slot_done;
    return true;
}
