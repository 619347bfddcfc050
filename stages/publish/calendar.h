/*
 * Time, cut into epochs and slots (spec 1).
 *
 * An epoch is the period in which an advertiser's ID for a person stays the same: floor((time - origin) / length), the
 * same boundary for everybody. It lives until its end plus `life_ms`. A slot is a quarter of an hour in every update
 * period; slots are counted from the Unix epoch, and an ID's phase says which slots are its own.
 *
 * Pure; any thread.
 */
#ifndef CLICKVEIL_STAGES_PUBLISH_CALENDAR_H
#define CLICKVEIL_STAGES_PUBLISH_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#define CALENDAR_SLOT_MS INT64_C(900000) /* 15 minutes */
#define CALENDAR_DAY_MS  INT64_C(86400000)

/* The years 0 to 9999, which epochs are reckoned for. */
#define CALENDAR_TIME_MIN INT64_C(-62167219200000)
#define CALENDAR_TIME_MAX INT64_C(253402300799999)

struct calendar {
    int64_t origin_ms; /* Unix epoch ms of a boundary */
    int64_t epoch_ms;  /* length */
    int64_t life_ms;   /* how long an epoch lives on behind its end */
    unsigned slots;    /* slots in an update period, at least 1 */
};

/* What a moment is to an epoch. */
enum calendar_phase {
    CALENDAR_OVER = 0, /* its life is over */
    CALENDAR_AHEAD,    /* it hasn't begun */
    CALENDAR_LIVE,
};

/* Epoch of a moment, Unix epoch ms. CALENDAR_TIME_MIN to _MAX, and epochs of a day or more, fit. */
int32_t calendar_epoch(const struct calendar *calendar, int64_t time_ms);

/* First moment of an epoch. */
int64_t calendar_epoch_start_ms(const struct calendar *calendar, int32_t epoch);

/* First moment that is behind an epoch's life. */
int64_t calendar_epoch_over_ms(const struct calendar *calendar, int32_t epoch);

enum calendar_phase calendar_phase(const struct calendar *calendar, int32_t epoch, int64_t now_ms);

/* Number of the slot that a moment lies in, and a slot's first moment. */
int64_t calendar_slot(int64_t time_ms);
int64_t calendar_slot_start_ms(int64_t slot);

/* Which phase is served in that slot: 0 .. slots-1. */
unsigned calendar_slot_phase(const struct calendar *calendar, int64_t slot);

#endif
