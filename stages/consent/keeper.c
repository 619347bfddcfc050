#include "stages/consent/keeper.h"

#include "common/base64url.h"
#include "common/consent_link.h"
#include "common/json_writer.h"
#include "stages/consent/restate.h"
#include "stages/consent/teach.h"

#include <stdlib.h>

enum { HASH_VALUE_BYTES = 256 };

static const char hash_prefix[] = "hash:";
enum { HASH_KEY_SIZE = sizeof hash_prefix - 1 + BASE64URL_SIZE(PSEUDONYM_SIZE) };

bool keeper_init(struct keeper *keeper, const struct keeper_setup *setup, struct error *error)
{
    *keeper = (struct keeper){
        .setup = *setup,
        .reader = consent_reader_new(setup->names, setup->line_kind),
        .sent = calloc(KEEPER_SENT, sizeof *keeper->sent),
        .transaction = 1,
    };
    return (keeper->reader && keeper->sent) || error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                                                          "no memory for the keeper of the consent topic");
}

void keeper_release(struct keeper *keeper)
{
    consent_reader_free(keeper->reader);
    free(keeper->sent);
    *keeper = (struct keeper){0};
}

void keeper_end(struct keeper *keeper, bool committed)
{
    for (unsigned i = 0; !committed && i < KEEPER_SENT; i++) {
        if (keeper->sent[i].transaction == keeper->transaction)
            keeper->sent[i] = (struct keeper_sent){0};
    }
    keeper->transaction++;
}

/* FNV-1a, 64 bits: two values of one subject are told apart, nothing more. */
static uint64_t digest_of(struct view text)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < text.size; i++)
        digest = (digest ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
    return digest;
}

/* Note that it is sent. False: it was, and is on its way. */
static bool note_sent(struct keeper *keeper, uint64_t tag, uint64_t digest)
{
    struct keeper_sent *sent = &keeper->sent[tag % KEEPER_SENT];
    if (sent->transaction && sent->tag == tag && sent->digest == digest)
        return false;
    *sent = (struct keeper_sent){tag, digest, keeper->transaction};
    return true;
}

static void forget_sent(struct keeper *keeper, uint64_t tag)
{
    struct keeper_sent *sent = &keeper->sent[tag % KEEPER_SENT];
    if (sent->tag == tag)
        *sent = (struct keeper_sent){0};
}

static bool no_room(struct emitter *emitter)
{
    error_fail(emitter->error, EXIT_STATUS_UNAVAILABLE, NULL, "raise runtime.memory_max",
               "the memory of one transaction is used up");
    if (emitter->error)
        emitter->error->abort_transaction = true; /* a smaller batch may fit */
    return false;
}

static bool append(struct keeper *keeper, int32_t partition, struct view key, struct view value,
                   struct emitter *emitter)
{
    const struct output output = {
        .topic = TOPIC_CONSENT,
        .key = key,
        .value = value,
        .partition = partition,
        .headers = {{"clickveil-author", keeper->setup.author}},
        .header_count = 1,
    };
    return emitter_output(emitter, &output);
}

/* ---- the winner again ---- */

/* It takes records of many pipelines with many names to come here. */
static bool too_long(const struct keeper *keeper, const struct followed_record *record,
                     struct emitter *emitter)
{
    error_fail(
        emitter->error, EXIT_STATUS_DATA, NULL,
        "write the subject's choices again, newer than this record, with the programmes that are in use",
        "what all consent records of a subject come to names more programmes than one record can hold");
    error_at(emitter->error, "%s[%d]@%lld", keeper->setup.topic, (int)record->partition,
             (long long)record->offset);
    return false;
}

