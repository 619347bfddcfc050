/*
 * Design. The uncommitted view's `out`s are bits of their own in a subject's entry (choice_state.pending), so a reader
 * finds both views with one look-up. Which records are behind them stands in a queue per partition, in order of offset;
 * committed_to takes them off its front. A subject's bits fall when its last pending record is decided: until then some
 * bits may hold that no longer have a record, which errs on the side of `out`.
 *
 * A subject that moved_from another has that one's `out`s too (moves.h). Partitions are read in no order, so what the
 * other subject is out of is known only when the topic has been read whole: until then moves are only noted, and nothing
 * is decided; then all are resolved, and from then on each change of the other subject is copied at once (ledger_moves.c).
 */
#include "stages/consent/ledger_internal.h"

#include "common/base64url.h"
#include "stages/consent/batch.h"
#include "stages/consent/choice_entry.h"
#include "stages/consent/restate.h"

#include <stdlib.h>

enum {
    PENDING_FIRST = 64,
    FETCH_AHEAD = 6, /* records whose entries are on their way from memory */
};

struct ledger *ledger_new(const struct ledger_setup *setup, struct error *error)
{
    ensure(setup->subject_key);
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger) {
        ledger->setup = *setup;
        brake_init(&ledger->brake, &setup->brake);
        ledger->reader = consent_reader_new(setup->names, setup->line_kind);
        ledger->table = choice_table_new(setup->entries_max, setup->readers);
        ledger->erased = choice_table_new(setup->entries_max, setup->readers);
    }
    if (!ledger || !ledger->reader || !ledger->table || !ledger->erased || !loose_init(&ledger->loose) ||
        !learnt_init(&ledger->learnt) || !recent_init(&ledger->recent, RECENT_CHANGES)) {
        ledger_free(ledger);
        error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                   "no memory for the consent table");
        return NULL;
    }
    return ledger;
}

void ledger_free(struct ledger *ledger)
{
    if (!ledger)
        return;
    for (size_t i = 0; i < ledger->partition_count; i++)
        free(ledger->partitions[i].pending);
    free(ledger->partitions);
    recent_release(&ledger->recent);
    moves_release(&ledger->moves);
    choice_table_free(ledger->table);
    choice_table_free(ledger->erased);
    loose_release(&ledger->loose);
    learnt_release(&ledger->learnt);
    consent_reader_free(ledger->reader);
    free(ledger);
}

void ledger_count(struct ledger *ledger, enum counter counter, uint64_t more)
{
    /* The follower alone counts, so nothing needs to be locked: it would wait for every store that is on its way to memory. */
    atomic_store_explicit(&ledger->counters[counter], ledger_counter(ledger, counter) + more,
                          memory_order_relaxed);
}

/* ---- partitions and pending records ---- */

static struct partition *partition_of(struct ledger *ledger, int32_t number, struct error *error)
{
    ensure(number >= 0);
    size_t needed = (size_t)number + 1;
    if (needed > ledger->partition_count) {
        struct partition *partitions = realloc(ledger->partitions, needed * sizeof *partitions);
        if (!partitions) {
            error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL,
                       "no memory for the consent topic's partitions");
            return NULL;
        }
        memset(partitions + ledger->partition_count, 0,
               (needed - ledger->partition_count) * sizeof *partitions);
        ledger->partitions = partitions;
        ledger->partition_count = needed;
    }
    return &ledger->partitions[number];
}

static bool make_pending_room(struct ledger *ledger, struct partition *partition, struct error *error)
{
    if (ledger->pending_records >= ledger->setup.entries_max)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, "commit in smaller transactions",
                          "more uncommitted consent records than consent.entries_max");
    if (partition->pending_count < partition->pending_size)
        return true;
    size_t size = partition->pending_size ? partition->pending_size * 2 : PENDING_FIRST;
    struct pending_record *pending = calloc(size, sizeof *pending);
    if (!pending)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                          "no memory for uncommitted consent records");
    for (size_t i = 0; i < partition->pending_count; i++)
        pending[i] = partition->pending[(partition->pending_first + i) & (partition->pending_size - 1)];
    free(partition->pending);
    partition->pending = pending;
    partition->pending_first = 0;
    partition->pending_size = size;
    return true;
}

