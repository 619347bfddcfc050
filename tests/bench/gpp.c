/*
 * How long the decision about a GPP string takes: `gpp [ROUNDS]` (20, of a million strings each). Prints one JSON
 * object.
 *
 * The strings differ: 4,096 of each kind, in random order, so that no branch can be learnt by heart. "three_sections"
 * are the national section and the two longest states, or others, drawn at random, all of which allow, so that every
 * rule is asked: the longest way. "denied" differ from them in one answer. The figure is the median over rounds, in
 * nanoseconds.
 */
#include "stages/consent/signals.h"

#include "common/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { POOL = 4096, LOOKS = 1000000, TEXT_SIZE = 128, SECTIONS = 3, ROUNDS_MAX = 1000 };

struct pool {
    char texts[POOL][TEXT_SIZE];
    struct signals signals[POOL];
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static uint64_t seed = 1;

static unsigned dice(unsigned sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (unsigned)(seed >> 32) % sides;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* others share the machine */
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* ---- writing strings ---- */

struct bits {
    char *text;
    unsigned size; /* bits */
};

static void put(struct bits *bits, unsigned value, unsigned count)
{
    for (unsigned i = count; i-- > 0; bits->size++) {
        char *at = &bits->text[bits->size / 6];
        unsigned sextet = bits->size % 6 ? (unsigned)(strchr(alphabet, *at) - alphabet) : 0;
        *at = alphabet[sextet | (value >> i & 1u) << (5 - bits->size % 6)];
    }
}

static unsigned end(const struct bits *bits)
{
    return (bits->size + 5) / 6;
}

static void put_fibonacci(struct bits *bits, unsigned value)
{
    unsigned numbers[24] = {1, 2}, count = 2;
    bool ones[24] = {false};
    while (numbers[count - 1] <= value) {
        numbers[count] = numbers[count - 1] + numbers[count - 2];
        count++;
    }
    unsigned highest = 0;
    for (unsigned i = count; i-- > 0;) {
        if (numbers[i] > value)
            continue;
        value -= numbers[i];
        ones[i] = true;
        highest = highest > i ? highest : i;
    }
    for (unsigned i = 0; i <= highest; i++)
        put(bits, ones[i], 1);
    put(bits, 1, 1);
}

/* An answer that nobody objects to; some fields have several. */
static unsigned calm_answer(const struct gpp_slot *slot)
{
    const national_set notices = NATIONAL_SET(NATIONAL_LIMIT_USE_NOTICE) * 2 - 1;
    const national_set opt_outs = (NATIONAL_SET(NATIONAL_TARGETED) * 2 - 1) & ~notices;
    if (slot->national & notices)
        return 1;
    if (slot->national & opt_outs)
        return dice(4) ? 2 : 0;
    if (slot->national & (NATIONAL_SET(NATIONAL_COVERED) | NATIONAL_SET(NATIONAL_SERVICE_PROVIDER_MODE)))
        return 2;
    if (slot->national & (NATIONAL_SET(NATIONAL_HEALTH) | NATIONAL_SET(NATIONAL_LOCATION)))
        return dice(2) * 2;
    return 0;
}

static unsigned write_section(char *text, const struct gpp_layout *layout, bool denied)
{
    struct bits bits = {text, 0};
    put(&bits, layout->version, 6);
    unsigned wrong = denied ? dice(layout->slot_count) : layout->slot_count;
    for (unsigned i = 0; i < layout->slot_count; i++)
        put(&bits, i == wrong ? 3 : calm_answer(&layout->slots[i]), 2);
    unsigned size = end(&bits);
    if (layout->sub == GPP_SUB_GPC && dice(2)) {
        memcpy(text + size, ".QA", 3);
        size += 3;
    }
    return size;
}

static void write_string(char *text, unsigned sections, bool denied, struct view *out_view)
{
    const struct gpp_layout *chosen[SECTIONS];
    chosen[0] = gpp_layout_find(GPP_SECTION_NATIONAL, 2);
    for (unsigned i = 1, last = 7; i < sections; i++, last = chosen[i - 1]->id)
        chosen[i] = gpp_layout_find(last + 1 + dice(i == 1 ? 13 : GPP_SECTION_LAST - last), 1);
    struct bits header = {text, 0};
    put(&header, 3, 6);
    put(&header, 1, 6);
    put(&header, sections, 12);
    for (unsigned i = 0, last = 0; i < sections; last = chosen[i++]->id) {
        put(&header, 0, 1);
        put_fibonacci(&header, chosen[i]->id - last);
    }
    unsigned size = end(&header), bad = dice(sections);
    for (unsigned i = 0; i < sections; i++) {
        text[size++] = '~';
        size += write_section(text + size, chosen[i], denied && i == bad);
    }
    ensure(size < TEXT_SIZE);
    *out_view = (struct view){text, size};
}

static struct pool *make(unsigned sections, bool denied)
{
    struct pool *pool = calloc(1, sizeof *pool);
    ensure(pool != NULL);
    for (unsigned i = 0; i < POOL; i++) {
        struct signals *signals = &pool->signals[i];
        *signals = (struct signals){.gpc = GPC_ABSENT,
                                    .gpp_presence = sections ? PRESENCE_PRESENT : PRESENCE_ABSENT,
                                    .gpp_sid_presence = sections ? PRESENCE_PRESENT : PRESENCE_ABSENT,
                                    .us_privacy_presence = PRESENCE_ABSENT,
                                    .gpp_sid = VIEW("7")};
        if (sections)
            write_string(pool->texts[i], sections, denied, &signals->gpp);
        struct signals_reading reading;
        signals_read(signals, &reading);
        ensure((signals_judge(&reading, 18, 0) != CONSENT_NO_REASON) == denied);
    }
    return pool;
}

/* ---- measuring ---- */

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double measure(unsigned sections, bool denied, unsigned rounds)
{
    static double times[ROUNDS_MAX];
    struct pool *pool = make(sections, denied);
    uint64_t denials = 0;
    for (unsigned round = 0; round < rounds; round++) {
        int64_t began = now_ns();
        for (unsigned i = 0; i < LOOKS; i++) {
            struct signals_reading reading;
            signals_read(&pool->signals[dice(POOL)], &reading);
            denials += signals_judge(&reading, 18, 0) != CONSENT_NO_REASON;
        }
        times[round] = (double)(now_ns() - began) / LOOKS;
    }
    ensure(denials == (denied ? (uint64_t)rounds * LOOKS : 0));
    free(pool);
    qsort(times, rounds, sizeof *times, compare);
    return times[rounds / 2];
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
    if (rounds < 1 || rounds > ROUNDS_MAX)
        rounds = 20;
    unsigned count = (unsigned)rounds;
    printf("{\"what\":\"gpp\",\"rounds\":%u,\"nothing_ns\":%.0f,\"one_section_ns\":%.0f,\"three_sections_"
           "ns\":%.0f,"
           "\"three_sections_denied_ns\":%.0f}\n",
           count, measure(0, false, count), measure(1, false, count), measure(SECTIONS, false, count),
           measure(SECTIONS, true, count));
    return 0;
}
