#include "stages/registry.h"

#include "stages/classify/classify.h"
#include "stages/consent/consent.h"
#include "stages/pseudonymize/pseudonymize.h"
#include "stages/publish/publish.h"

const struct stage *const registry[] = {
    &stage_consent,      /* who may be in */
    &stage_pseudonymize, /* identifiers end here */
    &stage_classify,     /* hosts and apps end here */
    &stage_publish,      /* what an advertiser gets */
    NULL,
};
