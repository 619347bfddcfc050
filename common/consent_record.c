#include "common/consent_record.h"

#include "common/base64url.h"
#include "common/consent_plain.h"
#include "common/rfc3339.h"

#include <stdlib.h>
#include <yyjson.h>

enum {
    DAY_MS = 86400000,
};

/* RFC 8259 to the letter: no comments, no trailing commas, no NaN. */
#define READ_FLAGS YYJSON_READ_NOFLAG

/* ---- keys ---- */

#define TAKE_PREFIX(rest, prefix) take_prefix(rest, prefix, sizeof(prefix) - 1)

static inline bool take_prefix(struct view *rest, const char *prefix, size_t size)
{
    if (rest->size < size || memcmp(rest->data, prefix, size) != 0)
        return false;
    rest->data += size;
    rest->size -= size;
    return true;
}

static enum subject_canonical canonicalise(enum identifier_kind kind, struct view text,
                                           struct consent_key *key)
{
    key->identifier_kind = kind;
    return subject_canonicalise(kind, text, key->identifier, &key->size);
}

/* A number where an IMSI was declared, or the other way round, is not garbage but a configuration that does not fit
 * its topic: the operator must hear that. */
static enum consent_key_kind line_kind_of(struct view text, enum identifier_kind kind,
                                          struct consent_key *key)
{
    if (canonicalise(kind, text, key) == SUBJECT_CANONICAL)
        return CONSENT_KEY_CHOICE;
    enum identifier_kind other = kind == IDENTIFIER_IMSI ? IDENTIFIER_E164 : IDENTIFIER_IMSI;
    return canonicalise(other, text, key) == SUBJECT_CANONICAL ? CONSENT_KEY_WRONG_KIND
                                                               : CONSENT_KEY_UNREADABLE;
}

static enum consent_key_kind device_kind_of(struct view text, struct consent_key *key)
{
    enum identifier_kind kind, other;
    if (TAKE_PREFIX(&text, "imei:")) {
        kind = IDENTIFIER_IMEI;
        other = IDENTIFIER_MAID;
    } else if (TAKE_PREFIX(&text, "maid:")) {
        kind = IDENTIFIER_MAID;
        other = IDENTIFIER_IMEI;
    } else {
        return CONSENT_KEY_UNREADABLE;
    }
    switch (canonicalise(kind, text, key)) {
    case SUBJECT_CANONICAL:
        return CONSENT_KEY_CHOICE;
    case SUBJECT_LIMITED:
        return CONSENT_KEY_LIMITED;
    case SUBJECT_MALFORMED:
        break;
    }
    return canonicalise(other, text, key) == SUBJECT_MALFORMED ? CONSENT_KEY_UNREADABLE
                                                               : CONSENT_KEY_WRONG_KIND;
}

/* `<base64url of a hash>:`, of a link. */
static bool take_from(struct view *rest, struct pseudonym *out_from)
{
    enum { SIZE = BASE64URL_SIZE(PSEUDONYM_SIZE) };
    if (rest->size <= SIZE || rest->data[SIZE] != ':' ||
        !base64url_read((struct view){rest->data, SIZE}, out_from->bytes, sizeof out_from->bytes))
        return false;
    rest->data += SIZE + 1;
    rest->size -= SIZE + 1;
    return true;
}

void consent_key_read(struct view text, enum identifier_kind line_kind, struct consent_key *out_key)
{
    out_key->kind = CONSENT_KEY_UNREADABLE;
    out_key->subject = SUBJECT_LINE;
    out_key->identifier_kind = IDENTIFIER_UNKNOWN;
    out_key->size = 0;
    out_key->from = (struct pseudonym){0};
    if (view_is_absent(text))
        return;
    enum consent_key_kind kind = CONSENT_KEY_CHOICE;
    if (TAKE_PREFIX(&text, "signal:"))
        kind = CONSENT_KEY_SIGNAL;
    else if (TAKE_PREFIX(&text, "moved:"))
        kind = CONSENT_KEY_LINK;
    if (kind == CONSENT_KEY_LINK && !take_from(&text, &out_key->from))
        return;
    if (TAKE_PREFIX(&text, "line:")) {
        out_key->subject = SUBJECT_LINE;
        out_key->kind = line_kind_of(text, line_kind, out_key);
    } else if (TAKE_PREFIX(&text, "account:")) {
        out_key->subject = SUBJECT_ACCOUNT;
        if (canonicalise(IDENTIFIER_OPAQUE, text, out_key) == SUBJECT_CANONICAL)
            out_key->kind = CONSENT_KEY_CHOICE;
    } else if (TAKE_PREFIX(&text, "device:")) {
        out_key->subject = SUBJECT_DEVICE;
        out_key->kind = device_kind_of(text, out_key);
    } else if (kind != CONSENT_KEY_CHOICE) {
        return;
    } else if (TAKE_PREFIX(&text, "hash:")) {
        out_key->kind = text.size > 0 ? CONSENT_KEY_HASH : CONSENT_KEY_UNREADABLE;
        return;
    } else if (TAKE_PREFIX(&text, "meta:")) {
        out_key->kind = CONSENT_KEY_META;
        return;
    }
    if (out_key->kind == CONSENT_KEY_CHOICE)
        out_key->kind = kind;
    else if (kind == CONSENT_KEY_LINK && out_key->kind == CONSENT_KEY_LIMITED)
        out_key->kind = CONSENT_KEY_UNREADABLE; /* nobody writes that */
}

