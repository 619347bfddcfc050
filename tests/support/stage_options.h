/* The filled options of one stage of a configuration, which only tests ask for by its name. */
#ifndef CLICKVEIL_TESTS_SUPPORT_STAGE_OPTIONS_H
#define CLICKVEIL_TESTS_SUPPORT_STAGE_OPTIONS_H

#include "common/config.h"
#include "common/stage.h"

#include <string.h>

/* NULL: there is no such stage. */
static inline const void *stage_options(const struct config *config, const char *stage_name)
{
    for (unsigned i = 0; config->stages[i]; i++) {
        if (strcmp(config->stages[i]->name, stage_name) == 0)
            return config->stage_options[i];
    }
    return NULL;
}

#endif
