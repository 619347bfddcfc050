/*
 * Design.
 *
 * json_reader collects the values of the fields that we read, by slot, in one pass over the object; from there on the
 * code is a straight line, one short function per field. Texts stand in the reader's buffer until the record is known
 * to be good; then one piece of the arena takes exactly those that go on. What is written there, and in which form,
 * is all that later stages can see.
 *
 * Absent and JSON null are the same for every field. A text that is there must not be empty: an empty plan or region
 * would pass for a missing one, which is the more permissive reading. Signals are the exception, they are only noted
 * here: what is empty, undecodable or of a wrong type is denied by consent (spec 3).
 */
#include "common/event.h"

#include "common/partitioner.h"
#include "common/rfc3339.h"
#include "common/subject.h"

#include <endian.h>
#include <stdio.h>
#include <yyjson.h>

const struct reason event_reasons[] = {
    [EVENT_NOT_JSON] = {"not_json", "the value is not JSON"},
    [EVENT_EMPTY] = {"empty", "the value is null, empty or white space"},
    [EVENT_TOO_LARGE] = {"too_large", "the value has more bytes than input.record_max"},
    [EVENT_TRUNCATED] = {"truncated", "the value ends inside the object"},
    [EVENT_TRAILING_CONTENT] = {"trailing_content", "something follows the object"},
    [EVENT_INVALID_UTF8] = {"invalid_utf8", "the value is not UTF-8"},
    [EVENT_NESTING] = {"nesting", "objects and lists are nested deeper than 16 levels"},
    [EVENT_NOT_OBJECT] = {"not_object", "the value is JSON, but no object"},
    [EVENT_DUPLICATE_KEY] = {"duplicate_key", "a field stands there twice"},
    [EVENT_MISSING_FIELD] = {"missing_field", "a required field is missing or null"},
    [EVENT_FIELD_TYPE] = {"field_type", "a field has the wrong JSON type"},
    [EVENT_FIELD_EMPTY] = {"field_empty", "a text is there but empty; leave the field out instead"},
    [EVENT_CONTROL_CHARACTER] = {"control_character", "a text holds NUL or another control character"},
    [EVENT_UNKNOWN_TYPE] = {"unknown_type", "type is none of browse, app_use, app_install, app_remove"},
    [EVENT_TIME_MALFORMED] = {"time_malformed",
                              "time is neither RFC 3339 with a zone nor integer epoch milliseconds"},
    [EVENT_TIME_RANGE] = {"time_range", "time is before 1970 or after the year 9999"},
    [EVENT_SUBSCRIBER_MALFORMED] = {"subscriber_malformed", "the subscriber is not of the declared kind"},
    [EVENT_ACCOUNT_MALFORMED] = {"account_malformed", "the account is not 1 to 128 bytes of text"},
    [EVENT_DEVICE_MALFORMED] = {"device_malformed", "the device ID is not of the kind that it names"},
    [EVENT_DEVICE_KIND] = {"device_kind", "the device kind is neither imei nor maid"},
    [EVENT_WRONG_PARTITION] = {"wrong_partition",
                               "the key is not the record's line as input.events_key writes it, or belongs "
                               "into another partition; see input.events_partitioner"},
    [EVENT_UNKNOWN_VERSION] = {"unknown_version", "written in a format version that this process can't read"},
    [EVENT_UNKNOWN_KIND] = {"unknown_kind", "not an event"},
    [EVENT_UNKNOWN_FIELD] = {"unknown_field", "a field that this topic must not carry"},
    [EVENT_FIELD_VALUE] = {"field_value", "a field's value is out of its bounds"},
    [EVENT_ORIGIN_MALFORMED] = {"origin_malformed", "the header clickveil-origin is missing or unreadable"},
    [EVENT_PROGRAMME_UNKNOWN] = {"programme_unknown",
                                 "none of the record's programmes is in this process's configuration"},
};
const unsigned event_reason_count = EVENT_REASONS;