/* ---- values ---- */

struct consent_reader {
    const struct choice_names *names;
    enum identifier_kind line_kind;
    size_t memory_size;
    _Alignas(16) char memory[];
};

struct consent_reader *consent_reader_new(const struct choice_names *names, enum identifier_kind line_kind)
{
    size_t size =
        yyjson_read_max_memory_usage(CONSENT_MERGED_BYTES_MAX, READ_FLAGS) + 256; /* the pool's own */
    struct consent_reader *reader = malloc(sizeof *reader + size);
    if (reader) {
        reader->names = names;
        reader->line_kind = line_kind;
        reader->memory_size = size;
    }
    return reader;
}

void consent_reader_free(struct consent_reader *reader)
{
    free(reader);
}

enum identifier_kind consent_reader_line_kind(const struct consent_reader *reader)
{
    return reader->line_kind;
}

static struct view text_of(yyjson_val *value)
{
    return (struct view){yyjson_get_str(value), yyjson_get_len(value)};
}

static bool read_bool(yyjson_val *value, bool *out_bool)
{
    *out_bool = yyjson_is_true(value);
    return yyjson_is_bool(value) || yyjson_is_null(value);
}

static bool read_integer(yyjson_val *value, int64_t *out_integer)
{
    if (!yyjson_is_int(value) || (yyjson_is_uint(value) && yyjson_get_uint(value) > INT64_MAX))
        return false;
    *out_integer = yyjson_get_sint(value);
    return true;
}

/* RFC 3339 with zone, or epoch milliseconds, as in events. */
static bool read_time(yyjson_val *value, int64_t *out_time_ms)
{
    int64_t time_ms;
    if (yyjson_is_str(value) ? !rfc3339_read(text_of(value), &time_ms) : !read_integer(value, &time_ms))
        return false;
    if (time_ms > CHOICE_EFFECTIVE_MS_MAX)
        return false;
    *out_time_ms = time_ms < 0 ? 0 : time_ms;
    return true;
}

/* A name twice is a contradiction even where both say the same: one of them was meant for something else. The names
 * that nobody knows cannot be contradictory in a way that matters here. */
static bool read_choices(yyjson_val *choices, const struct choice_names *names, struct choice_record *record,
                         unsigned *unknown_names)
{
    if (!yyjson_is_obj(choices))
        return false;
    size_t index, count;
    yyjson_val *name, *choice;
    yyjson_obj_foreach(choices, index, count, name, choice)
    {
        choice_set bit = choice_names_bit(names, text_of(name));
        bool in = yyjson_equals_str(choice, "in"), out = yyjson_equals_str(choice, "out");
        if ((!in && !out) || ((record->in | record->out) & bit))
            return false;
        if (!bit)
            ++*unknown_names;
        if (in)
            record->in |= bit;
        else
            record->out |= bit;
    }
    return true;
}

enum member {
    MEMBER_UNKNOWN = 0,
    MEMBER_CHOICES,
    MEMBER_EFFECTIVE,
    MEMBER_SEQ,
    MEMBER_TWO_STEP,
    MEMBER_ASKED,
    MEMBER_LAST_OUT,
    MEMBER_CLOSED,
    MEMBER_MOVED_FROM,
    MEMBER_RESET,
    MEMBER_MERGED,
    MEMBERS,
};

static enum member member_of(yyjson_val *name)
{
    static const char *const names[MEMBERS] = {
        [MEMBER_CHOICES] = "choices",   [MEMBER_EFFECTIVE] = "effective",   [MEMBER_SEQ] = "seq",
        [MEMBER_TWO_STEP] = "two_step", [MEMBER_ASKED] = "asked",           [MEMBER_LAST_OUT] = "last_out",
        [MEMBER_CLOSED] = "closed",     [MEMBER_MOVED_FROM] = "moved_from", [MEMBER_RESET] = "reset",
        [MEMBER_MERGED] = "merged",
    };
    for (unsigned i = 1; i < MEMBERS; i++) {
        if (yyjson_equals_str(name, names[i]))
            return (enum member)i;
    }
    return MEMBER_UNKNOWN;
}

