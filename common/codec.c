/*
 * Design.
 *
 * The table of hops (common/hop.c) is turned into one bit set and one closed JSON shape per hop. All names of members
 * are written by one function, put_name, which ends the process over a field that the table does not allow there, so
 * none can be written, whatever the record holds and whoever adds to this file; what belongs to some hops only is asked
 * for before. Reading refuses any key that is not in the shape. The names of fields stand here once more, because code
 * has to know what each means; codec_new checks that both lists agree.
 */
#include "common/codec_internal.h"

#include "common/json_writer.h"
#include "common/subject.h"

enum {
    ENVELOPE_SIZE_MAX = 2048, /* of a record, beside boxes and the texts that the operator wrote */
    ESCAPED = 6,              /* bytes that one byte can become: \u001f */
    BOX_TEXT_SIZE = BASE64URL_SIZE(NAMED_FIELDS_BOX_SIZE),
    BOX_ENTRY_SIZE_MAX = BOX_TEXT_SIZE + 32 + 8, /* with the programme's name and what JSON adds */
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
    [FIELD_REGION] = "region",
    [FIELD_BIRTH_YEAR] = "birth_year",
    [FIELD_URL] = "url",
    [FIELD_HOST] = "host",
    [FIELD_APP] = "app",
    [FIELD_PREINSTALLED] = "preinstalled",
    [FIELD_PROGRAMMES] = "programmes",
    [FIELD_LINE_PSEUDONYM] = "pseudonyms.line",
    [FIELD_ACCOUNT_PSEUDONYM] = "pseudonyms.account",
    [FIELD_DEVICE_PSEUDONYM] = "pseudonyms.device",
    [FIELD_APP_TOKEN] = "app_token",
    [FIELD_SEALED] = "sealed",
    [FIELD_INTERESTS] = "interests",
    [FIELD_RULES_DIGEST] = "rules_digest",
};

const char *const codec_type_names[TYPES] = {
    [EVENT_UNKNOWN] = NULL,
    [EVENT_BROWSE] = "browse",
    [EVENT_APP_USE] = "app_use",
    [EVENT_APP_INSTALL] = "app_install",
    [EVENT_APP_REMOVE] = "app_remove",
};

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
    size_t size_max = (size_t)config->input.record_bytes_max + 2 * ENVELOPE_SIZE_MAX +
                      RECORD_PROGRAMMES_MAX * BOX_ENTRY_SIZE_MAX;
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

static struct view hash_text(uint64_t hash, char out_text[HASH_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = HASH_TEXT_SIZE; i-- > 0; hash >>= 4)
        out_text[i] = digits[hash & 15];
    return (struct view){out_text, HASH_TEXT_SIZE};
}

/* One value on its way out. */
struct writing {
    const struct codec *codec;
    struct json_writer json;
    enum hop hop;
    const struct record *record;
};

static bool can_carry(const struct writing *writing, enum field field)
{
    return codec_carries(writing->codec, writing->hop, field);
}

/* The one place where a member gets its name. What stands inside an object is written by the last part of it. */
static void put_name(struct writing *writing, enum field field)
{
    const char *name = field_names[field], *dot = strchr(name, '.');
    ensure(can_carry(writing, field));
    json_writer_name(&writing->json, dot ? dot + 1 : name);
}

/* An object, in which a first field stands that the hop carries. */
static void open_object(struct writing *writing, const char *name, enum field first)
{
    ensure(can_carry(writing, first));
    json_writer_name(&writing->json, name);
    json_writer_open_object(&writing->json);
}

static void put_text(struct writing *writing, enum field field, struct view text)
{
    put_name(writing, field);
    json_writer_string(&writing->json, text);
}

static void put_integer(struct writing *writing, enum field field, int64_t number)
{
    put_name(writing, field);
    json_writer_integer(&writing->json, number);
}

/* Where the hop carries it and the record has it. */
static void write_text(struct writing *writing, enum field field, struct view text)
{
    if (can_carry(writing, field) && !view_is_absent(text))
        put_text(writing, field, text);
}

static void write_identifiers(struct writing *writing)
{
    const struct subject *subjects = writing->record->subjects, *device = &subjects[SUBJECT_DEVICE];
    if (subjects[SUBJECT_LINE].present)
        write_text(writing, FIELD_LINE, subjects[SUBJECT_LINE].identifier);
    if (subjects[SUBJECT_ACCOUNT].present)
        write_text(writing, FIELD_ACCOUNT, subjects[SUBJECT_ACCOUNT].identifier);
    if (!device->present || !can_carry(writing, FIELD_DEVICE_ID))
        return;
    open_object(writing, "device", FIELD_DEVICE_KIND);
    put_text(writing, FIELD_DEVICE_KIND,
             view_of_string(subject_identifier_kind_name(device->identifier_kind)));
    put_text(writing, FIELD_DEVICE_ID, device->identifier);
    json_writer_close_object(&writing->json);
}

static void write_pseudonyms(struct writing *writing)
{
    char text[PSEUDONYM_TEXT_SIZE];
    if (!can_carry(writing, FIELD_LINE_PSEUDONYM))
        return;
    open_object(writing, "pseudonyms", FIELD_LINE_PSEUDONYM);
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++) {
        const struct subject *subject = &writing->record->subjects[kind];
        if (!subject->present || !can_carry(writing, FIELD_LINE_PSEUDONYM + kind))
            continue;
        ensure(subject->has_pseudonym);
        put_text(writing, FIELD_LINE_PSEUDONYM + kind, codec_pseudonym_text(&subject->pseudonym, text));
    }
    json_writer_close_object(&writing->json);
}

