/*
 * Design.
 *
 * The table of hops (common/hop.c) is turned into one bit set and one closed JSON shape per hop. Writing asks the bit
 * set before each field, so a field that the table does not allow there cannot be written, whatever the record holds;
 * reading refuses any key that is not in the shape. The names of fields stand here once more, because code has to
 * know what each means; codec_new checks that both lists agree.
 */
#include "common/codec.h"

#include "common/base64url.h"
#include "common/event.h"
#include "common/json_reader.h"
#include "common/json_writer.h"
#include "common/partitioner.h"
#include "common/rfc3339.h"
#include "common/subject.h"

#include <yyjson.h>

enum {
    PSEUDONYM_TEXT_SIZE = BASE64URL_SIZE(PSEUDONYM_SIZE),
    HASH_TEXT_SIZE = 16,      /* 64 bits in hexadecimal */
    ENVELOPE_SIZE_MAX = 4096, /* of a record, beside the texts that the operator wrote */
    WEIGHT_MAX = 1000,        /* struct record_interest */
    ESCAPED = 6,              /* bytes that one byte can become: \u001f */
};

enum field {
    FIELD_VERSION = 0,
    FIELD_KIND,
    FIELD_TYPE,
    FIELD_TIME,
    FIELD_TIMESTAMP,
    FIELD_LINE,
    FIELD_ACCOUNT,
    FIELD_DEVICE_KIND,
    FIELD_DEVICE_ID,
    FIELD_URL,
    FIELD_HOST,
    FIELD_APP,
    FIELD_PREINSTALLED,
    FIELD_PROGRAMMES,
    FIELD_LINE_PSEUDONYM,
    FIELD_ACCOUNT_PSEUDONYM,
    FIELD_DEVICE_PSEUDONYM,
    FIELD_APP_TOKEN,
    FIELD_INTERESTS,
    FIELD_RULES_DIGEST,
    FIELDS,
};

static const char *const field_names[FIELDS] = {
    [FIELD_VERSION] = "v",
    [FIELD_KIND] = "kind",
    [FIELD_TYPE] = "type",
    [FIELD_TIME] = "time",
    [FIELD_TIMESTAMP] = "timestamp",
    [FIELD_LINE] = "subscriber",
    [FIELD_ACCOUNT] = "account",
    [FIELD_DEVICE_KIND] = "device.kind",
    [FIELD_DEVICE_ID] = "device.id",
    [FIELD_URL] = "url",
    [FIELD_HOST] = "host",
    [FIELD_APP] = "app",
    [FIELD_PREINSTALLED] = "preinstalled",
    [FIELD_PROGRAMMES] = "programmes",
    [FIELD_LINE_PSEUDONYM] = "pseudonyms.line",
    [FIELD_ACCOUNT_PSEUDONYM] = "pseudonyms.account",
    [FIELD_DEVICE_PSEUDONYM] = "pseudonyms.device",
    [FIELD_APP_TOKEN] = "app_token",
    [FIELD_INTERESTS] = "interests",
    [FIELD_RULES_DIGEST] = "rules_digest",
};

/* What stands inside an object is written by the object's last name. */
static const char *const pseudonym_names[SUBJECT_KINDS] = {"line", "account", "device"};

static const char *const type_names[] = {
    [EVENT_UNKNOWN] = NULL,
    [EVENT_BROWSE] = "browse",
    [EVENT_APP_USE] = "app_use",
    [EVENT_APP_INSTALL] = "app_install",
    [EVENT_APP_REMOVE] = "app_remove",
};
enum { TYPES = sizeof type_names / sizeof *type_names };

struct codec {
    const struct config *config;
    struct json_shape *shapes[HOPS]; /* NULL: not a topic between stages */
    uint32_t fields[HOPS];           /* bit i: enum field i may be carried */
    struct json_reader json;
};

static bool carries(const struct codec *codec, enum hop hop, enum field field)
{
    return codec->fields[hop] >> field & 1;
}