static bool restate(struct keeper *keeper, const struct followed_record *record,
                    const struct consent_key *key, const struct pseudonym *pseudonym, struct emitter *emitter)
{
    struct choice_state merged;
    struct consent_value value;
    struct view winner;
    uint64_t tag = choice_table_tag(pseudonym);
    if (!choice_table_find_whole(ledger_table(keeper->setup.ledger), pseudonym, &merged))
        return true;
    consent_value_read(keeper->reader, key, record->value, record->timestamp_ms, &value);
    if (value.record.merged.present && view_is_absent(record->author))
        value.record.in_is_void = true; /* as the table read it */
    if (restate_stands_alone(&value.record, &merged, keeper->setup.names))
        return true;
    char *copy = arena_take(emitter->arena, record->key.size);
    if (!copy || !restate_write(keeper->reader, record->value, &value.record, &merged, keeper->setup.names,
                                emitter->arena, &winner))
        return no_room(emitter);
    if (view_is_absent(winner))
        return too_long(keeper, record, emitter);
    memcpy(copy, record->key.data, record->key.size);
    return !note_sent(keeper, tag, digest_of(winner)) ||
           append(keeper, record->partition, (struct view){copy, record->key.size}, winner, emitter);
}

static bool no_key(const struct keeper *keeper, const struct followed_record *record, const char *what,
                   struct emitter *emitter)
{
    error_fail(emitter->error, EXIT_STATUS_CONFIGURATION, NULL,
               "name a key file as consent.suppression_key and make it with `clickveil keygen --config FILE`",
               "%s", what);
    error_at(emitter->error, "%s[%d]@%lld", keeper->setup.topic, (int)record->partition,
             (long long)record->offset);
    return false;
}

/* ---- suppression entries ---- */

static bool write_hash_value(const struct keeper *keeper, const struct followed_record *record,
                             struct arena *arena, struct view *out_value)
{
    struct json_writer writer;
    char check[SUBJECT_KEY_CHECK_SIZE];
    subject_key_check(keeper->setup.suppression_key, check);
    if (!json_writer_take(&writer, arena, HASH_VALUE_BYTES))
        return false;
    json_writer_open_object(&writer);
    json_writer_name(&writer, "choices");
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "*", VIEW("out"));
    json_writer_close_object(&writer);
    json_writer_member_integer(&writer, "effective", record->timestamp_ms < 0 ? 0 : record->timestamp_ms);
    json_writer_member_integer(&writer, "seq", 0);
    json_writer_member_string(&writer, "key_check", view_of_string(check));
    json_writer_close_object(&writer);
    return json_writer_finish(&writer, arena, out_value);
}

static bool append_hash(struct keeper *keeper, const struct followed_record *record,
                        const struct pseudonym *suppression, struct emitter *emitter)
{
    struct view value;
    uint64_t tag = ~choice_table_tag(suppression); /* kept apart from subjects */
    if (!note_sent(keeper, tag, 1))
        return true;
    char *key = arena_take(emitter->arena, HASH_KEY_SIZE);
    if (!key || !write_hash_value(keeper, record, emitter->arena, &value))
        return no_room(emitter);
    memcpy(key, hash_prefix, sizeof hash_prefix - 1);
    base64url_write(suppression->bytes, PSEUDONYM_SIZE, key + sizeof hash_prefix - 1);
    return append(keeper, record->partition, (struct view){key, HASH_KEY_SIZE}, value, emitter);
}

static bool erase(struct keeper *keeper, const struct followed_record *record, const struct consent_key *key,
                  struct emitter *emitter)
{
    struct pseudonym suppression;
    struct choice_state state;
    if (!keeper->setup.suppression_key && keeper->setup.files)
        return true;
    if (!keeper->setup.suppression_key)
        return no_key(keeper, record,
                      "a subject was erased, and there is no key that lasts to remember the `out` by",
                      emitter);
    subject_pseudonym(keeper->setup.suppression_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &suppression);
    if (choice_table_find(ledger_erased(keeper->setup.ledger), &suppression, &state) && state.out)
        return true;
    return append_hash(keeper, record, &suppression, emitter);
}

/* ---- links ---- */

enum { LINK_DELETED = 2 }; /* digest of a link that is deleted, of which there is no value */

