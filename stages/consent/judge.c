/*
 * Design. A book is a ledger, set up as the stage sets up its own, that is given the records of some subjects only.
 * What its table holds of a subject is the state; what an event meets besides (look_beside of the stage: erasure)
 * and what the ledger would do with one more record (moves) is kept with it, so that a change can be judged before
 * it is written.
 *
 * Suppression entries and links are read only with the key that they were written under. Without it the book is blind to
 * erasures and moves, and says so, where the stage would stop.
 */
#include "stages/consent/judge.h"

#include "common/base64url.h"
#include "common/consent_link.h"
#include "common/stage.h"
#include "common/text.h"
#include "stages/consent/choice.h"
#include "stages/consent/consent_setup.h"

#include <stdlib.h>

/* Whose place a subject took, and what that one said. */
struct judged_move {
    struct choice_state from;
    struct choice_move terms;
};

struct judged {
    struct choice_state state;  /* without its signal */
    struct choice_state beside; /* what stands under other keys: an erasure */
    struct choice_state signal; /* signalled and signalled_ms alone */
    bool erased;                /* now; `beside` says whether ever */
    int32_t erased_partition;   /* where that stands */
    bool signals_yield;
    choice_set confirmed; /* by records that were applied to this state */
    int64_t confirmed_ms; /* of the newest of them */
    const struct judged_move *moves;
    unsigned move_count;
};

struct kept_moves {
    struct kept_moves *next;
    struct judged_move moves[];
};

enum { BLIND_SIZE = 3 * ERROR_TEXT_SIZE + 64 };

struct book {
    const struct choice_names *names;
    struct subject_key *subject_key, *suppression_key;
    struct ledger_place *ignored;
    unsigned ignored_count;
    bool signals_yield;
    struct ledger *ledger;
    struct choice_table
        *hashes; /* every suppression entry, also those that an `in` has ended; seq: its partition */
    struct consent_reader *reader;
    struct kept_moves *kept;
    char key_trouble[BLIND_SIZE]; /* why there is no key; "": there is one */
    const char *blind;
};

/* ---- life ---- */

static void close_book(void *memory)
{
    struct book *book = memory;
    if (!book)
        return;
    while (book->kept) {
        struct kept_moves *next = book->kept->next;
        free(book->kept);
        book->kept = next;
    }
    consent_reader_free(book->reader);
    choice_table_free(book->hashes);
    ledger_free(book->ledger);
    free(book->ignored);
    subject_key_free(book->suppression_key);
    subject_key_free(book->subject_key);
    free(book);
}

static void find_suppression_key(struct book *book, const struct config *config,
                                 const struct consent_options *options)
{
    struct error error = {0};
    char why[3 * ERROR_TEXT_SIZE];
    struct text text = {book->key_trouble, book->key_trouble + sizeof book->key_trouble - 1};
    if (!consent_setup_suppression_key(options, config, NULL, &book->suppression_key, &error)) {
        text_put(&text, "their key can't be had: ");
        text_put_string(&text, error_text(&error, why, sizeof why));
    } else if (!book->suppression_key) {
        text_put(&text, "this configuration names no key that is here (consent.suppression_key, "
                        "pseudonymize.key)");
    }
    *text.at = '\0';
}

static bool set_up(struct book *book, const struct config *config, const struct consent_options *options,
                   struct error *error)
{
    find_suppression_key(book, config, options);
    struct ledger_setup setup = consent_setup_ledger(options, config);
    setup.names = book->names;
    setup.subject_key = book->subject_key;
    setup.suppression_key = book->suppression_key;
    setup.ignored = book->ignored;
    setup.entries_max = UINT32_MAX - 1;
    setup.floor = 0;
    setup.readers = 1;
    for (unsigned i = 0; i < SUBJECT_KINDS; i++)
        setup.subjects[i] = true; /* what stops the stage is the tool's to say */
    book->ledger = ledger_new(&setup, error);
    if (!book->ledger)
        return false;
    book->reader = consent_reader_new(book->names, setup.line_kind);
    book->hashes = choice_table_new(setup.entries_max, 1);
    return (book->reader && book->hashes) ||
           error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for choices");
}