/* There subjects still have their identifiers; behind it only pseudonyms. */
static bool is_before_pseudonymize(enum hop hop)
{
    return hop == HOP_CONSENT_OUT;
}

/* ---- set-up ---- */

/* Every field that the table lets travel between stages must be one that this file can write. */
static void check_table(void)
{
    const unsigned between = 1u << HOP_CONSENT_OUT | 1u << HOP_PSEUDONYMIZE_OUT | 1u << HOP_CLASSIFY_OUT;
    unsigned travelling = 0;
    for (const struct hop_field *field = hop_fields; field->name; field++)
        travelling += (field->hops & between) != 0;
    ensure(travelling == FIELDS);
}

static bool prepare_hop(struct codec *codec, enum hop hop, struct arena *arena, struct error *error)
{
    struct json_field fields[FIELDS];
    unsigned count = 0;
    for (unsigned field = 0; field < FIELDS; field++) {
        if (!hop_carries(hop, field_names[field]))
            continue;
        codec->fields[hop] |= UINT32_C(1) << field;
        fields[count++] = (struct json_field){view_of_string(field_names[field]), field};
    }
    return json_shape_new(fields, count, true, arena, &codec->shapes[hop], error);
}

bool codec_new(const struct config *config, struct arena *arena, struct codec **out_codec,
               struct error *error)
{
    check_table();
    struct codec *codec = arena_take_zeroed(arena, sizeof *codec);
    if (!codec)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for the codec");
    codec->config = config;
    for (enum hop hop = HOP_CONSENT_OUT; hop <= HOP_CLASSIFY_OUT; hop++)
        if (!prepare_hop(codec, hop, arena, error))
            return false;
    size_t size_max = (size_t)config->input.record_bytes_max + ENVELOPE_SIZE_MAX;
    if (!json_reader_init(&codec->json, size_max, arena, error))
        return false;
    *out_codec = codec;
    return true;
}

void codec_free(struct codec *codec)
{
    (void)codec; /* all of it lives in the start-up arena */
}

/* ---- writing ---- */

static struct view pseudonym_text(const struct pseudonym *pseudonym, char out_text[PSEUDONYM_TEXT_SIZE])
{
    base64url_write(pseudonym->bytes, PSEUDONYM_SIZE, out_text);
    return (struct view){out_text, PSEUDONYM_TEXT_SIZE};
}

static struct view hash_text(uint64_t hash, char out_text[HASH_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = HASH_TEXT_SIZE; i-- > 0; hash >>= 4)
        out_text[i] = digits[hash & 15];
    return (struct view){out_text, HASH_TEXT_SIZE};
}

static void write_text(const struct codec *codec, struct json_writer *writer, enum hop hop, enum field field,
                       struct view text)
{
    if (carries(codec, hop, field) && !view_is_absent(text))
        json_writer_member_string(writer, field_names[field], text);
}

static void write_identifiers(const struct codec *codec, struct json_writer *writer, enum hop hop,
                              const struct record *record)
{
    const struct subject *device = &record->subjects[SUBJECT_DEVICE];
    if (record->subjects[SUBJECT_LINE].present)
        write_text(codec, writer, hop, FIELD_LINE, record->subjects[SUBJECT_LINE].identifier);
    if (record->subjects[SUBJECT_ACCOUNT].present)
        write_text(codec, writer, hop, FIELD_ACCOUNT, record->subjects[SUBJECT_ACCOUNT].identifier);
    if (!device->present || !carries(codec, hop, FIELD_DEVICE_ID))
        return;
    json_writer_name(writer, "device");
    json_writer_open_object(writer);
    json_writer_member_string(writer, "kind",
                              view_of_string(subject_identifier_kind_name(device->identifier_kind)));
    json_writer_member_string(writer, "id", device->identifier);
    json_writer_close_object(writer);
}

