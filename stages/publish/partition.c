/*
 * How the pieces hang together.
 *
 * `persons` finds a person by (line, programme, epoch), `subjects` by any device or account. A person owns a list of
 * contributions, a list of those subjects and a list of live IDs, one for each feed (and device) that may show it.
 * Every live ID also sits in the wheel.
 *
 * What a transaction changes is noted first (partition_transaction.c). IDs end by a mark and leave when it commits.
 *
 * A retraction (spec 3, rule 9) empties a person's contributions and ends all IDs that no record shows. The others keep
 * the person alive until their tombstones are written. Where the retraction was an account's or a device's, nothing
 * else would stop the next event of the line, so a mark stays until the epoch is over: the person with an ID of
 * LIVE_ID_STATE_ONLY alone.
 *
 * Counts of people follow every change of a capped set at once, forward and backward.
 */
#include "stages/publish/partition_internal.h"

#include <stdlib.h>

static_assert((int)FEEDS_MAX <= 1 << 6, "a live ID names its feed in 6 bits");
static_assert((int)PERSON_DEVICES_MAX <= (int)LIVE_ID_STATE_ONLY,
              "and its device, or that it has none, in 6");

/* ---- life ---- */

struct partition *partition_new(int32_t number, struct partition_rules *rules, struct error *error)
{
    struct partition *partition = calloc(1, sizeof *partition);
    if (!partition) {
        error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for a partition's state");
        return NULL;
    }
    partition->number = number;
    partition->rules = rules;
    partition->people.k = rules->k;
    partition->transaction = 1;
    partition_set_slot(partition, PARTITION_NO_SLOT);
    slab_init(&partition->slab, sizeof(struct person), &rules->memory);
    if (!wheel_init(&partition->wheel, wheel_bucket_count(rules->calendar.slots), error)) {
        partition_free(partition);
        return NULL;
    }
    return partition;
}

void partition_free(struct partition *partition)
{
    if (!partition)
        return;
    partition->rules->persons -= partition->persons_here;
    wheel_release(&partition->wheel);
    people_release(&partition->people);
    ref_index_release(&partition->persons);
    subject_index_release(&partition->subjects);
    slab_release(&partition->slab);
    free(partition);
}

size_t partition_bytes(const struct partition *partition)
{
    return ref_index_bytes(&partition->persons) + ref_index_bytes(&partition->subjects.index) +
           (size_t)partition->slab.chunk_count * SLAB_CHUNK_UNITS * SLAB_UNIT_SIZE;
}

bool partition_no_memory(struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL,
                      "raise publish.people_max, or run more workers or hosts",
                      "the memory for the state of people is used up");
}

/* ---- finding ---- */

static uint32_t bytes_hash(const struct pseudonym *pseudonym)
{
    uint32_t hash;
    memcpy(&hash, pseudonym->bytes, sizeof hash); /* a pseudonym is a keyed hash already */
    return hash;
}

static uint32_t person_hash(const struct pseudonym *line, unsigned people)
{
    return bytes_hash(line) + people * 0x9e3779b9u;
}

uint32_t partition_find(const struct partition *partition, uint8_t programme, int32_t epoch,
                        const struct pseudonym *line)
{
    int people = people_find(&partition->people, programme, epoch);
    if (people < 0)
        return 0;
    uint32_t hash = person_hash(line, (unsigned)people);
    uint32_t cursor = UINT32_MAX;
    uint32_t reference;
    while ((reference = ref_index_next(&partition->persons, hash, &cursor))) {
        const struct person *person = partition_person(partition, reference);
        if (person->people == people && !memcmp(person->line.bytes, line->bytes, PSEUDONYM_SIZE))
            break;
    }
    return reference;
}

/* ---- live IDs ---- */

void partition_feed_id(const struct partition *partition, const struct live_id *id,
                       uint8_t out_id[FEED_ID_SIZE])
{
    const struct person *person = partition_person(partition, id->person);
    struct feed_list *feeds = &partition->rules->feeds;
    const struct pseudonym *subject = feeds->items[id->feed].subject == FEED_SUBJECT_DEVICE
                                          ? &person_devices(&partition->slab, person)[id->device]
                                          : &person->line;
    feed_list_id(feeds, id->feed, partition_people(partition, person)->epoch, subject, out_id);
}

/* Put an ID on the wheel. An entry without an ID, or one whose ID nobody can make any more, takes its bucket from the
 * pseudonym, which is a keyed hash too. */
