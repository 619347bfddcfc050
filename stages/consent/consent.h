/*
 * The first stage: an event goes on for a programme only when every test passes (spec 3). Followed topic: the
 * consent topic. Nothing is decided before it was read whole.
 */
#ifndef CLICKVEIL_STAGES_CONSENT_CONSENT_H
#define CLICKVEIL_STAGES_CONSENT_CONSENT_H

#include "common/stage.h"

extern const struct stage stage_consent;

#endif
