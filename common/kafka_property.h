/*
 * Whether librdkafka has a property and takes a value for it, without a client: so that lint can say it of all properties
 * at once. No type of the library stands here.
 *
 * Any thread.
 */
#ifndef CLICKVEIL_COMMON_KAFKA_PROPERTY_H
#define CLICKVEIL_COMMON_KAFKA_PROPERTY_H

#include "common/view.h"

#include <stddef.h>

/* False: `why` says what is wrong and what was probably meant; it repeats the name and never the value, which may be a
 * password. Not for properties that load code (plugin.library.paths): the library acts on them when they are set. */
CLICKVEIL_MUST_CHECK bool kafka_property_judge(const char *name, const char *value, char *why,
                                               size_t why_size);

#endif