/* The entry of a subject that has one. */
struct choice_handle ledger_entry_of(struct ledger *ledger, const struct pseudonym *pseudonym,
                                     struct choice_state *out_state)
{
    struct choice_handle entry;
    struct error error;
    ensure(choice_table_entry(ledger->table, pseudonym, &entry, &error));
    choice_table_load(ledger->table, entry, out_state);
    return entry;
}

static void decide_pending(struct ledger *ledger, const struct pseudonym *pseudonym)
{
    struct choice_state state;
    struct choice_handle entry = ledger_entry_of(ledger, pseudonym, &state);
    if (state.pending_count == CHOICE_ENTRY_PENDING_MAX)
        return; /* more than can be counted: `out` until the next start */
    ensure(state.pending_count > 0);
    state.pending_count--;
    if (state.pending_count == 0)
        state.pending = 0;
    choice_table_store(ledger->table, entry, &state);
}

void ledger_committed_to(struct ledger *ledger, int32_t number, int64_t offset)
{
    choice_table_reclaim(ledger->table);
    choice_table_reclaim(ledger->erased);
    if (number < 0 || (size_t)number >= ledger->partition_count)
        return; /* no record of it has come */
    struct partition *partition = &ledger->partitions[number];
    if (offset > partition->committed_next)
        partition->committed_next = offset;
    while (partition->pending_count > 0) {
        const struct pending_record *first = &partition->pending[partition->pending_first];
        if (first->offset >= partition->committed_next)
            break;
        decide_pending(ledger, &first->pseudonym);
        partition->pending_first = (partition->pending_first + 1) & (partition->pending_size - 1);
        partition->pending_count--;
        ledger->pending_records--;
        ledger_count(ledger, COUNTER_PENDING, (uint64_t)-1);
    }
}

/* ---- what comes next ---- */

static struct ahead *ahead_at(struct ledger *ledger, size_t number)
{
    return &ledger->ahead[number % LEDGER_AHEAD];
}

static void hash_ahead(struct ledger *ledger, struct ahead *const *aheads, unsigned count)
{
    struct subject_name names[SUBJECTS_AT_ONCE] = {0};
    struct pseudonym pseudonyms[SUBJECTS_AT_ONCE];
    for (unsigned i = 0; i < count; i++) {
        const struct consent_key *key = &aheads[i]->key;
        names[i] = (struct subject_name){key->subject, key->identifier_kind, {key->identifier, key->size}};
    }
    subject_pseudonyms(ledger->setup.subject_key, names, count, pseudonyms);
    for (unsigned i = 0; i < count; i++) {
        aheads[i]->pseudonym = pseudonyms[i];
        aheads[i]->hashed = true;
    }
}

/* Prepare a few of the records that were shown: few enough that they stay in the nearest cache until they are applied, and
 * enough to hash side by side and to wait for memory together. */
static void prepare_some(struct ledger *ledger)
{
    struct ahead *to_hash[SUBJECTS_AT_ONCE];
    const struct pseudonym *to_fetch[LEDGER_PREPARED];
    unsigned waiting = 0, fetched = 0;
    size_t from = ledger->prepared, left = ledger->shown_count - from;
    size_t count = left < LEDGER_PREPARED ? left : LEDGER_PREPARED;
    for (size_t i = from; i < from + count; i++) {
        struct ahead *ahead = ahead_at(ledger, i);
        ahead->offset = ledger->shown[i].offset;
        ahead->partition = ledger->shown[i].partition;
        ahead->hashed = false;
        consent_key_read(ledger->shown[i].key, ledger->setup.line_kind, &ahead->key);
        if (ahead->key.kind != CONSENT_KEY_CHOICE && ahead->key.kind != CONSENT_KEY_SIGNAL)
            continue;
        to_fetch[fetched++] = &ahead->pseudonym;
        to_hash[waiting++] = ahead;
        if (waiting == SUBJECTS_AT_ONCE) {
            hash_ahead(ledger, to_hash, waiting);
            waiting = 0;
        }
    }
    hash_ahead(ledger, to_hash, waiting);
    choice_table_approach(ledger->table, to_fetch, fetched);
    ledger->prepared += count;
}

