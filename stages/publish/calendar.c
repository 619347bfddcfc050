#include "stages/publish/calendar.h"

#include "common/date.h"

int32_t calendar_epoch(const struct calendar *calendar, int64_t time_ms)
{
    return (int32_t)date_floor_divide(time_ms - calendar->origin_ms, calendar->epoch_ms);
}

int64_t calendar_epoch_start_ms(const struct calendar *calendar, int32_t epoch)
{
    return calendar->origin_ms + (int64_t)epoch * calendar->epoch_ms;
}

int64_t calendar_epoch_over_ms(const struct calendar *calendar, int32_t epoch)
{
    return calendar_epoch_start_ms(calendar, epoch) + calendar->epoch_ms + calendar->life_ms;
}

enum calendar_phase calendar_phase(const struct calendar *calendar, int32_t epoch, int64_t now_ms)
{
    if (now_ms < calendar_epoch_start_ms(calendar, epoch))
        return CALENDAR_AHEAD;
    return now_ms < calendar_epoch_over_ms(calendar, epoch) ? CALENDAR_LIVE : CALENDAR_OVER;
}

int64_t calendar_slot(int64_t time_ms)
{
    return date_floor_divide(time_ms, CALENDAR_SLOT_MS);
}

int64_t calendar_slot_start_ms(int64_t slot)
{
    return slot * CALENDAR_SLOT_MS;
}

unsigned calendar_slot_phase(const struct calendar *calendar, int64_t slot)
{
    return (unsigned)(slot - date_floor_divide(slot, calendar->slots) * calendar->slots);
}
