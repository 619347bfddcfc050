#include "stages/publish/feed_value.h"

#include "common/hop.h"
#include "common/rfc3339.h"

enum {
    SEGTAX = 4,            /* IAB Audience Taxonomy 1.1 (OpenRTB, list of segment taxonomies) */
    ATYPE_DEVICE = 1,      /* AdCOM 1.0, list of agent types: an ID of a device */
    ATYPE_PERSON = 3,      /* a person-based ID */
    VALUE_SIZE_MAX = 2048, /* bytes; a provider of 253 bytes stands there three times */
    NUMBER_SIZE = 5,       /* digits of a taxonomy ID */
};

enum shape_kind {
    SHAPE_END = 0,
    SHAPE_OBJECT,
    SHAPE_ONE,       /* array of exactly one object */
    SHAPE_INTERESTS, /* array of one object for each interest */
    SHAPE_CONSTANT,  /* integer */
    SHAPE_PROVIDER,
    SHAPE_ID,
    SHAPE_ATYPE,
    SHAPE_INTEREST,
    SHAPE_EPOCH,
    SHAPE_EXPIRES,
    SHAPE_TRIAL, /* only there when true */
};

struct shape {
    enum shape_kind kind;
    const char *name; /* of the member */
    const char *help;
    const struct shape *members; /* of objects, and of the objects in arrays */
    int64_t constant;
};

static const struct shape uid_members[] = {
    {SHAPE_ID, "id", "The ID: stays the same for one epoch, in this feed only. Equal to the record's key.",
     NULL, 0},
    {SHAPE_ATYPE, "atype", "AdCOM agent type: 1 the ID of a device, 3 of a person.", NULL, 0},
    {0},
};

static const struct shape eid_members[] = {
    {SHAPE_PROVIDER, "source", "Domain of the operator, who gives out the ID.", NULL, 0},
    {SHAPE_PROVIDER, "inserter", "Domain of the operator, who wrote this object.", NULL, 0},
    {SHAPE_ONE, "uids", "Exactly one ID.", uid_members, 0},
    {0},
};

static const struct shape segment_members[] = {
    {SHAPE_INTEREST, "id", "ID of an interest in the taxonomy that ext.segtax names.", NULL, 0},
    {0},
};

static const struct shape data_ext_members[] = {
    {SHAPE_CONSTANT, "segtax", "IAB Audience Taxonomy 1.1.", NULL, SEGTAX},
    {0},
};

static const struct shape data_members[] = {
    {SHAPE_PROVIDER, "name", "Domain of the operator.", NULL, 0},
    {SHAPE_INTERESTS, "segment", "All interests of this ID in this epoch, in the order of their IDs.",
     segment_members, 0},
    {SHAPE_OBJECT, "ext", "Which taxonomy the segments are of.", data_ext_members, 0},
    {0},
};

static const struct shape user_members[] = {
    {SHAPE_ONE, "eids", "Exactly one extended identifier.", eid_members, 0},
    {SHAPE_ONE, "data", "Exactly one data object.", data_members, 0},
    {0},
};

static const struct shape ext_members[] = {
    {SHAPE_EPOCH, "epoch", "Number of the epoch in which the ID is valid.", NULL, 0},
    {SHAPE_EXPIRES, "expires", "From then on the record must not be used, tombstone or not.", NULL, 0},
    {SHAPE_TRIAL, "trial", "Made with lowered privacy settings, for trials only.", NULL, 0},
    {0},
};

static const struct shape root_members[] = {
    {SHAPE_CONSTANT, "v", "Version of this format.", NULL, FEED_VALUE_VERSION},
    {SHAPE_OBJECT, "user", "An OpenRTB 2.6 User object: copy it into the bid request.", user_members, 0},
    {SHAPE_OBJECT, "ext", "Validity.", ext_members, 0},
    {0},
};

/* ---- against the table of hops ---- */