void ledger_begin(struct ledger *ledger, uint64_t records)
{
    ledger->to_come = records;
    ledger->entries_before = choice_table_entries(ledger->table);
}

/* A part of the first read tells how many entries all of it will make. */
static void expect_entries(struct ledger *ledger, size_t count)
{
    enum { ENOUGH = 100000 };
    ledger->come += count;
    if (ledger->come < ENOUGH || ledger->come > ledger->to_come)
        return;
    double made = (double)(choice_table_entries(ledger->table) - ledger->entries_before);
    choice_table_expect(ledger->table, ledger->entries_before +
                                           (uint64_t)(made / (double)ledger->come * (double)ledger->to_come));
}

void ledger_ahead(struct ledger *ledger, const struct followed_record *records, size_t count)
{
    if (!ledger_is_complete(ledger))
        expect_entries(ledger, count);
    ledger->shown = records;
    ledger->shown_count = count;
    ledger->prepared = ledger->taken = 0;
    prepare_some(ledger);
}

/* What was prepared of the record; NULL: nothing. Where another one comes than was shown, the rest is forgotten too. */
static const struct ahead *take_ahead(struct ledger *ledger, const struct followed_record *record)
{
    if (ledger->taken == ledger->shown_count)
        return NULL;
    const struct ahead *ahead = ahead_at(ledger, ledger->taken);
    if (ahead->offset != record->offset || ahead->partition != record->partition) {
        ledger->shown_count = ledger->taken;
        return NULL;
    }
    if (ledger->taken % LEDGER_PREPARED == 0)
        prepare_some(ledger);
    ledger->taken++;
    const struct ahead *next = ahead_at(ledger, ledger->taken + FETCH_AHEAD);
    if (ledger->taken + FETCH_AHEAD < ledger->prepared && next->hashed)
        choice_table_prefetch_entry(ledger->table, &next->pseudonym);
    return ahead;
}

/* ---- one record ---- */

static bool is_ignored(const struct ledger *ledger, const struct followed_record *record)
{
    for (unsigned i = 0; i < ledger->setup.ignored_count; i++) {
        if (ledger->setup.ignored[i].partition == record->partition &&
            ledger->setup.ignored[i].offset == record->offset)
            return true;
    }
    return false;
}

/* Stop because of a record, unless the operator has acknowledged it. */
bool ledger_refuse(struct ledger *ledger, const struct followed_record *record, enum exit_status exit_status,
                   const char *what, const char *action, struct error *error)
{
    if (is_ignored(ledger, record)) {
        ledger_count(ledger, COUNTER_IGNORED, record->committed);
        return true;
    }
    error_fail(error, exit_status, NULL, NULL, "%s", what);
    error_at(error, "%s[%d]@%lld", ledger->setup.topic, (int)record->partition, (long long)record->offset);
    error_advise(error, "%s, or acknowledge the record with consent.ignore: [\"%d:%lld\"]", action,
                 (int)record->partition, (long long)record->offset);
    return false;
}

void ledger_store(struct ledger *ledger, struct choice_handle entry, const struct pseudonym *pseudonym,
                  const struct choice_state *before, const struct choice_state *after, unsigned author)
{
    choice_table_store(ledger->table, entry, after);
    if (choice_is_stricter(before, after)) /* behind the table, see recent.h */
        recent_append(&ledger->recent, batch_change(choice_table_tag(pseudonym), author));
}