static void write_pseudonyms(const struct codec *codec, struct json_writer *writer, enum hop hop,
                             const struct record *record)
{
    char text[PSEUDONYM_TEXT_SIZE];
    if (!carries(codec, hop, FIELD_LINE_PSEUDONYM))
        return;
    json_writer_name(writer, "pseudonyms");
    json_writer_open_object(writer);
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++) {
        const struct subject *subject = &record->subjects[kind];
        if (!subject->present || !carries(codec, hop, FIELD_LINE_PSEUDONYM + kind))
            continue;
        ensure(subject->has_pseudonym);
        json_writer_member_string(writer, pseudonym_names[kind], pseudonym_text(&subject->pseudonym, text));
    }
    json_writer_close_object(writer);
}

static void write_programmes(const struct codec *codec, struct json_writer *writer, programme_set programmes)
{
    json_writer_name(writer, field_names[FIELD_PROGRAMMES]);
    json_writer_open_array(writer);
    for (unsigned i = 0; i < codec->config->programmes.count; i++)
        if (programmes >> i & 1)
            json_writer_string(writer, config_programme(codec->config, i)->name);
    json_writer_close_array(writer);
}

static void write_interests(struct json_writer *writer, const struct record *record)
{
    json_writer_name(writer, field_names[FIELD_INTERESTS]);
    json_writer_open_array(writer);
    for (unsigned i = 0; i < record->interest_count; i++) {
        json_writer_open_array(writer);
        json_writer_unsigned(writer, record->interests[i].taxonomy_id);
        json_writer_unsigned(writer, record->interests[i].weight);
        json_writer_close_array(writer);
    }
    json_writer_close_array(writer);
}

/* What was done: a page, or something with an app, and what it came to. */
static void write_object(const struct codec *codec, struct json_writer *writer, enum hop hop,
                         const struct record *record)
{
    char text[HASH_TEXT_SIZE];
    if (record->type == EVENT_BROWSE) {
        write_text(codec, writer, hop, FIELD_URL, record->url);
        write_text(codec, writer, hop, FIELD_HOST, record->host);
    } else {
        write_text(codec, writer, hop, FIELD_APP, record->app);
        if (carries(codec, hop, FIELD_PREINSTALLED) && record->preinstalled)
            json_writer_member_bool(writer, field_names[FIELD_PREINSTALLED], true);
        if (record->app_token != 0)
            write_text(codec, writer, hop, FIELD_APP_TOKEN, hash_text(record->app_token, text));
    }
    if (!carries(codec, hop, FIELD_INTERESTS))
        return;
    write_interests(writer, record);
    write_text(codec, writer, hop, FIELD_RULES_DIGEST, hash_text(record->rules_digest, text));
}

static void write_value(const struct codec *codec, struct json_writer *writer, enum hop hop,
                        const struct record *record)
{
    json_writer_open_object(writer);
    json_writer_member_integer(writer, field_names[FIELD_VERSION], CODEC_VERSION);
    json_writer_member_string(writer, field_names[FIELD_KIND], (struct view)VIEW("event"));
    json_writer_member_string(writer, field_names[FIELD_TYPE], view_of_string(type_names[record->type]));
    json_writer_member_integer(writer, field_names[FIELD_TIME], record->time_ms);
    json_writer_member_integer(writer, field_names[FIELD_TIMESTAMP], record->timestamp_ms);
    write_identifiers(codec, writer, hop, record);
    write_pseudonyms(codec, writer, hop, record);
    write_programmes(codec, writer, record->programmes);
    write_object(codec, writer, hop, record);
    json_writer_close_object(writer);
}

static size_t value_size_max(const struct record *record)
{
    size_t texts = record->url.size + record->host.size + record->app.size;
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++)
        texts += record->subjects[kind].identifier.size;
    /* frame, 15 names of programmes of 32 bytes and 16 interests stay below the envelope */
    return ENVELOPE_SIZE_MAX / 2 + texts * ESCAPED;
}

