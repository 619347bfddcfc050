/*
 * The digest of rules: over the records in the order of their keys, each as it decides, whatever lists they came from.
 */
#include "stages/classify/rules_internal.h"

#include <sodium.h>

static unsigned char *put_number(unsigned char *bytes, uint64_t number)
{
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(number >> (56 - 8 * i));
    return bytes + 8;
}

/* Number of records; then of each kind, size and bytes of the key, number and values of the interests; every number
 * as 8 bytes, big endian. */
void rules_digest_part(const struct rule_part *part, unsigned char out_digest[RULES_DIGEST_SIZE])
{
    unsigned char bytes[8 * (3 + RECORD_INTERESTS_MAX) + RULE_KEY_SIZE_MAX];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, RULES_DIGEST_SIZE);
    put_number(bytes, part->count);
    crypto_generichash_update(&state, bytes, 8);
    for (uint64_t i = 0; i < part->count; i++) {
        const struct rule_record *record = rule_part_at(part, part->order[i]);
        struct view key = rule_record_key(record);
        unsigned char *end = put_number(put_number(bytes, record->kind), key.size);
        memcpy(end, key.data, key.size);
        end = put_number(end + key.size, record->interest_count);
        for (unsigned interest = 0; interest < record->interest_count; interest++)
            end = put_number(end, rule_record_interests(record)[interest]);
        crypto_generichash_update(&state, bytes, (size_t)(end - bytes));
    }
    crypto_generichash_final(&state, out_digest, RULES_DIGEST_SIZE);
}

uint64_t rules_digest_of(const struct rules *rules)
{
    unsigned char parts[2 * RULES_DIGEST_SIZE], digest[RULES_DIGEST_SIZE];
    uint64_t number = 0;
    memcpy(parts, rules->hosts.digest, RULES_DIGEST_SIZE);
    memcpy(parts + RULES_DIGEST_SIZE, rules->apps.digest, RULES_DIGEST_SIZE);
    crypto_generichash(digest, sizeof(digest), parts, sizeof(parts), NULL, 0);
    for (unsigned i = 0; i < 8; i++)
        number = number << 8 | digest[i];
    return number;
}