static void *open_book(const struct config *config, const void *memory, const struct choice_names *names,
                       struct error *error)
{
    static const struct consent_options none;
    const struct consent_options *options = memory ? memory : &none;
    struct book *book = calloc(1, sizeof *book);
    if (!book) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for choices");
        return NULL;
    }
    book->names = names;
    book->signals_yield = options->signals.yield;
    book->ignored_count = options->ignore.count;
    book->subject_key = subject_key_random(error);
    if (book->subject_key && consent_setup_ignored(options, &book->ignored, error) &&
        set_up(book, config, options, error))
        return book;
    close_book(book);
    return NULL;
}

/* ---- reading ---- */

static bool is_acknowledged(const void *memory, int32_t partition, int64_t offset)
{
    const struct book *book = memory;
    for (unsigned i = 0; i < book->ignored_count; i++) {
        if (book->ignored[i].partition == partition && book->ignored[i].offset == offset)
            return true;
    }
    return false;
}

/* Of a suppression entry or a link. NULL: it can be recognised by our key. */
static const char *key_trouble(const void *memory, struct view value)
{
    const struct book *book = memory;
    char check[SUBJECT_KEY_CHECK_SIZE] = "", own[SUBJECT_KEY_CHECK_SIZE] = "";
    if (!book->suppression_key)
        return book->key_trouble;
    subject_key_check(book->suppression_key, own);
    if (consent_value_key_check(book->reader, value, check, sizeof check) && strcmp(check, own) == 0)
        return NULL;
    return "a suppression entry, or a record of a move, was written under another key than "
           "consent.suppression_key";
}

static bool note_hash(struct book *book, const struct followed_record *record, struct error *error)
{
    struct choice_handle entry;
    struct pseudonym suppression;
    struct view text = {record->key.data + strlen("hash:"), record->key.size - strlen("hash:")};
    if (!base64url_read(text, suppression.bytes, sizeof suppression.bytes))
        return true;
    if (!choice_table_entry(book->hashes, &suppression, &entry, error))
        return false;
    choice_table_store(book->hashes, entry,
                       &(struct choice_state){.out = CHOICE_STAR, .seq = record->partition});
    return true;
}

static bool begins(struct view key, const char *prefix)
{
    return key.size >= strlen(prefix) && memcmp(key.data, prefix, strlen(prefix)) == 0;
}

static bool read_record(void *memory, const struct followed_record *record, struct error *error)
{
    struct book *book = memory;
    bool is_hash = begins(record->key, "hash:"), is_link = begins(record->key, "moved:");
    if (is_hash && view_is_absent(record->value))
        return true; /* deleted: the stage writes it again */
    const char *trouble =
        is_hash || (is_link && !view_is_absent(record->value)) ? key_trouble(book, record->value) : NULL;
    if (trouble) {
        if (!is_acknowledged(book, record->partition, record->offset))
            book->blind = trouble;
        return true;
    }
    return (!is_hash || note_hash(book, record, error)) && ledger_apply(book->ledger, record, error);
}

static bool link_from(void *memory, const struct followed_record *record, const struct consent_key *key,
                      struct consent_key *out_from)
{
    struct book *book = memory;
    struct consent_link link;
    return book->suppression_key && !view_is_absent(record->value) &&
           consent_link_read(book->reader, key, record->value, book->suppression_key, &link, out_from) ==
               CONSENT_LINK_READ;
}

static bool complete(void *memory, struct error *error)
{
    struct book *book = memory;
    return ledger_complete(book->ledger, error);
}

static const char *blind(const void *memory)
{
    return ((const struct book *)memory)->blind;
}

/* ---- a subject ---- */

static void add_erasure(struct choice_state *state)
{
    state->withdrawn |= state->in;
    state->in = 0;
    state->out |= CHOICE_STAR;
    if (!state->last_out_ms)
        state->last_out_ms = CHOICE_LAST_OUT_UNTIMED;
}

static bool is_erased_now(const struct book *book, const struct pseudonym *suppression)
{
    struct choice_state entry;
    return choice_table_find(ledger_erased(book->ledger), suppression, &entry) && entry.out;
}

static void add_erasures(struct book *book, const struct consent_key *key, struct judged *judged)
{
    struct choice_state entry;
    struct pseudonym suppression;
    if (choice_table_entries(book->hashes) == 0)
        return;
    subject_pseudonym(book->suppression_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &suppression);
    if (!choice_table_find_whole(book->hashes, &suppression, &entry))
        return;
    judged->erased_partition = (int32_t)entry.seq;
    add_erasure(&judged->beside);
    judged->erased = is_erased_now(book, &suppression);
    if (judged->erased)
        add_erasure(&judged->state);
}

