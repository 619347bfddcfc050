#include "common/demo_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNTERS_MAX = 512, SHOWN_RECORDS = 3, REASONS_SHOWN = 6 };

struct counter {
    const char *stage, *reason;
    enum verdict_kind verdict;
    uint64_t count;
};

struct feed_record {
    char *key, *value; /* value NULL: tombstone */
};

struct demo_view {
    struct counter counters[COUNTERS_MAX];
    unsigned counter_count;
    struct feed_record *records;
    size_t record_count, record_capacity;
    uint64_t feed_records;
};

struct demo_view *demo_view_new(struct error *error)
{
    struct demo_view *view = calloc(1, sizeof *view);
    if (!view)
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory");
    return view;
}

static void forget_records(struct demo_view *view)
{
    for (size_t i = 0; i < view->record_count; i++) {
        free(view->records[i].key);
        free(view->records[i].value);
    }
    view->record_count = 0;
    view->feed_records = 0;
}

void demo_view_free(struct demo_view *view)
{
    if (!view)
        return;
    forget_records(view);
    free(view->records);
    free(view);
}

void demo_view_count(void *context, const char *stage, enum verdict_kind verdict, const char *reason,
                     uint64_t count)
{
    struct demo_view *view = context;
    for (unsigned i = 0; i < view->counter_count; i++) {
        struct counter *counter = &view->counters[i];
        if (counter->verdict == verdict && strcmp(counter->stage, stage) == 0 &&
            strcmp(counter->reason, reason) == 0) {
            counter->count += count;
            return;
        }
    }
    ensure(view->counter_count < COUNTERS_MAX);
    view->counters[view->counter_count++] = (struct counter){stage, reason, verdict, count};
}

static uint64_t sum_of(const struct demo_view *view, const char *stage, enum verdict_kind verdict)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < view->counter_count; i++) {
        const struct counter *counter = &view->counters[i];
        if (counter->verdict == verdict && (!stage || strcmp(counter->stage, stage) == 0))
            sum += counter->count;
    }
    return sum;
}

static int by_count(const void *a, const void *b)
{
    const struct counter *const *left = a, *const *right = b;
    return ((*left)->count < (*right)->count) - ((*left)->count > (*right)->count);
}

static void print_reasons(const struct demo_view *view, const char *stage)
{
    const struct counter *sorted[COUNTERS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < view->counter_count; i++) {
        const struct counter *counter = &view->counters[i];
        if (counter->count && strcmp(counter->stage, stage) == 0 &&
            (counter->verdict == VERDICT_DROP || counter->verdict == VERDICT_REJECT))
            sorted[count++] = counter;
    }
    qsort(sorted, count, sizeof *sorted, by_count);
    uint64_t others = 0;
    for (unsigned i = 0; i < count; i++) {
        if (i < REASONS_SHOWN)
            printf("      %-12s %8" PRIu64 "  %s\n",
                   sorted[i]->verdict == VERDICT_DROP ? "dropped" : "dead letter", sorted[i]->count,
                   sorted[i]->reason);
        else
            others += sorted[i]->count;
    }
    if (others)
        printf("      %-12s %8" PRIu64 "  for %u more reasons\n", "", others, count - REASONS_SHOWN);
}

void demo_view_print_stages(const struct demo_view *view, const struct stage *const *stages, uint64_t events)
{
    printf("  %-16s %8s %8s %8s %12s\n", "stage", "came", "passed", "dropped", "dead letters");
    uint64_t came = events;
    for (unsigned i = 0; stages[i]; i++) {
        const char *name = stages[i]->name;
        uint64_t passed = sum_of(view, name, VERDICT_PASS), dropped = sum_of(view, name, VERDICT_DROP);
        uint64_t rejected = sum_of(view, name, VERDICT_REJECT);
        /* The decoder in front of the first stage is the one that can turn an event away. */
        if (i == 0)
            rejected += sum_of(view, "input", VERDICT_REJECT);
        printf("  %-16s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %12" PRIu64 "\n", name, came, passed, dropped,
               rejected);
        if (i == 0)
            print_reasons(view, "input");
        print_reasons(view, name);
        came = passed;
    }
}

void demo_view_feed_begin(struct demo_view *view)
{
    forget_records(view);
}

static char *copy_of(struct view bytes)
{
    return bytes.data ? strndup(bytes.data, bytes.size) : NULL;
}

void demo_view_feed_record(void *context, struct view key, struct view value)
{
    struct demo_view *view = context;
    view->feed_records++;
    for (size_t i = 0; i < view->record_count; i++) {
        if (!view_equal_string(key, view->records[i].key))
            continue;
        free(view->records[i].value);
        view->records[i].value = copy_of(value);
        return;
    }
    if (view->record_count == view->record_capacity) {
        size_t capacity = view->record_capacity ? view->record_capacity * 2 : 256;
        struct feed_record *grown = realloc(view->records, capacity * sizeof *grown);
        if (!grown)
            return; /* the demo then shows fewer */
        view->records = grown;
        view->record_capacity = capacity;
    }
    view->records[view->record_count++] = (struct feed_record){copy_of(key), copy_of(value)};
}

void demo_view_print_feed(const struct demo_view *view, const char *topic, const char *advertiser,
                          const char *what)
{
    size_t live = 0;
    for (size_t i = 0; i < view->record_count; i++)
        live += view->records[i].value != NULL;
    printf("\n  %s, what advertiser %s got: %zu %s\n", topic, advertiser, live, what);
    for (size_t i = 0, shown = 0; i < view->record_count && shown < SHOWN_RECORDS; i++) {
        if (!view->records[i].value)
            continue;
        printf("      %s  %s\n", view->records[i].key, view->records[i].value);
        shown++;
    }
}

bool demo_view_print_sum(const struct demo_view *view, uint64_t events, struct error *error)
{
    uint64_t kept = sum_of(view, "publish", VERDICT_PASS), dropped = sum_of(view, NULL, VERDICT_DROP);
    uint64_t rejected = sum_of(view, NULL, VERDICT_REJECT);
    printf("\n  in %" PRIu64 " = kept %" PRIu64 " + dropped %" PRIu64 " + dead letters %" PRIu64 "\n", events,
           kept, dropped, rejected);
    if (events == kept + dropped + rejected)
        return true;
    return error_fail(error, EXIT_STATUS_BUG, NULL, "report this", "the sum does not hold");
}
