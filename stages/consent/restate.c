#include "stages/consent/restate.h"

#include "common/json_writer.h"

/* Beyond what is taken over, which is written no longer than it was read: the names of a configuration (16 of 32 bytes) in
 * three places, and numbers. */
enum { VALUE_SPARE_BYTES = 4096 };

bool restate_stands_alone(const struct choice_record *record, const struct choice_state *merged,
                          const struct choice_names *names)
{
    struct choice_state alone = {0};
    if (record->tombstone)
        return false;
    choice_apply(&alone, record, names);
    return alone.out == merged->out && alone.in == merged->in && alone.before == merged->before &&
           alone.withdrawn == merged->withdrawn && alone.two_step == merged->two_step &&
           alone.asked == merged->asked && alone.ordered == merged->ordered &&
           alone.effective_ms == merged->effective_ms && alone.seq == merged->seq &&
           alone.last_out_ms == merged->last_out_ms &&
           (!merged->before || alone.before_until_ms == merged->before_until_ms);
}

/* ---- writing ---- */

struct writing {
    struct json_writer *writer;
    struct consent_reader *reader;
    struct view value;
    const struct choice_names *names;
    enum consent_unknown wanted, also; /* what a visit writes now */
    bool found;
    unsigned choices; /* names in `choices` */
};

static void write_unknown(void *context, enum consent_unknown what, struct view text)
{
    struct writing *writing = context;
    if (what != writing->wanted && what != writing->also)
        return;
    writing->found = true;
    if (what == CONSENT_UNKNOWN_BEFORE || what == CONSENT_UNKNOWN_WITHDRAWN) {
        json_writer_string(writing->writer, text);
        return;
    }
    writing->choices++;
    json_writer_name_text(writing->writer, text);
    json_writer_string(writing->writer, what == CONSENT_UNKNOWN_IN ? VIEW("in") : VIEW("out"));
}

static void take_over(struct writing *writing, enum consent_unknown wanted, enum consent_unknown also)
{
    writing->wanted = wanted;
    writing->also = also;
    consent_value_unknown(writing->reader, writing->value, write_unknown, writing);
}

static struct view name_of(const struct choice_names *names, unsigned bit)
{
    return (choice_set)(1u << bit) == CHOICE_STAR ? VIEW("*") : names->names[bit];
}

static void write_choices(struct writing *writing, choice_set set, struct view choice)
{
    for (unsigned bit = 0; bit < 16; bit++) {
        if (!(set & (1u << bit)))
            continue;
        writing->choices++;
        json_writer_name_text(writing->writer, name_of(writing->names, bit));
        json_writer_string(writing->writer, choice);
    }
}

static void write_list(struct writing *writing, const char *name, choice_set set,
                       enum consent_unknown unknown)
{
    json_writer_name(writing->writer, name);
    json_writer_open_array(writing->writer);
    for (unsigned bit = 0; bit < 16; bit++) {
        if (set & (1u << bit))
            json_writer_string(writing->writer, name_of(writing->names, bit));
    }
    take_over(writing, unknown, unknown);
    json_writer_close_array(writing->writer);
}

static void write_merged(struct writing *writing, const struct choice_state *merged)
{
    json_writer_name(writing->writer, "merged");
    json_writer_open_object(writing->writer);
    write_list(writing, "before", merged->before, CONSENT_UNKNOWN_BEFORE);
    write_list(writing, "withdrawn", merged->withdrawn, CONSENT_UNKNOWN_WITHDRAWN);
    json_writer_member_integer(writing->writer, "until", merged->before_until_ms);
    json_writer_member_integer(writing->writer, "last_out", merged->last_out_ms);
    json_writer_close_object(writing->writer);
}

bool restate_write(struct consent_reader *reader, struct view value, const struct choice_record *record,
                   const struct choice_state *merged, const struct choice_names *names, struct arena *arena,
                   struct view *out_value)
{
    struct json_writer writer;
    struct writing writing = {.writer = &writer, .reader = reader, .value = value, .names = names};
    bool newest =
        record->readable && record->effective_ms == merged->effective_ms && record->seq == merged->seq;
    if (!json_writer_take(&writer, arena, (view_is_absent(value) ? 0 : value.size) + VALUE_SPARE_BYTES))
        return false;
    json_writer_open_object(&writer);
    json_writer_name(&writer, "choices");
    json_writer_open_object(&writer);
    write_choices(&writing, merged->out, VIEW("out"));
    write_choices(&writing, merged->in, VIEW("in"));
    take_over(&writing, CONSENT_UNKNOWN_OUT, newest ? CONSENT_UNKNOWN_IN : CONSENT_UNKNOWN_OUT);
    json_writer_close_object(&writer);
    json_writer_member_integer(&writer, "effective", merged->effective_ms);
    json_writer_member_integer(&writer, "seq", merged->seq);
    if (merged->two_step)
        json_writer_member_bool(&writer, "two_step", true);
    if (merged->asked)
        json_writer_member_bool(&writer, "asked", true);
    write_merged(&writing, merged);
    json_writer_close_object(&writer);
    if (!json_writer_finish(&writer, arena, out_value))
        return false;
    if (out_value->size > CONSENT_MERGED_BYTES_MAX || writing.choices > CONSENT_MERGED_CHOICES_MAX)
        *out_value = VIEW_ABSENT;
    return true;
}
