/*
 * Fuzz target: whatever bytes come as `gpp` and `gpp_sid`, judging reads nothing that is not theirs, gives a reason that
 * exists, and says the same whether somebody watches or not. What is allowed was decided by sections that could be read.
 *
 * tests/fuzz/run.sh builds and runs it; tests/gpp/corpus.py then holds what it found against the reference decoder: what is
 * allowed here must be allowed there. The input is the string up to the first NUL, and gpp_sid behind it, if there is one.
 */
#include "common/error.h"
#include "common/gpp_judge.h"
#include "common/us_privacy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct watched {
    unsigned sections, unreadable;
    enum signal_reason adult, minor; /* the first objection to either */
};

static void see_section(void *context, const struct gpp_section *section)
{
    struct watched *watched = context;
    watched->sections++;
    watched->unreadable += section->reason != SIGNAL_NO_REASON;
    ensure((unsigned)section->reason < SIGNAL_REASONS);
    ensure(!section->layout || (section->layout->id == section->id && section->reason == SIGNAL_NO_REASON));
    if (!section->layout)
        return;
    unsigned slots = section->layout->slot_count + (section->has_sub ? section->layout->sub_slot_count : 0);
    ensure(slots <= GPP_SLOTS_MAX);
    for (unsigned i = 0; i < slots; i++)
        ensure(section->answers[i] < NATIONAL_ANSWERS);
    /* two bits hold one answer, but where one slot means several fields or several slots one */
    ensure(section->national.answers[1] | section->national.answers[2] | section->national.answers[0] |
           section->national.answers[3]);
}

static void see_objection(void *context, enum signal_reason reason, const struct gpp_section *section,
                          const struct national_rule *rule)
{
    struct watched *watched = context;
    ensure(reason > SIGNAL_NO_REASON && reason < SIGNAL_REASONS);
    if (watched->adult == SIGNAL_NO_REASON && (!rule || rule->when != NATIONAL_WHILE_MINOR))
        watched->adult = reason;
    if (watched->minor == SIGNAL_NO_REASON && (!rule || rule->when != NATIONAL_WHILE_ADULT))
        watched->minor = reason;
    ensure(!rule ||
           (section && national_rule_objects(rule, &section->national,
                                             rule->when == NATIONAL_WHILE_MINOR ? 0 : NATIONAL_ADULT)));
}

/* A copy that ends where its memory ends, so that a sanitizer sees the first byte too many. */
static struct view own(const uint8_t *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    ensure(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return (struct view){copy, size};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
    size_t gpp_size = nul ? (size_t)(nul - data) : size;
    struct view gpp = own(data, gpp_size);
    struct view sid = nul ? own(nul + 1, size - gpp_size - 1) : VIEW_ABSENT;
    enum presence sid_presence = nul ? PRESENCE_PRESENT : PRESENCE_ABSENT;

    struct watched watched = {0};
    const struct gpp_watch watch = {&watched, see_section, see_objection};
    struct gpp_verdict fast, slow;
    gpp_judge(PRESENCE_PRESENT, gpp, sid_presence, sid, NULL, &fast);
    gpp_judge(PRESENCE_PRESENT, gpp, sid_presence, sid, &watch, &slow);
    ensure(fast.adult == slow.adult && fast.minor == slow.minor);
    ensure(slow.adult == watched.adult &&
           slow.minor == watched.minor); /* what a tool shows first is the reason */
    ensure(slow.minor == SIGNAL_NO_REASON ||
           slow.adult != SIGNAL_NO_REASON); /* a lower limit never denies more */
    ensure(slow.decided + slow.ignored == watched.sections);
    if (slow.minor == SIGNAL_NO_REASON)
        ensure(watched.unreadable == 0 && gpp.size >= 4 && gpp.data[0] == 'D');
    ensure(gpp_verdict_reason(&slow, NATIONAL_ADULT, slow.tcf) != SIGNAL_NO_REASON || !slow.tcf);
    (void)us_privacy_judge(gpp);
    free((void *)gpp.data);
    free((void *)sid.data);
    return 0;
}
