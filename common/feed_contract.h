/*
 * What an advertiser may rely on in an interests feed, checked record by record (spec 6).
 *
 * Written for the reader's side and on purpose not from the encoder's tables: who checks should not share the mistakes
 * of who writes. Strict: a member too many is as wrong as one too few.
 *
 * Pure; any thread.
 */
#ifndef CLICKVEIL_COMMON_FEED_CONTRACT_H
#define CLICKVEIL_COMMON_FEED_CONTRACT_H

#include "common/stage.h"
#include "common/view.h"

#include <stdint.h>

enum {
    FEED_CONTRACT_ID_SIZE = 16,          /* bytes */
    FEED_CONTRACT_ID_TEXT_SIZE = 22,     /* the same as base64url without padding (RFC 4648, section 5) */
    FEED_CONTRACT_INTERESTS_MAX = 8,     /* of one ID */
    FEED_CONTRACT_VALUE_SIZE_MAX = 4096, /* bytes */
    FEED_CONTRACT_VERSION = 1,
    FEED_CONTRACT_SEGTAX = 4, /* IAB Audience Taxonomy 1.1 */
};

/* Why a record does not keep the contract; index of feed_contract_reasons. */
enum feed_contract_reason {
    FEED_CONTRACT_KEY = 0,
    FEED_CONTRACT_PARTITION,
    FEED_CONTRACT_HEADERS,
    FEED_CONTRACT_TOO_LARGE,
    FEED_CONTRACT_NOT_JSON,
    FEED_CONTRACT_MEMBER_MISSING,
    FEED_CONTRACT_MEMBER_UNKNOWN,
    FEED_CONTRACT_TRIAL,
    FEED_CONTRACT_WRONG_VERSION,
    FEED_CONTRACT_ONE,
    FEED_CONTRACT_PROVIDER,
    FEED_CONTRACT_ID,
    FEED_CONTRACT_ATYPE,
    FEED_CONTRACT_WRONG_SEGTAX,
    FEED_CONTRACT_SEGMENT_COUNT,
    FEED_CONTRACT_SEGMENT_UNKNOWN,
    FEED_CONTRACT_SEGMENT_ORDER,
    FEED_CONTRACT_EPOCH,
    FEED_CONTRACT_EXPIRES,
    FEED_CONTRACT_EXPIRED,
    /* Of several records together (common/feed_state.h). */
    FEED_CONTRACT_ID_CHANGED,
    FEED_CONTRACT_REASONS,
};

extern const struct reason feed_contract_reasons[FEED_CONTRACT_REASONS];

struct feed_contract_record {
    struct view key, value; /* absent: null */
    int32_t partition;
    int32_t partitions;   /* of the topic; 0: unknown, the partition is not checked */
    int64_t timestamp_ms; /* 0: unknown */
    unsigned headers;
};

struct feed_contract_value {
    uint8_t id[FEED_CONTRACT_ID_SIZE];
    bool tombstone; /* nothing below is set */
    int atype;      /* 1 device, 3 person (AdCOM 1.0, list of agent types) */
    int32_t epoch;
    int64_t expires_ms; /* Unix epoch */
    uint16_t interests[FEED_CONTRACT_INTERESTS_MAX];
    unsigned interest_count;
};

/* Does the record keep the contract? False: *out_reason says why not. */
CLICKVEIL_MUST_CHECK bool feed_contract_read(const struct feed_contract_record *record,
                                             struct feed_contract_value *out_value,
                                             enum feed_contract_reason *out_reason);

/* Read a key; what a record is about is known even when its value is wrong. False: it is no ID. */
CLICKVEIL_MUST_CHECK bool feed_contract_id(struct view key, uint8_t out_id[FEED_CONTRACT_ID_SIZE]);

#endif