static bool is_erased(const struct keeper *keeper, const struct consent_key *key)
{
    struct pseudonym suppression;
    struct choice_state state;
    if (!keeper->setup.suppression_key || choice_table_entries(ledger_erased(keeper->setup.ledger)) == 0)
        return false;
    subject_pseudonym(keeper->setup.suppression_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &suppression);
    return choice_table_find(ledger_erased(keeper->setup.ledger), &suppression, &state) && state.out;
}

/* again: whether or not the same is on its way. */
static bool append_link(struct keeper *keeper, const struct consent_link *link, int32_t partition, bool again,
                        struct emitter *emitter)
{
    struct view key, value;
    if (!consent_link_write(link, keeper->setup.suppression_key, emitter->arena, &key, &value))
        return no_room(emitter);
    bool first = note_sent(keeper, digest_of(key), digest_of(value));
    return (!first && !again) || append(keeper, partition, key, value, emitter);
}

static bool delete_link(struct keeper *keeper, struct view key, int32_t partition, struct emitter *emitter)
{
    return !note_sent(keeper, digest_of(key), LINK_DELETED) ||
           append(keeper, partition, key, VIEW_ABSENT, emitter);
}

/* Do something about each move of a list, which is given up. */
typedef bool link_action(struct keeper *keeper, struct consent_link *link, int32_t partition,
                         int64_t stored_ms, struct emitter *emitter);

static bool for_each(struct keeper *keeper, uint32_t *numbers, uint32_t count, link_action *act,
                     struct emitter *emitter)
{
    bool fine = true;
    for (uint32_t i = 0; fine && i < count; i++) {
        struct consent_link link;
        int32_t partition;
        int64_t stored_ms;
        if (moves_link(ledger_moves(keeper->setup.ledger), numbers[i], &link, &partition, &stored_ms))
            fine = act(keeper, &link, partition, stored_ms, emitter);
    }
    free(numbers);
    return fine;
}

static bool no_memory(struct emitter *emitter)
{
    return error_fail(emitter->error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                      "no memory for the moves of a subject");
}

static bool write_unstored(struct keeper *keeper, struct consent_link *link, int32_t partition,
                           int64_t stored_ms, struct emitter *emitter)
{
    return stored_ms <= link->effective_ms || append_link(keeper, link, partition, false, emitter);
}

static bool write_again(struct keeper *keeper, struct consent_link *link, int32_t partition,
                        int64_t stored_ms, struct emitter *emitter)
{
    struct consent_key to;
    (void)stored_ms; /* also before the first one: it says the same, and more */
    if (!consent_link_to(link, keeper->setup.suppression_key, keeper->setup.line_kind, &to) ||
        is_erased(keeper, &to)) /* nothing of it is left to take back, nor may its name come back */
        return true;
    link->take_back = true;
    return append_link(keeper, link, partition, true, emitter);
}

static bool delete_stored(struct keeper *keeper, struct consent_link *link, int32_t partition,
                          int64_t stored_ms, struct emitter *emitter)
{
    struct view key, value;
    if (stored_ms == MOVES_NO_LINK)
        return true;
    if (!consent_link_write(link, keeper->setup.suppression_key, emitter->arena, &key, &value))
        return no_room(emitter);
    return delete_link(keeper, key, partition, emitter);
}

/* The record said whose place the subject took, and no link does. */
static bool write_links(struct keeper *keeper, const struct followed_record *record,
                        const struct pseudonym *to, struct emitter *emitter)
{
    uint32_t *numbers, count;
    if (keeper->setup.files) /* nothing vanishes from a file */
        return true;
    if (!keeper->setup.suppression_key)
        return no_key(
            keeper, record,
            "a subject took the place of another, and there is no key that lasts to remember that by",
            emitter);
    return moves_before(ledger_moves(keeper->setup.ledger), to, &numbers, &count)
               ? for_each(keeper, numbers, count, write_unstored, emitter)
               : no_memory(emitter);
}

/* Who is erased stands in the topic under its hash alone. */
static bool delete_links(struct keeper *keeper, const struct pseudonym *to, struct emitter *emitter)
{
    uint32_t *numbers, count;
    if (keeper->setup.files || !keeper->setup.suppression_key)
        return true;
    return moves_before(ledger_moves(keeper->setup.ledger), to, &numbers, &count)
               ? for_each(keeper, numbers, count, delete_stored, emitter)
               : no_memory(emitter);
}

