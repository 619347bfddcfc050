#include "common/feed_contract.h"

#include "common/config.h"
#include "common/partitioner.h"
#include "common/rfc3339.h"

#include <sodium.h>
#include <yyjson.h>

const struct reason feed_contract_reasons[FEED_CONTRACT_REASONS] = {
    [FEED_CONTRACT_KEY] = {"key", "the key is not an ID: 22 characters of base64url that stand for 16 bytes"},
    [FEED_CONTRACT_PARTITION] = {"partition", "not in the partition that its key says (murmur2)"},
    [FEED_CONTRACT_HEADERS] = {"headers", "records of a feed have no headers"},
    [FEED_CONTRACT_TOO_LARGE] = {"too_large", "the value has more than 4096 bytes"},
    [FEED_CONTRACT_NOT_JSON] = {"not_json", "the value is not one JSON object"},
    [FEED_CONTRACT_MEMBER_MISSING] = {"member_missing", "a member is missing, or is of another type"},
    [FEED_CONTRACT_MEMBER_UNKNOWN] = {"member_unknown",
                                      "a member that the contract does not name, or one twice"},
    [FEED_CONTRACT_TRIAL] = {"trial", "made with lowered privacy settings: not for use"},
    [FEED_CONTRACT_WRONG_VERSION] = {"wrong_version", "v is not 1"},
    [FEED_CONTRACT_ONE] = {"one", "eids, uids and data have exactly one element each"},
    [FEED_CONTRACT_PROVIDER] = {"provider", "source, inserter and name are not one and the same domain"},
    [FEED_CONTRACT_ID] = {"id", "the ID is not the record's key"},
    [FEED_CONTRACT_ATYPE] = {"atype", "atype is neither 1 (device) nor 3 (person)"},
    [FEED_CONTRACT_WRONG_SEGTAX] = {"wrong_segtax", "segtax is not 4, the IAB Audience Taxonomy 1.1"},
    [FEED_CONTRACT_SEGMENT_COUNT] = {"segment_count",
                                     "an ID has 1 to 8 segments; without any it is a tombstone"},
    [FEED_CONTRACT_SEGMENT_UNKNOWN] = {"segment_unknown",
                                       "a segment is not the ID of an interest of the taxonomy"},
    [FEED_CONTRACT_SEGMENT_ORDER] = {"segment_order",
                                     "segments are not in the order of their IDs, or one is there twice"},
    [FEED_CONTRACT_EPOCH] = {"epoch", "epoch is not a whole number"},
    [FEED_CONTRACT_EXPIRES] = {"expires", "expires is not a moment as in 2021-04-26T00:00:00Z"},
    [FEED_CONTRACT_EXPIRED] = {"expired", "the record was written when its epoch's life was over"},
    [FEED_CONTRACT_ID_CHANGED] = {"id_changed", "an ID of another epoch, life or atype than before"},
};

/* Rows below `Interest`: IAB Tech Lab, Audience Taxonomy 1.1, 2020; what is between the ranges does not exist. */
static const struct {
    uint16_t first, last;
} interests[] = {
    {207, 348}, {350, 350}, {352, 356}, {359, 383}, {385, 395},
    {397, 401}, {404, 404}, {406, 551}, {581, 594}, {606, 751},
};

static bool is_interest(uint32_t id)
{
    for (unsigned i = 0; i < sizeof interests / sizeof interests[0]; i++) {
        if (id >= interests[i].first && id <= interests[i].last)
            return true;
    }
    return false;
}

/* ---- pieces; each returns false with the reason ---- */

struct reading {
    const struct feed_contract_record *record;
    struct feed_contract_value *value;
    enum feed_contract_reason reason;
};

static bool wrong(struct reading *reading, enum feed_contract_reason reason)
{
    reading->reason = reason;
    return false;
}

/* An object with just these members (NULL at the end), each once. */
static bool has_members(struct reading *reading, yyjson_val *object, const char *const *names)
{
    size_t count = 0;
    if (!yyjson_is_obj(object))
        return wrong(reading, FEED_CONTRACT_MEMBER_MISSING);
    for (; names[count]; count++) {
        if (!yyjson_obj_get(object, names[count]))
            return wrong(reading, FEED_CONTRACT_MEMBER_MISSING);
    }
    return yyjson_obj_size(object) == count || wrong(reading, FEED_CONTRACT_MEMBER_UNKNOWN);
}