/* Which worker of this process wrote it, as batches count them; 0: none (rule 6: the author's barrier ignores it). */
static unsigned author_of(const struct ledger *ledger, const struct followed_record *record)
{
    size_t size = ledger->setup.author ? strlen(ledger->setup.author) : 0;
    const char *text = record->author.data;
    if (size == 0 || view_is_absent(record->author) || record->author.size < size + 2 ||
        memcmp(text, ledger->setup.author, size) != 0 || text[size] != '.')
        return 0;
    unsigned worker = 0;
    for (size_t i = size + 1; i < record->author.size; i++) {
        if (text[i] < '0' || text[i] > '9' || worker >= BATCH_AUTHORS_MAX)
            return 0;
        worker = worker * 10 + (unsigned)(text[i] - '0');
    }
    return worker < BATCH_AUTHORS_MAX ? worker + 1 : 0;
}

/* ---- erased subjects (rule 6) ---- */

static bool is_erased(const struct ledger *ledger, const struct consent_key *key,
                      struct pseudonym *out_suppression)
{
    struct choice_state state;
    if (choice_table_entries(ledger->erased) == 0)
        return false;
    subject_pseudonym(ledger->setup.suppression_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, out_suppression);
    return choice_table_find(ledger->erased, out_suppression, &state) && state.out;
}

static bool set_erased(struct ledger *ledger, const struct pseudonym *suppression, bool erased,
                       struct error *error)
{
    struct choice_handle entry;
    struct choice_state state = {.out = erased ? CHOICE_STAR : 0};
    if (!choice_table_entry(ledger->erased, suppression, &entry, error))
        return false;
    choice_table_store(ledger->erased, entry, &state);
    return true;
}

/* What the tombstone said still holds: the table may not have seen it, nor that it took every `in` back. */
void ledger_add_erasure(struct choice_state *state)
{
    state->withdrawn |= state->in;
    state->in = 0;
    state->out |= CHOICE_STAR;
    if (!state->last_out_ms)
        state->last_out_ms = CHOICE_LAST_OUT_UNTIMED;
}

/* ---- one subject ---- */

bool ledger_settle_or_note(struct ledger *ledger, const struct followed_record *record, uint64_t tag,
                           bool stands, struct error *error)
{
    if (stands) {
        loose_settle(&ledger->loose, tag);
        return true;
    }
    return loose_note(&ledger->loose, tag, record->partition, record->offset) ||
           error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                      "no memory to note which consent records must be written again");
}

/* Does the record stand alone as all of its subject's together do? If not, the keeper is told (rule 6). What a subject that
 * moved takes over may not be known yet; its link tells anew. */
static bool note_loose(struct ledger *ledger, const struct followed_record *record,
                       const struct pseudonym *pseudonym, const struct choice_record *choice,
                       const struct choice_state *merged, bool is_erased, struct error *error)
{
    bool stands = choice->tombstone ? is_erased : restate_stands_alone(choice, merged, ledger->setup.names);
    return ledger_settle_or_note(ledger, record, choice_table_tag(pseudonym), stands, error);
}

/* record: NULL over files. */
static bool apply_signal(struct ledger *ledger, const struct followed_record *record,
                         const struct pseudonym *pseudonym, int64_t signal_ms, unsigned author,
                         struct error *error)
{
    struct choice_handle entry;
    if (!choice_table_entry(ledger->table, pseudonym, &entry, error))
        return false;
    struct choice_state before, after;
    choice_table_load(ledger->table, entry, &before);
    after = before;
    choice_signal(&after, ledger->setup.signals_yield ? signal_ms : 0);
    ledger_store(ledger, entry, pseudonym, &before, &after, author);
    learnt_remove(&ledger->learnt, choice_table_tag(pseudonym), after.signalled_ms); /* the table has it */
    if (ledger_is_complete(ledger)) {
        moves_queue_of(&ledger->moves, pseudonym);
        ledger_inherit(ledger, false);
    }
    if (!ledger->setup.signals_yield || !record)
        return true; /* one is as good as another */
    uint64_t tag = ledger_signal_tag(pseudonym);
    return ledger_settle_or_note(ledger, record, tag, after.signalled_ms == signal_ms, error);
}

