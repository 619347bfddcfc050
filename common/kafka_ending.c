#include "common/kafka_ending.h"

#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

enum { DAY_MS = 86400000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed; /* of the monotonic clock; made with the thread */
static pthread_t thread;
static bool runs; /* the thread; only the caller's */

/* `lock` holds what follows. */
static bool is_over;
static int64_t until_ms; /* monotonic */
static int status;
static const char *what;

static void *wait_for_the_end(void *context)
{
    (void)context;
    pthread_mutex_lock(&lock);
    while (!is_over) {
        if (clock_monotonic_ms() >= until_ms) {
            log_line(LOG_LEVEL_WARNING, "ending_abandoned",
                     "%s takes too long, so the process ends without it; nothing is lost: what is open is "
                     "aborted by the successor of the same name, or by the broker",
                     what);
            _exit(status);
        }
        struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
        pthread_cond_timedwait(&changed, &lock, &until);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

void kafka_ending_set(int64_t within_ms, int exit_status, const char *doing)
{
    ensure(within_ms >= 0 && within_ms <= DAY_MS);
    pthread_mutex_lock(&lock);
    is_over = false;
    until_ms = clock_monotonic_ms() + within_ms;
    status = exit_status;
    what = doing;
    if (!runs) {
        pthread_condattr_t monotonic;
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_cond_init(&changed, &monotonic);
        pthread_condattr_destroy(&monotonic);
        runs = pthread_create(&thread, NULL, wait_for_the_end, NULL) == 0;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void kafka_ending_release(void)
{
    if (!runs)
        return;
    pthread_mutex_lock(&lock);
    is_over = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&changed);
    runs = false;
}