/* Slots of the reader. DEVICE only stands in the names that one can map: the two fields in it are read. */
enum field {
    FIELD_TYPE = 0,
    FIELD_TIME,
    FIELD_SUBSCRIBER,
    FIELD_ACCOUNT,
    FIELD_DEVICE_KIND,
    FIELD_DEVICE_ID,
    FIELD_BRAND,
    FIELD_REGION,
    FIELD_PLAN,
    FIELD_BIRTH_YEAR,
    FIELD_URL,
    FIELD_HOST,
    FIELD_APP,
    FIELD_PREINSTALLED,
    FIELD_GPC,
    FIELD_GPP,
    FIELD_GPP_SID,
    FIELD_US_PRIVACY,
    FIELDS,
};

static const char *const field_names[FIELDS] = {
    [FIELD_TYPE] = "type",
    [FIELD_TIME] = "time",
    [FIELD_SUBSCRIBER] = "subscriber",
    [FIELD_ACCOUNT] = "account",
    [FIELD_DEVICE_KIND] = "device.kind",
    [FIELD_DEVICE_ID] = "device.id",
    [FIELD_BRAND] = "brand",
    [FIELD_REGION] = "region",
    [FIELD_PLAN] = "plan",
    [FIELD_BIRTH_YEAR] = "birth_year",
    [FIELD_URL] = "url",
    [FIELD_HOST] = "host",
    [FIELD_APP] = "app",
    [FIELD_PREINSTALLED] = "preinstalled",
    [FIELD_GPC] = "gpc",
    [FIELD_GPP] = "gpp",
    [FIELD_GPP_SID] = "gpp_sid",
    [FIELD_US_PRIVACY] = "us_privacy",
};

struct event_reader {
    struct json_shape *shape;
    enum identifier_kind line_kind;
    enum events_partitioner partitioner;
    enum events_key key;
    struct json_reader json;
    struct view paths[FIELDS]; /* where each field is read from */
    enum field rejected;       /* the field that the last reject was about; FIELDS: the whole record */
};

/* ---- set-up: field names to paths ---- */

/* May config.input.fields map it? `device` maps the object that holds `kind` and `id`. */
static bool is_field(struct view name)
{
    if (view_equal_string(name, "device"))
        return true;
    for (unsigned field = 0; field < FIELDS; field++)
        if (view_equal_string(name, field_names[field]))
            return true;
    return false;
}

static const struct option_pair *mapping_of(const struct option_list *mappings, struct view name)
{
    const struct option_pair *pairs = mappings->items;
    for (unsigned i = 0; i < mappings->count; i++)
        if (view_equal(pairs[i].key, name))
            return &pairs[i];
    return NULL;
}

static bool bad_mapping(const struct option_pair *pair, const char *why, struct error *error)
{
    error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, NULL, "fields: `%.*s` %s", (int)pair->key.size,
               pair->key.data, why);
    if (pair->place.file)
        error_at(error, "%s:%u:%u", pair->place.file, pair->place.line, pair->place.column);
    return false;
}

static bool check_mappings(const struct option_list *mappings, struct error *error)
{
    const struct option_pair *pairs = mappings->items;
    for (unsigned i = 0; i < mappings->count; i++) {
        if (!is_field(pairs[i].key))
            return bad_mapping(&pairs[i], "is no field of an event", error);
        if (mapping_of(mappings, pairs[i].key) != &pairs[i])
            return bad_mapping(&pairs[i], "is mapped twice", error);
    }
    if (mapping_of(mappings, VIEW("device")) &&
        (mapping_of(mappings, VIEW("device.kind")) || mapping_of(mappings, VIEW("device.id"))))
        return bad_mapping(mapping_of(mappings, VIEW("device")), "and a field in it are both mapped", error);
    return true;
}

