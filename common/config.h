/*
 * The whole configuration of a process, parsed and checked.
 *
 * config_load reads the YAML files, applies `--set path=value`, fills every module's options struct by its option
 * table and lints everything in one run: each mistake with file:line:column and what was probably meant. The result
 * is immutable and may be read from any thread; it lives until config_free.
 */
#ifndef CLICKVEIL_COMMON_CONFIG_H
#define CLICKVEIL_COMMON_CONFIG_H

#include "common/option.h"
#include "common/output.h"
#include "common/programme.h"
#include "common/record.h"

#include <stdio.h>

struct stage;

enum events_partitioner {
    EVENTS_PARTITIONER_UNKNOWN = 0,
    EVENTS_PARTITIONER_MURMUR2,
    EVENTS_PARTITIONER_CRC32,
    EVENTS_PARTITIONER_TRUSTED, /* the check is off */
};

/* How the key of an event writes a phone number. One spelling only: another one may hash to another partition. */
enum events_key {
    EVENTS_KEY_UNKNOWN = 0, /* no spelling is right */
    EVENTS_KEY_PLUS,        /* +12025550123 */
    EVENTS_KEY_DIGITS,      /* 12025550123 */
};

/* Names of topics by role; feeds have their own in publish.feeds. */
struct config_topics {
    struct view events, consent, dead_letters, retractions, consent_out, pseudonymize_out, classify_out,
        state;
};

struct config_subscriber {
    int kind; /* enum identifier_kind: e164, imsi or opaque */
};

/* How records are read; see spec 2. */
struct config_input {
    struct option_list fields; /* option_pair: our field name -> the operator's dotted path */
    int events_partitioner;    /* enum events_partitioner */
    int events_key;            /* enum events_key; of E.164 lines, others have one spelling */
    int64_t record_bytes_max;  /* 64 KiB */
    int64_t future_max_ms;     /* 1 d: more ahead of the Kafka timestamp is a dead letter */
    int64_t late_max_ms;       /* 2 d: more behind is dropped */
};

struct config_dead_letters {
    struct view
        public_key; /* path of the public half; absent: payloads are not kept, only reason and origin */
};

/* Programmes' named fields between pseudonymize and publish (common/named_fields.h). */
struct config_named_fields {
    struct view key; /* source of the key, as of secret_load; absent: no programme names fields */
};

struct config_runtime {
    int64_t commit_interval_ms;     /* 100 ms: how long a transaction stays open */
    int64_t batch_records_max;      /* records in one transaction at most */
    int64_t memory_bytes_max;       /* of a worker's arena: back-pressure beyond it */
    int64_t queue_bytes_max;        /* consumer prefetch of a worker */
    int64_t transaction_timeout_ms; /* 10 to 15 s */
    int64_t shutdown_timeout_ms;    /* how long a drain may take */
    bool static_membership;         /* `static: true` */
};

struct config_http {
    bool enabled;
    struct view address; /* 127.0.0.1 unless configured */
    int64_t port;
};

struct config_log {
    int format; /* 1 auto, 2 text, 3 json */
    int level;  /* 1 error, 2 warning, 3 info, 4 debug */
};

struct config {
    struct option_list kafka;       /* option_pair: any librdkafka property */
    struct option_list stage_names; /* views, a contiguous part of the chain */
    int64_t workers;
    struct view pipeline; /* first part of group.id and transactional.id */
    struct view instance; /* names transactional.id; the host name by default */
    struct config_topics topics;
    struct option_list programmes; /* struct programme, at most RECORD_PROGRAMMES_MAX */
    struct config_subscriber subscriber;
    struct config_input input;
    struct config_dead_letters dead_letters;
    struct config_named_fields named_fields;
    struct config_runtime runtime;
    struct config_http http;
    struct config_log log;

    /* Filled in after parsing. */
    const struct stage *const *stages; /* the registry, in order, NULL at its end */
    unsigned first_stage, last_stage;  /* the contiguous part of the registry that this process runs */
    void **stage_options; /* by registry index: the stage's options struct, or NULL when it has none */
    const char *file;     /* path of the main file */
};

/* One `--set path=value`: dotted path (list elements by number from 0), YAML scalar or flow value. */
struct config_override {
    const char *text;
};

/* Load and lint. `stages` is the registry (NULL-terminated, static). Every mistake and warning is appended, one per
 * line, to `report` as "file:line:column: error|warning: what". Returns NULL when there was an error (report says
 * which; exit status 78) and sets *error to the summary. */
struct config *config_load(const char *file, const struct stage *const *stages,
                           const struct config_override *overrides, unsigned override_count, FILE *report,
                           struct error *error);

void config_free(struct config *config);

/* Name of a topic by role, as configured; absent for TOPIC_NONE, and for TOPIC_FEED with an index behind the last
 * feed. `feed` counts for TOPIC_FEED only. NUL-terminated behind its end. */
struct view config_topic(const struct config *config, enum topic_role role, unsigned feed);

/* Role of the topic that this process's chain reads: events, or the output of the stage before the first. */
enum topic_role config_input_topic(const struct config *config);

/* Role of the topic that the last stage of this process writes to; TOPIC_NONE: the chain ends here. */
enum topic_role config_output_topic(const struct config *config);

/* The programmes as an array. */
static inline const struct programme *config_programme(const struct config *config, unsigned index)
{
    return &((const struct programme *)config->programmes.items)[index];
}

/* Index of the programme of that name, or -1. */
int config_programme_index(const struct config *config, struct view name);

/* Write the reference of all options as Markdown (docs/configuration.md is this output). */
void config_reference_write(const struct stage *const *stages, FILE *out);

#endif