#define MEMBERS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The only element of an array. */
static bool take_only(struct reading *reading, yyjson_val *array, yyjson_val **out_element)
{
    if (!yyjson_is_arr(array))
        return wrong(reading, FEED_CONTRACT_MEMBER_MISSING);
    if (yyjson_arr_size(array) != 1)
        return wrong(reading, FEED_CONTRACT_ONE);
    *out_element = yyjson_arr_get_first(array);
    return true;
}

static struct view text_of(yyjson_val *value)
{
    return yyjson_is_str(value) ? (struct view){yyjson_get_str(value), yyjson_get_len(value)} : VIEW_ABSENT;
}

static bool is_domain(struct view text)
{
    char why[256];
    char name[254];
    if (view_is_absent(text) || text.size == 0 || text.size >= sizeof name ||
        memchr(text.data, '\0', text.size))
        return false;
    memcpy(name, text.data, text.size);
    name[text.size] = '\0';
    return option_judge_domain((struct view){name, text.size}, why, sizeof why);
}

bool feed_contract_id(struct view key, uint8_t out_id[FEED_CONTRACT_ID_SIZE])
{
    uint8_t id[FEED_CONTRACT_ID_SIZE];
    size_t size = 0;
    if (view_is_absent(key) || key.size != FEED_CONTRACT_ID_TEXT_SIZE ||
        sodium_base642bin(id, sizeof id, key.data, key.size, NULL, &size, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        size != sizeof id)
        return false;
    memcpy(out_id, id, sizeof id);
    return true;
}

static bool read_eid(struct reading *reading, yyjson_val *user, struct view *out_provider)
{
    yyjson_val *eid, *uid;
    if (!take_only(reading, yyjson_obj_get(user, "eids"), &eid) ||
        !has_members(reading, eid, MEMBERS("source", "inserter", "uids")) ||
        !take_only(reading, yyjson_obj_get(eid, "uids"), &uid) ||
        !has_members(reading, uid, MEMBERS("id", "atype")))
        return false;
    *out_provider = text_of(yyjson_obj_get(eid, "source"));
    if (!is_domain(*out_provider) || !view_equal(*out_provider, text_of(yyjson_obj_get(eid, "inserter"))))
        return wrong(reading, FEED_CONTRACT_PROVIDER);
    if (!view_equal(text_of(yyjson_obj_get(uid, "id")), reading->record->key))
        return wrong(reading, FEED_CONTRACT_ID);
    yyjson_val *atype = yyjson_obj_get(uid, "atype");
    reading->value->atype = yyjson_is_int(atype) ? (int)yyjson_get_sint(atype) : 0;
    return reading->value->atype == 1 || reading->value->atype == 3 || wrong(reading, FEED_CONTRACT_ATYPE);
}

/* Decimal digits without leading zeros; 0 when it is something else. */
static uint32_t number_of(struct view text)
{
    uint32_t number = 0;
    if (view_is_absent(text) || text.size == 0 || text.size > 5 || text.data[0] == '0')
        return 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        number = number * 10 + (uint32_t)(text.data[i] - '0');
    }
    return number;
}

static bool read_segments(struct reading *reading, yyjson_val *list)
{
    struct feed_contract_value *value = reading->value;
    if (!yyjson_is_arr(list))
        return wrong(reading, FEED_CONTRACT_MEMBER_MISSING);
    size_t index, count;
    yyjson_val *segment;
    if (yyjson_arr_size(list) < 1 || yyjson_arr_size(list) > FEED_CONTRACT_INTERESTS_MAX)
        return wrong(reading, FEED_CONTRACT_SEGMENT_COUNT);
    value->interest_count = 0;
    yyjson_arr_foreach(list, index, count, segment)
    {
        if (!has_members(reading, segment, MEMBERS("id")))
            return false;
        uint32_t id = number_of(text_of(yyjson_obj_get(segment, "id")));
        if (!is_interest(id))
            return wrong(reading, FEED_CONTRACT_SEGMENT_UNKNOWN);
        if (index && id <= value->interests[index - 1])
            return wrong(reading, FEED_CONTRACT_SEGMENT_ORDER);
        value->interests[value->interest_count++] = (uint16_t)id;
    }
    return true;
}

