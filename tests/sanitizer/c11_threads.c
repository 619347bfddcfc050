/*
 * C11 threads by way of POSIX threads, for the ThreadSanitizer build only.
 *
 * ThreadSanitizer intercepts pthread_*, but not thrd_*, mtx_* and cnd_*; a thread that librdkafka starts by
 * thrd_create is unknown to it and the first intercepted call in that thread crashes. These definitions stand
 * in front of the C library's and lead to the calls that are watched. In glibc an mtx_t, a cnd_t and a
 * once_flag have the layout of their pthread counterparts and thrd_t is pthread_t, so the same storage serves
 * both; the assertions below hold us to it. Thread-specific storage (tss_*) needs no help.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "a C11 thread is a POSIX thread");
_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "a C11 mutex holds a POSIX mutex");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "a C11 condition holds a POSIX condition");
_Static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "a C11 once flag is a POSIX one");

struct entry {
    thrd_start_t function;
    void *argument;
};

static int result_of(int posix)
{
    switch (posix) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    case EAGAIN:
    case ENOMEM:
        return thrd_nomem;
    default:
        return thrd_error;
    }
}

static void *enter(void *given)
{
    struct entry entry = *(struct entry *)given;

    free(given);
    return (void *)(intptr_t)entry.function(entry.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    struct entry *entry = malloc(sizeof(*entry));
    int posix;

    if (entry == NULL)
        return thrd_nomem;
    entry->function = function;
    entry->argument = argument;
    posix = pthread_create((pthread_t *)thread, NULL, enter, entry);
    if (posix != 0)
        free(entry);
    return result_of(posix);
}

int thrd_join(thrd_t thread, int *out_result)
{
    void *returned;
    int posix = pthread_join((pthread_t)thread, &returned);

    if (posix == 0 && out_result != NULL)
        *out_result = (int)(intptr_t)returned;
    return result_of(posix);
}

int thrd_detach(thrd_t thread)
{
    return result_of(pthread_detach((pthread_t)thread));
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attributes;
    int posix;

    if (pthread_mutexattr_init(&attributes) != 0)
        return thrd_error;
    pthread_mutexattr_settype(&attributes,
                              (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
    posix = pthread_mutex_init((pthread_mutex_t *)mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result_of(posix);
}

int mtx_lock(mtx_t *mutex)
{
    return result_of(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_trylock(mtx_t *mutex)
{
    return result_of(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until)
{
    return result_of(pthread_mutex_timedlock((pthread_mutex_t *)mutex, until));
}

int mtx_unlock(mtx_t *mutex)
{
    return result_of(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int cnd_init(cnd_t *condition)
{
    return result_of(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

int cnd_signal(cnd_t *condition)
{
    return result_of(pthread_cond_signal((pthread_cond_t *)condition));
}

int cnd_broadcast(cnd_t *condition)
{
    return result_of(pthread_cond_broadcast((pthread_cond_t *)condition));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result_of(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until)
{
    return result_of(pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until));
}

void cnd_destroy(cnd_t *condition)
{
    pthread_cond_destroy((pthread_cond_t *)condition);
}

void call_once(once_flag *flag, void (*function)(void))
{
    pthread_once((pthread_once_t *)flag, function);
}
