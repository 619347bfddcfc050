/*
 * Reading what codec.c wrote. The shape of the hop refuses keys that it does not carry; what the values may be is checked
 * here, field by field, in the order in which a reason says most: version and kind, times, subjects, programmes, the rest.
 */
#include "common/codec_internal.h"

#include "common/event.h"
#include "common/partitioner.h"
#include "common/rfc3339.h"
#include "common/subject.h"

#include <yyjson.h>

enum { BIRTH_YEAR_MAX = 9999 };

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
    if (codec_is_before_pseudonymize(reading->hop)) {
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

/* What programmes name, on its way to where it is sealed. */
static bool read_named(struct reading *reading)
{
    struct record *record = reading->record;
    int64_t year = 0;
    if (is_there(reading, FIELD_REGION)) {
        if (!read_text(reading, FIELD_REGION, &record->region))
            return false;
        if (!region_is_valid(record->region))
            return fail(reading, EVENT_FIELD_VALUE);
    }
    if (!is_there(reading, FIELD_BIRTH_YEAR))
        return true;
    if (!read_integer(reading, FIELD_BIRTH_YEAR, 1, &year))
        return false;
    record->birth_year = (int)year;
    return year <= BIRTH_YEAR_MAX || fail(reading, EVENT_FIELD_VALUE);
}

static bool read_box(struct reading *reading, yyjson_val *pair, uint8_t boxes[][NAMED_FIELDS_BOX_SIZE])
{
    const struct config *config = reading->codec->config;
    uint8_t box[NAMED_FIELDS_BOX_SIZE];
    if (!unsafe_yyjson_is_arr(pair) || unsafe_yyjson_get_len(pair) != 2)
        return fail(reading, EVENT_FIELD_TYPE);
    yyjson_val *name = unsafe_yyjson_get_first(pair), *content = name + 1;
    if (!unsafe_yyjson_is_str(name) || !unsafe_yyjson_is_str(content))
        return fail(reading, EVENT_FIELD_TYPE);
    struct view text = {unsafe_yyjson_get_str(content), unsafe_yyjson_get_len(content)};
    if (!base64url_read(text, box, sizeof box))
        return fail(reading, EVENT_FIELD_VALUE);
    int programme = config_programme_index(
        config, (struct view){unsafe_yyjson_get_str(name), unsafe_yyjson_get_len(name)});
    if (programme < 0)
        return true; /* of a programme that is not known here: nothing goes through for it */
    if (!(reading->record->programmes >> programme & 1) || reading->record->sealed >> programme & 1)
        return fail(reading, EVENT_FIELD_VALUE);
    reading->record->sealed |= (programme_set)(1u << programme);
    memcpy(boxes[programme], box, sizeof box);
    return true;
}

static bool read_boxes(struct reading *reading, uint8_t boxes[][NAMED_FIELDS_BOX_SIZE])
{
    yyjson_val *list = value_of(reading, FIELD_SEALED);
    if (!list)
        return true;
    if (!unsafe_yyjson_is_arr(list))
        return fail(reading, EVENT_FIELD_TYPE);
    size_t count = unsafe_yyjson_get_len(list);
    if (count == 0 || count > RECORD_PROGRAMMES_MAX)
        return fail(reading, EVENT_FIELD_VALUE);
    yyjson_val *pair = unsafe_yyjson_get_first(list);
    for (size_t i = 0; i < count; i++, pair = unsafe_yyjson_get_next(pair))
        if (!read_box(reading, pair, boxes))
            return false;
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
    if (!codec_carries(reading->codec, reading->hop, FIELD_HOST))
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
    if (codec_carries(reading->codec, reading->hop, FIELD_APP) &&
        !read_text(reading, FIELD_APP, &record->app))
        return false;
    if (preinstalled && !unsafe_yyjson_is_bool(preinstalled))
        return fail(reading, EVENT_FIELD_TYPE);
    record->preinstalled = preinstalled && unsafe_yyjson_get_bool(preinstalled);
    if (!codec_carries(reading->codec, reading->hop, FIELD_APP_TOKEN))
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
        if (view_equal_string(type, codec_type_names[i]))
            record->type = (enum event_type)i;
    if (record->type == EVENT_UNKNOWN)
        return fail(reading, EVENT_UNKNOWN_TYPE);
    if (record->type == EVENT_BROWSE ? !read_page(reading) : !read_app(reading))
        return false;
    return !codec_carries(reading->codec, reading->hop, FIELD_INTERESTS) ||
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
    struct view key = codec_is_before_pseudonymize(reading->hop)
                          ? line->identifier
                          : codec_pseudonym_text(&line->pseudonym, text);
    if (!view_equal(key, input->key))
        return fail(reading, EVENT_WRONG_PARTITION);
    return input->partition_count == 0 ||
           partitioner_partition(EVENTS_PARTITIONER_MURMUR2, key, input->partition_count) ==
               input->partition ||
           fail(reading, EVENT_WRONG_PARTITION);
}

/* In the order of the programmes here, which may be another one than where they were written. */
static bool keep_boxes(struct record *record, uint8_t boxes[][NAMED_FIELDS_BOX_SIZE], struct arena *arena)
{
    if (!record->sealed)
        return true;
    size_t size = (size_t)__builtin_popcount(record->sealed) * NAMED_FIELDS_BOX_SIZE;
    uint8_t *kept = arena_take(arena, size);
    if (!kept)
        return false;
    record->boxes = (struct view){(const char *)kept, size};
    for (unsigned i = 0; record->sealed >> i; i++) {
        if (!(record->sealed >> i & 1))
            continue;
        memcpy(kept, boxes[i], NAMED_FIELDS_BOX_SIZE);
        kept += NAMED_FIELDS_BOX_SIZE;
    }
    return true;
}

static bool keep_texts(struct record *record, struct arena *arena)
{
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++)
        if (!arena_copy(arena, record->subjects[kind].identifier, &record->subjects[kind].identifier))
            return false;
    return arena_copy(arena, record->url, &record->url) && arena_copy(arena, record->host, &record->host) &&
           arena_copy(arena, record->app, &record->app) && arena_copy(arena, record->region, &record->region);
}

struct verdict codec_read(struct codec *codec, enum hop hop, const struct chain_input *input,
                          struct arena *arena, struct record *out_record)
{
    ensure(hop > HOP_UNKNOWN && hop < HOPS && codec->shapes[hop]);
    struct record record = {0};
    record.signals = (struct signals){GPC_ABSENT,  PRESENCE_ABSENT, PRESENCE_ABSENT, PRESENCE_ABSENT,
                                      VIEW_ABSENT, VIEW_ABSENT,     VIEW_ABSENT};
    uint8_t boxes[RECORD_PROGRAMMES_MAX][NAMED_FIELDS_BOX_SIZE]; /* of those in record.sealed */
    struct reading reading = {.codec = codec, .hop = hop, .record = &record};
    enum json_result result = json_reader_read(&codec->json, codec->shapes[hop], input->value);
    if (!read_frame(&reading, result) || !read_time(&reading) || !read_subjects(&reading) ||
        !read_programmes(&reading) || !read_named(&reading) || !read_boxes(&reading, boxes) ||
        !read_event(&reading) || !read_origin(&reading, input->origin) || !placed_right(&reading, input))
        return verdict_reject(reading.reason);
    if (record.programmes == 0)
        return verdict_drop(EVENT_PROGRAMME_UNKNOWN);
    if (!keep_texts(&record, arena) || !keep_boxes(&record, boxes, arena))
        return (struct verdict){VERDICT_STOP, 0};
    *out_record = record;
    return verdict_pass();
}
