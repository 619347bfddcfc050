#include "common/choice_record.h"

#include "common/date.h"
#include "common/programme.h"

/* ---- names ---- */

choice_set choice_names_bit(const struct choice_names *names, struct view name)
{
    if (view_equal(name, VIEW("*")))
        return CHOICE_STAR;
    for (unsigned i = 0; i < names->count; i++) {
        if (view_equal(name, names->names[i]))
            return (choice_set)(1u << i);
    }
    return 0;
}

choice_set choice_names_successors(const struct choice_names *names, choice_set gone)
{
    choice_set found = 0;
    for (unsigned i = 0; i < names->count; i++) {
        if (names->predecessors[i] & gone)
            found |= (choice_set)(1u << i);
    }
    return found;
}

static bool add_name(struct choice_names *names, struct view name, struct error *error)
{
    if (choice_names_bit(names, name))
        return true;
    if (names->count == CHOICE_NAMES_MAX)
        return error_fail(
            error, EXIT_STATUS_CONFIGURATION, NULL, "split the programmes over two configurations",
            "programmes and their predecessors have more than %d names together", CHOICE_NAMES_MAX);
    names->names[names->count++] = name;
    return true;
}

/* A programme's predecessors' predecessors are its own: an `out` goes on through every renaming. */
static void close_predecessors(struct choice_names *names)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (unsigned i = 0; i < names->count; i++) {
            choice_set all = names->predecessors[i];
            for (unsigned j = 0; j < names->count; j++) {
                if (all & (1u << j))
                    all |= names->predecessors[j];
            }
            changed |= all != names->predecessors[i];
            names->predecessors[i] = all;
        }
    }
    for (unsigned i = 0; i < names->count; i++)
        names->predecessors[i] &= (choice_set) ~(1u << i);
}

bool choice_names_compile(const struct config *config, struct choice_names *out_names, struct error *error)
{
    struct choice_names names = {0};
    for (unsigned i = 0; i < config->programmes.count; i++) {
        struct view name = config_programme(config, i)->name;
        if (choice_names_bit(&names, name))
            return error_fail(error, EXIT_STATUS_CONFIGURATION, name.data, NULL,
                              "two programmes have this name, or it is `*`");
        if (!add_name(&names, name, error))
            return false;
    }
    for (unsigned i = 0; i < config->programmes.count; i++) {
        const struct option_list *predecessors = &config_programme(config, i)->predecessors;
        for (unsigned j = 0; j < predecessors->count; j++) {
            struct view name = ((const struct view *)predecessors->items)[j];
            if (!add_name(&names, name, error))
                return false;
            names.predecessors[i] |= choice_names_bit(&names, name) & (choice_set)~CHOICE_STAR;
        }
    }
    close_predecessors(&names);
    *out_names = names;
    return true;
}

/* ---- one record alone ---- */

int64_t choice_ask_again_ms(int64_t last_out_ms)
{
    const int64_t day_ms = INT64_C(86400000);
    int64_t days = date_floor_divide(last_out_ms, day_ms);
    struct date date = date_of_days(days);
    bool leap_day = date.month == 2 && date.day == 29;
    int64_t later = date_days(date.year + 1, leap_day ? 3 : date.month, leap_day ? 1 : date.day);
    return later * day_ms + (last_out_ms - days * day_ms);
}

choice_set choice_record_outs(const struct choice_record *record)
{
    return !record->readable || record->moved ? record->out | CHOICE_STAR : record->out;
}

static bool has_opt_in_region(const struct programme *programme)
{
    const struct option_enum_pair *regions = programme->regions.items;
    for (unsigned i = 0; i < programme->regions.count; i++) {
        if (regions[i].value == REGIME_OPT_IN)
            return true;
    }
    return false;
}