static bool read_data(struct reading *reading, yyjson_val *user, struct view provider)
{
    yyjson_val *data;
    if (!take_only(reading, yyjson_obj_get(user, "data"), &data) ||
        !has_members(reading, data, MEMBERS("name", "segment", "ext")) ||
        !has_members(reading, yyjson_obj_get(data, "ext"), MEMBERS("segtax")))
        return false;
    if (!view_equal(text_of(yyjson_obj_get(data, "name")), provider))
        return wrong(reading, FEED_CONTRACT_PROVIDER);
    yyjson_val *segtax = yyjson_obj_get(yyjson_obj_get(data, "ext"), "segtax");
    if (!yyjson_is_int(segtax) || yyjson_get_sint(segtax) != FEED_CONTRACT_SEGTAX)
        return wrong(reading, FEED_CONTRACT_WRONG_SEGTAX);
    return read_segments(reading, yyjson_obj_get(data, "segment"));
}

static bool read_validity(struct reading *reading, yyjson_val *ext)
{
    struct feed_contract_value *value = reading->value;
    if (yyjson_obj_get(ext, "trial"))
        return wrong(reading, FEED_CONTRACT_TRIAL);
    if (!has_members(reading, ext, MEMBERS("epoch", "expires")))
        return false;
    yyjson_val *epoch = yyjson_obj_get(ext, "epoch");
    if (!yyjson_is_int(epoch) || yyjson_get_sint(epoch) < INT32_MIN || yyjson_get_sint(epoch) > INT32_MAX)
        return wrong(reading, FEED_CONTRACT_EPOCH);
    value->epoch = (int32_t)yyjson_get_sint(epoch);
    struct view expires = text_of(yyjson_obj_get(ext, "expires"));
    if (view_is_absent(expires) || expires.size != RFC3339_TEXT_SIZE ||
        expires.data[expires.size - 1] != 'Z' || !rfc3339_read(expires, &value->expires_ms))
        return wrong(reading, FEED_CONTRACT_EXPIRES);
    return reading->record->timestamp_ms < value->expires_ms || wrong(reading, FEED_CONTRACT_EXPIRED);
}

static bool read_root(struct reading *reading, yyjson_val *root)
{
    struct view provider = VIEW_ABSENT;
    if (!yyjson_is_obj(root))
        return wrong(reading, FEED_CONTRACT_NOT_JSON);
    yyjson_val *version = yyjson_obj_get(root, "v");
    if (version && (!yyjson_is_int(version) || yyjson_get_sint(version) != FEED_CONTRACT_VERSION))
        return wrong(reading, FEED_CONTRACT_WRONG_VERSION);
    yyjson_val *user = yyjson_obj_get(root, "user");
    return has_members(reading, root, MEMBERS("v", "user", "ext")) &&
           has_members(reading, user, MEMBERS("eids", "data")) && read_eid(reading, user, &provider) &&
           read_data(reading, user, provider) && read_validity(reading, yyjson_obj_get(root, "ext"));
}

/* ---- the record ---- */

static bool read_record(struct reading *reading)
{
    const struct feed_contract_record *record = reading->record;
    if (!feed_contract_id(record->key, reading->value->id))
        return wrong(reading, FEED_CONTRACT_KEY);
    if (record->partitions > 0 && partitioner_partition(EVENTS_PARTITIONER_MURMUR2, record->key,
                                                        record->partitions) != record->partition)
        return wrong(reading, FEED_CONTRACT_PARTITION);
    if (record->headers)
        return wrong(reading, FEED_CONTRACT_HEADERS);
    reading->value->tombstone = view_is_absent(record->value);
    if (reading->value->tombstone)
        return true;
    if (record->value.size > FEED_CONTRACT_VALUE_SIZE_MAX)
        return wrong(reading, FEED_CONTRACT_TOO_LARGE);
    yyjson_doc *doc = yyjson_read(record->value.data, record->value.size, 0);
    if (!doc)
        return wrong(reading, FEED_CONTRACT_NOT_JSON);
    bool right = read_root(reading, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return right;
}

bool feed_contract_read(const struct feed_contract_record *record, struct feed_contract_value *out_value,
                        enum feed_contract_reason *out_reason)
{
    struct feed_contract_value value = {.tombstone = false};
    struct reading reading = {.record = record, .value = &value};
    if (!read_record(&reading)) {
        *out_reason = reading.reason;
        return false;
    }
    *out_value = value;
    return true;
}
