/*
 * What the chains of a process share: one shared block per stage, the key of pseudonyms, and that of named fields.
 */
#include "common/chain_internal.h"

#include "common/named_fields.h"
#include "common/subject.h"

#include <stdlib.h>

struct stage_context chain_context(const struct chain_shared *shared, unsigned link)
{
    return (struct stage_context){
        .config = shared->config,
        .options = chain_options_at(shared->config, link),
        .shared = shared->stage_shared[link],
        .workers = (unsigned)shared->config->workers,
        .files = shared->files,
        .subject_key = shared->subject_key,
        .subject_key_lasts = shared->subject_key_lasts,
        .named_fields_key = shared->named_fields_key,
    };
}

/* The key of pseudonyms is the process's when it runs the stage that owns it; a consent stage of its own only needs
 * one that nobody else knows, and later stages need none (spec 4: one keyed hash per subject serves all). */
static bool load_subject_key(struct chain_shared *shared, struct error *error)
{
    const struct config *config = shared->config;
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        const struct stage *stage = config->stages[i];
        if (!stage->subject_key_path)
            continue;
        struct view path = stage->subject_key_path(config->stage_options[i]);
        shared->subject_key = subject_key_load(path.data, error);
        shared->subject_key_lasts = true;
        return shared->subject_key != NULL;
    }
    if (config->first_stage == 0) {
        shared->subject_key = subject_key_random(error);
        return shared->subject_key != NULL;
    }
    return true;
}

/* Once for all stages: a source may serve only once (fd:N). */
static bool load_named_fields_key(struct chain_shared *shared, struct error *error)
{
    const struct config *config = shared->config;
    bool asked = false;
    for (unsigned i = config->first_stage; i <= config->last_stage; i++)
        asked = asked || config->stages[i]->named_fields;
    if (!asked || view_is_absent(config->named_fields.key) || !named_fields_programmes(config))
        return true;
    shared->named_fields_key = named_fields_key_load(config->named_fields.key.data, config, error);
    return shared->named_fields_key != NULL;
}

struct watching {
    struct file_watch *watch;
    bool complete;
};

static void watch_file(void *context, const char *path)
{
    struct watching *watching = context;
    watching->complete = watching->complete && file_watch_add(watching->watch, path);
}

/* Before anything is read: what changes meanwhile is seen as a change. */
static bool watch_files(struct chain_shared *shared, struct error *error)
{
    struct watching watching = {file_watch_new(), true};
    shared->watch = watching.watch;
    for (unsigned i = 0; watching.watch && i < shared->count; i++) {
        const struct stage *stage = chain_stage_at(shared->config, i);
        if (stage->files)
            stage->files(chain_options_at(shared->config, i), watch_file, &watching);
    }
    return (watching.watch && watching.complete) ||
           error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory to watch files");
}

static bool init_shared(struct chain_shared *shared, struct error *error)
{
    if (!shared->files && !watch_files(shared, error))
        return false;
    if (!arena_init(&shared->arena, CHAIN_STARTUP_BLOCK_BYTES, CHAIN_STARTUP_BYTES_MAX, error))
        return false;
    if (!load_subject_key(shared, error) || !load_named_fields_key(shared, error))
        return false;
    for (unsigned i = 0; i < shared->count; i++) {
        const struct stage *stage = chain_stage_at(shared->config, i);
        if (!stage->shared_size)
            continue;
        struct stage_context context = chain_context(shared, i);
        context.arena = &shared->arena;
        shared->stage_shared[i] = aligned_alloc(64, (stage->shared_size + 63) / 64 * 64);
        if (!shared->stage_shared[i])
            return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for stage %s",
                              stage->name);
        memset(shared->stage_shared[i], 0, stage->shared_size);
        if (stage->shared_init && !stage->shared_init(shared->stage_shared[i], &context, error))
            return false;
    }
    return true;
}

struct chain_shared *chain_shared_new(const struct config *config, bool files, struct error *error)
{
    struct chain_shared *shared = calloc(1, sizeof *shared);
    if (!shared) {
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for the chain");
        return NULL;
    }
    shared->config = config;
    shared->files = files;
    shared->count = config->last_stage - config->first_stage + 1;
    ensure(config->first_stage <= config->last_stage && shared->count <= CHAIN_LINKS_MAX);
    /* Before and behind: whose keys were noted are those that were loaded. A run over files reloads nothing. */
    if ((!files && !key_files_note(config, &shared->key_notes, error)) || !init_shared(shared, error) ||
        (!files && !key_files_stay(config, &shared->key_notes, error))) {
        chain_shared_free(shared);
        return NULL;
    }
    return shared;
}

