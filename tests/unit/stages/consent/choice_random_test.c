/* What consent records come to: random histories against the sentences of the specification and a slow model. */
#include "tests/unit/stages/consent/choice_rig.h"

static uint64_t seed;

static unsigned random_below(unsigned bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 20) % bound);
}

#define YEAR_MS INT64_C(31536000000) /* 1970 and 1971 have 365 days each */

static struct choice_record random_record(void)
{
    if (random_below(30) == 0)
        return (struct choice_record){.tombstone = random_below(2)};
    struct choice_record record = {
        .readable = true,
        .two_step = random_below(3) == 0,
        .asked = random_below(4) == 0,
        .closed = random_below(15) == 0,
        .moved = random_below(40) == 0,
        .reset = random_below(15) == 0,
        .had_out = random_below(15) == 0,
        .in_is_void = random_below(20) == 0,
        .effective_ms = random_below(6) * 10 + (random_below(3) == 0 ? YEAR_MS : 0),
        .seq = random_below(3),
    };
    if (record.had_out)
        record.last_out_ms = random_below(6) * 10;
    static const unsigned bits[] = {BASIC, ENHANCED, TMOBILE, SPRINT, UNITE, 15};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        unsigned choice = random_below(6);
        if (choice < 2)
            record.in |= (choice_set)(1u << bits[i]);
        else if (choice == 2)
            record.out |= (choice_set)(1u << bits[i]);
    }
    return record;
}

/* The slow model: one plain variable for each (name, question), every rule as one sentence about one name. */
enum { STAR = NAMES, MODEL_NAMES };

struct model {
    bool out[MODEL_NAMES], in[MODEL_NAMES], was_out[MODEL_NAMES], gave_up[MODEL_NAMES];
    bool ordered, two_step;
    int64_t effective, seq, was_out_until;
    int64_t last_out; /* -1: none; NEVER: of no known time */
};

#define NEVER INT64_MAX

static bool says(choice_set set, int name)
{
    return set & (name == STAR ? CHOICE_STAR : 1u << name);
}

static bool is_predecessor(int of, int name)
{
    return (of == TMOBILE && name == SPRINT) || (of == UNITE && (name == SPRINT || name == TMOBILE));
}

static bool model_is_out(const struct model *model, int name)
{
    if (model->out[name])
        return true;
    if (model->in[name])
        return false;
    for (int i = 0; i < NAMES; i++) {
        if (is_predecessor(name, i) && (model->out[i] || model->gave_up[i] || model->gave_up[STAR]))
            return true;
    }
    return model->out[STAR];
}

static bool record_turns_out(const struct choice_record *record, int name)
{
    if (says(record->out, name))
        return true;
    for (int i = 0; i < NAMES; i++) {
        if (is_predecessor(name, i) && says(record->out, i))
            return true;
    }
    return says(record->out, STAR) && !says(record->in, name);
}

static bool record_turns_successor_out(const struct choice_record *record, int name)
{
    for (int i = 0; i < NAMES; i++) {
        if (is_predecessor(name, i) && says(record->out, i))
            return true;
    }
    return false;
}

static void model_drop_in(struct model *model, int name)
{
    model->gave_up[name] |= model->in[name];
    model->in[name] = false;
}

static void model_saw_out(struct model *model, const struct choice_record *record)
{
    if (record->out && record->effective_ms > model->last_out)
        model->last_out = record->effective_ms;
    if (record->had_out && record->last_out_ms > model->last_out)
        model->last_out = record->last_out_ms;
}

/* May the record's `in`s answer an `out` (rule 10)? */
static bool model_answers(const struct model *model, const struct choice_record *record)
{
    if (!record->two_step)
        return false;
    if (!record->asked)
        return true;
    int64_t last_out =
        record->had_out && record->last_out_ms > model->last_out ? record->last_out_ms : model->last_out;
    if (last_out == NEVER)
        return false;
    if (last_out >= 0)
        return record->effective_ms >= last_out + YEAR_MS;
    for (int name = 0; name < MODEL_NAMES; name++) { /* gave up an `in`, and nobody knows when */
        if (model->gave_up[name])
            return false;
    }
    return true;
}

