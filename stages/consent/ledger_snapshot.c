/*
 * The ledger in a snapshot (spec 3, rule 11), and what the snapshot depends on.
 */
#include "stages/consent/ledger_internal.h"

#include <sodium.h>

enum {
    SNAPSHOT_LOGIC =
        7, /* raised when the same records come to something else, or stand elsewhere in memory */
};

static void add_text(crypto_generichash_state *digest, struct view text)
{
    uint64_t size = text.size;
    crypto_generichash_update(digest, (const unsigned char *)&size, sizeof size);
    crypto_generichash_update(digest, (const unsigned char *)text.data, text.size);
}

static void add_number(crypto_generichash_state *digest, int64_t number)
{
    crypto_generichash_update(digest, (const unsigned char *)&number, sizeof number);
}

void ledger_identify(const struct ledger *ledger, struct snapshot_head *out_head)
{
    const struct ledger_setup *setup = &ledger->setup;
    crypto_generichash_state digest;
    crypto_generichash_init(&digest, NULL, 0, sizeof out_head->settings_check);
    add_number(&digest, SNAPSHOT_LOGIC);
    add_number(&digest, setup->line_kind);
    add_number(&digest, setup->signals_yield);
    for (unsigned i = 0; i < SUBJECT_KINDS; i++)
        add_number(&digest, setup->subjects[i]);
    for (unsigned i = 0; i < setup->names->count; i++) {
        add_text(&digest, setup->names->names[i]);
        add_number(&digest, setup->names->predecessors[i]);
    }
    char suppression[SUBJECT_KEY_CHECK_SIZE] = "";
    if (setup->suppression_key)
        subject_key_check(setup->suppression_key, suppression);
    add_text(&digest, view_of_string(suppression));
    for (unsigned i = 0; i < setup->ignored_count; i++) {
        add_number(&digest, setup->ignored[i].partition);
        add_number(&digest, setup->ignored[i].offset);
    }
    crypto_generichash_final(&digest, out_head->settings_check, sizeof out_head->settings_check);

    struct pseudonym check; /* of what is no identifier */
    subject_pseudonym(setup->subject_key, SUBJECT_LINE, IDENTIFIER_OPAQUE, VIEW("\nsnapshot"), &check);
    _Static_assert(sizeof check.bytes == sizeof out_head->key_check, "a pseudonym");
    memcpy(out_head->key_check, check.bytes, sizeof check.bytes);
    out_head->entries = ledger_counter(ledger, COUNTER_RECORDED);
}

void ledger_expect(struct ledger *ledger, uint64_t entries, int64_t made_ms)
{
    brake_expect(&ledger->brake, entries, made_ms);
}

bool ledger_freeze(struct ledger *ledger, struct snapshot_writer *writer, struct error *error)
{
    if (!choice_table_freeze(ledger->table, error) || !choice_table_freeze(ledger->erased, error))
        return false;
    ledger->erased_is_next = false;
    for (unsigned i = 0; i < COUNTERS; i++) {
        uint64_t counter = i == COUNTER_PENDING ? 0 : ledger_counter(ledger, (enum counter)i);
        snapshot_put(writer, &counter, sizeof counter);
    }
    moves_save(&ledger->moves, writer);
    loose_save(&ledger->loose, writer);
    return true;
}

bool ledger_save(struct ledger *ledger, struct snapshot_writer *writer, bool *out_more, struct error *error)
{
    if (ledger->erased_is_next)
        return choice_table_save(ledger->erased, writer, out_more, error);
    if (!choice_table_save(ledger->table, writer, out_more, error))
        return false;
    ledger->erased_is_next = !*out_more;
    *out_more = true;
    return true;
}

void ledger_thaw(struct ledger *ledger)
{
    choice_table_thaw(ledger->table);
    choice_table_thaw(ledger->erased);
}

bool ledger_restore(struct ledger *ledger, struct snapshot_reader *reader)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        uint64_t counter;
        if (!snapshot_get(reader, &counter, sizeof counter))
            return false;
        atomic_store_explicit(&ledger->counters[i], counter, memory_order_relaxed);
    }
    return moves_restore(&ledger->moves, reader) && loose_restore(&ledger->loose, reader) &&
           choice_table_restore(ledger->table, reader) && choice_table_restore(ledger->erased, reader);
}

bool ledger_forget(struct ledger *ledger, struct error *error)
{
    for (unsigned i = 0; i < COUNTERS; i++)
        atomic_store_explicit(&ledger->counters[i], 0, memory_order_relaxed);
    moves_release(&ledger->moves);
    loose_clear(&ledger->loose);
    return (choice_table_clear(ledger->table) && choice_table_clear(ledger->erased)) ||
           error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "give the process more memory",
                      "no memory for the consent table");
}
