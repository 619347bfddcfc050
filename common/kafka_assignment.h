/*
 * The input partitions that a worker holds, with our own next offset of each.
 *
 * We keep positions ourselves (architecture 4, rule 2): a record below its partition's next offset is dropped and
 * counted, pauses are tracked and set again inside each assignment, and after an abort everything still assigned goes
 * back to its committed offset. One thread: the worker's.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_ASSIGNMENT_H
#define CLICKVEIL_COMMON_KAFKA_ASSIGNMENT_H

#include "common/error.h"

#include <librdkafka/rdkafka.h>

struct kafka_assigned {
    int32_t partition;
    int64_t next_offset; /* of the next record to be processed */
    int64_t committed;   /* where a rewind goes: committed offset, or the first one of a new group */
    bool has_commit;     /* the group has a committed offset for it */
    bool at_end;         /* everything that stood there has been fetched */
    bool state_touched;  /* the open transaction wrote to its changelog */
    int64_t last_timestamp_ms,
        committed_timestamp_ms; /* Kafka timestamp of the newest record processed, committed */
};

struct kafka_assignment {
    const char *topic;
    struct kafka_assigned *items;
    unsigned count;
    int32_t topic_partitions; /* of the input topic */
    int32_t *index;           /* by partition: position in items, or -1 */
    bool paused;              /* all of them, or none */
};

/* Prepare for a topic of so many partitions. */
CLICKVEIL_MUST_CHECK bool kafka_assignment_init(struct kafka_assignment *assignment, const char *topic,
                                                int32_t topic_partitions, struct error *error);
void kafka_assignment_release(struct kafka_assignment *assignment);

/* Take what the group gave, in three steps: note it; ask for committed offsets (stable ones) and the first offset where
 * there is none yet, which may be tried again while error->retriable; assign explicitly, paused. `offsets` is a
 * KAFKA_ROLE_OFFSETS handle. */
CLICKVEIL_MUST_CHECK bool kafka_assignment_note(struct kafka_assignment *assignment,
                                                const rd_kafka_topic_partition_list_t *given,
                                                struct error *error);
CLICKVEIL_MUST_CHECK bool kafka_assignment_ask(struct kafka_assignment *assignment, rd_kafka_t *consumer,
                                               rd_kafka_t *offsets, struct error *error);
CLICKVEIL_MUST_CHECK bool kafka_assignment_assign(struct kafka_assignment *assignment, rd_kafka_t *consumer,
                                                  struct error *error);

/* The group took them back (or the consumer closes). */
void kafka_assignment_drop(struct kafka_assignment *assignment, rd_kafka_t *consumer);

/* NULL: not ours. */
struct kafka_assigned *kafka_assignment_find(struct kafka_assignment *assignment, int32_t partition);

CLICKVEIL_MUST_CHECK bool kafka_assignment_pause(struct kafka_assignment *assignment, rd_kafka_t *consumer,
                                                 bool paused, struct error *error);

/* Back to the committed offsets; what the consumer has fetched beyond is thrown away. */
CLICKVEIL_MUST_CHECK bool kafka_assignment_rewind(struct kafka_assignment *assignment, rd_kafka_t *consumer,
                                                  struct error *error);

/* Positions of all assigned partitions, changed or not (rule 2). The caller destroys the list. */
rd_kafka_topic_partition_list_t *kafka_assignment_positions(const struct kafka_assignment *assignment);

/* Take the consumer's positions where they are ahead of ours: behind the last record can stand a transaction's marker,
 * which has no message (rule 2). Only when everything that was polled has been processed. */
void kafka_assignment_advance(struct kafka_assignment *assignment, rd_kafka_t *consumer);

/* Ask the group again where it stands (after a commit whose result is unknown). One try. */
CLICKVEIL_MUST_CHECK bool kafka_assignment_ask_committed(struct kafka_assignment *assignment,
                                                         rd_kafka_t *consumer, struct error *error);

/* The transaction committed: next offsets are committed offsets now. */
void kafka_assignment_committed(struct kafka_assignment *assignment);

/* Is a position ahead of what is committed? With no transaction open: by markers only, behind the last record. */
bool kafka_assignment_has_moved(const struct kafka_assignment *assignment);

/* Has every partition been read to its end? */
bool kafka_assignment_at_end(const struct kafka_assignment *assignment);

/* A place in a topic where a group was to go on and nothing stands any more. */
struct kafka_gap {
    const char *topic, *group;
    int32_t partition;
    int64_t next;       /* where it was to go on */
    int64_t first, end; /* what is left: the first record, and behind the last one; both -1: not known */
    bool is_choices;    /* the topic is the consent topic, read by a side input */
};

/* Fill error: what happened (records were deleted before they were processed, or the topic was made anew), and how
 * the group comes on again without a choice missing. Always false. */
bool kafka_gap_fail(const struct kafka_gap *gap, struct error *error);

/* The same of a partition that is assigned; asks the broker what is left of it, by a KAFKA_ROLE_OFFSETS handle. */
bool kafka_assignment_fail_gap(struct kafka_assignment *assignment, rd_kafka_t *offsets, int32_t partition,
                               const char *group, bool is_choices, struct error *error);

#endif