/* The path that a field is read from: its own mapping, that of the object it is in, or its name. */
static bool path_of(enum field field, const struct option_list *mappings, struct arena *arena,
                    struct view *out_path, struct error *error)
{
    struct view name = view_of_string(field_names[field]);
    const struct option_pair *pair = mapping_of(mappings, name);
    if (pair) {
        *out_path = pair->value;
        return true;
    }
    bool in_device = field == FIELD_DEVICE_KIND || field == FIELD_DEVICE_ID;
    const struct option_pair *device = in_device ? mapping_of(mappings, VIEW("device")) : NULL;
    if (!device) {
        *out_path = name;
        return true;
    }
    const char *tail = strchr(field_names[field], '.');
    size_t size = device->value.size + strlen(tail);
    char *path = arena_take(arena, size + 1);
    if (!path)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                          "no memory for the event reader");
    snprintf(path, size + 1, "%.*s%s", (int)device->value.size, device->value.data, tail);
    *out_path = (struct view){path, size};
    return true;
}

bool event_reader_new(const struct config *config, struct arena *arena, struct event_reader **out_reader,
                      struct error *error)
{
    const struct option_list *mappings = &config->input.fields;
    if (!check_mappings(mappings, error))
        return false;
    struct event_reader *reader = arena_take_zeroed(arena, sizeof *reader);
    if (!reader)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory",
                          "no memory for the event reader");
    struct json_field fields[FIELDS];
    for (unsigned field = 0; field < FIELDS; field++) {
        fields[field].slot = field;
        if (!path_of(field, mappings, arena, &fields[field].path, error))
            return false;
        reader->paths[field] = fields[field].path;
    }
    if (!json_shape_new(fields, FIELDS, false, arena, &reader->shape, error)) {
        const struct option_pair *first = mappings->items;
        if (mappings->count > 0 && first->place.file && error)
            error_at(error, "%s:%u:%u", first->place.file, first->place.line, first->place.column);
        return false;
    }
    reader->line_kind = (enum identifier_kind)config->subscriber.kind;
    reader->partitioner = (enum events_partitioner)config->input.events_partitioner;
    reader->key = (enum events_key)config->input.events_key;
    if (!json_reader_init(&reader->json, (size_t)config->input.record_bytes_max, arena, error))
        return false;
    *out_reader = reader;
    return true;
}

void event_reader_free(struct event_reader *reader)
{
    (void)reader; /* all of it lives in the start-up arena */
}

/* ---- reading ---- */

/* One event on its way from values to a record. */
struct reading {
    struct event_reader *reader;
    struct record *record;
    enum event_reason reason;                         /* why a step said false */
    char (*identifiers)[SUBJECT_IDENTIFIER_SIZE_MAX]; /* canonical, by subject kind */
};

static bool fail(struct reading *reading, enum field field, enum event_reason reason)
{
    reading->reader->rejected = field;
    reading->reason = reason;
    return false;
}

static yyjson_val *value_of(const struct reading *reading, enum field field)
{
    return (yyjson_val *)reading->reader->json.values[field];
}

static struct view string_of(yyjson_val *value)
{
    return (struct view){unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value)};
}

/* Holds no C0 control and no DEL. Eight bytes at a time: a byte below 0x20 borrows into its top bit, and one that is
 * 0x7F becomes zero by XOR; bytes above 0x7F (UTF-8) are masked out. Behind a text in the reader's buffer eight more
 * bytes can be read; they are shifted out. */
static bool is_printable(struct view text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t bad = 0, word;
    size_t at = 0;
    for (; at + 8 <= text.size; at += 8) {
        memcpy(&word, text.data + at, sizeof word);
        bad |= ((word - ones * 0x20) | ((word ^ (ones * 0x7F)) - ones)) & ~word;
    }
    if (at < text.size) {
        size_t spare_bits = 8 * (8 - (text.size - at));
        memcpy(&word, text.data + at, sizeof word);
        word = htole64(le64toh(word) << spare_bits | (ones * ' ' & ((UINT64_C(1) << spare_bits) - 1)));
        bad |= ((word - ones * 0x20) | ((word ^ (ones * 0x7F)) - ones)) & ~word;
    }
    return !(bad & tops);
}