/* Can the record, whatever stood before it, take something from those who took its subject's place? An `out`, and an `in`
 * taken back where programmes have predecessors (rule 10). It asks no table, which may be ahead of it. */
static bool takes_from_followers(struct keeper *keeper, const struct followed_record *record,
                                 const struct consent_key *key)
{
    const struct choice_programmes *programmes = keeper->setup.programmes;
    struct consent_value value;
    struct choice_effect effect;
    choice_set successors = 0;
    if (key->kind == CONSENT_KEY_SIGNAL)
        return true;
    consent_value_read(keeper->reader, key, record->value, record->timestamp_ms, &value);
    if (value.record.merged.present && view_is_absent(record->author))
        value.record.in_is_void = true; /* as the table read it */
    choice_record_effect(&value.record, key->subject, programmes, &effect);
    for (unsigned i = 0; i < programmes->names.count; i++)
        successors |= programmes->names.predecessors[i];
    return effect.out || effect.moved || (successors && effect.lapsed);
}

static bool reach_back(struct keeper *keeper, const struct followed_record *record,
                       const struct consent_key *key, const struct pseudonym *from, struct emitter *emitter)
{
    uint32_t *numbers, count;
    if (keeper->setup.files)
        return true;
    if (!moves_after(ledger_moves(keeper->setup.ledger), from, &numbers, &count))
        return no_memory(emitter);
    if (count == 0 || !takes_from_followers(keeper, record, key)) {
        free(numbers);
        return true;
    }
    return for_each(keeper, numbers, count, write_again, emitter);
}

static bool has_moves(const struct keeper *keeper)
{
    return atomic_load_explicit(&ledger_moves(keeper->setup.ledger)->count_shown, memory_order_relaxed) > 0;
}

/* ---- one record ---- */

static bool answer_choice(struct keeper *keeper, const struct followed_record *record,
                          const struct consent_key *key, struct emitter *emitter)
{
    struct loose *loose = ledger_loose(keeper->setup.ledger);
    bool moves = has_moves(keeper);
    /* Often there is nothing to write again, and nobody to reach; then nobody's pseudonym is asked for. */
    if (view_is_absent(record->author) && loose_count(loose) == 0 && !moves)
        return true;
    struct pseudonym pseudonym;
    subject_pseudonym(keeper->setup.subject_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &pseudonym);
    bool links = loose_is_at(loose, ledger_link_tag(&pseudonym), record->partition, record->offset);
    if (moves && !reach_back(keeper, record, key, &pseudonym, emitter))
        return false;
    if (moves && view_is_absent(record->value) && !delete_links(keeper, &pseudonym, emitter))
        return false;
    if (links && !write_links(keeper, record, &pseudonym, emitter))
        return false;
    /* Only the newest record is written again: an older one lacks what that says of other pipelines' programmes. */
    if (!loose_is_at(loose, choice_table_tag(&pseudonym), record->partition, record->offset)) {
        if (!view_is_absent(record->author))
            forget_sent(keeper, choice_table_tag(&pseudonym)); /* it has come back */
        return true;
    }
    if (view_is_absent(record->value))
        return erase(keeper, record, key, emitter);
    return restate(keeper, record, key, &pseudonym, emitter);
}

