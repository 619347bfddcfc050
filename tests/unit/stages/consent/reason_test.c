#include "stages/consent/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void consent_reasons_have_stable_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONSENT_REASONS; i++) {
        assert_non_null(consent_reasons[i].name);
        assert_non_null(consent_reasons[i].help);
        for (const char *at = consent_reasons[i].name; *at; at++)
            assert_true((*at >= 'a' && *at <= 'z') || *at == '_');
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(consent_reasons[i].name, consent_reasons[j].name);
    }
}

static void reasons_of_signals_are_the_stages_own_under_the_same_names(void **state)
{
    (void)state;
    assert_int_equal(consent_reason_of_signal(SIGNAL_NO_REASON), CONSENT_NO_REASON);
    for (enum signal_reason reason = SIGNAL_NO_REASON + 1; reason < SIGNAL_REASONS; reason++) {
        enum consent_reason own = consent_reason_of_signal(reason);
        assert_true(own > CONSENT_NO_REASON && own < CONSENT_REASONS);
        assert_string_equal(consent_reasons[own].name, signal_reasons[reason].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consent_reasons_have_stable_names),
        cmocka_unit_test(reasons_of_signals_are_the_stages_own_under_the_same_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