/* What reading one value needs to know, and what it fills in. */
struct reading {
    const struct consent_reader *reader;
    const struct consent_key *key;
    struct consent_value *value;
};

/* `line:<id>`, as a key of the topic, or `<id>` of the same kind as the record's own subject. */
static bool read_moved_from(yyjson_val *value, struct reading *reading)
{
    struct choice_record *record = &reading->value->record;
    struct consent_key *from = &reading->value->moved_from;
    if (yyjson_is_null(value))
        return true;
    if (!yyjson_is_str(value))
        return false;
    record->moved = true;
    consent_key_read(text_of(value), reading->reader->line_kind, from);
    if (from->kind == CONSENT_KEY_CHOICE || from->kind == CONSENT_KEY_LIMITED)
        return true;
    if (reading->key->kind != CONSENT_KEY_CHOICE)
        return false;
    *from = (struct consent_key){.subject = reading->key->subject};
    switch (canonicalise(reading->key->identifier_kind, text_of(value), from)) {
    case SUBJECT_CANONICAL:
        from->kind = CONSENT_KEY_CHOICE;
        return true;
    case SUBJECT_LIMITED:
        from->kind = CONSENT_KEY_LIMITED;
        return true;
    case SUBJECT_MALFORMED:
        break;
    }
    return false;
}

static bool read_names(yyjson_val *list, const struct choice_names *names, choice_set *out_set)
{
    size_t index, count;
    yyjson_val *name;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > CONSENT_MERGED_CHOICES_MAX)
        return false;
    *out_set = 0;
    yyjson_arr_foreach(list, index, count, name)
    {
        if (!yyjson_is_str(name))
            return false;
        *out_set |= choice_names_bit(names, text_of(name)); /* those that nobody knows say nothing here */
    }
    return true;
}

/* Written by clickveil only, and always whole. */
static bool read_merged(yyjson_val *value, const struct choice_names *names, struct choice_merged *merged)
{
    merged->present = true;
    return yyjson_is_obj(value) && yyjson_obj_size(value) == 4 &&
           read_names(yyjson_obj_get(value, "before"), names, &merged->before) &&
           read_names(yyjson_obj_get(value, "withdrawn"), names, &merged->withdrawn) &&
           read_time(yyjson_obj_get(value, "until"), &merged->until_ms) &&
           read_time(yyjson_obj_get(value, "last_out"), &merged->last_out_ms);
}

static bool read_member(enum member member, yyjson_val *value, struct reading *reading)
{
    struct choice_record *record = &reading->value->record;
    switch (member) {
    case MEMBER_CHOICES:
        return read_choices(value, reading->reader->names, record, &reading->value->unknown_names);
    case MEMBER_EFFECTIVE:
        return read_time(value, &record->effective_ms);
    case MEMBER_SEQ:
        return read_integer(value, &record->seq);
    case MEMBER_TWO_STEP:
        return read_bool(value, &record->two_step);
    case MEMBER_ASKED:
        return read_bool(value, &record->asked);
    case MEMBER_LAST_OUT:
        record->had_out = !yyjson_is_null(value);
        return yyjson_is_null(value) || read_time(value, &record->last_out_ms);
    case MEMBER_CLOSED:
        return read_bool(value, &record->closed);
    case MEMBER_MOVED_FROM:
        return read_moved_from(value, reading);
    case MEMBER_RESET: /* no choice: it forgets interests, which is not the consent stage's (rule 10) */
        return read_bool(value, &record->reset);
    case MEMBER_MERGED:
        return yyjson_is_null(value) || read_merged(value, reading->reader->names, &record->merged);
    case MEMBER_UNKNOWN:
    case MEMBERS:
        break;
    }
    record->in_is_void = true;
    return true;
}

/* What clickveil wrote again may be longer than what it was made of (CONSENT_MERGED_BYTES_MAX). */
static bool is_bounded(yyjson_val *root, size_t size)
{
    size_t names = yyjson_obj_size(yyjson_obj_get(root, "choices"));
    if (size <= CONSENT_VALUE_BYTES_MAX && names <= CONSENT_CHOICES_MAX)
        return true;
    return names <= CONSENT_MERGED_CHOICES_MAX && yyjson_is_obj(yyjson_obj_get(root, "merged"));
}

static bool read_members(yyjson_val *root, size_t size, struct reading *reading)
{
    if (!yyjson_is_obj(root) || !is_bounded(root, size))
        return false;
    unsigned seen = 0;
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(root, index, count, name, value)
    {
        enum member member = member_of(name);
        if (member != MEMBER_UNKNOWN && (seen & (1u << member)))
            return false;
        seen |= 1u << member;
        if (!read_member(member, value, reading))
            return false;
    }
    const unsigned required = 1u << MEMBER_CHOICES | 1u << MEMBER_EFFECTIVE | 1u << MEMBER_SEQ;
    return (seen & required) == required;
}