/* An optional text; absent stays absent. */
static bool read_text(struct reading *reading, enum field field, struct view *out_text)
{
    yyjson_val *value = value_of(reading, field);
    if (!value)
        return true;
    if (!unsafe_yyjson_is_str(value))
        return fail(reading, field, EVENT_FIELD_TYPE);
    struct view text = string_of(value);
    if (text.size == 0)
        return fail(reading, field, EVENT_FIELD_EMPTY);
    if (!is_printable(text))
        return fail(reading, field, EVENT_CONTROL_CHARACTER);
    *out_text = text;
    return true;
}

static bool read_required_text(struct reading *reading, enum field field, struct view *out_text)
{
    if (!value_of(reading, field))
        return fail(reading, field, EVENT_MISSING_FIELD);
    return read_text(reading, field, out_text);
}

static bool read_type(struct reading *reading)
{
    static const struct {
        struct view name;
        enum event_type type;
    } types[] = {{{"browse", 6}, EVENT_BROWSE},
                 {{"app_use", 7}, EVENT_APP_USE},
                 {{"app_install", 11}, EVENT_APP_INSTALL},
                 {{"app_remove", 10}, EVENT_APP_REMOVE}};
    struct view text = VIEW_ABSENT;
    if (!read_required_text(reading, FIELD_TYPE, &text))
        return false;
    for (unsigned i = 0; i < sizeof types / sizeof *types; i++)
        if (view_equal(text, types[i].name)) {
            reading->record->type = types[i].type;
            return true;
        }
    return fail(reading, FIELD_TYPE, EVENT_UNKNOWN_TYPE);
}

static bool read_time(struct reading *reading)
{
    yyjson_val *value = value_of(reading, FIELD_TIME);
    int64_t time_ms;
    if (!value)
        return fail(reading, FIELD_TIME, EVENT_MISSING_FIELD);
    if (unsafe_yyjson_is_str(value)) {
        if (!rfc3339_read(string_of(value), &time_ms))
            return fail(reading, FIELD_TIME, EVENT_TIME_MALFORMED);
    } else if (unsafe_yyjson_is_uint(value)) {
        uint64_t number = unsafe_yyjson_get_uint(value);
        if (number > INT64_MAX)
            return fail(reading, FIELD_TIME, EVENT_TIME_RANGE);
        time_ms = (int64_t)number;
    } else if (unsafe_yyjson_is_int(value)) {
        time_ms = unsafe_yyjson_get_sint(value);
    } else if (unsafe_yyjson_is_num(value)) {
        return fail(reading, FIELD_TIME, EVENT_TIME_MALFORMED);
    } else {
        return fail(reading, FIELD_TIME, EVENT_FIELD_TYPE);
    }
    if (time_ms < 0 || time_ms >= RFC3339_YEAR_10000_MS)
        return fail(reading, FIELD_TIME, EVENT_TIME_RANGE);
    reading->record->time_ms = time_ms;
    return true;
}

static bool take_identifier(struct reading *reading, enum field field, enum subject_kind kind,
                            enum identifier_kind identifier_kind, struct view text,
                            enum event_reason malformed)
{
    struct subject *subject = &reading->record->subjects[kind];
    size_t size = 0;
    subject->identifier_kind = identifier_kind;
    switch (subject_canonicalise(identifier_kind, text, reading->identifiers[kind], &size)) {
    case SUBJECT_CANONICAL:
        subject->present = true;
        subject->identifier = (struct view){reading->identifiers[kind], size};
        return true;
    case SUBJECT_LIMITED: /* spec 2: limit-ad-tracking, no device ID */
        subject->limit_ad_tracking = true;
        return true;
    case SUBJECT_MALFORMED:
        break;
    }
    return fail(reading, field, malformed);
}

static bool read_subscriber(struct reading *reading)
{
    struct view text = VIEW_ABSENT;
    return read_required_text(reading, FIELD_SUBSCRIBER, &text) &&
           take_identifier(reading, FIELD_SUBSCRIBER, SUBJECT_LINE, reading->reader->line_kind, text,
                           EVENT_SUBSCRIBER_MALFORMED);
}