static bool apply_committed(struct ledger *ledger, const struct followed_record *record,
                            const struct consent_key *key, const struct pseudonym *pseudonym,
                            const struct consent_value *value, struct error *error)
{
    struct choice_handle entry;
    struct pseudonym suppression;
    if (!choice_table_entry(ledger->table, pseudonym, &entry, error))
        return false;
    struct choice_state before, after;
    bool is_first = !choice_table_load(ledger->table, entry, &before);
    after = before;
    bool erased = is_erased(ledger, key, &suppression);
    if (erased)
        ledger_add_erasure(&after);
    choice_set confirmed = choice_confirmed(&after, &value->record, ledger->setup.names);
    moves_confirm(&ledger->moves, pseudonym, confirmed, value->record.effective_ms);
    choice_apply(&after, &value->record, ledger->setup.names);
    ledger_store(ledger, entry, pseudonym, &before, &after, 0);
    ledger_count(ledger, COUNTER_RECORDED, after.recorded && !before.recorded);
    if (after.in & (choice_set)~before.in) /* spec 3, rule 8 */
        brake_note_in(&ledger->brake, record->timestamp_ms, record->now_ms,
                      ledger_counter(ledger, COUNTER_RECORDED));
    if (ledger_is_complete(ledger)) {
        if (confirmed) /* what it inherited holds until then, here as when the topic is read anew */
            moves_queue_to(&ledger->moves, pseudonym);
        moves_queue_of(&ledger->moves, pseudonym);
        ledger_inherit(ledger, false);
    }
    if (value->record.moved && !ledger_add_move(ledger, record, key, value, &before, pseudonym, error))
        return false;
    if (is_first && !erased && !value->record.moved &&
        !value->record.tombstone) { /* alone as it is together */
        loose_settle(&ledger->loose, choice_table_tag(pseudonym));
        return true;
    }
    /* Only the subscriber's own confirmed act ends an erasure; what it does not answer stands in the entry by now. */
    bool ends = erased && value->record.two_step && (after.in & value->record.in);
    if (value->record.moved) /* with what was copied */
        (void)ledger_entry_of(ledger, pseudonym, &after);
    return (!ends || set_erased(ledger, &suppression, false, error)) &&
           note_loose(ledger, record, pseudonym, &value->record, &after, erased && !ends, error);
}

static bool add_pending(struct ledger *ledger, struct partition *partition, int64_t offset,
                        const struct pseudonym *pseudonym, choice_set outs, unsigned author,
                        struct error *error)
{
    struct choice_handle entry;
    if (!make_pending_room(ledger, partition, error) ||
        !choice_table_entry(ledger->table, pseudonym, &entry, error))
        return false;
    struct choice_state before, after;
    choice_table_load(ledger->table, entry, &before);
    after = before;
    after.pending |= outs;
    if (after.pending_count < CHOICE_ENTRY_PENDING_MAX)
        after.pending_count++;
    ledger_store(ledger, entry, pseudonym, &before, &after, author);
    size_t last = (partition->pending_first + partition->pending_count) & (partition->pending_size - 1);
    partition->pending[last] = (struct pending_record){.offset = offset, .pseudonym = *pseudonym};
    partition->pending_count++;
    ledger->pending_records++;
    ledger_count(ledger, COUNTER_PENDING, 1);
    return true;
}