/* Is outer.inner (outer NULL: inner) what the table calls that field? */
static bool is_field(const char *field, const char *outer, const char *inner)
{
    size_t before = outer ? strlen(outer) + 1 : 0;
    return (!outer || (strncmp(field, outer, before - 1) == 0 && field[before - 1] == '.')) &&
           strcmp(field + before, inner) == 0;
}

static unsigned rows_of(const char *outer, const char *inner)
{
    unsigned rows = 0;
    for (const struct hop_field *field = hop_fields; field->name; field++)
        rows += (field->hops >> HOP_FEED & 1) && is_field(field->name, outer, inner);
    return rows;
}

bool feed_value_is_allowed(void)
{
    unsigned members = 0, rows = 0;
    for (const struct shape *root = root_members; root->kind; root++) {
        const struct shape *inner = root->kind == SHAPE_OBJECT ? root->members : NULL;
        if (!inner && (members++, rows_of(NULL, root->name) != 1))
            return false;
        for (; inner && inner->kind; inner++, members++)
            if (rows_of(root->name, inner->name) != 1)
                return false;
    }
    for (const struct hop_field *field = hop_fields; field->name; field++)
        rows += field->hops >> HOP_FEED & 1;
    return rows == members;
}

/* ---- the value ---- */

struct view_buffer {
    char text[NUMBER_SIZE];
    unsigned size;
};

static struct view_buffer digits_of(uint16_t number)
{
    struct view_buffer digits = {.size = 0};
    unsigned divisor = 10000;
    for (; divisor > 1 && number < divisor; divisor /= 10)
        ;
    for (; divisor; divisor /= 10)
        digits.text[digits.size++] = (char)('0' + number / divisor % 10);
    return digits;
}

static void write_members(struct json_writer *writer, const struct shape *members,
                          const struct feed_value *value, uint16_t interest);

static void write_value(struct json_writer *writer, const struct shape *shape, const struct feed_value *value,
                        uint16_t interest)
{
    char expires[RFC3339_TEXT_SIZE];
    struct view_buffer digits;
    switch (shape->kind) {
    case SHAPE_OBJECT:
        write_members(writer, shape->members, value, interest);
        break;
    case SHAPE_ONE:
        json_writer_open_array(writer);
        write_members(writer, shape->members, value, interest);
        json_writer_close_array(writer);
        break;
    case SHAPE_INTERESTS:
        json_writer_open_array(writer);
        for (unsigned i = 0; i < value->interests.count; i++)
            write_members(writer, shape->members, value, value->interests.ids[i]);
        json_writer_close_array(writer);
        break;
    case SHAPE_CONSTANT:
        json_writer_integer(writer, shape->constant);
        break;
    case SHAPE_PROVIDER:
        json_writer_string(writer, value->provider);
        break;
    case SHAPE_ID:
        json_writer_string(writer, value->id);
        break;
    case SHAPE_ATYPE:
        json_writer_integer(writer, value->subject == FEED_SUBJECT_DEVICE ? ATYPE_DEVICE : ATYPE_PERSON);
        break;
    case SHAPE_INTEREST:
        digits = digits_of(interest);
        json_writer_string(writer, (struct view){digits.text, digits.size});
        break;
    case SHAPE_EPOCH:
        json_writer_integer(writer, value->epoch);
        break;
    case SHAPE_EXPIRES:
        rfc3339_write(value->expires_ms, expires);
        json_writer_string(writer, (struct view){expires, sizeof expires});
        break;
    case SHAPE_TRIAL:
        json_writer_bool(writer, true);
        break;
    case SHAPE_END:
        ensure(shape->kind != SHAPE_END);
    }
}

static void write_members(struct json_writer *writer, const struct shape *members,
                          const struct feed_value *value, uint16_t interest)
{
    json_writer_open_object(writer);
    for (const struct shape *shape = members; shape->kind; shape++) {
        if (shape->kind == SHAPE_TRIAL && !value->trial)
            continue;
        json_writer_name(writer, shape->name);
        write_value(writer, shape, value, interest);
    }
    json_writer_close_object(writer);
}

