/*
 * Design. Names that the configuration knows are taken from the judge's state, which has seen all records; names
 * that it does not know (another pipeline's programmes) from the newest record's text, where an `out` is always kept
 * and an `in` only when that record has no condition that this one would lose.
 *
 * Rather than trusting these rules to fit the stage's, what was made is read back and judged by the stage's own
 * logic, twice.
 */
#include "common/consent_change.h"

#include "common/error.h"
#include "common/json_writer.h"

#include <stdlib.h>
#include <yyjson.h>

#define DAY_MS INT64_C(86400000)

struct making {
    const struct consent_rules *rules;
    const struct consent_stored *stored;
    const struct consent_change *change;
    struct consent_choice choices[CONSENT_CHANGE_NAMES_MAX];
    unsigned count;
    struct choice_record record; /* order and flags of what is made */
    const char *why;
    unsigned dropped;
    choice_set unsaid; /* outs that the record leaves out */
    choice_set lost;   /* names that were out, and would not be by the record alone */
};

void consent_stored_note(struct consent_stored *stored, const struct choice_record *record,
                         int64_t timestamp_ms)
{
    int64_t out_ms = -1;
    if (record->had_out)
        out_ms = record->last_out_ms;
    if (!record->readable)
        out_ms = timestamp_ms < 0 ? 0 : timestamp_ms;
    else if ((record->out || record->moved) && record->effective_ms > out_ms)
        out_ms = record->effective_ms;
    if (out_ms < 0)
        return;
    if (!stored->had_out || out_ms > stored->last_out_ms)
        stored->last_out_ms = out_ms;
    stored->had_out = true;
}

static bool refuse(struct making *making, const char *why)
{
    making->why = why;
    return false;
}

/* ---- names ---- */

static choice_set bit_of(const struct making *making, struct view name)
{
    return choice_names_bit(making->rules->names, name);
}

static bool put(struct making *making, struct view name, bool in)
{
    for (unsigned i = 0; i < making->count; i++) {
        if (view_equal(making->choices[i].name, name)) {
            making->choices[i].in = in;
            return true;
        }
    }
    if (making->count == CONSENT_CHANGE_NAMES_MAX)
        return refuse(making, "the record would name more than 256 programmes");
    making->choices[making->count++] = (struct consent_choice){name, in};
    return true;
}

static void drop_ins(struct making *making)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < making->count; i++) {
        if (!making->choices[i].in)
            making->choices[kept++] = making->choices[i];
    }
    making->count = kept;
}

static struct view name_of(const struct making *making, unsigned index)
{
    return index == making->rules->names->count ? VIEW("*") : making->rules->names->names[index];
}

static choice_set bit_at(const struct making *making, unsigned index)
{
    return index == making->rules->names->count ? CHOICE_STAR : (choice_set)(1u << index);
}

/* What is in force of the names that are known. */
static bool keep_known(struct making *making)
{
    choice_set in = 0, out = 0;
    making->rules->judge->sets(making->stored->state, &in, &out);
    for (unsigned i = 0; i <= making->rules->names->count; i++) {
        choice_set bit = bit_at(making, i);
        if ((out & bit) && !put(making, name_of(making, i), false))
            return false;
        if ((in & bit) && !(out & bit) && !put(making, name_of(making, i), true))
            return false;
    }
    return true;
}

/* What the newest record says of other names. The document outlives the making. */
static bool keep_unknown(struct making *making, yyjson_val *root)
{
    const struct choice_record *newest = &making->stored->newest;
    bool is_plain = newest->readable && !newest->closed && !newest->moved && !newest->in_is_void &&
                    !newest->asked && (!newest->had_out || newest->two_step);
    size_t index, count;
    yyjson_val *name, *choice;
    yyjson_obj_foreach(yyjson_obj_get(root, "choices"), index, count, name, choice)
    {
        struct view text = {yyjson_get_str(name), yyjson_get_len(name)};
        if (bit_of(making, text))
            continue;
        bool in = yyjson_equals_str(choice, "in");
        if (in && !is_plain) {
            making->dropped++;
            continue;
        }
        if (!put(making, text, in))
            return false;
    }
    return true;
}

/* ---- order ---- */

static bool has_newest(const struct making *making)
{
    return making->stored->newest.readable;
}

/* Is the change older than what is in force, or the same? */
static bool is_history(const struct making *making)
{
    const struct choice_record *newest = &making->stored->newest;
    const struct consent_change *change = making->change;
    if (!has_newest(making) || !change->has_effective)
        return false;
    if (change->effective_ms != newest->effective_ms)
        return change->effective_ms < newest->effective_ms;
    return change->has_seq && change->seq <= newest->seq;
}