/* Believed at once, by those too who took the subject's place (rules 4 and 10). */
static bool apply_uncommitted(struct ledger *ledger, struct partition *partition, int64_t offset,
                              const struct pseudonym *pseudonym, choice_set outs, unsigned author,
                              struct error *error)
{
    if (!add_pending(ledger, partition, offset, pseudonym, outs, author, error))
        return false;
    for (struct move *move = moves_followers(&ledger->moves, pseudonym); move;
         move = moves_next_follower(&ledger->moves)) {
        choice_set theirs = outs & (choice_set)~move->terms.confirmed;
        if (theirs && !add_pending(ledger, partition, offset, &move->to, theirs, 0, error))
            return false;
    }
    return true;
}

static void count_value(struct ledger *ledger, const struct choice_record *choice, unsigned unknown_names)
{
    if (choice->tombstone)
        ledger_count(ledger, COUNTER_TOMBSTONES, 1);
    else if (!choice->readable)
        ledger_count(ledger, COUNTER_UNREADABLE, 1);
    ledger_count(ledger, COUNTER_UNKNOWN_NAMES, unknown_names);
    ledger_count(ledger, COUNTER_IN_VOID, choice->in_is_void);
}

static bool apply_choice(struct ledger *ledger, struct partition *partition,
                         const struct followed_record *record, const struct consent_key *key,
                         const struct ahead *ahead, struct error *error)
{
    bool signal = key->kind == CONSENT_KEY_SIGNAL;
    struct consent_value value;
    const struct choice_record *choice = &value.record;
    consent_value_read(ledger->reader, key, record->value, record->timestamp_ms, &value);
    if (value.record.merged.present && view_is_absent(record->author))
        value.record.in_is_void = true; /* only clickveil writes that */
    if (!signal) {
        if (!choice->readable && !choice->tombstone && is_ignored(ledger, record)) {
            ledger_count(ledger, COUNTER_IGNORED, record->committed);
            return true;
        }
    }
    struct pseudonym pseudonym;
    if (ahead && ahead->hashed)
        pseudonym = ahead->pseudonym;
    else
        subject_pseudonym(ledger->setup.subject_key, key->subject, key->identifier_kind,
                          (struct view){key->identifier, key->size}, &pseudonym);
    unsigned author = signal ? author_of(ledger, record) : 0;
    if (record->committed && signal) {
        ledger_count(ledger, COUNTER_SIGNALS, 1);
        return apply_signal(ledger, record, &pseudonym, choice->readable ? choice->effective_ms : 0, author,
                            error);
    }
    if (record->committed) {
        count_value(ledger, choice, value.unknown_names);
        return apply_committed(ledger, record, key, &pseudonym, &value, error);
    }
    /* of a signal that it is there says `out`, whatever its value (rule 7) */
    choice_set outs = signal ? CHOICE_STAR : choice_record_outs(choice);
    return outs == 0 || apply_uncommitted(ledger, partition, record->offset, &pseudonym, outs, author, error);
}

/* A suppression entry. Under another key it matches nobody, and opt-outs would be lost without a word. */
static bool apply_hash(struct ledger *ledger, const struct followed_record *record, struct error *error)
{
    struct pseudonym suppression;
    char check[SUBJECT_KEY_CHECK_SIZE] = "", own[SUBJECT_KEY_CHECK_SIZE] = "";
    struct view text = {record->key.data + strlen("hash:"), record->key.size - strlen("hash:")};
    if (!record->committed || view_is_absent(record->value)) /* deleted: the keeper writes it again */
        return true;
    ledger_count(ledger, COUNTER_HASHES, 1);
    if (!base64url_read(text, suppression.bytes, sizeof suppression.bytes))
        return ledger_refuse(ledger, record, EXIT_STATUS_DATA, "a suppression entry cannot be read",
                             "delete it and erase the subject again", error);
    if (ledger->setup.suppression_key)
        subject_key_check(ledger->setup.suppression_key, own);
    if (!consent_value_key_check(ledger->reader, record->value, check, sizeof check) || !own[0] ||
        strcmp(check, own) != 0)
        return ledger_refuse(
            ledger, record, EXIT_STATUS_CONFIGURATION,
            own[0] ? "a suppression entry was written under another key, so erased subjects would "
                     "not be recognised"
                   : "there are suppression entries, and no key to recognise erased subjects by",
            "name the key that they were written under as consent.suppression_key", error);
    return set_erased(ledger, &suppression, true, error);
}