static bool read_account(struct reading *reading)
{
    struct view text = VIEW_ABSENT;
    if (!read_text(reading, FIELD_ACCOUNT, &text))
        return false;
    return view_is_absent(text) || take_identifier(reading, FIELD_ACCOUNT, SUBJECT_ACCOUNT, IDENTIFIER_OPAQUE,
                                                   text, EVENT_ACCOUNT_MALFORMED);
}

static bool read_device(struct reading *reading)
{
    struct view kind = VIEW_ABSENT, id = VIEW_ABSENT;
    if (!value_of(reading, FIELD_DEVICE_KIND) && !value_of(reading, FIELD_DEVICE_ID))
        return true;
    if (!read_required_text(reading, FIELD_DEVICE_KIND, &kind) ||
        !read_required_text(reading, FIELD_DEVICE_ID, &id))
        return false;
    enum identifier_kind identifier_kind = view_equal_string(kind, "maid")   ? IDENTIFIER_MAID
                                           : view_equal_string(kind, "imei") ? IDENTIFIER_IMEI
                                                                             : IDENTIFIER_UNKNOWN;
    if (identifier_kind == IDENTIFIER_UNKNOWN)
        return fail(reading, FIELD_DEVICE_KIND, EVENT_DEVICE_KIND);
    return take_identifier(reading, FIELD_DEVICE_ID, SUBJECT_DEVICE, identifier_kind, id,
                           EVENT_DEVICE_MALFORMED);
}

static bool read_birth_year(struct reading *reading)
{
    enum { YEAR_MIN = 1850, YEAR_MAX = 9999, UNREADABLE = -1 };
    yyjson_val *value = value_of(reading, FIELD_BIRTH_YEAR);
    if (!value)
        return true;
    if (!unsafe_yyjson_is_int(value))
        return fail(reading, FIELD_BIRTH_YEAR, EVENT_FIELD_TYPE);
    /* Nobody's year of birth: no reason to take the person for an adult (spec 2: exclusions by age). */
    bool plausible = unsafe_yyjson_is_uint(value) && unsafe_yyjson_get_uint(value) >= YEAR_MIN &&
                     unsafe_yyjson_get_uint(value) <= YEAR_MAX;
    reading->record->birth_year = plausible ? (int)unsafe_yyjson_get_uint(value) : UNREADABLE;
    return true;
}

/* What was done: a page, or something with an app. The record keeps only what its type is about. */
static bool read_object(struct reading *reading)
{
    struct record *record = reading->record;
    struct view url = VIEW_ABSENT, host = VIEW_ABSENT, app = VIEW_ABSENT;
    yyjson_val *preinstalled = value_of(reading, FIELD_PREINSTALLED);
    if (preinstalled && !unsafe_yyjson_is_bool(preinstalled))
        return fail(reading, FIELD_PREINSTALLED, EVENT_FIELD_TYPE);
    if (!read_text(reading, FIELD_URL, &url) || !read_text(reading, FIELD_HOST, &host) ||
        !read_text(reading, FIELD_APP, &app))
        return false;
    if (record->type == EVENT_BROWSE) {
        if (view_is_absent(url) && view_is_absent(host))
            return fail(reading, FIELD_HOST, EVENT_MISSING_FIELD);
        record->url = url;
        record->host = host;
        return true;
    }
    if (view_is_absent(app))
        return fail(reading, FIELD_APP, EVENT_MISSING_FIELD);
    record->app = app;
    record->preinstalled = preinstalled && unsafe_yyjson_get_bool(preinstalled);
    return true;
}

/* ---- signals: noted as they are, judged by consent ---- */

static enum gpc_signal gpc_of(yyjson_val *value)
{
    if (!value)
        return GPC_ABSENT;
    if (unsafe_yyjson_is_bool(value))
        return unsafe_yyjson_get_bool(value) ? GPC_TRUE : GPC_FALSE;
    if (unsafe_yyjson_is_uint(value) && unsafe_yyjson_get_uint(value) <= 1)
        return unsafe_yyjson_get_uint(value) ? GPC_TRUE : GPC_FALSE;
    return GPC_UNREADABLE;
}