static bool add_moves(struct book *book, const struct pseudonym *pseudonym, struct judged *judged,
                      struct error *error)
{
    struct moves *moves = ledger_moves(book->ledger);
    unsigned count = 0;
    for (const struct move *move = moves_to(moves, pseudonym, NULL); move;
         move = moves_to(moves, pseudonym, move))
        count++;
    if (count == 0)
        return true;
    struct kept_moves *kept = malloc(sizeof *kept + count * sizeof kept->moves[0]);
    if (!kept)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for choices");
    kept->next = book->kept;
    book->kept = kept;
    judged->moves = kept->moves;
    for (const struct move *move = moves_to(moves, pseudonym, NULL); move;
         move = moves_to(moves, pseudonym, move)) {
        struct judged_move *moved = &kept->moves[judged->move_count++];
        *moved = (struct judged_move){.terms = move->terms};
        (void)choice_table_find_whole(ledger_table(book->ledger), &move->from, &moved->from);
        if (book->suppression_key && is_erased_now(book, &move->from_erased))
            add_erasure(&moved->from);
    }
    return true;
}

static bool state_of(void *memory, const struct consent_key *key, void *out_state, struct error *error)
{
    struct book *book = memory;
    struct judged *judged = out_state;
    struct pseudonym pseudonym;
    *judged = (struct judged){.signals_yield = book->signals_yield};
    subject_pseudonym(book->subject_key, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, &pseudonym);
    struct choice_table *table = ledger_table(book->ledger), *erased = ledger_erased(book->ledger);
    choice_table_hold(table, 0);
    choice_table_hold(erased, 0);
    choice_table_hold(book->hashes, 0);
    (void)choice_table_find_whole(table, &pseudonym, &judged->state);
    judged->signal.signalled = judged->state.signalled;
    judged->signal.signalled_ms = judged->state.signalled_ms;
    judged->state.signalled = false;
    judged->state.signalled_ms = 0;
    add_erasures(book, key, judged);
    bool fine = add_moves(book, &pseudonym, judged, error);
    choice_table_yield(book->hashes, 0);
    choice_table_yield(erased, 0);
    choice_table_yield(table, 0);
    return fine;
}

/* ---- a state ---- */

/* As ledger.c does it: apply_committed, then inherit. */
static void apply(void *memory, const struct choice_record *record, const struct choice_names *names)
{
    struct judged *judged = memory;
    choice_set confirmed = choice_confirmed(&judged->state, record, names);
    choice_apply(&judged->state, record, names);
    judged->confirmed |= confirmed;
    if (confirmed && record->effective_ms > judged->confirmed_ms)
        judged->confirmed_ms = record->effective_ms;
    if (record->two_step && (judged->state.in & record->in))
        judged->erased = false;
    if (record->readable &&
        record->moved) /* the other subject is not at hand: as if it were out of everything */
        judged->state.out |= CHOICE_STAR;
    for (unsigned i = 0; i < judged->move_count; i++) {
        struct choice_move terms = judged->moves[i].terms;
        terms.confirmed |= judged->confirmed;
        if (judged->confirmed_ms > terms.confirmed_ms)
            terms.confirmed_ms = judged->confirmed_ms;
        bool changed = choice_inherit(&judged->state, &judged->moves[i].from, &terms, names);
        (void)changed;
    }
}

static void beside(const void *memory, void *out_state)
{
    const struct judged *judged = memory;
    struct judged *left = out_state;
    *left = (struct judged){
        .state = judged->beside,
        .beside = judged->beside,
        .signal = judged->signal,
        .erased = judged->beside.out != 0,
        .erased_partition = judged->erased_partition,
        .signals_yield = judged->signals_yield,
    };
}

static enum consent_stand stand(const void *memory, choice_set name, choice_set predecessors, int64_t time_ms)
{
    const struct judged *judged = memory;
    switch (choice_answer(&judged->state, name, predecessors, time_ms)) {
    case CHOICE_UNKNOWN:
    case CHOICE_OUT:
    case CHOICE_OUT_BY_SIGNAL:
    case CHOICE_OUT_OF_PREDECESSOR:
        break;
    case CHOICE_NONE:
        return CONSENT_STAND_NONE;
    case CHOICE_IN_LATER:
        return CONSENT_STAND_LATER;
    case CHOICE_IN:
        return CONSENT_STAND_IN;
    }
    return CONSENT_STAND_OUT;
}