static bool set_order(struct making *making, bool history)
{
    const struct choice_record *newest = &making->stored->newest;
    const struct consent_change *change = making->change;
    struct choice_record *record = &making->record;
    bool own_order = change->has_effective && !history;
    record->effective_ms = own_order ? change->effective_ms : making->rules->now_ms;
    if (!own_order && has_newest(making) && newest->effective_ms > record->effective_ms)
        record->effective_ms = newest->effective_ms; /* an `in` that is kept must not begin earlier */
    if (record->effective_ms < 0 || record->effective_ms > CHOICE_EFFECTIVE_MS_MAX)
        return refuse(making, "`effective` is before 1970 or after 2248");
    if (record->effective_ms - DAY_MS > making->rules->now_ms)
        return refuse(making, "`effective` is more than a day ahead, which would be unreadable");
    record->seq = change->has_seq && own_order ? change->seq : 1;
    if (!has_newest(making) || (change->has_seq && own_order))
        return true;
    if (newest->seq == INT64_MAX)
        return refuse(
            making,
            "the record in force has the highest `seq` that there is; give a later `effective` and a `seq`");
    record->seq = newest->seq >= 0 ? newest->seq + 1 : 1;
    return true;
}

/* ---- what is wanted ---- */

static enum consent_stand stand_of(const struct making *making, const void *state, struct view name,
                                   int64_t time_ms)
{
    choice_set bit = bit_of(making, name), predecessors = 0;
    for (unsigned i = 0; i < making->rules->names->count; i++) {
        if (bit == (choice_set)(1u << i))
            predecessors = making->rules->names->predecessors[i];
    }
    return making->rules->judge->stand(state, bit, predecessors, time_ms);
}

static bool want(struct making *making, const struct consent_choice *choice)
{
    if (choice->in && making->change->has_last_out && !making->change->two_step)
        return refuse(
            making,
            "an `in` after an `out` (last_out) counts only as the subscriber's own confirmed act (two_step)");
    if (choice->in && !making->change->two_step && bit_of(making, choice->name) &&
        stand_of(making, making->stored->state, choice->name, INT64_MAX) == CONSENT_STAND_OUT)
        return refuse(making,
                      "an `in` after an `out` counts only as the subscriber's own confirmed act (two_step)");
    if (!choice->in && view_equal(choice->name, VIEW("*")))
        drop_ins(making); /* whoever says no to everything does not mean everything but */
    return true;
}

static bool take_wanted(struct making *making)
{
    const struct consent_change *change = making->change;
    for (unsigned i = 0; i < change->count; i++) {
        if (!want(making, &change->choices[i]))
            return false;
    }
    for (unsigned i = 0; i < change->count; i++) {
        if (!put(making, change->choices[i].name, change->choices[i].in))
            return false;
    }
    return true;
}

/* Of a change that is history only the `out`s that still count. */
static bool take_history(struct making *making)
{
    const struct consent_change *change = making->change;
    for (unsigned i = 0; i < change->count; i++) {
        choice_set in = 0, out = 0;
        making->rules->judge->sets(making->stored->state, &in, &out);
        bool is_answered = making->stored->newest.two_step && (in & bit_of(making, change->choices[i].name));
        if (change->choices[i].in || is_answered)
            continue;
        if (!put(making, change->choices[i].name, false))
            return false;
    }
    return true;
}

static bool has_in(const struct making *making)
{
    for (unsigned i = 0; i < making->count; i++) {
        if (making->choices[i].in)
            return true;
    }
    return false;
}

/* One record can't say `out` of a predecessor and `in` of its successor. */
static void leave_unsaid(struct making *making)
{
    choice_set answered = 0;
    for (unsigned i = 0; i < making->count; i++) {
        choice_set bit = bit_of(making, making->choices[i].name);
        for (unsigned j = 0; making->choices[i].in && j < making->rules->names->count; j++) {
            if (bit == (choice_set)(1u << j))
                answered |= making->rules->names->predecessors[j];
        }
    }
    answered &= making->rules->unsaid;
    unsigned kept = 0;
    for (unsigned i = 0; i < making->count; i++) {
        choice_set bit = bit_of(making, making->choices[i].name);
        if (!making->choices[i].in && (bit & answered))
            making->unsaid |= bit;
        else
            making->choices[kept++] = making->choices[i];
    }
    making->count = kept;
}