static bool write_key(enum hop hop, const struct subject *line, struct arena *arena, struct view *out_key)
{
    if (is_before_pseudonymize(hop))
        return arena_copy(arena, line->identifier, out_key);
    char *text = arena_take(arena, PSEUDONYM_TEXT_SIZE);
    if (!text)
        return false;
    *out_key = pseudonym_text(&line->pseudonym, text);
    return true;
}

/* At most 20 digits; returns their number. */
static size_t write_decimal(uint64_t number, char *out_text)
{
    char digits[20];
    size_t size = 0;
    do
        digits[size++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    for (size_t i = 0; i < size; i++)
        out_text[i] = digits[size - 1 - i];
    return size;
}

static bool write_origin(const struct origin *origin, struct arena *arena, struct view *out_header)
{
    enum { SIZE_MAX_ORIGIN = 20 + 1 + 20 };
    ensure(origin->partition >= 0 && origin->offset >= 0);
    char *text = arena_take(arena, SIZE_MAX_ORIGIN);
    if (!text)
        return false;
    size_t size = write_decimal((uint64_t)origin->partition, text);
    text[size++] = ':';
    size += write_decimal((uint64_t)origin->offset, text + size);
    *out_header = (struct view){text, size};
    return true;
}

static enum topic_role topic_of(enum hop hop)
{
    return hop == HOP_CONSENT_OUT        ? TOPIC_CONSENT_OUT
           : hop == HOP_PSEUDONYMIZE_OUT ? TOPIC_PSEUDONYMIZE_OUT
           : hop == HOP_CLASSIFY_OUT     ? TOPIC_CLASSIFY_OUT
                                         : TOPIC_NONE;
}

bool codec_write(struct codec *codec, enum hop hop, const struct record *record, struct arena *arena,
                 struct output *out_output)
{
    const struct subject *line = &record->subjects[SUBJECT_LINE];
    ensure(hop > HOP_UNKNOWN && hop < HOPS && codec->shapes[hop]);
    ensure(record->kind == RECORD_EVENT && record->type > EVENT_UNKNOWN && (int)record->type < TYPES);
    ensure(line->present && record->programmes != 0);
    ensure(is_before_pseudonymize(hop) || line->has_pseudonym);
    struct output output = {
        .topic = topic_of(hop),
        .partition = OUTPUT_PARTITION_BY_KEY,
        .headers = {{.name = CODEC_HEADER_ORIGIN}},
        .header_count = 1,
    };
    struct json_writer writer;
    if (!json_writer_take(&writer, arena, value_size_max(record)))
        return false;
    write_value(codec, &writer, hop, record);
    ensure(!writer.overflow); /* the bound is ours */
    if (!json_writer_finish(&writer, arena, &output.value) || !write_key(hop, line, arena, &output.key) ||
        !write_origin(&record->origin, arena, &output.headers[0].value))
        return false;
    *out_output = output;
    return true;
}

/* ---- reading ---- */

struct reading {
    struct codec *codec;
    enum hop hop;
    struct record *record;
    enum event_reason reason;
};

static bool fail(struct reading *reading, enum event_reason reason)
{
    reading->reason = reason;
    return false;
}

static yyjson_val *value_of(const struct reading *reading, enum field field)
{
    return (yyjson_val *)reading->codec->json.values[field];
}

static bool is_there(const struct reading *reading, enum field field)
{
    return value_of(reading, field) != NULL;
}

static bool read_text(struct reading *reading, enum field field, struct view *out_text)
{
    yyjson_val *value = value_of(reading, field);
    if (!value)
        return fail(reading, EVENT_MISSING_FIELD);
    if (!unsafe_yyjson_is_str(value))
        return fail(reading, EVENT_FIELD_TYPE);
    if (unsafe_yyjson_get_len(value) == 0)
        return fail(reading, EVENT_FIELD_EMPTY);
    *out_text = (struct view){unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value)};
    return true;
}

