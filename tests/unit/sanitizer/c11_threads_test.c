/*
 * C11 threads behave as the standard says. In the ThreadSanitizer build they are those of
 * tests/sanitizer/c11_threads.c, everywhere else the C library's: the same cases must hold for both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <threads.h>
#include <time.h>

enum { THREADS = 4, ROUNDS = 10000 };

struct shared {
    mtx_t mutex;
    cnd_t condition;
    long sum; /* guarded by mutex */
    int arrived;
};

static int once_calls;

static void count_once(void)
{
    once_calls++;
}

static int add_up(void *argument)
{
    struct shared *shared = argument;
    static once_flag flag = ONCE_FLAG_INIT;

    call_once(&flag, count_once);
    for (int round = 0; round < ROUNDS; round++) {
        mtx_lock(&shared->mutex);
        shared->sum++;
        mtx_unlock(&shared->mutex);
    }
    mtx_lock(&shared->mutex);
    shared->arrived++;
    cnd_signal(&shared->condition);
    mtx_unlock(&shared->mutex);
    return 7;
}

static void threads_share_a_sum_and_wake_the_one_that_waits(void **state)
{
    struct shared shared = {.sum = 0};
    thrd_t threads[THREADS];
    int result = 0;

    (void)state;
    assert_int_equal(mtx_init(&shared.mutex, mtx_plain), thrd_success);
    assert_int_equal(cnd_init(&shared.condition), thrd_success);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(thrd_create(&threads[i], add_up, &shared), thrd_success);
    mtx_lock(&shared.mutex);
    while (shared.arrived < THREADS)
        assert_int_equal(cnd_wait(&shared.condition, &shared.mutex), thrd_success);
    mtx_unlock(&shared.mutex);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(thrd_join(threads[i], &result), thrd_success);
        assert_int_equal(result, 7);
    }
    assert_int_equal(shared.sum, (long)THREADS * ROUNDS);
    assert_int_equal(once_calls, 1);
    cnd_destroy(&shared.condition);
    mtx_destroy(&shared.mutex);
}

static void waiting_past_its_time_says_so(void **state)
{
    const struct timespec long_ago = {.tv_sec = 1};
    mtx_t mutex;
    cnd_t condition;

    (void)state;
    assert_int_equal(mtx_init(&mutex, mtx_timed), thrd_success);
    assert_int_equal(cnd_init(&condition), thrd_success);
    assert_int_equal(mtx_lock(&mutex), thrd_success);
    assert_int_equal(cnd_timedwait(&condition, &mutex, &long_ago), thrd_timedout);
    assert_int_equal(mtx_unlock(&mutex), thrd_success);
    cnd_destroy(&condition);
    mtx_destroy(&mutex);
}

static int try_lock(void *argument)
{
    return mtx_trylock(argument);
}

static int lock_in_another_thread(mtx_t *mutex)
{
    thrd_t thread;
    int result = -1;

    assert_int_equal(thrd_create(&thread, try_lock, mutex), thrd_success);
    assert_int_equal(thrd_join(thread, &result), thrd_success);
    return result;
}

static void a_held_mutex_is_busy_for_others_and_a_recursive_one_open_to_its_holder(void **state)
{
    mtx_t mutex;

    (void)state;
    assert_int_equal(mtx_init(&mutex, mtx_plain | mtx_recursive), thrd_success);
    assert_int_equal(mtx_lock(&mutex), thrd_success);
    assert_int_equal(mtx_trylock(&mutex), thrd_success);
    assert_int_equal(lock_in_another_thread(&mutex), thrd_busy);
    assert_int_equal(mtx_unlock(&mutex), thrd_success);
    assert_int_equal(lock_in_another_thread(&mutex), thrd_busy);
    assert_int_equal(mtx_unlock(&mutex), thrd_success);
    mtx_destroy(&mutex);
}

/* Without our own C11 threads this crashes under ThreadSanitizer, in librdkafka's first thread. */
static void librdkafka_starts_and_ends_its_threads(void **state)
{
    char message[256];
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, message, sizeof(message));

    (void)state;
    assert_non_null(kafka);
    rd_kafka_poll(kafka, 0);
    rd_kafka_destroy(kafka);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_sum_and_wake_the_one_that_waits),
        cmocka_unit_test(waiting_past_its_time_says_so),
        cmocka_unit_test(a_held_mutex_is_busy_for_others_and_a_recursive_one_open_to_its_holder),
        cmocka_unit_test(librdkafka_starts_and_ends_its_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