bool feed_value_write(const struct feed_value *value, struct arena *arena, struct view *out_text)
{
    struct feed_value sorted = *value;
    uint16_t *ids = sorted.interests.ids;
    for (unsigned i = 1; i < sorted.interests.count; i++) {
        for (unsigned j = i; j > 0 && ids[j - 1] > ids[j]; j--) {
            uint16_t id = ids[j];
            ids[j] = ids[j - 1];
            ids[j - 1] = id;
        }
    }
    struct json_writer writer;
    if (!json_writer_take(&writer, arena, VALUE_SIZE_MAX))
        return false;
    write_members(&writer, root_members, &sorted, 0);
    return json_writer_finish(&writer, arena, out_text);
}

/* ---- its description ---- */

static void describe_members(struct json_writer *writer, const struct shape *members);

static void describe_type(struct json_writer *writer, const char *type)
{
    json_writer_member_string(writer, "type", view_of_string(type));
}

static void describe_text(struct json_writer *writer, const char *pattern)
{
    describe_type(writer, "string");
    json_writer_member_string(writer, "pattern", view_of_string(pattern));
}

static void describe_array(struct json_writer *writer, const struct shape *members, int64_t items_max)
{
    describe_type(writer, "array");
    json_writer_member_integer(writer, "minItems", 1);
    json_writer_member_integer(writer, "maxItems", items_max);
    json_writer_member_bool(writer, "uniqueItems", true);
    json_writer_name(writer, "items");
    json_writer_open_object(writer);
    describe_members(writer, members);
    json_writer_close_object(writer);
}

static void describe(struct json_writer *writer, const struct shape *shape)
{
    json_writer_open_object(writer);
    json_writer_member_string(writer, "description", view_of_string(shape->help));
    switch (shape->kind) {
    case SHAPE_OBJECT:
        describe_members(writer, shape->members);
        break;
    case SHAPE_ONE:
        describe_array(writer, shape->members, 1);
        break;
    case SHAPE_INTERESTS:
        describe_array(writer, shape->members, INTERESTS_MAX);
        break;
    case SHAPE_CONSTANT:
        json_writer_member_integer(writer, "const", shape->constant);
        break;
    case SHAPE_PROVIDER:
        describe_text(writer, "^[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63})+$");
        break;
    case SHAPE_ID:
        describe_text(writer, "^[A-Za-z0-9_-]{22}$");
        break;
    case SHAPE_ATYPE:
        json_writer_name(writer, "enum");
        json_writer_open_array(writer);
        json_writer_integer(writer, ATYPE_DEVICE);
        json_writer_integer(writer, ATYPE_PERSON);
        json_writer_close_array(writer);
        break;
    case SHAPE_INTEREST:
        describe_text(writer, "^[1-9][0-9]{0,4}$");
        break;
    case SHAPE_EPOCH:
        describe_type(writer, "integer");
        break;
    case SHAPE_EXPIRES:
        describe_text(writer, "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$");
        json_writer_member_string(writer, "format", VIEW("date-time"));
        break;
    case SHAPE_TRIAL:
        json_writer_member_bool(writer, "const", true);
        break;
    case SHAPE_END:
        ensure(shape->kind != SHAPE_END);
    }
    json_writer_close_object(writer);
}

static void describe_members(struct json_writer *writer, const struct shape *members)
{
    describe_type(writer, "object");
    json_writer_member_bool(writer, "additionalProperties", false);
    json_writer_name(writer, "required");
    json_writer_open_array(writer);
    for (const struct shape *shape = members; shape->kind; shape++) {
        if (shape->kind != SHAPE_TRIAL)
            json_writer_string(writer, view_of_string(shape->name));
    }
    json_writer_close_array(writer);
    json_writer_name(writer, "properties");
    json_writer_open_object(writer);
    for (const struct shape *shape = members; shape->kind; shape++) {
        json_writer_name(writer, shape->name);
        describe(writer, shape);
    }
    json_writer_close_object(writer);
}

