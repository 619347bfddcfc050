/*
 * The end of a process comes, whatever the client library does. Closing a consumer or destroying a client can wait for ever in
 * librdkafka 2.0.2 (issue 4362; an error of a partition that is on its way), most of all shortly after its brokers were
 * away. By then nothing is lost with them: whatever is open is aborted by the successor of the same name or by the broker, as
 * after a kill at any other moment.
 *
 * One deadline at a time. One thread: the one that ends the process.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_ENDING_H
#define CLICKVEIL_COMMON_KAFKA_ENDING_H

#include <stdint.h>

/* From now on the process ends within so long (0 to a day), with that exit status, unless kafka_ending_release comes before; what
 * it was about is said in the log then. doing: lives until that. Comes in place of what was set before. Where no thread can be
 * had there is no such bound. */
void kafka_ending_set(int64_t within_ms, int exit_status, const char *doing);

void kafka_ending_release(void); /* without one: nothing happens */

#endif