static void set_flags(struct making *making, bool history)
{
    const struct consent_change *change = making->change;
    const struct choice_record *newest = &making->stored->newest;
    struct choice_record *record = &making->record;
    bool carries = has_newest(making) && has_in(making); /* conditions of the `in`s that are kept */
    record->two_step = (!history && change->two_step) || (carries && newest->two_step);
    record->asked = (!history && change->asked) || (carries && newest->asked);
    record->closed = !history && change->closed;
    record->reset = !history && change->reset;
    if (record->two_step && has_in(making) && making->stored->had_out) {
        record->had_out = true;
        record->last_out_ms = making->stored->last_out_ms;
    }
}

/* ---- the record ---- */

static void write_value(const struct making *making, struct consent_changed *changed)
{
    const struct choice_record *record = &making->record;
    struct json_writer writer;
    json_writer_init(&writer, changed->value, sizeof changed->value);
    json_writer_open_object(&writer);
    json_writer_name(&writer, "choices");
    json_writer_open_object(&writer);
    for (unsigned i = 0; i < making->count; i++) {
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)making->choices[i].name.size, making->choices[i].name.data);
        json_writer_member_string(&writer, name, making->choices[i].in ? VIEW("in") : VIEW("out"));
    }
    json_writer_close_object(&writer);
    json_writer_member_integer(&writer, "effective", record->effective_ms);
    json_writer_member_integer(&writer, "seq", record->seq);
    if (record->two_step)
        json_writer_member_bool(&writer, "two_step", true);
    if (record->asked)
        json_writer_member_bool(&writer, "asked", true);
    if (record->had_out)
        json_writer_member_integer(&writer, "last_out", record->last_out_ms);
    if (record->closed)
        json_writer_member_bool(&writer, "closed", true);
    if (record->reset)
        json_writer_member_bool(&writer, "reset", true);
    json_writer_close_object(&writer);
    ensure(!writer.overflow);
    changed->size = writer.size;
}

/* Names go into JSON as they are: those of our own configuration are, others may be anything. */
static bool check_names(struct making *making)
{
    size_t size = 0;
    for (unsigned i = 0; i < making->count; i++) {
        struct view name = making->choices[i].name;
        size += name.size + 16;
        bool plain = name.size > 0 && name.size <= 128;
        for (size_t j = 0; plain && j < name.size; j++)
            plain =
                name.data[j] >= 0x20 && name.data[j] < 0x7f && name.data[j] != '"' && name.data[j] != '\\';
        if (!plain)
            return refuse(making, "the stored record names a programme in a way that can't be carried over");
    }
    return size < CONSENT_CHANGE_VALUE_MAX - 512 || refuse(making, "the record would be too long");
}

/* ---- judging what was made ---- */

static bool is_wanted_in(const struct making *making, struct view name)
{
    bool found = false;
    for (unsigned i = 0; i < making->change->count; i++)
        found |= making->change->choices[i].in && view_equal(making->change->choices[i].name, name);
    return found;
}

static const char *why_no_in(const struct making *making)
{
    if (making->record.asked)
        return "the `in` would not count: the answer to a question (asked) counts only with two_step, and "
               "where its "
               "`effective` is 12 months after the last `out`";
    if (making->record.had_out && !making->record.two_step)
        return "the `in` would not count: it comes after an `out`, and needs the subscriber's own confirmed "
               "act "
               "(two_step)";
    return "the `in` would not count beside an `out` of a predecessor that stays in force: confirm it with "
           "two_step, or "
           "answer the predecessor's `out` by name";
}

static bool check_wanted(struct making *making, const void *after, bool history)
{
    for (unsigned i = 0; i <= making->rules->names->count; i++) {
        struct view name = name_of(making, i);
        bool wanted = !history && !making->record.closed && is_wanted_in(making, name);
        if (wanted && stand_of(making, after, name, INT64_MAX) != CONSENT_STAND_IN)
            return refuse(making, why_no_in(making));
    }
    return true;
}

/* Nothing that was out is anything else without being wanted; an `in` of a change that is history is not. */
static choice_set lost_outs(const struct making *making, const void *after, bool history)
{
    choice_set lost = 0;
    for (unsigned i = 0; i <= making->rules->names->count; i++) {
        struct view name = name_of(making, i);
        bool was_out = stand_of(making, making->stored->state, name, INT64_MAX) == CONSENT_STAND_OUT;
        bool is_meant = (!history && (is_wanted_in(making, name) || is_wanted_in(making, VIEW("*")))) ||
                        (bit_at(making, i) & making->unsaid);
        if (was_out && !is_meant && stand_of(making, after, name, INT64_MAX) != CONSENT_STAND_OUT)
            lost |= bit_at(making, i);
    }
    return lost;
}

