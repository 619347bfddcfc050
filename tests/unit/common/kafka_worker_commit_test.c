/* How long a transaction may take in records, in a storm of choices and outside of one. */
#include "common/kafka_worker_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void transactions_have_their_length(void **state)
{
    static const struct {
        bool storm;
        int64_t usual_ms, begin_ms, end_ms, timeout_ms, length_ms;
        const char *why;
    } rows[] = {
        {false, 100, 50, 200, 15000, 100, "no storm: as configured, whatever it takes to begin and end"},
        {false, 5000, 0, 0, 15000, 5000, "no storm, long ones"},
        {true, 5000, 0, 0, 15000, 100, "a storm: short"},
        {true, 100, 3, 30, 15000, 100, "a storm that costs nothing"},
        {true, 20, 0, 5, 15000, 20, "no longer than usual, where that is shorter"},
        {true, 20, 0, 7, 15000, 21, "unless beginning and ending would take more of the time than work does"},
        {true, 100, 13, 20, 15000, 100, "just below"},
        {true, 100, 14, 20, 15000, 102, "and just above"},
        {true, 100, 40, 60, 15000, 300, "three times as long as both took"},
        {true, 100, 40, 61, 15000, 300, "at most so long"},
        {true, 5000, 2000, 4000, 15000, 300, "at most so long"},
        {true, 100, 400, 400, 1000, 125, "an eighth of the time after which the broker would end it"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config config = {.runtime = {.commit_interval_ms = rows[i].usual_ms,
                                            .transaction_timeout_ms = rows[i].timeout_ms}};
        struct kafka_worker worker = {.config = &config,
                                      .storm = rows[i].storm,
                                      .begin_ms = rows[i].begin_ms,
                                      .end_ms = rows[i].end_ms};
        int64_t length_ms = kafka_worker_transaction_ms(&worker);
        if (length_ms != rows[i].length_ms)
            fail_msg("%s: %lld", rows[i].why, (long long)length_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions_have_their_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
