#include "stages/registry.h"

#include "stages/classify/classify.h"
#include "stages/consent/consent.h"
#include "stages/pseudonymize/pseudonymize.h"
#include "stages/publish/publish.h"

const struct stage *const registry[] = {
    &stage_consent,
    &stage_pseudonymize,
    &stage_classify,
    &stage_publish,
    NULL,
};