/* What is meta:confirm but cannot be read releases nothing. */
static void apply_meta(struct ledger *ledger, const struct followed_record *record)
{
    struct consent_confirmation confirmation;
    ledger_count(ledger, COUNTER_META, record->committed);
    if (record->committed && view_equal(record->key, CONSENT_CONFIRMATION_KEY) &&
        consent_confirmation_read(record->value, &confirmation))
        brake_confirm(&ledger->brake, &confirmation, record->timestamp_ms, record->now_ms,
                      ledger_counter(ledger, COUNTER_RECORDED));
}

#define UNLISTED \
    "a choice is stored for a subject that consent.subjects does not list, so it might be ignored"
#define LIST_IT "list the subject in consent.subjects"

static bool apply_record(struct ledger *ledger, struct partition *partition,
                         const struct followed_record *record, struct error *error)
{
    const struct ahead *ahead = take_ahead(ledger, record);
    struct consent_key own;
    if (!ahead)
        consent_key_read(record->key, ledger->setup.line_kind, &own);
    const struct consent_key *key = ahead ? &ahead->key : &own;
    switch (key->kind) {
    case CONSENT_KEY_UNREADABLE:
        break;
    case CONSENT_KEY_WRONG_KIND:
        return ledger_refuse(
            ledger, record, EXIT_STATUS_CONFIGURATION,
            "a consent key holds an identifier of another kind than is configured, so choices would not be "
            "found",
            "set subscriber.kind to what the topic has", error);
    case CONSENT_KEY_CHOICE:
        if (!ledger->setup.subjects[key->subject])
            return ledger_refuse(ledger, record, EXIT_STATUS_CONFIGURATION, UNLISTED, LIST_IT, error);
        return apply_choice(ledger, partition, record, key, ahead, error);
    case CONSENT_KEY_SIGNAL:
        return apply_choice(ledger, partition, record, key, ahead, error);
    case CONSENT_KEY_HASH:
        return apply_hash(ledger, record, error);
    case CONSENT_KEY_LINK:
        if (!ledger->setup.subjects[key->subject])
            return ledger_refuse(ledger, record, EXIT_STATUS_CONFIGURATION, UNLISTED, LIST_IT, error);
        return ledger_apply_link(ledger, record, key, error);
    case CONSENT_KEY_META:
        apply_meta(ledger, record);
        return true;
    case CONSENT_KEY_LIMITED: /* names no device (spec 2) */
        ledger_count(ledger, COUNTER_LIMITED, record->committed);
        return true;
    }
    return ledger_refuse(ledger, record, EXIT_STATUS_DATA,
                         "a consent key cannot be read, so nobody knows whose choice it is",
                         "write the choice again under its right key", error);
}

bool ledger_apply(struct ledger *ledger, const struct followed_record *record, struct error *error)
{
    struct partition *partition = partition_of(ledger, record->partition, error);
    if (!partition)
        return false;
    int64_t *next = record->committed ? &partition->committed_next : &partition->uncommitted_next;
    if (record->offset < partition->committed_next || record->offset < *next)
        return true;
    if (!apply_record(ledger, partition, record, error))
        return false;
    *next = record->offset + 1;
    ledger_count(ledger, COUNTER_RECORDS, record->committed);
    return true;
}

