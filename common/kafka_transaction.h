/*
 * A transactional producer and the outcome of each of its steps (architecture 4, rules 1 to 6).
 *
 * Every step answers one of three: done; abort the transaction and rewind; or recreate the producer, because nobody
 * knows what happened (a time-out or a lost connection around a coordinator request) or the handle is of no further
 * use. Retriable errors are retried here, the same call, until a deadline. One thread: its worker's.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_TRANSACTION_H
#define CLICKVEIL_COMMON_KAFKA_TRANSACTION_H

#include "common/config.h"
#include "common/error.h"
#include "common/output.h"

#include <librdkafka/rdkafka.h>

struct kafka_transaction;

enum kafka_outcome {
    KAFKA_OUTCOME_RECREATE = 0, /* unknown: recreate the producer, take positions and state from the broker */
    KAFKA_OUTCOME_DONE,
    KAFKA_OUTCOME_ABORT,
    KAFKA_OUTCOME_FENCED, /* another instance runs under this identity: stop */
};

/* Make a producer of that transactional.id. Connects when it is opened. */
struct kafka_transaction *kafka_transaction_new(const struct config *config, const char *transactional_id,
                                                struct error *error);
void kafka_transaction_free(struct kafka_transaction *transaction);

/* init_transactions: fences an older producer of this identity and ends its transaction; asks for the metadata of the
 * output topics, so that the first transaction does not wait for it. False with error->retriable: broker not there. */
CLICKVEIL_MUST_CHECK bool kafka_transaction_open(struct kafka_transaction *transaction, int timeout_ms,
                                                 struct error *error);

enum kafka_outcome kafka_transaction_begin(struct kafka_transaction *transaction, struct error *error);

/* Has begin been called without a commit or abort since? */
bool kafka_transaction_is_open(const struct kafka_transaction *transaction);

/* Enqueue one output. Borrows key and value until the transaction has ended. Waits while the queue is full. */
CLICKVEIL_MUST_CHECK bool kafka_transaction_send(struct kafka_transaction *transaction,
                                                 const struct output *output, struct error *error);

/* Wait until all that was sent is acknowledged. */
enum kafka_outcome kafka_transaction_flush(struct kafka_transaction *transaction, struct error *error);

/* Send the positions (all assigned partitions) and commit. */
enum kafka_outcome kafka_transaction_commit(struct kafka_transaction *transaction,
                                            const rd_kafka_topic_partition_list_t *positions,
                                            const rd_kafka_consumer_group_metadata_t *group,
                                            struct error *error);

/* Abort; afterwards nothing borrowed is referenced any more, whatever the outcome. */
enum kafka_outcome kafka_transaction_abort(struct kafka_transaction *transaction, struct error *error);

#endif
