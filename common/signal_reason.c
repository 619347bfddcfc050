#include "common/signal_reason.h"

const struct reason signal_reasons[SIGNAL_REASONS] = {[SIGNAL_NO_REASON] = {"none", "nothing objects"},
#define REASON(id, name, help) [SIGNAL_##id] = {name, help},
                                                      SIGNAL_REASON_LIST(REASON)
#undef REASON
};
