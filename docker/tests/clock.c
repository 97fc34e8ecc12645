/* A clock that is wrong, for one process (LD_PRELOAD): the real time is off by the seconds that the file in CHMTLS_CLOCK says,
 * which is read again once a second. (libfaketime does not get along with the server's allocator.) The monotonic clock is right.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_long offset;
static atomic_long looked = -1;

static long real_clock(clockid_t clock, struct timespec * at)
{
    return syscall(SYS_clock_gettime, clock, at);
}

static long seconds_off(void)
{
    struct timespec now;
    real_clock(CLOCK_MONOTONIC, &now);
    if (atomic_exchange(&looked, now.tv_sec) == now.tv_sec)
        return atomic_load(&offset);
    char text[32] = {0};
    const char * const path = getenv("CHMTLS_CLOCK");
    const int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0)
    {
        if (read(file, text, sizeof(text) - 1) > 0)
            atomic_store(&offset, strtol(text, NULL, 10));
        close(file);
    }
    return atomic_load(&offset);
}

int clock_gettime(clockid_t clock, struct timespec * at)
{
    const long result = real_clock(clock, at);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at->tv_sec += seconds_off();
    return (int)result;
}

int gettimeofday(struct timeval * restrict at, void * restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t * at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at != NULL)
        *at = now.tv_sec;
    return now.tv_sec;
}

/* Who computes a deadline from this clock waits by the kernel's. A deadline by the monotonic clock is years away from both. */
int pthread_cond_timedwait(
    pthread_cond_t * restrict condition, pthread_mutex_t * restrict mutex, const struct timespec * restrict until)
{
    static int (*original)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (original == NULL)
        original = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    struct timespec now, real = *until;
    real_clock(CLOCK_REALTIME, &now);
    if (labs(until->tv_sec - now.tv_sec) < 30L * 86400)
        real.tv_sec -= seconds_off();
    return original(condition, mutex, &real);
}