static bool judge(struct making *making, struct consent_reader *reader, const struct consent_key *key,
                  struct consent_changed *changed, bool history, bool *out_same)
{
    const struct consent_judge *judge = making->rules->judge;
    struct consent_value value;
    consent_value_read(reader, key, (struct view){changed->value, changed->size}, making->rules->now_ms,
                       &value);
    ensure(value.record.readable && !value.record.in_is_void); /* we wrote it */
    changed->record = value.record;
    void *states = calloc(2, judge->state_size);
    if (!states)
        return refuse(making, "no memory");
    void *after = states, *alone = (char *)states + judge->state_size;
    memcpy(after, making->stored->state, judge->state_size);
    judge->beside(making->stored->state, alone); /* an erasure is remembered under a key of its own */
    judge->apply(after, &value.record, making->rules->names);
    judge->apply(alone, &value.record, making->rules->names);
    bool fine = check_wanted(making, after, history) && check_wanted(making, alone, history);
    making->lost = lost_outs(making, after, history) | lost_outs(making, alone, history);
    choice_set in[2], out[2];
    judge->sets(making->stored->state, &in[0], &out[0]);
    judge->sets(after, &in[1], &out[1]);
    *out_same = in[0] == in[1] && out[0] == out[1];
    free(states);
    return fine;
}

/* What only all records together say, such as an `in` for a predecessor that was taken back, is said by name. */
static bool keep_lost(struct making *making, struct consent_reader *reader, const struct consent_key *key,
                      struct consent_changed *changed, bool history, bool *out_same)
{
    for (unsigned i = 0; i <= making->rules->names->count; i++) {
        if ((making->lost & bit_at(making, i)) && !put(making, name_of(making, i), false))
            return false;
    }
    write_value(making, changed);
    return judge(making, reader, key, changed, history, out_same) &&
           (!making->lost || refuse(making, "an `out` would be lost"));
}

/* Does a change that leaves all choices as they are say something new? */
static bool says_more(const struct making *making)
{
    const struct consent_change *change = making->change;
    const struct choice_record *newest = &making->stored->newest;
    return (change->two_step && !newest->two_step) || (change->asked && !newest->asked) ||
           (change->closed && !newest->closed) || (change->reset && !newest->reset);
}

/* Are the names that nobody here knows as they were? They stand in the text alone. */
static bool same_unknown(const struct making *making, yyjson_val *root)
{
    yyjson_val *choices = yyjson_obj_get(root, "choices");
    for (unsigned i = 0; i < making->change->count; i++) {
        const struct consent_choice *choice = &making->change->choices[i];
        if (bit_of(making, choice->name))
            continue;
        yyjson_val *stored = yyjson_obj_getn(choices, choice->name.data, choice->name.size);
        if (!yyjson_equals_str(stored, choice->in ? "in" : "out"))
            return false;
    }
    return true;
}

static enum consent_outcome make(struct making *making, struct consent_reader *reader,
                                 const struct consent_key *key, yyjson_val *root,
                                 struct consent_changed *changed)
{
    bool history = is_history(making), same;
    if (!set_order(making, history) || !keep_unknown(making, root) || !keep_known(making) ||
        !(history ? take_history(making) : take_wanted(making)) || !check_names(making))
        return CONSENT_REFUSED;
    set_flags(making, history);
    if (making->record.two_step)
        leave_unsaid(making);
    write_value(making, changed);
    if (!judge(making, reader, key, changed, history, &same))
        return CONSENT_REFUSED;
    if (making->lost && !keep_lost(making, reader, key, changed, history, &same))
        return CONSENT_REFUSED;
    if (!making->stored->found)
        return CONSENT_NEW;
    if (same && (history || (!says_more(making) && same_unknown(making, root))))
        return CONSENT_UNCHANGED;
    return CONSENT_CHANGED;
}

enum consent_outcome consent_change_make(const struct consent_rules *rules, struct consent_reader *reader,
                                         const struct consent_key *key, const struct consent_stored *stored,
                                         const struct consent_change *change,
                                         struct consent_changed *out_changed)
{
    struct making making = {.rules = rules, .stored = stored, .change = change, .why = ""};
    yyjson_doc *document = view_is_absent(stored->value)
                               ? NULL
                               : yyjson_read(stored->value.data, stored->value.size, YYJSON_READ_NOFLAG);
    out_changed->size = 0;
    struct consent_stored known = *stored;
    if (change->has_last_out && (!known.had_out || change->last_out_ms > known.last_out_ms)) {
        known.had_out = true;
        known.last_out_ms = change->last_out_ms;
    }
    making.stored = &known;
    enum consent_outcome outcome = make(&making, reader, key, yyjson_doc_get_root(document), out_changed);
    out_changed->why = making.why;
    out_changed->dropped = making.dropped;
    yyjson_doc_free(document);
    return outcome;
}