void partition_link_id(struct partition *partition, uint32_t reference)
{
    struct live_id *id = slab_at(&partition->slab, reference);
    const struct person *person = partition_person(partition, id->person);
    int32_t epoch = partition_people(partition, person)->epoch;
    uint64_t hash;
    if (live_id_is_state_only(id) || !feed_list_has(&partition->rules->feeds, epoch)) {
        hash = bytes_hash(&person->line);
    } else {
        uint8_t bytes[FEED_ID_SIZE];
        partition_feed_id(partition, id, bytes);
        hash = feed_list_slot_hash(&partition->rules->feeds, id->feed, epoch, bytes);
    }
    id->bucket = (uint16_t)(hash % partition->wheel.bucket_count);
    wheel_link(&partition->wheel, &partition->slab, reference);
}

bool partition_make_id(struct partition *partition, uint32_t person_reference, unsigned feed, unsigned device)
{
    struct person *person = partition_person(partition, person_reference);
    uint32_t reference = slab_take(&partition->slab, 0);
    if (!reference)
        return false;
    struct live_id *id = slab_at(&partition->slab, reference);
    *id = (struct live_id){
        .person = person_reference, .person_next = person->ids, .feed = feed & 63u, .device = device & 63u};
    person->ids = reference;
    person->live++;
    partition->live_ids++;
    if (!partition->restoring)
        partition_link_id(partition, reference);
    return true;
}

static bool make_ids(struct partition *partition, uint32_t person_reference, const struct feed_refs *feeds,
                     unsigned device)
{
    for (unsigned i = 0; i < feeds->count; i++) {
        if (!partition_make_id(partition, person_reference, feeds->items[i], device))
            return false;
    }
    return true;
}

/* Take an ID off the wheel and away from its person. */
void partition_drop_id(struct partition *partition, struct person *person, uint32_t *link)
{
    uint32_t reference = *link;
    struct live_id *id = slab_at(&partition->slab, reference);
    if (!partition->restoring)
        wheel_unlink(&partition->wheel, &partition->slab, reference);
    *link = id->person_next;
    if (!id->ended)
        person->live--;
    partition->live_ids--;
    slab_give(&partition->slab, reference, 0);
}

/* ---- devices and accounts ---- */

/* Two lines with one device in one epoch spoil it for both (spec 6). arena NULL: restoring. */
static bool mind_sharing(struct partition *partition, uint32_t reference, unsigned device,
                         struct arena *arena, struct error *error)
{
    struct person *person = partition_person(partition, reference);
    const struct pseudonym *bytes = &person_devices(&partition->slab, person)[device];
    int32_t epoch = partition_people(partition, person)->epoch;
    uint32_t cursor = UINT32_MAX;
    uint32_t other_reference;
    while ((other_reference = ref_index_next(&partition->subjects.index, bytes_hash(bytes), &cursor))) {
        struct person *other = partition_person(partition, other_reference);
        unsigned other_device = person_device(&partition->slab, other, bytes);
        if (other == person || other_device == CONTRIBUTION_NO_DEVICE ||
            partition_people(partition, other)->epoch != epoch)
            continue;
        bool same_line = !memcmp(other->line.bytes, person->line.bytes, PSEUDONYM_SIZE);
        if (same_line && !(other->shared_devices >> other_device & 1))
            continue;
        person->shared_devices |= UINT64_C(1) << device;
        if (arena && !partition_touch(partition, other_reference, arena, error))
            return false;
        other->shared_devices |= UINT64_C(1) << other_device;
    }
    return true;
}

static bool link_subject(struct partition *partition, uint32_t reference, const struct pseudonym *subject,
                         struct error *error)
{
    return subject_index_add(&partition->subjects, bytes_hash(subject), reference) ||
           partition_no_memory(error);
}

void partition_unlink_subjects(struct partition *partition, uint32_t reference, unsigned device,
                               unsigned account)
{
    const struct person *person = partition_person(partition, reference);
    for (; device < person->device_count; device++)
        subject_index_remove(&partition->subjects,
                             bytes_hash(&person_devices(&partition->slab, person)[device]), reference);
    for (; account < person->account_count; account++)
        subject_index_remove(&partition->subjects,
                             bytes_hash(&person_accounts(&partition->slab, person)[account]), reference);
}

