/*
 * What the demo shows: per stage how many came, passed, were dropped for which reason; a feed's state; the sum.
 *
 * Gathers counters and records, prints to standard output. One thread.
 */
#ifndef CLICKVEIL_COMMON_DEMO_VIEW_H
#define CLICKVEIL_COMMON_DEMO_VIEW_H

#include "common/chain.h"
#include "common/error.h"
#include "common/view.h"

struct demo_view;

struct demo_view *demo_view_new(struct error *error);
void demo_view_free(struct demo_view *view); /* NULL is fine */

/* A chain_counter_visitor; context is the view. */
void demo_view_count(void *context, const char *stage, enum verdict_kind verdict, const char *reason,
                     uint64_t count);

/* A table a stage, with the reasons below it, largest first. */
void demo_view_print_stages(const struct demo_view *view, const struct stage *const *stages, uint64_t events);

/* Gather a feed's records as an advertiser would (the last one of a key counts, a tombstone deletes). */
void demo_view_feed_begin(struct demo_view *view);
void demo_view_feed_record(void *context, struct view key, struct view value);

/* How many IDs are live, and a few records. `what` says what the IDs are. */
void demo_view_print_feed(const struct demo_view *view, const char *topic, const char *advertiser,
                          const char *what);

/* in = kept + dropped + dead letters, printed; false when it does not hold. */
CLICKVEIL_MUST_CHECK bool demo_view_print_sum(const struct demo_view *view, uint64_t events,
                                              struct error *error);

#endif
