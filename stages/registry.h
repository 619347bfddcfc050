/*
 * The one visible list of stages; its order is the processing order. A fifth stage costs one folder and one line in
 * registry.c.
 */
#ifndef CLICKVEIL_STAGES_REGISTRY_H
#define CLICKVEIL_STAGES_REGISTRY_H

#include "common/stage.h"

/* All stages in processing order; NULL at the end. Static storage. */
extern const struct stage *const registry[];

#endif