bool ledger_complete(struct ledger *ledger, struct error *error)
{
    uint64_t entries = ledger_counter(ledger, COUNTER_RECORDED);
    if (entries < ledger->setup.floor)
        return error_fail(
            error, EXIT_STATUS_CONFIGURATION, ledger->setup.topic,
            "see whether the topic is the right one and whole; consent.floor is the number of entries "
            "below which nothing starts",
            "the consent topic has choices of %llu subjects, and consent.floor is %llu",
            (unsigned long long)entries, (unsigned long long)ledger->setup.floor);
    choice_table_fit(ledger->table);
    moves_queue_all(&ledger->moves);
    ledger_inherit(ledger, true);
    brake_complete(&ledger->brake, entries);
    atomic_store_explicit(&ledger->complete, true, memory_order_release);
    return true;
}

/* ---- any thread ---- */

bool ledger_is_complete(const struct ledger *ledger)
{
    return atomic_load_explicit(&ledger->complete, memory_order_acquire);
}

uint64_t ledger_ignored(const struct ledger *ledger)
{
    return ledger_counter(ledger, COUNTER_IGNORED);
}

const struct brake *ledger_brake(const struct ledger *ledger)
{
    return &ledger->brake;
}

struct choice_table *ledger_erased(struct ledger *ledger)
{
    return ledger->erased;
}

struct moves *ledger_moves(struct ledger *ledger)
{
    return &ledger->moves;
}

struct loose *ledger_loose(struct ledger *ledger)
{
    return &ledger->loose;
}

struct learnt *ledger_learnt(struct ledger *ledger)
{
    return &ledger->learnt;
}

bool ledger_take_signal(struct ledger *ledger, const struct pseudonym *pseudonym, int64_t signal_ms,
                        struct error *error)
{
    ledger_count(ledger, COUNTER_SIGNALS, 1);
    return apply_signal(ledger, NULL, pseudonym, signal_ms, 0, error);
}

struct choice_table *ledger_table(struct ledger *ledger)
{
    return ledger->table;
}

const struct recent *ledger_recent(const struct ledger *ledger)
{
    return &ledger->recent;
}

void ledger_gauges(const struct ledger *ledger, void (*add)(void *context, const char *name, double value),
                   void *context)
{
    static const char *const names[COUNTERS] = {
        [COUNTER_RECORDS] = "consent_records",
        [COUNTER_RECORDED] = "consent_entries",
        [COUNTER_PENDING] = "consent_records_uncommitted",
        [COUNTER_UNREADABLE] = "consent_records_unreadable",
        [COUNTER_TOMBSTONES] = "consent_records_tombstones",
        [COUNTER_IGNORED] = "consent_records_ignored",
        [COUNTER_UNKNOWN_NAMES] = "consent_choices_of_unknown_programmes",
        [COUNTER_IN_VOID] = "consent_records_with_unknown_members",
        [COUNTER_SIGNALS] = "consent_records_of_signals",
        [COUNTER_HASHES] = "consent_records_of_erased",
        [COUNTER_LINKS] = "consent_records_of_moves",
        [COUNTER_META] = "consent_records_meta",
        [COUNTER_LIMITED] = "consent_records_of_no_device",
    };
    for (unsigned i = 0; i < COUNTERS; i++)
        add(context, names[i], (double)ledger_counter(ledger, (enum counter)i));
    struct brake_numbers brake;
    brake_numbers(&ledger->brake, &brake);
    add(context, "consent_brake", brake.hold != BRAKE_RELEASED);
    add(context, "consent_brake_ins", (double)brake.ins);
    add(context, "consent_brake_limit", (double)brake.limit);
    add(context, "consent_moves",
        (double)atomic_load_explicit(&ledger->moves.count_shown, memory_order_relaxed));
    add(context, "consent_erased_entries", (double)choice_table_entries(ledger->erased));
    add(context, "consent_records_loose", (double)loose_count((struct loose *)(uintptr_t)&ledger->loose));
    add(context, "consent_signals_learnt",
        (double)atomic_load_explicit(&ledger->learnt.count, memory_order_relaxed));
    add(context, "consent_table_entries", (double)choice_table_entries(ledger->table));
    add(context, "consent_table_bytes", (double)choice_table_bytes(ledger->table));
}