static bool read_integer(struct reading *reading, enum field field, int64_t minimum, int64_t *out_number)
{
    yyjson_val *value = value_of(reading, field);
    if (!value)
        return fail(reading, EVENT_MISSING_FIELD);
    if (!unsafe_yyjson_is_int(value))
        return fail(reading, EVENT_FIELD_TYPE);
    if (unsafe_yyjson_is_uint(value) && unsafe_yyjson_get_uint(value) > INT64_MAX)
        return fail(reading, EVENT_FIELD_VALUE);
    int64_t number = unsafe_yyjson_get_sint(value);
    if (number < minimum)
        return fail(reading, EVENT_FIELD_VALUE);
    *out_number = number;
    return true;
}

static bool read_hash(struct reading *reading, enum field field, uint64_t *out_hash)
{
    struct view text = VIEW_ABSENT;
    uint64_t hash = 0;
    if (!read_text(reading, field, &text))
        return false;
    if (text.size != HASH_TEXT_SIZE)
        return fail(reading, EVENT_FIELD_VALUE);
    for (size_t i = 0; i < text.size; i++) {
        char digit = text.data[i];
        unsigned value = digit >= '0' && digit <= '9'   ? (unsigned)(digit - '0')
                         : digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a') + 10
                                                        : 16;
        if (value > 15)
            return fail(reading, EVENT_FIELD_VALUE);
        hash = hash << 4 | value;
    }
    *out_hash = hash;
    return true;
}

/* An identifier between stages is in canonical form already: another spelling would make another pseudonym. */
static bool read_identifier(struct reading *reading, enum field field, enum subject_kind kind,
                            enum identifier_kind identifier_kind, enum event_reason malformed)
{
    struct subject *subject = &reading->record->subjects[kind];
    struct view text = VIEW_ABSENT;
    char canonical[SUBJECT_IDENTIFIER_SIZE_MAX];
    size_t size = 0;
    if (!read_text(reading, field, &text))
        return false;
    if (subject_canonicalise(identifier_kind, text, canonical, &size) != SUBJECT_CANONICAL ||
        !view_equal(text, (struct view){canonical, size}))
        return fail(reading, malformed);
    subject->present = true;
    subject->identifier_kind = identifier_kind;
    subject->identifier = text;
    return true;
}

static bool read_device(struct reading *reading)
{
    struct view kind = VIEW_ABSENT;
    if (!read_text(reading, FIELD_DEVICE_KIND, &kind))
        return false;
    enum identifier_kind identifier_kind = view_equal_string(kind, "maid")   ? IDENTIFIER_MAID
                                           : view_equal_string(kind, "imei") ? IDENTIFIER_IMEI
                                                                             : IDENTIFIER_UNKNOWN;
    if (identifier_kind == IDENTIFIER_UNKNOWN)
        return fail(reading, EVENT_DEVICE_KIND);
    return read_identifier(reading, FIELD_DEVICE_ID, SUBJECT_DEVICE, identifier_kind, EVENT_DEVICE_MALFORMED);
}

static bool read_identifiers(struct reading *reading)
{
    enum identifier_kind line_kind = (enum identifier_kind)reading->codec->config->subscriber.kind;
    if (is_there(reading, FIELD_LINE) &&
        !read_identifier(reading, FIELD_LINE, SUBJECT_LINE, line_kind, EVENT_SUBSCRIBER_MALFORMED))
        return false;
    if (is_there(reading, FIELD_ACCOUNT) &&
        !read_identifier(reading, FIELD_ACCOUNT, SUBJECT_ACCOUNT, IDENTIFIER_OPAQUE, EVENT_ACCOUNT_MALFORMED))
        return false;
    return (!is_there(reading, FIELD_DEVICE_KIND) && !is_there(reading, FIELD_DEVICE_ID)) ||
           read_device(reading);
}

