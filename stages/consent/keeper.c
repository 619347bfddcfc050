#include "stages/consent/keeper.h"

#include "common/base64url.h"
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
    if (!keeper->setup.suppression_key) {
        error_fail(
            emitter->error, EXIT_STATUS_CONFIGURATION, NULL,
            "name a key file as consent.suppression_key and make it with `clickveil keygen --config FILE`",
            "a subject was erased, and there is no key that lasts to remember the `out` by");
        error_at(emitter->error, "%s[%d]@%lld", keeper->setup.topic, (int)record->partition,
                 (long long)record->offset);
        return false;
    }
    subject_pseudonym(keeper->setup.suppression_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &suppression);
    if (choice_table_find(ledger_erased(keeper->setup.ledger), &suppression, &state) && state.out)
        return true;
    return append_hash(keeper, record, &suppression, emitter);
}

/* ---- one record ---- */

static bool answer_choice(struct keeper *keeper, const struct followed_record *record,
                          const struct consent_key *key, struct emitter *emitter)
{
    /* Hardly ever is there anything to write again, and then nobody's pseudonym is asked for. */
    if (view_is_absent(record->author) && loose_count(ledger_loose(keeper->setup.ledger)) == 0)
        return true;
    struct pseudonym pseudonym;
    subject_pseudonym(keeper->setup.subject_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &pseudonym);
    if (!loose_is_at(ledger_loose(keeper->setup.ledger), choice_table_tag(&pseudonym), record->partition,
                     record->offset)) {
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
    if (view_is_absent(record->value))
        return erase(keeper, record, key, emitter);
    if (loose_count(ledger_loose(keeper->setup.ledger)) == 0)
        return true;
    subject_pseudonym(keeper->setup.subject_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &pseudonym);
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
