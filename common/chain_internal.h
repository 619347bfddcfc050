/*
 * What the files of the chain share with each other, and with nobody else.
 */
#ifndef CLICKVEIL_COMMON_CHAIN_INTERNAL_H
#define CLICKVEIL_COMMON_CHAIN_INTERNAL_H

#include "common/chain.h"
#include "common/file_watch.h"
#include "common/key_files.h"

enum {
    CHAIN_STARTUP_BLOCK_BYTES = 256 * 1024,
    CHAIN_LINKS_MAX = 16,
};
#define CHAIN_STARTUP_BYTES_MAX ((size_t)8 << 30) /* rule files live here; each has its own limit */

struct chain_shared {
    const struct config *config;
    struct arena arena;
    struct subject_key *subject_key;
    bool subject_key_lasts;
    struct named_fields_key *named_fields_key;
    bool files;
    struct key_notes key_notes; /* none in file mode */
    struct file_watch *watch;   /* what stages were loaded from; NULL in file mode */
    unsigned count;
    void *stage_shared[CHAIN_LINKS_MAX];
};

static inline const struct stage *chain_stage_at(const struct config *config, unsigned link)
{
    return config->stages[config->first_stage + link];
}

static inline const void *chain_options_at(const struct config *config, unsigned link)
{
    return config->stage_options[config->first_stage + link];
}

/* What a stage is told: without an arena and a worker, which the caller sets. */
struct stage_context chain_context(const struct chain_shared *shared, unsigned link);

#endif