static bool read_pseudonym(struct reading *reading, enum subject_kind kind)
{
    struct subject *subject = &reading->record->subjects[kind];
    struct view text = VIEW_ABSENT;
    if (!is_there(reading, FIELD_LINE_PSEUDONYM + kind))
        return true;
    if (!read_text(reading, FIELD_LINE_PSEUDONYM + kind, &text))
        return false;
    if (!base64url_read(text, subject->pseudonym.bytes, PSEUDONYM_SIZE))
        return fail(reading, EVENT_FIELD_VALUE);
    subject->present = subject->has_pseudonym = true;
    return true;
}

/* An event has its line, and may have the others. */
static bool read_subjects(struct reading *reading)
{
    if (is_before_pseudonymize(reading->hop)) {
        if (!read_identifiers(reading))
            return false;
    } else {
        for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++)
            if (!read_pseudonym(reading, kind))
                return false;
    }
    return reading->record->subjects[SUBJECT_LINE].present || fail(reading, EVENT_MISSING_FIELD);
}

static bool read_programmes(struct reading *reading)
{
    const struct config *config = reading->codec->config;
    yyjson_val *list = value_of(reading, FIELD_PROGRAMMES);
    if (!list)
        return fail(reading, EVENT_MISSING_FIELD);
    if (!unsafe_yyjson_is_arr(list))
        return fail(reading, EVENT_FIELD_TYPE);
    size_t count = unsafe_yyjson_get_len(list);
    if (count == 0 || count > RECORD_PROGRAMMES_MAX)
        return fail(reading, EVENT_FIELD_VALUE);
    yyjson_val *name = unsafe_yyjson_get_first(list);
    for (size_t i = 0; i < count; i++, name++) {
        if (!unsafe_yyjson_is_str(name))
            return fail(reading, EVENT_FIELD_TYPE);
        struct view text = {unsafe_yyjson_get_str(name), unsafe_yyjson_get_len(name)};
        for (unsigned index = 0; index < config->programmes.count; index++)
            if (view_equal(text, config_programme(config, index)->name))
                reading->record->programmes |= (programme_set)(1u << index);
    }
    return true;
}

static bool read_interest(struct reading *reading, yyjson_val *pair)
{
    struct record *record = reading->record;
    if (!unsafe_yyjson_is_arr(pair) || unsafe_yyjson_get_len(pair) != 2)
        return fail(reading, EVENT_FIELD_TYPE);
    yyjson_val *id = unsafe_yyjson_get_first(pair), *weight = id + 1;
    if (!unsafe_yyjson_is_int(id) || !unsafe_yyjson_is_int(weight))
        return fail(reading, EVENT_FIELD_TYPE);
    if (!unsafe_yyjson_is_uint(id) || unsafe_yyjson_get_uint(id) < 1 ||
        unsafe_yyjson_get_uint(id) > UINT16_MAX || !unsafe_yyjson_is_uint(weight) ||
        unsafe_yyjson_get_uint(weight) < 1 || unsafe_yyjson_get_uint(weight) > WEIGHT_MAX)
        return fail(reading, EVENT_FIELD_VALUE);
    uint16_t taxonomy_id = (uint16_t)unsafe_yyjson_get_uint(id);
    for (unsigned i = 0; i < record->interest_count; i++)
        if (record->interests[i].taxonomy_id == taxonomy_id)
            return fail(reading, EVENT_FIELD_VALUE);
    record->interests[record->interest_count++] =
        (struct record_interest){taxonomy_id, (uint16_t)unsafe_yyjson_get_uint(weight)};
    return true;
}