/* Spec 4: only what a programme names goes on, and only as far as where it is sealed. */
static void write_named(struct writing *writing)
{
    const struct record *record = writing->record;
    unsigned named =
        can_carry(writing, FIELD_REGION) ? named_fields_of(writing->codec->config, record->programmes) : 0;
    if (named & 1u << NAMED_FIELD_REGION && region_is_valid(record->region))
        put_text(writing, FIELD_REGION, record->region);
    if (named & 1u << NAMED_FIELD_AGE_BAND && record->birth_year > 0)
        put_integer(writing, FIELD_BIRTH_YEAR, record->birth_year);
}

static void write_programmes(struct writing *writing)
{
    const struct config *config = writing->codec->config;
    put_name(writing, FIELD_PROGRAMMES);
    json_writer_open_array(&writing->json);
    for (unsigned i = 0; i < config->programmes.count; i++)
        if (writing->record->programmes >> i & 1)
            json_writer_string(&writing->json, config_programme(config, i)->name);
    json_writer_close_array(&writing->json);
}

/* Boxes of the programmes that the record is still for. */
static void write_boxes(struct writing *writing)
{
    const struct config *config = writing->codec->config;
    const struct record *record = writing->record;
    char text[BOX_TEXT_SIZE];
    if (!can_carry(writing, FIELD_SEALED) || !(record->sealed & record->programmes))
        return;
    put_name(writing, FIELD_SEALED);
    json_writer_open_array(&writing->json);
    for (unsigned i = 0; i < config->programmes.count; i++) {
        const uint8_t *box = record->programmes >> i & 1 ? named_fields_box(record, i) : NULL;
        if (!box)
            continue;
        base64url_write(box, NAMED_FIELDS_BOX_SIZE, text);
        json_writer_open_array(&writing->json);
        json_writer_string(&writing->json, config_programme(config, i)->name);
        json_writer_string(&writing->json, (struct view){text, sizeof text});
        json_writer_close_array(&writing->json);
    }
    json_writer_close_array(&writing->json);
}

static void write_interests(struct writing *writing)
{
    const struct record *record = writing->record;
    put_name(writing, FIELD_INTERESTS);
    json_writer_open_array(&writing->json);
    for (unsigned i = 0; i < record->interest_count; i++) {
        json_writer_open_array(&writing->json);
        json_writer_unsigned(&writing->json, record->interests[i].taxonomy_id);
        json_writer_unsigned(&writing->json, record->interests[i].weight);
        json_writer_close_array(&writing->json);
    }
    json_writer_close_array(&writing->json);
}

/* What was done: a page, or something with an app, and what it came to. */
static void write_object(struct writing *writing)
{
    char text[HASH_TEXT_SIZE];
    const struct record *record = writing->record;
    if (record->type == EVENT_BROWSE) {
        write_text(writing, FIELD_URL, record->url);
        write_text(writing, FIELD_HOST, record->host);
    } else {
        write_text(writing, FIELD_APP, record->app);
        if (can_carry(writing, FIELD_PREINSTALLED) && record->preinstalled) {
            put_name(writing, FIELD_PREINSTALLED);
            json_writer_bool(&writing->json, true);
        }
        if (record->app_token != 0)
            write_text(writing, FIELD_APP_TOKEN, hash_text(record->app_token, text));
    }
    if (!can_carry(writing, FIELD_INTERESTS))
        return;
    write_interests(writing);
    put_text(writing, FIELD_RULES_DIGEST, hash_text(record->rules_digest, text));
}

static void write_value(struct writing *writing)
{
    const struct record *record = writing->record;
    json_writer_open_object(&writing->json);
    put_integer(writing, FIELD_VERSION, CODEC_VERSION);
    put_text(writing, FIELD_KIND, (struct view)VIEW("event"));
    put_text(writing, FIELD_TYPE, view_of_string(codec_type_names[record->type]));
    put_integer(writing, FIELD_TIME, record->time_ms);
    put_integer(writing, FIELD_TIMESTAMP, record->timestamp_ms);
    write_identifiers(writing);
    write_pseudonyms(writing);
    write_named(writing);
    write_programmes(writing);
    write_object(writing);
    write_boxes(writing);
    json_writer_close_object(&writing->json);
}

static size_t value_size_max(const struct record *record)
{
    size_t texts = record->url.size + record->host.size + record->app.size;
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++)
        texts += record->subjects[kind].identifier.size;
    /* frame, 15 names of programmes of 32 bytes and 16 interests stay below the envelope */
    return ENVELOPE_SIZE_MAX + texts * ESCAPED +
           (size_t)__builtin_popcount(record->sealed) * BOX_ENTRY_SIZE_MAX;
}

static bool write_key(enum hop hop, const struct subject *line, struct arena *arena, struct view *out_key)
{
    if (codec_is_before_pseudonymize(hop))
        return arena_copy(arena, line->identifier, out_key);
    char *text = arena_take(arena, PSEUDONYM_TEXT_SIZE);
    if (!text)
        return false;
    *out_key = codec_pseudonym_text(&line->pseudonym, text);
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
    ensure(codec_is_before_pseudonymize(hop) || line->has_pseudonym);
    struct output output = {
        .topic = topic_of(hop),
        .partition = OUTPUT_PARTITION_BY_KEY,
        .headers = {{.name = CODEC_HEADER_ORIGIN}},
        .header_count = 1,
    };
    struct writing writing = {.codec = codec, .hop = hop, .record = record};
    if (!json_writer_take(&writing.json, arena, value_size_max(record)))
        return false;
    write_value(&writing);
    ensure(!writing.json.overflow); /* the bound is ours */
    if (!json_writer_finish(&writing.json, arena, &output.value) ||
        !write_key(hop, line, arena, &output.key) ||
        !write_origin(&record->origin, arena, &output.headers[0].value))
        return false;
    *out_output = output;
    return true;
}
