#include "stages/pseudonymize/sealing.h"

#include "common/zone.h"

#include <sodium.h>

bool sealing_init(struct sealing *sealing, const struct stage_context *context, struct error *error)
{
    const struct config *config = context->config;
    *sealing =
        (struct sealing){.key = context->named_fields_key, .programmes = named_fields_programmes(config)};
    if (sealing->programmes && !sealing->key)
        return error_fail(
            error, EXIT_STATUS_CONFIGURATION, NULL,
            "name a key file in named_fields.key and make it with `clickveil keygen --config FILE`",
            "there is no key for the fields that programmes name");
    for (unsigned i = 0; sealing->programmes >> i; i++) {
        if (!(sealing->programmes >> i & 1))
            continue;
        const struct programme *programme = config_programme(config, i);
        if (view_is_absent(programme->timezone))
            continue;
        sealing->zones[i] = zone_load(programme->timezone, error);
        if (!sealing->zones[i])
            return false;
    }
    return true;
}

void sealing_release(struct sealing *sealing)
{
    for (unsigned i = 0; i < RECORD_PROGRAMMES_MAX; i++)
        zone_free(sealing->zones[i]);
    *sealing = (struct sealing){0};
}

/* A canonical MAID is a UUID in hexadecimal (common/subject.h). */
static bool take_advertising_id(const struct subject *device,
                                uint8_t out_bytes[NAMED_FIELDS_ADVERTISING_ID_SIZE])
{
    size_t size = 0;
    return device->present && device->identifier_kind == IDENTIFIER_MAID &&
           sodium_hex2bin(out_bytes, NAMED_FIELDS_ADVERTISING_ID_SIZE, device->identifier.data,
                          device->identifier.size, "-", &size, NULL) == 0 &&
           size == NAMED_FIELDS_ADVERTISING_ID_SIZE;
}

/* What the event says of all the fields that there are, but for the age, which depends on a programme's time zone. */
static struct named_fields fields_of(const struct record *record)
{
    struct named_fields fields = {.there = 0};
    if (take_advertising_id(&record->subjects[SUBJECT_DEVICE], fields.advertising_id))
        fields.there |= 1u << NAMED_FIELD_ADVERTISING_ID;
    if (region_is_valid(record->region)) {
        memcpy(fields.region, record->region.data, record->region.size);
        fields.region_size = (uint8_t)record->region.size;
        fields.there |= 1u << NAMED_FIELD_REGION;
    }
    return fields;
}

static void add_age_band(const struct record *record, const struct zone *zone, struct named_fields *fields)
{
    fields->there &= ~(1u << NAMED_FIELD_AGE_BAND);
    if (record->birth_year <= 0)
        return;
    fields->age_band = named_fields_age_band((int64_t)zone_year(zone, record->time_ms) - record->birth_year);
    if (fields->age_band != AGE_BAND_UNKNOWN)
        fields->there |= 1u << NAMED_FIELD_AGE_BAND;
}

bool sealing_apply(const struct sealing *sealing, const struct record *record, struct arena *arena,
                   struct record *outgoing)
{
    programme_set programmes = outgoing->programmes & sealing->programmes;
    if (!programmes)
        return true;
    size_t size = (size_t)__builtin_popcount(programmes) * NAMED_FIELDS_BOX_SIZE;
    uint8_t *boxes = arena_take(arena, size);
    if (!boxes)
        return false;
    struct named_fields fields = fields_of(record);
    outgoing->sealed = programmes;
    outgoing->boxes = (struct view){(const char *)boxes, size};
    for (unsigned i = 0; programmes >> i; i++) {
        if (!(programmes >> i & 1))
            continue;
        add_age_band(record, sealing->zones[i], &fields);
        named_fields_seal(sealing->key, i, &outgoing->subjects[SUBJECT_LINE].pseudonym, &record->origin,
                          &fields, boxes);
        boxes += NAMED_FIELDS_BOX_SIZE;
    }
    sodium_memzero(&fields, sizeof fields);
    return true;
}
