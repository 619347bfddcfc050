/*
 * Where a side input begins whose group has no position: at the first record, or, where what it makes only takes back what
 * was put out (struct side_input) and nothing ever was, at the end. A pipeline that is started for the first time over a
 * topic of many years and millions of choices need not answer them.
 *
 * Nothing was put out means: no topic that stands for it, in this part of the chain and behind it, ever had a record, not
 * even one that was aborted. The end is taken before that is looked at, so whatever is put out later was judged by a consent
 * topic that was read at least so far (spec 3, rules 1 and 3):
 *
 *     cut before the stage       its input has had no record yet, and what comes into it was committed behind a barrier
 *     with publish in one piece  no event is processed before the side input has answered all that stands in its source
 *                                (common/kafka_source.h)
 *
 * Any other cut, an answer that is not to be had, a position that was lost while something was put out: the first record.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_BEGIN_H
#define CLICKVEIL_COMMON_KAFKA_BEGIN_H

#include "common/stage.h"

/* Before any worker of the side input starts: commit the ends as the positions of its group where it may begin there. True:
 * that was done, or it begins elsewhere. False: try again, the broker is not there or not ready (error says why). Blocks for
 * some time-outs at most. */
CLICKVEIL_MUST_CHECK bool kafka_begin_side(const struct config *config, const struct stage *stage,
                                           int timeout_ms, struct error *error);

#endif