bool choice_programmes_compile(const struct config *config, struct choice_programmes *out_programmes,
                               struct error *error)
{
    struct choice_programmes programmes = {.count = config->programmes.count};
    ensure(programmes.count <= RECORD_PROGRAMMES_MAX);
    if (!choice_names_compile(config, &programmes.names, error))
        return false;
    for (unsigned i = 0; i < programmes.count; i++) {
        const struct programme *programme = config_programme(config, i);
        programme_set bit = (programme_set)(1u << i);
        bool opt_in = programme->regime == REGIME_OPT_IN;
        programmes.opt_in |= opt_in ? bit : 0;
        programmes.opt_in_somewhere |= opt_in || has_opt_in_region(programme) ? bit : 0;
        for (unsigned subject = SUBJECT_LINE; subject <= SUBJECT_ACCOUNT;
             subject++) /* a device gives no `in` */
            programmes.in_by[subject] |= option_list_has(&programme->in_by, (int)subject + 1) ? bit : 0;
    }
    *out_programmes = programmes;
    return true;
}

/* Does the record's own last_out forbid its `in`s (rule 10)? */
static bool is_asked_too_soon(const struct choice_record *record)
{
    return record->had_out &&
           (!record->two_step ||
            (record->asked && record->effective_ms < choice_ask_again_ms(record->last_out_ms)));
}

/* clickveil wrote what all records of the subject come to: an `in` that stands there counts (rule 6). */
static bool is_merged(const struct choice_record *record)
{
    return record->merged.present && !record->in_is_void;
}

/* The `in`s that can count, whatever stood before (rule 10). */
static choice_set possible_ins(const struct choice_record *record, const struct choice_names *names)
{
    if (record->closed || record->moved || record->in_is_void || is_asked_too_soon(record))
        return 0;
    if (is_merged(record)) /* also above the `out` of a predecessor, which it came after */
        return record->in & (choice_set)~record->out;
    return record->in & (choice_set)~choice_names_successors(names, record->out);
}

/* To whom `in`s that were taken back go on as `out`: one of `*` was every predecessor's too. */
static choice_set successors_of_withdrawn(const struct choice_names *names, choice_set withdrawn)
{
    return choice_names_successors(names, withdrawn & CHOICE_STAR ? (choice_set)~0 : withdrawn);
}

/* A set of names, `*` standing for what is not in `named`. */
static choice_set spread(choice_set set, choice_set named)
{
    return set & CHOICE_STAR ? set | (choice_set)~named : set;
}

void choice_record_effect(const struct choice_record *record, enum subject_kind subject,
                          const struct choice_programmes *programmes, struct choice_effect *out_effect)
{
    const struct choice_names *names = &programmes->names;
    choice_set all = (choice_set)((1u << programmes->count) - 1);
    if (!record->readable) { /* spec 3, rules 5 and 6 */
        *out_effect = (struct choice_effect){.out = all};
        return;
    }
    choice_set in = possible_ins(record, names);
    choice_set void_in = record->in & (choice_set)~in;

    choice_set out = spread(record->out, in) | choice_names_successors(names, record->out);
    if (is_merged(
            record)) /* a predecessor's `in` that was taken back, with a newer record, goes on as `out` */
        out = (out | successors_of_withdrawn(names, record->merged.withdrawn)) & (choice_set)~in;
    if (record->had_out) /* an `in` that may not answer it: the `out` holds, named again */
        out |= spread(void_in, record->out);
    out |= successors_of_withdrawn(names, void_in); /* taken back with the same breath */

    choice_set given = spread(in, in | record->out) & (choice_set)~out;
    choice_set spoken_of = spread(void_in, record->in | record->out);
    /* an `in` that a record took back without a word is told of when it is written again */
    if (record->merged.present)
        spoken_of |= spread(record->merged.withdrawn, in);
    choice_set lapsed = programmes->opt_in | (programmes->opt_in_somewhere & spoken_of);
    if (record->closed)
        lapsed |= programmes->opt_in_somewhere | choice_names_successors(names, (choice_set)~0);
    else
        lapsed &= programmes->in_by[subject];
    if (record->reset && !record->closed && !record->moved && !record->in_is_void)
        lapsed &= spoken_of; /* it leaves the choices that it does not name (rule 10) */
    *out_effect = (struct choice_effect){
        .out = out & all,
        .lapsed = lapsed & all & (choice_set)~given,
        .moved = record->moved ? all : 0,
        .reset = record->reset ? all : 0,
    };
}