/* What a stored signal that denies would yield to (spec 3, rule 7). */
static const char *signal_remedy(const struct judged *judged)
{
    if (!judged->signals_yield)
        return "a stored signal yields only with consent.signals.yield, and then only to a newer `in` with "
               "two_step and without asked that names the programme or *";
    if (!judged->signal.signalled_ms)
        return "the signal's record has no time that can be read, so it yields to nothing: see who wrote it";
    return "an `in` with two_step and without asked, newer than the signal, that names the programme or *";
}

static void out(struct consent_verdict *verdict, const char *why, const char *remedy)
{
    *verdict = (struct consent_verdict){CONSENT_STAND_OUT, why, remedy};
}

static void verdict(const void *memory, choice_set name, choice_set predecessors, int64_t time_ms,
                    struct consent_verdict *out_verdict)
{
    const struct judged *judged = memory;
    struct choice_state state = judged->state;
    state.signalled = judged->signal.signalled;
    state.signalled_ms = judged->signal.signalled_ms;
    switch (choice_answer(&state, name, predecessors, time_ms)) {
    case CHOICE_UNKNOWN:
        break;
    case CHOICE_OUT:
        if (judged->erased)
            out(out_verdict, "erased", "an `in` that is the subscriber's own confirmed act (two_step)");
        else if (time_ms < state.before_until_ms && (state.before & (name | CHOICE_STAR)) &&
                 choice_answer(&state, name, predecessors, INT64_MAX) == CHOICE_IN)
            out(out_verdict, "opted out, until an `in` takes effect", "its `effective` has to come");
        else
            out(out_verdict, "opted out", "an `in` that is the subscriber's own confirmed act (two_step)");
        return;
    case CHOICE_OUT_BY_SIGNAL:
        out(out_verdict, "opted out by a stored signal", signal_remedy(judged));
        return;
    case CHOICE_OUT_OF_PREDECESSOR:
        out(out_verdict, "opted out of a predecessor, or took an `in` for it back",
            "an `in` with two_step that names the programme");
        return;
    case CHOICE_NONE:
        *out_verdict = (struct consent_verdict){CONSENT_STAND_NONE, "nothing chosen: the regime decides", ""};
        return;
    case CHOICE_IN_LATER:
        *out_verdict = (struct consent_verdict){CONSENT_STAND_LATER,
                                                "opted in, and the time is before it takes effect", ""};
        return;
    case CHOICE_IN:
        *out_verdict = (struct consent_verdict){CONSENT_STAND_IN, "opted in", ""};
        return;
    }
    out(out_verdict, "unknown", "");
}

static void sets(const void *memory, choice_set *out_in, choice_set *out_out)
{
    const struct judged *judged = memory;
    *out_in = judged->state.in;
    *out_out = judged->state.out;
}

static bool is_erased(const void *memory, int32_t *out_partition)
{
    const struct judged *judged = memory;
    if (judged->erased)
        *out_partition = judged->erased_partition;
    return judged->erased;
}

static bool is_signalled(const void *memory)
{
    return ((const struct judged *)memory)->signal.signalled;
}

static bool takes(const void *memory, enum subject_kind subject)
{
    const struct consent_options *options = memory;
    if (!options)
        return subject == SUBJECT_LINE || subject == SUBJECT_ACCOUNT;
    const int *subjects = options->subjects.items;
    for (unsigned i = 0; i < options->subjects.count; i++) {
        if (subjects[i] == (int)subject + 1)
            return true;
    }
    return false;
}

const struct consent_judge consent_judge = {
    .takes = takes,
    .open = open_book,
    .close = close_book,
    .read = read_record,
    .link_from = link_from,
    .complete = complete,
    .is_acknowledged = is_acknowledged,
    .blind = blind,
    .key_trouble = key_trouble,
    .state = state_of,
    .state_size = sizeof(struct judged),
    .apply = apply,
    .beside = beside,
    .stand = stand,
    .verdict = verdict,
    .sets = sets,
    .is_erased = is_erased,
    .is_signalled = is_signalled,
};