/* Only the removal of an app may come without: it ends what its token names. */
static bool read_interests(struct reading *reading)
{
    yyjson_val *list = value_of(reading, FIELD_INTERESTS);
    if (!list)
        return fail(reading, EVENT_MISSING_FIELD);
    if (!unsafe_yyjson_is_arr(list))
        return fail(reading, EVENT_FIELD_TYPE);
    size_t count = unsafe_yyjson_get_len(list);
    if (count > RECORD_INTERESTS_MAX || (count == 0 && reading->record->type != EVENT_APP_REMOVE))
        return fail(reading, EVENT_FIELD_VALUE);
    yyjson_val *pair = unsafe_yyjson_get_first(list);
    for (size_t i = 0; i < count; i++, pair = unsafe_yyjson_get_next(pair))
        if (!read_interest(reading, pair))
            return false;
    return true;
}

static bool read_page(struct reading *reading)
{
    struct record *record = reading->record;
    if (is_there(reading, FIELD_APP) || is_there(reading, FIELD_PREINSTALLED) ||
        is_there(reading, FIELD_APP_TOKEN))
        return fail(reading, EVENT_UNKNOWN_FIELD);
    if (!carries(reading->codec, reading->hop, FIELD_HOST))
        return true;
    if (!is_there(reading, FIELD_URL) && !is_there(reading, FIELD_HOST))
        return fail(reading, EVENT_MISSING_FIELD);
    return (!is_there(reading, FIELD_URL) || read_text(reading, FIELD_URL, &record->url)) &&
           (!is_there(reading, FIELD_HOST) || read_text(reading, FIELD_HOST, &record->host));
}

static bool read_app(struct reading *reading)
{
    struct record *record = reading->record;
    yyjson_val *preinstalled = value_of(reading, FIELD_PREINSTALLED);
    if (is_there(reading, FIELD_URL) || is_there(reading, FIELD_HOST))
        return fail(reading, EVENT_UNKNOWN_FIELD);
    if (carries(reading->codec, reading->hop, FIELD_APP) && !read_text(reading, FIELD_APP, &record->app))
        return false;
    if (preinstalled && !unsafe_yyjson_is_bool(preinstalled))
        return fail(reading, EVENT_FIELD_TYPE);
    record->preinstalled = preinstalled && unsafe_yyjson_get_bool(preinstalled);
    if (!carries(reading->codec, reading->hop, FIELD_APP_TOKEN))
        return true;
    if (!read_hash(reading, FIELD_APP_TOKEN, &record->app_token))
        return false;
    return record->app_token != 0 || fail(reading, EVENT_FIELD_VALUE);
}

static bool read_event(struct reading *reading)
{
    struct record *record = reading->record;
    struct view type = VIEW_ABSENT;
    if (!read_text(reading, FIELD_TYPE, &type))
        return false;
    for (unsigned i = EVENT_UNKNOWN + 1; i < TYPES; i++)
        if (view_equal_string(type, type_names[i]))
            record->type = (enum event_type)i;
    if (record->type == EVENT_UNKNOWN)
        return fail(reading, EVENT_UNKNOWN_TYPE);
    if (record->type == EVENT_BROWSE ? !read_page(reading) : !read_app(reading))
        return false;
    return !carries(reading->codec, reading->hop, FIELD_INTERESTS) ||
           (read_interests(reading) && read_hash(reading, FIELD_RULES_DIGEST, &record->rules_digest));
}

/* Version and kind first, also when a key was met that only a later version knows. */
static bool read_frame(struct reading *reading, enum json_result result)
{
    yyjson_val *version = value_of(reading, FIELD_VERSION);
    struct view kind = VIEW_ABSENT;
    if (version && !(unsafe_yyjson_is_uint(version) && unsafe_yyjson_get_uint(version) == CODEC_VERSION))
        return fail(reading, EVENT_UNKNOWN_VERSION);
    if (result != JSON_READ)
        return fail(reading, event_reason_of_json(result));
    if (!version)
        return fail(reading, EVENT_MISSING_FIELD);
    if (!read_text(reading, FIELD_KIND, &kind))
        return false;
    reading->record->kind = view_equal_string(kind, "event") ? RECORD_EVENT : RECORD_UNKNOWN;
    return reading->record->kind != RECORD_UNKNOWN || fail(reading, EVENT_UNKNOWN_KIND);
}