bool partition_add_device(struct partition *partition, uint32_t reference, const struct pseudonym *device,
                          struct arena *arena, struct error *error)
{
    struct person *person = partition_person(partition, reference);
    unsigned index = person->device_count;
    if (!person_add_device(&partition->slab, person, device))
        return partition_no_memory(error);
    if (partition->rules->feeds.any_device && !mind_sharing(partition, reference, index, arena, error))
        return false;
    unsigned programme = partition_people(partition, person)->programme;
    if (!link_subject(partition, reference, device, error))
        return false;
    return make_ids(partition, reference, &partition->rules->feeds.devices[programme], index) ||
           partition_no_memory(error);
}

bool partition_add_account(struct partition *partition, uint32_t reference, const struct pseudonym *account,
                           struct error *error)
{
    if (!person_add_account(&partition->slab, partition_person(partition, reference), account))
        return partition_no_memory(error);
    return link_subject(partition, reference, account, error);
}

static bool has_subject(const struct partition *partition, const struct person *person,
                        const struct pseudonym *subject)
{
    const struct pseudonym *subjects = person_subjects(&partition->slab, person);
    for (unsigned i = 0; i < person_subject_count(person); i++) {
        if (!memcmp(subjects[i].bytes, subject->bytes, PSEUDONYM_SIZE))
            return true;
    }
    return false;
}

/* Who has a device or an account; of a crowded one it is among everybody. */
static uint32_t next_of_subject(const struct partition *partition, const struct pseudonym *subject,
                                bool crowded, uint32_t *cursor)
{
    uint32_t reference;
    while ((reference = crowded ? ref_index_next_any(&partition->persons, cursor)
                                : ref_index_next(&partition->subjects.index, bytes_hash(subject), cursor))) {
        if (has_subject(partition, partition_person(partition, reference), subject))
            break;
    }
    return reference;
}

bool partition_visit_subject(const struct partition *partition, const struct pseudonym *subject,
                             bool (*visit)(void *context, uint32_t reference), void *context)
{
    bool crowded = subject_index_is_crowded(&partition->subjects, bytes_hash(subject));
    uint32_t cursor = UINT32_MAX;
    uint32_t reference;
    while ((reference = next_of_subject(partition, subject, crowded, &cursor))) {
        if (!visit(context, reference))
            return false;
    }
    for (unsigned i = 0; i < partition->people.count; i++) { /* and whose line it is */
        const struct people *people = &partition->people.items[i];
        reference = people->used ? partition_find(partition, people->programme, people->epoch, subject) : 0;
        if (reference && !visit(context, reference))
            return false;
    }
    return true;
}

/* ---- persons ---- */

void partition_set_capped(struct partition *partition, struct person *person,
                          const struct interest_set *capped)
{
    people_change(&partition->people, person->people, &person->capped, capped);
    person->capped = *capped;
}

/* Take a person out, with everything that hangs on it. */
void partition_forget(struct partition *partition, uint32_t reference)
{
    struct person *person = partition_person(partition, reference);
    while (person->ids)
        partition_drop_id(partition, person, &person->ids);
    partition_unlink_subjects(partition, reference, 0, 0);
    partition->contributions -= person->contribution_count;
    person_clear(&partition->slab, person);
    partition_set_capped(partition, person, &(struct interest_set){.count = 0});
    partition_set_waiting(partition, person, 0);
    people_leave(&partition->people, person->people);
    ref_index_remove(&partition->persons, person->hash, reference);
    slab_give(&partition->slab, reference, SLAB_CLASS_OWN);
    partition->persons_here--;
    partition->rules->persons--;
}

static bool too_many(const struct partition *partition, struct error *error)
{
    return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL,
                      "raise publish.people_max, or run more workers or hosts",
                      "the state holds %llu people, as many as publish.people_max allows a worker",
                      (unsigned long long)partition->rules->persons);
}