void chain_shared_free(struct chain_shared *shared)
{
    if (!shared)
        return;
    for (unsigned i = shared->count; i-- > 0;) {
        const struct stage *stage = chain_stage_at(shared->config, i);
        if (shared->stage_shared[i] && stage->shared_release)
            stage->shared_release(shared->stage_shared[i]);
        free(shared->stage_shared[i]);
    }
    subject_key_free(shared->subject_key);
    file_watch_free(shared->watch);
    named_fields_key_free(shared->named_fields_key);
    arena_release(&shared->arena);
    free(shared);
}

void chain_shared_followed(struct chain_shared *shared,
                           void (*visit)(void *context, const struct followed *followed, void *stage_shared,
                                         const void *options),
                           void *context)
{
    for (unsigned i = 0; i < shared->count; i++) {
        const struct stage *stage = chain_stage_at(shared->config, i);
        if (stage->followed)
            visit(context, stage->followed, shared->stage_shared[i], chain_options_at(shared->config, i));
    }
}

bool chain_shared_reload(struct chain_shared *shared, struct error *error)
{
    bool all = true;
    if (shared->watch)
        file_watch_accept(shared->watch);
    if (!shared->files && !key_files_stay(shared->config, &shared->key_notes, error))
        return false;
    for (unsigned i = 0; i < shared->count; i++) {
        const struct stage *stage = chain_stage_at(shared->config, i);
        struct stage_context context = chain_context(shared, i);
        context.arena = &shared->arena;
        if (stage->reload && !stage->reload(shared->stage_shared[i], &context, error))
            all = false;
    }
    return all;
}

bool chain_shared_outdated(struct chain_shared *shared, int64_t monotonic_ms)
{
    return shared->watch && file_watch_changed(shared->watch, monotonic_ms);
}

bool chain_shared_tend(struct chain_shared *shared, int64_t now_ms, struct error *error)
{
    for (unsigned i = 0; i < shared->count; i++) {
        const struct stage *stage = chain_stage_at(shared->config, i);
        if (stage->tend && !stage->tend(shared->stage_shared[i], now_ms, error))
            return false;
    }
    return true;
}

struct delay_visit {
    void (*add)(void *context, const char *stage, const char *name,
                const struct metrics_histogram *histogram);
    void *context;
    const char *stage;
};

static void add_delay(void *context, const char *name, const struct metrics_histogram *histogram)
{
    const struct delay_visit *visit = context;
    visit->add(visit->context, visit->stage, name, histogram);
}

void chain_shared_delays(const struct chain_shared *shared,
                         void (*add)(void *context, const char *stage, const char *name,
                                     const struct metrics_histogram *histogram),
                         void *context)
{
    for (unsigned i = 0; i < shared->count; i++) {
        const struct stage *stage = chain_stage_at(shared->config, i);
        struct delay_visit visit = {add, context, stage->name};
        if (stage->delays)
            stage->delays(shared->stage_shared[i], add_delay, &visit);
    }
}

int64_t chain_shared_oldest_choice_ms(const struct chain_shared *shared)
{
    int64_t oldest_ms = INT64_MAX;
    for (unsigned i = 0; i < shared->count; i++) {
        const struct stage *stage = chain_stage_at(shared->config, i);
        int64_t stage_ms =
            stage->oldest_choice_ms ? stage->oldest_choice_ms(shared->stage_shared[i]) : INT64_MAX;
        oldest_ms = stage_ms < oldest_ms ? stage_ms : oldest_ms;
    }
    return oldest_ms;
}

struct gauge_visit {
    void (*add)(void *context, const char *stage, const char *name, double value);
    void *context;
    const char *stage;
};

static void add_gauge(void *context, const char *name, double value)
{
    const struct gauge_visit *visit = context;
    visit->add(visit->context, visit->stage, name, value);
}

void chain_shared_gauges(const struct chain_shared *shared,
                         void (*add)(void *context, const char *stage, const char *name, double value),
                         void *context)
{
    for (unsigned i = 0; i < shared->count; i++) {
        const struct stage *stage = chain_stage_at(shared->config, i);
        struct gauge_visit visit = {add, context, stage->name};
        if (stage->gauges)
            stage->gauges(shared->stage_shared[i], add_gauge, &visit);
    }
}

void chain_shared_programmes(const struct chain_shared *shared,
                             void (*visit)(void *context, unsigned programme, const char *reason,
                                           uint64_t count),
                             void *context)
{
    for (unsigned i = 0; i < shared->count; i++) {
        const struct stage *stage = chain_stage_at(shared->config, i);
        if (stage->programmes)
            stage->programmes(shared->stage_shared[i], visit, context);
    }
}
