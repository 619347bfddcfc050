/*
 * One event through the chain, and what each stage decided and why: for `clickveil explain` and the demo.
 *
 * Says reasons and kinds of fields only, never a value out of the event.
 */
#ifndef CLICKVEIL_COMMON_EXPLAIN_H
#define CLICKVEIL_COMMON_EXPLAIN_H

#include "common/chain.h"
#include "common/config.h"
#include "common/error.h"

#include <stdint.h>
#include <stdio.h>

struct yyjson_mut_doc;
struct yyjson_mut_val;

enum { EXPLAIN_STEPS_MAX = 17 }; /* the input and the stages of a chain */

struct explain_step {
    const char *stage;
    bool reached;
    enum verdict_kind verdict;
    const struct reason *reason; /* of a drop or reject, else NULL */
    uint64_t fields;             /* what goes on: bit i is hop_fields[i] (common/hop.h) */
    programme_set programmes;    /* for which it goes on */
    bool by_programme; /* the stage decides programme by programme, and did; then, by their index: */
    const struct reason *programme_reasons[RECORD_PROGRAMMES_MAX]; /* NULL: kept */
    uint16_t interests[RECORD_INTERESTS_MAX];
    unsigned interest_count;
};

struct explanation {
    const struct config *config;
    unsigned step_count;
    struct explain_step steps[EXPLAIN_STEPS_MAX]; /* [0] is the input */
};

/* Run one event (its JSON) through a chain of its own on `shared`, whose followed topics are complete, with the clock and
 * the Kafka timestamp at now_ms. Nothing is committed. The chain must begin at the events. False: the chain could not
 * be made, or a stage could not decide; error says why. Any thread. */
CLICKVEIL_MUST_CHECK bool explain_event(const struct config *config, struct chain_shared *shared,
                                        struct view event, int64_t now_ms,
                                        struct explanation *out_explanation, struct error *error);

/* The same of an input as it came, whose partition and Kafka timestamp count: that of a dead letter. */
CLICKVEIL_MUST_CHECK bool explain_input(const struct config *config, struct chain_shared *shared,
                                        const struct chain_input *input, int64_t now_ms,
                                        struct explanation *out_explanation, struct error *error);

/* For people, stage by stage. */
void explanation_write_text(const struct explanation *explanation, FILE *out);

/* A list with one object a stage: stage, verdict (pass, drop, reject or not_reached), reason (null for pass and
 * not_reached), help, fields, programmes, by_programme (of consent: each programme's reason, null where it goes on), interests. NULL: no
 * memory. */
struct yyjson_mut_val *explanation_json(const struct explanation *explanation, struct yyjson_mut_doc *json);

#endif