static enum presence read_signal_text(yyjson_val *value, struct view *out_text)
{
    if (!value)
        return PRESENCE_ABSENT;
    if (!unsafe_yyjson_is_str(value))
        return PRESENCE_UNREADABLE;
    *out_text = string_of(value);
    return PRESENCE_PRESENT;
}

static size_t integer_text(yyjson_val *value, char out_text[24])
{
    int size = unsafe_yyjson_is_uint(value)
                   ? snprintf(out_text, 24, "%llu", (unsigned long long)unsafe_yyjson_get_uint(value))
                   : snprintf(out_text, 24, "%lld", (long long)unsafe_yyjson_get_sint(value));
    return (size_t)size;
}

/* A string stays as it is; `[7, 8]` and `7` become "7,8" and "7", in the arena. Rare enough to be written twice. */
static enum presence read_gpp_sid(yyjson_val *value, struct arena *arena, struct view *out_text,
                                  bool *out_full)
{
    char number[24];
    if (!value || unsafe_yyjson_is_str(value))
        return read_signal_text(value, out_text);
    bool list = unsafe_yyjson_is_arr(value);
    if (!list && !unsafe_yyjson_is_int(value))
        return PRESENCE_UNREADABLE;
    size_t count = list ? unsafe_yyjson_get_len(value) : 1;
    yyjson_val *first = list ? unsafe_yyjson_get_first(value) : value;
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (!unsafe_yyjson_is_int(first + i))
            return PRESENCE_UNREADABLE;
        size += integer_text(first + i, number) + 1;
    }
    char *text = arena_take(arena, size);
    if (!text) {
        *out_full = true;
        return PRESENCE_UNREADABLE;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text[at++] = ',';
        size_t digits = integer_text(first + i, number);
        memcpy(text + at, number, digits);
        at += digits;
    }
    *out_text = (struct view){text, at};
    return PRESENCE_PRESENT;
}

/* False: the arena is full. */
static bool read_signals(struct reading *reading, struct arena *arena)
{
    struct signals *signals = &reading->record->signals;
    bool full = false;
    signals->gpc = gpc_of(value_of(reading, FIELD_GPC));
    signals->gpp_presence = read_signal_text(value_of(reading, FIELD_GPP), &signals->gpp);
    signals->us_privacy_presence =
        read_signal_text(value_of(reading, FIELD_US_PRIVACY), &signals->us_privacy);
    signals->gpp_sid_presence =
        read_gpp_sid(value_of(reading, FIELD_GPP_SID), arena, &signals->gpp_sid, &full);
    return !full;
}

/* ---- the whole ---- */

static bool read_fields(struct reading *reading)
{
    return read_type(reading) && read_time(reading) && read_subscriber(reading) && read_account(reading) &&
           read_device(reading) && read_required_text(reading, FIELD_BRAND, &reading->record->brand) &&
           read_text(reading, FIELD_REGION, &reading->record->region) &&
           read_text(reading, FIELD_PLAN, &reading->record->plan) && read_birth_year(reading) &&
           read_object(reading);
}

/* The one spelling of a line that keys of events have. */
static bool is_key_of(const struct event_reader *reader, struct view key, struct view line)
{
    if (reader->line_kind != IDENTIFIER_E164 || reader->key == EVENTS_KEY_DIGITS)
        return view_equal(key, line);
    return reader->key == EVENTS_KEY_PLUS && key.size > 0 && key.data[0] == '+' &&
           view_equal((struct view){key.data + 1, key.size - 1}, line);
}

/* Where partitions do not matter, any spelling of the line will do. */
static bool is_spelling_of(const struct event_reader *reader, struct view key, struct view line)
{
    char canonical[SUBJECT_IDENTIFIER_SIZE_MAX];
    size_t size = 0;
    return subject_canonicalise(reader->line_kind, key, canonical, &size) == SUBJECT_CANONICAL &&
           view_equal((struct view){canonical, size}, line);
}

/* Spec 2: a record whose key is not its subscriber, or which lies where its key does not belong, would count one
 * person twice; so would a key that is the subscriber in a second spelling, which has a partition of its own. */