uint32_t partition_make_person(struct partition *partition, uint8_t programme, int32_t epoch,
                               const struct pseudonym *line, struct error *error)
{
    if (partition->rules->persons >= partition->rules->persons_max) {
        (void)too_many(partition, error);
        return 0;
    }
    int people = people_add(&partition->people, programme, epoch);
    uint32_t reference = people < 0 ? 0 : slab_take(&partition->slab, SLAB_CLASS_OWN);
    uint32_t hash = person_hash(line, (unsigned)people);
    if (!reference || !ref_index_add(&partition->persons, hash, reference)) {
        slab_give(&partition->slab, reference, SLAB_CLASS_OWN);
        (void)partition_no_memory(error);
        return 0;
    }
    struct person *person = partition_person(partition, reference);
    *person = (struct person){.line = *line,
                              .people = (uint16_t)people,
                              .hash = hash,
                              .first_s = UINT32_MAX,
                              .standing = PERSON_STANDS};
    people_enter(&partition->people, person->people);
    partition->persons_here++;
    partition->rules->persons++;
    const struct feed_refs *users = &partition->rules->feeds.users[programme];
    if (!(users->count ? make_ids(partition, reference, users, 0)
                       : partition_make_id(partition, reference, 0, LIVE_ID_STATE_ONLY))) {
        partition_forget(partition, reference);
        (void)partition_no_memory(error);
        return 0;
    }
    return reference;
}

static uint32_t new_person(struct partition *partition, uint8_t programme, int32_t epoch,
                           const struct pseudonym *line, struct arena *arena, struct error *error)
{
    uint32_t reference = partition_make_person(partition, programme, epoch, line, error);
    if (!reference)
        return 0;
    if (partition_note_new(partition, reference, arena, error))
        return reference;
    partition_forget(partition, reference);
    return 0;
}

/* ---- what events do ---- */

/* Which set follows from what is there now. */
bool partition_recap(struct partition *partition, struct person *person, struct error *error)
{
    struct interest_set capped =
        contribution_cap(person_contributions(&partition->slab, person), person->contribution_count,
                         &person->kept, partition->rules->interests_max);
    for (unsigned i = 0; i < capped.count; i++) {
        if (!people_reserve(&partition->people, person->people, capped.ids[i]))
            return partition_no_memory(error);
    }
    partition_set_capped(partition, person, &capped);
    return true;
}

static bool names(const struct subject *subject)
{
    return subject->present && subject->has_pseudonym && !subject->limit_ad_tracking;
}

/* Index of the record's device in the person's list, added when it is new; has_room looked before. */
static bool device_of(struct partition *partition, uint32_t reference, const struct record *record,
                      struct arena *arena, uint8_t *out_device, struct error *error)
{
    const struct subject *subject = &record->subjects[SUBJECT_DEVICE];
    *out_device = CONTRIBUTION_NO_DEVICE;
    if (!names(subject))
        return true;
    struct person *person = partition_person(partition, reference);
    unsigned device = person_device(&partition->slab, person, &subject->pseudonym);
    if (device == CONTRIBUTION_NO_DEVICE) {
        device = person->device_count;
        if (!partition_add_device(partition, reference, &subject->pseudonym, arena, error))
            return false;
    }
    *out_device = (uint8_t)device;
    return true;
}

static bool add_interest(struct partition *partition, struct person *person,
                         const struct record_interest *interest, uint8_t device, uint64_t app_token,
                         struct error *error)
{
    struct contribution *entries = person_contributions(&partition->slab, person);
    unsigned index;
    if (contribution_find(entries, person->contribution_count, interest->taxonomy_id, device, app_token,
                          &index)) {
        uint32_t room = UINT32_MAX - entries[index].events;
        entries[index].events += interest->weight < room ? interest->weight : room;
        return true;
    }
    if (!person_insert(&partition->slab, person, index,
                       &(struct contribution){.app_token = app_token,
                                              .events = interest->weight,
                                              .interest = interest->taxonomy_id,
                                              .device = device}))
        return partition_no_memory(error);
    partition->contributions++;
    return true;
}

/* Whole events only: does all of it find a place? A device or an account that isn't remembered could not be found when
 * it says no (spec 3, rule 9). */
static bool has_room(const struct partition *partition, const struct person *person,
                     const struct record *record)
{
    const struct subject *account = &record->subjects[SUBJECT_ACCOUNT];
    if (names(account) && person->account_count == PERSON_ACCOUNTS_MAX &&
        !person_has_account(&partition->slab, person, &account->pseudonym))
        return false;
    const struct subject *subject = &record->subjects[SUBJECT_DEVICE];
    unsigned device = CONTRIBUTION_NO_DEVICE;
    if (names(subject)) {
        device = person_device(&partition->slab, person, &subject->pseudonym);
        if (device == CONTRIBUTION_NO_DEVICE)
            device = person->device_count; /* which nothing stands for yet */
        if (device == PERSON_DEVICES_MAX)
            return false;
    }
    if (person->contribution_count + record->interest_count <= CONTRIBUTIONS_MAX)
        return true;
    unsigned needed = person->contribution_count;
    for (unsigned i = 0; i < record->interest_count; i++) {
        unsigned index;
        needed +=
            !contribution_find(person_contributions(&partition->slab, person), person->contribution_count,
                               record->interests[i].taxonomy_id, (uint8_t)device, record->app_token, &index);
    }
    return needed <= CONTRIBUTIONS_MAX;
}