static void model_newer(struct model *model, const struct choice_record *record)
{
    struct model before = *model;
    bool in_counts_at_all = !record->closed && !record->moved && !record->in_is_void;
    bool answers_out = model_answers(model, record);
    bool any_out = false;
    for (int name = 0; name < MODEL_NAMES; name++) {
        bool mentions_in = says(record->in, name);
        bool counts = mentions_in && in_counts_at_all && (answers_out || !record->had_out) &&
                      (answers_out || !model_is_out(&before, name)) &&
                      !record_turns_successor_out(record, name);
        bool left = record->reset && in_counts_at_all && before.in[name] && !mentions_in &&
                    !record_turns_out(record, name); /* rule 10: reset is no choice */
        model->in[name] = counts || left;
        if (counts && before.out[name]) {
            model->was_out[name] = true;
            if (record->effective_ms > model->was_out_until)
                model->was_out_until = record->effective_ms;
        }
        model->out[name] = says(record->out, name) || (before.out[name] && !counts) ||
                           (record->had_out && mentions_in && !counts);
        any_out |= model->out[name];
        if (left)
            continue;
        else if (counts && answers_out)
            model->gave_up[name] = false;
        else if (counts)
            continue;
        else if (before.in[name] || (mentions_in && !in_counts_at_all))
            model->gave_up[name] = true;
    }
    if (model->last_out == NEVER && !any_out && record->effective_ms > 0)
        model->last_out = record->effective_ms;
    model_saw_out(model, record);
    model->ordered = true;
    model->two_step = record->two_step;
    model->effective = record->effective_ms;
    model->seq = record->seq;
}

static void model_equal(struct model *model, const struct choice_record *record)
{
    for (int name = 0; name < MODEL_NAMES; name++) {
        bool void_in = record->closed || record->moved || record->in_is_void;
        bool left = record->reset && !void_in;
        if ((!says(record->in, name) && !left) || record_turns_out(record, name) || void_in)
            model_drop_in(model, name);
        model->out[name] |= says(record->out, name);
    }
    model_saw_out(model, record);
    model->two_step = model->two_step && record->two_step;
}

static void model_older(struct model *model, const struct choice_record *record)
{
    for (int name = 0; name < MODEL_NAMES; name++) {
        bool out = says(record->out, name);
        bool answered = model->two_step && model->in[name];
        if (!model->two_step && (record_turns_out(record, name) || record->closed || record->moved))
            model_drop_in(model, name);
        model->out[name] |= out && !answered;
        model->gave_up[name] |= says(record->in, name) && !model->in[name];
    }
    model_saw_out(model, record);
}

static void model_apply(struct model *model, const struct choice_record *record)
{
    if (!record->readable) {
        for (int name = 0; name < MODEL_NAMES; name++)
            model_drop_in(model, name);
        model->out[STAR] = true;
        model->two_step = false;
        model->last_out = NEVER;
        model->ordered = model->ordered && !record->tombstone;
        return;
    }
    int64_t order = record->effective_ms != model->effective ? record->effective_ms - model->effective
                                                             : record->seq - model->seq;
    if (!model->ordered || order > 0)
        model_newer(model, record);
    else if (order == 0)
        model_equal(model, record);
    else
        model_older(model, record);
}

static enum choice_answer model_ask(const struct model *model, int programme, int64_t time)
{
    bool early = time < model->effective, past = time < model->was_out_until;
    bool star_out = model->out[STAR] || (past && model->was_out[STAR]);
    if (model->out[programme] || (past && model->was_out[programme]))
        return CHOICE_OUT;
    if (model->in[programme] && !early)
        return CHOICE_IN;
    if (star_out)
        return CHOICE_OUT;
    for (int i = 0; i < NAMES; i++) {
        if (is_predecessor(programme, i) &&
            (model->out[i] || (past && model->was_out[i]) || model->gave_up[i] || model->gave_up[STAR]))
            return CHOICE_OUT_OF_PREDECESSOR;
    }
    if (model->in[programme] || model->in[STAR])
        return early ? CHOICE_IN_LATER : CHOICE_IN;
    return CHOICE_NONE;
}

