/*
 * The ledger's subjects that took the place of others (spec 3, rule 10).
 *
 * A move becomes known by a record that says `moved_from`, and by its link, which outlives that record (common/consent_link.h;
 * rule 6). As long as the topic has no link of it, or one that says a later time, the record that said it is loose under the
 * subject's tag of links, and the keeper writes the link. Of an other subject that was erased, all that is left in the topic
 * is its suppression entry, so the move knows its hash there.
 */
#include "common/consent_link.h"
#include "stages/consent/ledger_internal.h"

/* Its tombstone may have vanished; what it said has been copied, and still is. */
static bool other_is_erased(const struct ledger *ledger, const struct move *move)
{
    struct choice_state state;
    return ledger->setup.suppression_key && choice_table_entries(ledger->erased) > 0 &&
           choice_table_find(ledger->erased, &move->from_erased, &state) && state.out;
}

void ledger_inherit(struct ledger *ledger, bool with_pending)
{
    for (struct move *move; (move = moves_take(&ledger->moves));) {
        struct choice_state from, before, after;
        ledger_entry_of(ledger, &move->from, &from);
        struct choice_handle entry = ledger_entry_of(ledger, &move->to, &before);
        if (with_pending)
            from.out |= from.pending;
        if (other_is_erased(ledger, move))
            ledger_add_erasure(&from);
        after = before;
        if (!choice_inherit(&after, &from, &move->terms, ledger->setup.names))
            continue;
        ledger_store(ledger, entry, &move->to, &before, &after, 0);
        moves_queue_of(&ledger->moves, &move->to);
    }
}

/* move: all but `from`. before: the subject's state, from before the record where that is one of its own. */
static bool add(struct ledger *ledger, struct move *move, const struct consent_key *from,
                const struct consent_link *link, const struct choice_state *before, struct error *error)
{
    struct choice_handle entry;
    /* rule 5: at a higher offset it counts, but not against a newer confirmed `in` */
    bool newer = before->ordered && before->effective_ms > move->terms.effective_ms;
    if (newer && before->two_step)
        move->terms.confirmed = before->in;
    if (move->terms.confirmed) /* the record that it is compared with, or itself */
        move->terms.confirmed_ms = newer ? before->effective_ms : move->terms.effective_ms;
    subject_pseudonym(ledger->setup.subject_key, from->subject, from->identifier_kind,
                      (struct view){from->identifier, from->size}, &move->from);
    if (link)
        move->from_erased = link->from_hash;
    if (!choice_table_entry(ledger->table, &move->from, &entry, error) ||
        !moves_add(&ledger->moves, move, link, error))
        return false;
    if (ledger_is_complete(ledger)) {
        moves_queue_of(&ledger->moves, &move->from);
        ledger_inherit(ledger, true);
    }
    return true;
}

bool ledger_add_move(struct ledger *ledger, const struct followed_record *record,
                     const struct consent_key *key, const struct consent_value *value,
                     const struct choice_state *before, const struct pseudonym *to, struct error *error)
{
    struct consent_link link;
    const struct consent_key *from = &value->moved_from;
    if (from->kind != CONSENT_KEY_CHOICE)
        return true; /* from no device: nothing to copy */
    struct move move = {
        .to = *to,
        .terms.effective_ms = value->record.effective_ms,
        .terms.confirmed = value->record.merged.present && value->record.two_step ? value->record.in : 0,
        .partition = record->partition,
    };
    if (ledger->setup.suppression_key)
        consent_link_make(ledger->setup.suppression_key, from, key, value->record.effective_ms, &link);
    return add(ledger, &move, from, ledger->setup.suppression_key ? &link : NULL, before, error) &&
           ledger_settle_or_note(ledger, record, ledger_link_tag(to), moves_are_stored(&ledger->moves, to),
                                 error);
}

/* Of a link that is there: what it says, or why the stage stops. */
static bool read_link(struct ledger *ledger, const struct followed_record *record,
                      const struct consent_key *key, struct consent_link *out_link,
                      struct consent_key *out_from, bool *out_read, struct error *error)
{
    const struct subject_key *suppression = ledger->setup.suppression_key;
    enum consent_link_reading reading =
        suppression && !view_is_absent(record->author)
            ? consent_link_read(ledger->reader, key, record->value, suppression, out_link, out_from)
            : CONSENT_LINK_UNREADABLE;
    *out_read = reading == CONSENT_LINK_READ;
    if (*out_read)
        return true;
    if (!suppression || reading == CONSENT_LINK_OF_OTHER_KEY)
        return ledger_refuse(ledger, record, EXIT_STATUS_CONFIGURATION,
                             suppression ? "a record of a move was written under another key, so nobody "
                                           "knows whose place the subject took"
                                         : "there are records of moves, and no key to read them by",
                             "name the key that they were written under as consent.suppression_key", error);
    return ledger_refuse(
        ledger, record, EXIT_STATUS_DATA,
        "a record of a move cannot be read, or is none of clickveil's, so nobody knows whose "
        "place the subject took",
        "delete it and write the subject's choices again, with moved_from", error);
}

bool ledger_apply_link(struct ledger *ledger, const struct followed_record *record,
                       const struct consent_key *key, struct error *error)
{
    struct consent_link link;
    struct consent_key from;
    struct choice_handle entry;
    struct choice_state before;
    struct move move = {.partition = record->partition};
    bool is_read;
    if (!record->committed)
        return true; /* the record that says it has been read */
    subject_pseudonym(ledger->setup.subject_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &move.to);
    if (view_is_absent(record->value)) { /* in memory the move stays */
        moves_unstore(&ledger->moves, &key->from, &move.to);
        return true;
    }
    ledger_count(ledger, COUNTER_LINKS, 1);
    if (!read_link(ledger, record, key, &link, &from, &is_read, error))
        return false;
    if (!is_read)
        return true; /* acknowledged */
    move.terms.effective_ms = link.effective_ms;
    if (!choice_table_entry(ledger->table, &move.to, &entry, error))
        return false;
    choice_table_load(ledger->table, entry, &before);
    if (!add(ledger, &move, &from, &link, &before, error))
        return false;
    moves_store(&ledger->moves, &move.from, &move.to, link.effective_ms, record->partition);
    if (moves_are_stored(&ledger->moves, &move.to))
        loose_settle(&ledger->loose, ledger_link_tag(&move.to));
    return true;
}