/* Stands alone, unless it is erased, or older than a signal before it where signals yield to what is newer. */
static bool answer_signal(struct keeper *keeper, const struct followed_record *record,
                          const struct consent_key *key, struct emitter *emitter)
{
    struct pseudonym pseudonym;
    struct choice_state state;
    struct view newest;
    bool moves = has_moves(keeper), absent = view_is_absent(record->value);
    if (!absent && loose_count(ledger_loose(keeper->setup.ledger)) == 0 && !moves)
        return true;
    subject_pseudonym(keeper->setup.subject_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &pseudonym);
    if (moves && !reach_back(keeper, record, key, &pseudonym, emitter))
        return false;
    if (absent)
        return erase(keeper, record, key, emitter);
    uint64_t tag = ledger_signal_tag(&pseudonym);
    if (!loose_is_at(ledger_loose(keeper->setup.ledger), tag, record->partition, record->offset) ||
        !choice_table_find(ledger_table(keeper->setup.ledger), &pseudonym, &state))
        return true;
    char *copy = arena_take(emitter->arena, record->key.size);
    if (!copy || !teach_write_value(state.signalled_ms, emitter->arena, &newest))
        return no_room(emitter);
    memcpy(copy, record->key.data, record->key.size);
    return append(keeper, record->partition, (struct view){copy, record->key.size}, newest, emitter);
}

/* A suppression entry that somebody deleted comes back; one that stands is no longer on its way. */
static bool answer_hash(struct keeper *keeper, const struct followed_record *record, struct emitter *emitter)
{
    struct pseudonym suppression;
    struct choice_state state;
    struct view text = {record->key.data + sizeof hash_prefix - 1,
                        record->key.size - (sizeof hash_prefix - 1)};
    if (!base64url_read(text, suppression.bytes, sizeof suppression.bytes))
        return true; /* the ledger has judged it */
    forget_sent(keeper, ~choice_table_tag(&suppression));
    if (!view_is_absent(record->value) || !keeper->setup.suppression_key ||
        !choice_table_find(ledger_erased(keeper->setup.ledger), &suppression, &state) || !state.out)
        return true;
    return append_hash(keeper, record, &suppression, emitter);
}

/* A link that somebody else deleted comes back; one that stands is no longer on its way. Of an erased subject, whose tombstone
 * came while the link was on its way, none may stand. */
static bool answer_link(struct keeper *keeper, const struct followed_record *record,
                        const struct consent_key *key, struct emitter *emitter)
{
    struct pseudonym to;
    forget_sent(keeper, digest_of(record->key));
    if (!keeper->setup.suppression_key || keeper->setup.files)
        return true;
    bool erased = is_erased(keeper, key);
    if (!view_is_absent(record->value) && erased) {
        char *copy = arena_take(emitter->arena, record->key.size);
        if (!copy)
            return no_room(emitter);
        memcpy(copy, record->key.data, record->key.size);
        return delete_link(keeper, (struct view){copy, record->key.size}, record->partition, emitter);
    }
    if (!view_is_absent(record->value) || erased || !view_is_absent(record->author))
        return true;
    subject_pseudonym(keeper->setup.subject_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &to);
    return write_links(keeper, record, &to, emitter);
}

static bool answer(struct keeper *keeper, const struct followed_record *record, struct emitter *emitter)
{
    struct consent_key key;
    consent_key_read(record->key, keeper->setup.line_kind, &key);
    switch (key.kind) {
    case CONSENT_KEY_CHOICE:
        return answer_choice(keeper, record, &key, emitter);
    case CONSENT_KEY_SIGNAL:
        return answer_signal(keeper, record, &key, emitter);
    case CONSENT_KEY_HASH:
        return answer_hash(keeper, record, emitter);
    case CONSENT_KEY_LINK:
        return answer_link(keeper, record, &key, emitter);
    case CONSENT_KEY_UNREADABLE: /* the ledger stops at it, or the operator has acknowledged it */
    case CONSENT_KEY_WRONG_KIND:
    case CONSENT_KEY_META:
    case CONSENT_KEY_LIMITED:
        break;
    }
    return true;
}

bool keeper_process(struct keeper *keeper, const struct followed_record *record, struct emitter *emitter)
{
    struct choice_table *table = ledger_table(keeper->setup.ledger),
                        *erased = ledger_erased(keeper->setup.ledger);
    choice_table_hold(table, keeper->setup.reader);
    choice_table_hold(erased, keeper->setup.reader);
    bool fine = answer(keeper, record, emitter);
    choice_table_yield(erased, keeper->setup.reader);
    choice_table_yield(table, keeper->setup.reader);
    return fine;
}