/* Moments around those of the records, and around a year later. */
enum { TIMES = 30 };

static int64_t time_of(unsigned at)
{
    return (int64_t)(at % 15) * 5 - 5 + (at < 15 ? 0 : YEAR_MS);
}

static bool is_denied(enum choice_answer answer, bool opt_in)
{
    return opt_in ? answer != CHOICE_IN : answer < CHOICE_NONE;
}

/* Sentences of spec 3 that must hold after every step, whatever the history. */
static void check_step(const struct choice_state *before, const struct choice_record *record,
                       const struct choice_state *after)
{
    bool stricter = false;
    for (unsigned programme = 0; programme < NAMES; programme++) {
        choice_set bit = (choice_set)(1u << programme);
        for (unsigned at = 0; at < TIMES; at++) {
            int64_t time = time_of(at);
            enum choice_answer was = ask(before, programme, time), is = ask(after, programme, time);
            for (int opt_in = 0; opt_in < 2; opt_in++) {
                bool was_denied = is_denied(was, opt_in), denied = is_denied(is, opt_in);
                stricter |= denied && !was_denied;
                if (!record->readable) /* rules 5 and 6 */
                    assert_true(denied);
                if (record->readable && record->in == 0) /* nothing but an `in` lets more through */
                    assert_false(was_denied && !denied);
                if (record->closed && opt_in && !before->two_step) /* rule 10 */
                    assert_true(denied);
                if (record->in_is_void || record->closed || record->moved)
                    assert_false(was_denied && !denied);
                if (is == CHOICE_IN && was != CHOICE_IN) {
                    /* or answered a predecessor's `out`, which stood before an `in` that a reset left */
                    choice_set answered = record->reset ? names.predecessors[programme] : 0;
                    assert_true(record->in & (bit | CHOICE_STAR | answered));
                    assert_true(time >= record->effective_ms);
                }
                if (was <= CHOICE_OUT_OF_PREDECESSOR && is > CHOICE_OUT_OF_PREDECESSOR)
                    assert_true(record->two_step); /* rule 10: nothing else ends an `out` */
            }
            bool older = before->ordered &&
                         (record->effective_ms < before->effective_ms ||
                          (record->effective_ms == before->effective_ms && record->seq < before->seq));
            if ((record->out & bit) && !(older && before->two_step)) /* rule 5, for events of every time */
                assert_int_equal(is, CHOICE_OUT);
        }
    }
    if (stricter) /* the barrier hears of everything that takes away */
        assert_true(choice_is_stricter(before, after));
    assert_int_equal(after->in & after->out, 0);
}

static void choice_random_histories_agree_with_the_slow_model(void **state)
{
    (void)state;
    seed = 0x9e3779b97f4a7c15u;
    unsigned ins = 0, outs = 0, later = 0;
    for (unsigned history = 0; history < 20000; history++) {
        struct choice_state choices = {0};
        struct model model = {.last_out = -1};
        unsigned steps = 1 + random_below(7);
        for (unsigned step = 0; step < steps; step++) {
            struct choice_record record = random_record();
            struct choice_state before = choices;
            choice_apply(&choices, &record, &names);
            model_apply(&model, &record);
            check_step(&before, &record, &choices);
            for (int programme = 0; programme < NAMES; programme++) {
                for (unsigned at = 0; at < TIMES; at++) {
                    int64_t time = time_of(at);
                    enum choice_answer answer = ask(&choices, (unsigned)programme, time);
                    enum choice_answer expected = model_ask(&model, programme, time);
                    if (answer != expected)
                        fail_msg("history %u, step %u, programme %d at %lld: %s instead of %s", history, step,
                                 programme, (long long)time, answers[answer], answers[expected]);
                    ins += answer == CHOICE_IN;
                    outs += answer == CHOICE_OUT;
                    later += answer == CHOICE_IN_LATER;
                }
            }
        }
    }
    assert_true(ins > 10000 && outs > 10000 && later > 10000); /* the histories are not all alike */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_random_histories_agree_with_the_slow_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