static void describe_value(struct json_writer *writer)
{
    json_writer_member_string(writer, "title", VIEW("Interests of one ID in one epoch"));
    json_writer_member_string(
        writer, "description",
        VIEW("Value of a record of an interests feed. The topic is the current state: the "
             "last value of a key counts, and a tombstone ends it. A tombstone alone does "
             "not mean that a person opted out."));
    describe_members(writer, root_members);
}

void feed_value_schema_write(struct json_writer *writer)
{
    json_writer_open_object(writer);
    json_writer_member_string(writer, "$schema", VIEW("https://json-schema.org/draft/2020-12/schema"));
    describe_value(writer);
    json_writer_close_object(writer);
}

static void open_member(struct json_writer *writer, const char *name)
{
    json_writer_name(writer, name);
    json_writer_open_object(writer);
}

static void reference_member(struct json_writer *writer, const char *name, struct view reference)
{
    open_member(writer, name);
    json_writer_member_string(writer, "$ref", reference);
    json_writer_close_object(writer);
}

static void write_message(struct json_writer *writer, const char *name, struct view title, bool tombstone)
{
    open_member(writer, name);
    json_writer_member_string(writer, "title", title);
    json_writer_member_string(writer, "contentType", VIEW("application/json"));
    open_member(writer, "bindings");
    open_member(writer, "kafka");
    open_member(writer, "key");
    describe_text(writer, "^[A-Za-z0-9_-]{22}$");
    json_writer_close_object(writer);
    json_writer_close_object(writer);
    json_writer_close_object(writer);
    open_member(writer, "payload");
    if (tombstone)
        describe_type(writer, "null");
    else
        describe_value(writer);
    json_writer_close_object(writer);
    json_writer_close_object(writer);
}

void feed_value_asyncapi_write(struct json_writer *writer)
{
    json_writer_open_object(writer);
    json_writer_member_string(writer, "asyncapi", VIEW("3.0.0"));
    open_member(writer, "info");
    json_writer_member_string(writer, "title", VIEW("clickveil interests feed"));
    json_writer_member_string(writer, "version", VIEW("1.0.0"));
    json_writer_member_string(
        writer, "description",
        VIEW("A compacted Kafka topic that holds the present interests of each ID. Read it from the "
             "beginning, "
             "keep the last value of each key, drop keys at a tombstone and when they expire."));
    json_writer_close_object(writer);
    open_member(writer, "channels");
    open_member(writer, "feed");
    json_writer_member_string(writer, "address", VIEW("{topic}"));
    open_member(writer, "parameters");
    open_member(writer, "topic");
    json_writer_member_string(writer, "description", VIEW("The feed's topic, as agreed with the operator."));
    json_writer_close_object(writer);
    json_writer_close_object(writer);
    open_member(writer, "messages");
    reference_member(writer, "interests", VIEW("#/components/messages/interests"));
    reference_member(writer, "tombstone", VIEW("#/components/messages/tombstone"));
    json_writer_close_object(writer);
    json_writer_close_object(writer);
    json_writer_close_object(writer);
    open_member(writer, "operations");
    open_member(writer, "receive");
    json_writer_member_string(writer, "action", VIEW("receive"));
    reference_member(writer, "channel", VIEW("#/channels/feed"));
    json_writer_close_object(writer);
    json_writer_close_object(writer);
    open_member(writer, "components");
    open_member(writer, "messages");
    write_message(writer, "interests", VIEW("All interests of an ID"), false);
    write_message(writer, "tombstone", VIEW("The ID is not published any more"), true);
    json_writer_close_object(writer);
    json_writer_close_object(writer);
    json_writer_close_object(writer);
}
