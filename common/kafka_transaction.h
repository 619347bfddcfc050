/*
 * A transactional producer and the outcome of each of its steps (architecture 4, rules 1 to 6).
 *
 * Every step answers: done; abort the transaction and rewind; recreate the producer, because nobody knows what happened
 * (a time-out or a lost connection around a coordinator request) or the handle is of no further use; or stop, because
 * trying again can't help. Retriable errors are retried here, the same call, until a deadline. One thread: its worker's.
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
    KAFKA_OUTCOME_STOP, /* trying again can't help: fenced by another instance, not authorised, a record too large */
};

/* Make a producer of that transactional.id. Connects when it is opened. */
struct kafka_transaction *kafka_transaction_new(const struct config *config, const char *transactional_id,
                                                struct error *error);
void kafka_transaction_free(struct kafka_transaction *transaction);

/* init_transactions: fences an older producer of this identity and ends its transaction; asks for the metadata of the
 * output topics, so that the first transaction does not wait for it. False with error->retriable: broker not there, the
 * same call again; error->fatal: a new producer is needed; neither: trying again can't help. */
CLICKVEIL_MUST_CHECK bool kafka_transaction_open(struct kafka_transaction *transaction, int timeout_ms,
                                                 struct error *error);

enum kafka_outcome kafka_transaction_begin(struct kafka_transaction *transaction, struct error *error);

/* Has begin been called without a commit or abort since? NULL: no. */
bool kafka_transaction_is_open(const struct kafka_transaction *transaction);

/* A coordinator request got no answer, though the library's own retry of it did: the first one may still be under way and
 * would then end the next transaction. Use a producer like that no more: the epoch of a new one fences it (rule 5). */
bool kafka_transaction_is_doubtful(const struct kafka_transaction *transaction);

/* Let the library say what it has to say; between transactions too, a few times a second. */
void kafka_transaction_serve(struct kafka_transaction *transaction);

/* Enqueue one output. Borrows key and value until the transaction has ended. Waits while the queue is full. False:
 * kafka_transaction_outcome_of_send tells what that means. */
CLICKVEIL_MUST_CHECK bool kafka_transaction_send(struct kafka_transaction *transaction,
                                                 const struct output *output, struct error *error);

/* What a failed send means for the transaction. */
enum kafka_outcome kafka_transaction_outcome_of_send(const struct error *error);

/* Wait until all that was sent is acknowledged, at most until the transaction's time-out. */
enum kafka_outcome kafka_transaction_flush(struct kafka_transaction *transaction, struct error *error);

/* Send the positions (all assigned partitions) and commit. */
enum kafka_outcome kafka_transaction_commit(struct kafka_transaction *transaction,
                                            const rd_kafka_topic_partition_list_t *positions,
                                            const rd_kafka_consumer_group_metadata_t *group,
                                            struct error *error);

/* Abort; afterwards nothing borrowed is referenced any more, whatever the outcome. */
enum kafka_outcome kafka_transaction_abort(struct kafka_transaction *transaction, struct error *error);

#endif