/* Note with whom and when the event was. */
static bool take_subjects(struct partition *partition, uint32_t reference, const struct record *record,
                          struct arena *arena, uint8_t *out_device, struct error *error)
{
    struct person *person = partition_person(partition, reference);
    int64_t event_s = record->timestamp_ms > 0 ? record->timestamp_ms / 1000 : 0;
    if (event_s < person->first_s)
        person->first_s = (uint32_t)event_s;
    const struct subject *account = &record->subjects[SUBJECT_ACCOUNT];
    if (names(account) && !person_has_account(&partition->slab, person, &account->pseudonym) &&
        !partition_add_account(partition, reference, &account->pseudonym, error))
        return false;
    return device_of(partition, reference, record, arena, out_device, error);
}

enum partition_result partition_add(struct partition *partition, uint8_t programme, int32_t epoch,
                                    const struct record *record, struct arena *arena, struct error *error)
{
    const struct pseudonym *line = &record->subjects[SUBJECT_LINE].pseudonym;
    uint32_t reference = partition_find(partition, programme, epoch, line);
    if (reference && partition_person(partition, reference)->standing != PERSON_STANDS)
        return PARTITION_RETRACTED;
    if (reference && !partition_touch(partition, reference, arena, error))
        return PARTITION_STOP;
    if (!reference)
        reference = new_person(partition, programme, epoch, line, arena, error);
    if (!reference)
        return PARTITION_STOP;
    struct person *person = partition_person(partition, reference);
    if (!has_room(partition, person, record))
        return PARTITION_FULL;
    uint8_t device;
    if (!take_subjects(partition, reference, record, arena, &device, error))
        return PARTITION_STOP;
    bool chosen = true;
    for (unsigned i = 0; i < record->interest_count; i++) {
        const struct record_interest *interest = &record->interests[i];
        if (!add_interest(partition, person, interest, device, record->app_token, error))
            return PARTITION_STOP;
        chosen = chosen && interest_set_index(&person->capped, interest->taxonomy_id) >= 0;
    }
    /* More events for those who are chosen already change nothing. */
    if (!chosen && !partition_recap(partition, person, error))
        return PARTITION_STOP;
    return PARTITION_CHANGED;
}

static bool has_app(const struct partition *partition, const struct person *person, uint64_t app_token)
{
    const struct contribution *entries = person_contributions(&partition->slab, person);
    for (unsigned i = 0; i < person->contribution_count; i++) {
        if (entries[i].app_token == app_token)
            return true;
    }
    return false;
}

enum partition_result partition_remove_app(struct partition *partition, uint8_t programme, int32_t epoch,
                                           const struct record *record, struct arena *arena,
                                           struct error *error)
{
    uint32_t reference =
        partition_find(partition, programme, epoch, &record->subjects[SUBJECT_LINE].pseudonym);
    struct person *person = reference ? partition_person(partition, reference) : NULL;
    if (person && person->standing != PERSON_STANDS)
        return PARTITION_RETRACTED;
    if (!person || !has_app(partition, person, record->app_token))
        return PARTITION_NOTHING;
    if (!partition_touch(partition, reference, arena, error))
        return PARTITION_STOP;
    unsigned before = person->contribution_count;
    if (!person_remove_app(&partition->slab, person, record->app_token)) {
        (void)partition_no_memory(error);
        return PARTITION_STOP;
    }
    partition->contributions -= before - person->contribution_count;
    return partition_recap(partition, person, error) ? PARTITION_CHANGED : PARTITION_STOP;
}

/* ---- what slots and retractions do ---- */

static bool has_state_id(const struct partition *partition, const struct person *person)
{
    for (uint32_t reference = person->ids; reference;) {
        const struct live_id *id = slab_at(&partition->slab, reference);
        if (live_id_is_state_only(id) && !id->ended)
            return true;
        reference = id->person_next;
    }
    return false;
}

