/*
 * The named fields of `detailed` programmes, sealed on their way from pseudonymize to publish (spec 4): what a programme's
 * file lists in `fields`, for feeds that show it beside interests (spec 6).
 *
 * A record has one box for each programme that it was kept for and that names fields, with that programme's fields and no
 * others, sealed under that programme's key: what an advertiser of one programme gets is not in the box of another one,
 * and a programme that leaves the record's set takes its box along. All boxes are of one size, whatever is in them. A box
 * opens only for the programme, the line's pseudonym and the input record that it was made for, so it cannot be moved to
 * another person or another time. docs/named-fields.md specifies every byte.
 *
 * Sealing the same again makes the same bytes, so that a transaction that is processed again gives the same output; no
 * nonce is used for two contents.
 *
 * Any thread; a key is immutable once loaded.
 */
#ifndef CLICKVEIL_COMMON_NAMED_FIELDS_H
#define CLICKVEIL_COMMON_NAMED_FIELDS_H

#include "common/config.h"
#include "common/record.h"
#include "common/region.h"

enum {
    NAMED_FIELDS_TEXT_SIZE = 24, /* of what is sealed; always filled up to that */
    NAMED_FIELDS_BOX_SIZE = 24 + NAMED_FIELDS_TEXT_SIZE + 16, /* nonce, text, authenticator */
    NAMED_FIELDS_KEY_SIZE = 32,                               /* of the key file */
    NAMED_FIELDS_ADVERTISING_ID_SIZE = 16,                    /* the UUID's bytes */
};

/* The year of the event less the year of birth, so up to a year too much before the birthday. Nobody below 18 has a band. */
enum age_band {
    AGE_BAND_UNKNOWN = 0,
    AGE_BAND_18_24,
    AGE_BAND_25_34,
    AGE_BAND_35_44,
    AGE_BAND_45_54,
    AGE_BAND_55_64,
    AGE_BAND_65_UP,
    AGE_BANDS,
};

/* What a box holds. */
struct named_fields {
    unsigned there; /* bit 1u << enum named_field: the person has it; the others count for nothing */
    uint8_t advertising_id[NAMED_FIELDS_ADVERTISING_ID_SIZE];
    char region[REGION_SIZE_MAX]; /* ISO 3166-2 */
    uint8_t region_size;
    enum age_band age_band;
};

/* The band of an age in years; AGE_BAND_UNKNOWN below 18 and above 130. Pure. */
enum age_band named_fields_age_band(int64_t age);

/* The keys of all programmes that name fields, in locked memory. */
struct named_fields_key;

/* Load the key file of the purpose `fields` and make the programmes' keys from it. Sources as of secret_load. NULL: error
 * says why. The configuration must outlive it. */
struct named_fields_key *named_fields_key_load(const char *source, const struct config *config,
                                               struct error *error);

/* The same from given bytes, for test vectors. */
struct named_fields_key *named_fields_key_of_bytes(const uint8_t bytes[NAMED_FIELDS_KEY_SIZE],
                                                   const struct config *config, struct error *error);

void named_fields_key_free(struct named_fields_key *key); /* wipes; NULL is fine */

/* The programmes of a configuration that name fields. Pure. */
programme_set named_fields_programmes(const struct config *config);

/* All fields that some programme of a set names: bits 1u << enum named_field. Pure. */
unsigned named_fields_of(const struct config *config, programme_set programmes);

/* Seal fields for one programme, which names some; those that it does not name are left out. */
void named_fields_seal(const struct named_fields_key *key, unsigned programme, const struct pseudonym *line,
                       const struct origin *origin, const struct named_fields *fields,
                       uint8_t out_box[NAMED_FIELDS_BOX_SIZE]);

/* Open a box of that programme, line and input record. Only fields that the programme names are given. False: it was made
 * with another key, for another programme, line or record, or of another version; *out_fields is untouched. */
CLICKVEIL_MUST_CHECK bool named_fields_open(const struct named_fields_key *key, unsigned programme,
                                            const struct pseudonym *line, const struct origin *origin,
                                            const uint8_t box[NAMED_FIELDS_BOX_SIZE],
                                            struct named_fields *out_fields);

/* The record's box of a programme, NAMED_FIELDS_BOX_SIZE bytes that live as long as record.boxes; NULL: it has none. */
static inline const uint8_t *named_fields_box(const struct record *record, unsigned programme)
{
    if (!(record->sealed >> programme & 1))
        return NULL;
    unsigned before = (unsigned)__builtin_popcount(record->sealed & ((1u << programme) - 1));
    return (const uint8_t *)record->boxes.data + (size_t)before * NAMED_FIELDS_BOX_SIZE;
}

#endif