static bool read_time(struct reading *reading)
{
    struct record *record = reading->record;
    if (!read_integer(reading, FIELD_TIME, 0, &record->time_ms))
        return false;
    if (record->time_ms >= RFC3339_YEAR_10000_MS)
        return fail(reading, EVENT_TIME_RANGE);
    return read_integer(reading, FIELD_TIMESTAMP, -1, &record->timestamp_ms); /* -1: Kafka's "none" */
}

/* Digits without sign or leading zero, up to a bound. */
static bool read_decimal(struct view text, int64_t maximum, int64_t *out_number)
{
    int64_t number = 0;
    if (text.size == 0 || text.size > 19 || (text.data[0] == '0' && text.size > 1))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || number > (maximum - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *out_number = number;
    return true;
}

static bool read_origin(struct reading *reading, struct view header)
{
    int64_t partition = 0, offset = 0;
    const char *colon = header.size > 0 ? memchr(header.data, ':', header.size) : NULL;
    if (!colon)
        return fail(reading, EVENT_ORIGIN_MALFORMED);
    size_t before = (size_t)(colon - header.data);
    if (!read_decimal((struct view){header.data, before}, INT32_MAX, &partition) ||
        !read_decimal((struct view){colon + 1, header.size - before - 1}, INT64_MAX, &offset))
        return fail(reading, EVENT_ORIGIN_MALFORMED);
    reading->record->origin = (struct origin){(int32_t)partition, offset};
    return true;
}

/* Spec 2, for a topic that we wrote ourselves: one person is in one partition, under its own key. */
static bool placed_right(struct reading *reading, const struct chain_input *input)
{
    char text[PSEUDONYM_TEXT_SIZE];
    const struct subject *line = &reading->record->subjects[SUBJECT_LINE];
    if (view_is_absent(input->key))
        return input->partition_count == 0 || fail(reading, EVENT_WRONG_PARTITION);
    struct view key =
        is_before_pseudonymize(reading->hop) ? line->identifier : pseudonym_text(&line->pseudonym, text);
    if (!view_equal(key, input->key))
        return fail(reading, EVENT_WRONG_PARTITION);
    return input->partition_count == 0 ||
           partitioner_partition(EVENTS_PARTITIONER_MURMUR2, key, input->partition_count) ==
               input->partition ||
           fail(reading, EVENT_WRONG_PARTITION);
}

static bool keep_texts(struct record *record, struct arena *arena)
{
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++)
        if (!arena_copy(arena, record->subjects[kind].identifier, &record->subjects[kind].identifier))
            return false;
    return arena_copy(arena, record->url, &record->url) && arena_copy(arena, record->host, &record->host) &&
           arena_copy(arena, record->app, &record->app);
}

struct verdict codec_read(struct codec *codec, enum hop hop, const struct chain_input *input,
                          struct arena *arena, struct record *out_record)
{
    ensure(hop > HOP_UNKNOWN && hop < HOPS && codec->shapes[hop]);
    struct record record = {0};
    record.signals = (struct signals){GPC_ABSENT,  PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT,
                                      VIEW_ABSENT, VIEW_ABSENT,     VIEW_ABSENT};
    struct reading reading = {.codec = codec, .hop = hop, .record = &record};
    enum json_result result = json_reader_read(&codec->json, codec->shapes[hop], input->value);
    if (!read_frame(&reading, result) || !read_time(&reading) || !read_subjects(&reading) ||
        !read_programmes(&reading) || !read_event(&reading) || !read_origin(&reading, input->origin) ||
        !placed_right(&reading, input))
        return verdict_reject(reading.reason);
    if (record.programmes == 0)
        return verdict_drop(EVENT_PROGRAMME_UNKNOWN);
    if (!keep_texts(&record, arena))
        return (struct verdict){VERDICT_STOP, 0};
    *out_record = record;
    return verdict_pass();
}
