#include "stages/consent/tally.h"

void tally_count(struct tally *tally, unsigned programmes, const struct policy_screening *screening)
{
    for (unsigned i = 0; i < programmes; i++)
        tally->counts[i][screening->reasons[i]]++;
}

void tally_commit(struct tally *tally, unsigned programmes, struct tally_shared *shared)
{
    for (unsigned i = 0; i < programmes; i++) {
        for (unsigned reason = 0; reason < CONSENT_REASONS; reason++) {
            if (!tally->counts[i][reason])
                continue;
            atomic_fetch_add_explicit(&shared->counts[i][reason], tally->counts[i][reason],
                                      memory_order_relaxed);
            tally->counts[i][reason] = 0;
        }
    }
}

void tally_visit(const struct tally_shared *shared, unsigned programmes,
                 void (*visit)(void *context, unsigned programme, const char *reason, uint64_t count),
                 void *context)
{
    for (unsigned i = 0; i < programmes; i++) {
        for (unsigned reason = 0; reason < CONSENT_REASONS; reason++) {
            uint64_t count = atomic_load_explicit(&shared->counts[i][reason], memory_order_relaxed);
            if (count || reason == CONSENT_NO_REASON)
                visit(context, i, reason == CONSENT_NO_REASON ? NULL : consent_reasons[reason].name, count);
        }
    }
}
