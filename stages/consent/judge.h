/*
 * The stage's reading of choices as tools may ask it (common/consent_judge.h).
 */
#ifndef CLICKVEIL_STAGES_CONSENT_JUDGE_H
#define CLICKVEIL_STAGES_CONSENT_JUDGE_H

#include "common/consent_judge.h"

extern const struct consent_judge consent_judge;

#endif