/* The document of a value, in the reader's memory; NULL: there is none. */
static yyjson_doc *document_of(struct consent_reader *reader, struct view text)
{
    yyjson_alc allocator;
    if (view_is_absent(text) || text.size > CONSENT_MERGED_BYTES_MAX ||
        !yyjson_alc_pool_init(&allocator, reader->memory, reader->memory_size))
        return NULL;
    /* yyjson reads without writing unless told otherwise; its signature has no const */
    return yyjson_read_opts((char *)(uintptr_t)text.data, text.size, READ_FLAGS, &allocator, NULL);
}

static void visit_names(const struct consent_reader *reader, yyjson_val *list, enum consent_unknown where,
                        consent_unknown_visitor *visit, void *context)
{
    size_t index, count;
    yyjson_val *name;
    yyjson_arr_foreach(list, index, count, name)
    {
        if (yyjson_is_str(name) && !choice_names_bit(reader->names, text_of(name)))
            visit(context, where, text_of(name));
    }
}

void consent_value_unknown(struct consent_reader *reader, struct view text, consent_unknown_visitor *visit,
                           void *context)
{
    yyjson_doc *document = document_of(reader, text);
    yyjson_val *root = yyjson_doc_get_root(document), *name, *choice;
    size_t index, count;
    if (!is_bounded(root, text.size))
        root = NULL;
    yyjson_obj_foreach(yyjson_obj_get(root, "choices"), index, count, name, choice)
    {
        if (!choice_names_bit(reader->names, text_of(name)))
            visit(context, yyjson_equals_str(choice, "in") ? CONSENT_UNKNOWN_IN : CONSENT_UNKNOWN_OUT,
                  text_of(name));
    }
    yyjson_val *merged = yyjson_obj_get(root, "merged");
    visit_names(reader, yyjson_obj_get(merged, "before"), CONSENT_UNKNOWN_BEFORE, visit, context);
    visit_names(reader, yyjson_obj_get(merged, "withdrawn"), CONSENT_UNKNOWN_WITHDRAWN, visit, context);
    yyjson_doc_free(document);
}

bool consent_value_key_check(struct consent_reader *reader, struct view text, char *out_check,
                             size_t check_size)
{
    yyjson_doc *document = document_of(reader, text);
    yyjson_val *check = yyjson_obj_get(yyjson_doc_get_root(document), "key_check");
    bool found = yyjson_is_str(check) && yyjson_get_len(check) < check_size;
    if (found)
        memcpy(out_check, yyjson_get_str(check), yyjson_get_len(check) + 1);
    yyjson_doc_free(document);
    return found;
}

bool consent_value_link(struct consent_reader *reader, struct view value, char *text, size_t text_size,
                        struct view *out_from, int64_t *out_effective_ms, bool *out_take_back)
{
    yyjson_doc *document = document_of(reader, value);
    yyjson_val *root = yyjson_doc_get_root(document), *from = yyjson_obj_get(root, "moved_from");
    int64_t effective_ms;
    bool found = yyjson_is_str(from) && yyjson_get_len(from) < text_size &&
                 read_time(yyjson_obj_get(root, "effective"), &effective_ms);
    if (found) {
        memcpy(text, yyjson_get_str(from), yyjson_get_len(from) + 1);
        *out_from = (struct view){text, yyjson_get_len(from)};
        *out_effective_ms = effective_ms;
        *out_take_back = yyjson_is_true(yyjson_obj_get(root, "take_back"));
    }
    yyjson_doc_free(document);
    return found;
}

static void read_json(struct consent_reader *reader, const struct consent_key *key, struct view text,
                      struct consent_value *value)
{
    yyjson_doc *document = document_of(reader, text);
    if (!document)
        return;
    struct reading reading = {.reader = reader, .key = key, .value = value};
    value->record.readable = true;
    if (!read_members(yyjson_doc_get_root(document), text.size, &reading))
        value->record.readable = false;
    yyjson_doc_free(document);
}

void consent_value_read(struct consent_reader *reader, const struct consent_key *key, struct view text,
                        int64_t timestamp_ms, struct consent_value *out_value)
{
    if (!consent_plain_read(text, reader->names, &out_value->record, &out_value->unknown_names)) {
        out_value->record = (struct choice_record){.tombstone = view_is_absent(text)};
        out_value->unknown_names = 0;
        if (view_is_absent(text) || text.size > CONSENT_MERGED_BYTES_MAX)
            return;
        read_json(reader, key, text, out_value);
    }
    if (!out_value->record.readable || out_value->record.effective_ms - DAY_MS > timestamp_ms) {
        out_value->record = (struct choice_record){0}; /* nothing of half a record counts */
        out_value->unknown_names = 0;
    }
}