bool partition_publish(struct partition *partition, uint32_t id_reference, const struct interest_set *set,
                       struct arena *arena, struct error *error)
{
    struct live_id *id = slab_at(&partition->slab, id_reference);
    struct person *person = partition_person(partition, id->person);
    if (!partition_touch(partition, id->person, arena, error) ||
        !partition_touch_id(partition, id_reference, arena, error))
        return false;
    unsigned mask = 0;
    for (unsigned i = 0; i < set->count; i++) {
        int place = interest_set_index(&person->kept, set->ids[i]);
        if (place < 0) {
            ensure(person->kept.count < INTERESTS_MAX);
            place = person->kept.count++;
            person->kept.ids[place] = set->ids[i];
        }
        mask |= 1u << place;
    }
    id->published = (uint8_t)mask;
    return true;
}

bool partition_end(struct partition *partition, uint32_t id_reference, struct arena *arena,
                   struct error *error)
{
    struct live_id *id = slab_at(&partition->slab, id_reference);
    struct person *person = partition_person(partition, id->person);
    ensure(!id->ended && person->live > 0);
    if (!partition_touch(partition, id->person, arena, error) ||
        !partition_touch_id(partition, id_reference, arena, error))
        return false;
    id->published = 0;
    id->ended = 1;
    person->live--;
    return true;
}

bool partition_shows(const struct partition *partition, const struct person *person)
{
    for (uint32_t reference = person->ids; reference;) {
        const struct live_id *id = slab_at(&partition->slab, reference);
        if (id->published)
            return true;
        reference = id->person_next;
    }
    return false;
}

bool partition_is_mark(const struct partition *partition, const struct person *person)
{
    return person->standing == PERSON_MARKED && person->live == 1 && has_state_id(partition, person);
}

bool partition_retract(struct partition *partition, uint32_t reference, bool lasting, struct arena *arena,
                       struct error *error)
{
    struct person *person = partition_person(partition, reference);
    ensure(person->standing == PERSON_STANDS);
    if (!partition_touch(partition, reference, arena, error))
        return false;
    partition->contributions -= person->contribution_count;
    person_clear_contributions(&partition->slab, person);
    partition_set_capped(partition, person, &(struct interest_set){.count = 0});
    person->standing = lasting ? PERSON_MARKED : PERSON_RETRACTED;
    if (lasting && !has_state_id(partition, person) &&
        !partition_make_id(partition, reference, 0, LIVE_ID_STATE_ONLY))
        return partition_no_memory(error);
    for (uint32_t at = person->ids; at;) {
        const struct live_id *id = slab_at(&partition->slab, at);
        bool stays = id->ended || id->published || (lasting && live_id_is_state_only(id));
        if (!stays && !partition_end(partition, at, arena, error))
            return false;
        at = id->person_next;
    }
    return true;
}

/* ---- who waits for tombstones ---- */

void partition_set_waiting(struct partition *partition, struct person *person, uint16_t day)
{
    if (person->waiting) {
        ensure(partition->waiting[person->waiting % PARTITION_WAITING_DAYS] > 0);
        partition->waiting[person->waiting % PARTITION_WAITING_DAYS]--;
    }
    person->waiting = day;
    if (day)
        partition->waiting[day % PARTITION_WAITING_DAYS]++;
}

void partition_wait(struct partition *partition, struct person *person, int64_t chosen_ms, int64_t now_ms)
{
    int64_t today = now_ms / CALENDAR_DAY_MS, day = chosen_ms / CALENDAR_DAY_MS;
    if (day > today)
        day = today;
    if (day < today - PARTITION_WAITING_DAYS_MAX)
        day = today - PARTITION_WAITING_DAYS_MAX;
    partition_set_waiting(partition, person, day < 1 ? 1 : day > UINT16_MAX ? UINT16_MAX : (uint16_t)day);
}

void partition_wait_over(struct partition *partition, struct person *person)
{
    partition_set_waiting(partition, person, 0);
}

int64_t partition_waits_since_ms(const struct partition *partition, int64_t now_ms)
{
    int64_t today = now_ms / CALENDAR_DAY_MS;
    for (int64_t day = today - PARTITION_WAITING_DAYS + 1; day <= today; day++) {
        if (day > 0 && partition->waiting[day % PARTITION_WAITING_DAYS])
            return day * CALENDAR_DAY_MS;
    }
    return INT64_MAX;
}