static bool placed_right(struct reading *reading, const struct chain_input *input)
{
    const struct event_reader *reader = reading->reader;
    struct view line = reading->record->subjects[SUBJECT_LINE].identifier;
    if (reader->partitioner == EVENTS_PARTITIONER_TRUSTED)
        return true;
    if (input->partition_count == 0) /* file mode */
        return view_is_absent(input->key) || is_spelling_of(reader, input->key, line) ||
               fail(reading, FIELDS, EVENT_WRONG_PARTITION);
    return (!view_is_absent(input->key) && is_key_of(reader, input->key, line) &&
            partitioner_partition(reader->partitioner, input->key, input->partition_count) ==
                input->partition) ||
           fail(reading, FIELDS, EVENT_WRONG_PARTITION);
}

/* Texts move from the reader's buffers into one piece of the arena. False: full. */
static bool keep_texts(struct record *record, struct arena *arena)
{
    struct view *texts[] = {
        &record->subjects[SUBJECT_LINE].identifier,
        &record->subjects[SUBJECT_ACCOUNT].identifier,
        &record->subjects[SUBJECT_DEVICE].identifier,
        &record->brand,
        &record->region,
        &record->plan,
        &record->url,
        &record->host,
        &record->app,
        &record->signals.gpp,
        &record->signals.gpp_sid,
        &record->signals.us_privacy,
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    size_t size = 0;
    for (unsigned i = 0; i < TEXTS; i++)
        size += texts[i]->size;
    char *piece = arena_take(arena, size);
    if (!piece)
        return false;
    for (unsigned i = 0; i < TEXTS; i++) {
        if (view_is_absent(*texts[i]))
            continue;
        memcpy(piece, texts[i]->data, texts[i]->size);
        texts[i]->data = piece;
        piece += texts[i]->size;
    }
    return true;
}

enum event_reason event_reason_of_json(enum json_result result)
{
    switch (result) {
    case JSON_EMPTY:
        return EVENT_EMPTY;
    case JSON_TOO_LARGE:
        return EVENT_TOO_LARGE;
    case JSON_TRUNCATED:
        return EVENT_TRUNCATED;
    case JSON_TRAILING:
        return EVENT_TRAILING_CONTENT;
    case JSON_INVALID_UTF8:
        return EVENT_INVALID_UTF8;
    case JSON_NESTING:
        return EVENT_NESTING;
    case JSON_NOT_OBJECT:
        return EVENT_NOT_OBJECT;
    case JSON_DUPLICATE_KEY:
        return EVENT_DUPLICATE_KEY;
    case JSON_UNKNOWN_KEY:
        return EVENT_UNKNOWN_FIELD;
    case JSON_PATH_TYPE:
        return EVENT_FIELD_TYPE;
    case JSON_NOT_JSON:
    case JSON_READ:
        break;
    }
    return EVENT_NOT_JSON;
}

struct verdict event_read(struct event_reader *reader, const struct chain_input *input, struct arena *arena,
                          struct record *out_record)
{
    reader->rejected = FIELDS;
    enum json_result result = json_reader_read(&reader->json, reader->shape, input->value);
    if (result != JSON_READ)
        return verdict_reject(event_reason_of_json(result));
    struct record record = {
        .kind = RECORD_EVENT,
        .origin = {.partition = input->partition, .offset = input->offset},
        .timestamp_ms = input->timestamp_ms,
        .late = input->late,
    };
    char identifiers[SUBJECT_KINDS][SUBJECT_IDENTIFIER_SIZE_MAX];
    struct reading reading = {.reader = reader, .record = &record, .identifiers = identifiers};
    if (!read_fields(&reading) || !placed_right(&reading, input))
        return verdict_reject(reading.reason);
    if (!read_signals(&reading, arena) || !keep_texts(&record, arena))
        return (struct verdict){VERDICT_STOP, 0};
    *out_record = record;
    return verdict_pass();
}

struct view event_rejected_field(const struct event_reader *reader)
{
    return reader->rejected < FIELDS ? reader->paths[reader->rejected] : VIEW_ABSENT;
}
