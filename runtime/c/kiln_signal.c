/* kiln_signal.c: see kiln_signal.h. */
#define _GNU_SOURCE
#include "kiln_signal.h"

#include <sched.h>
#include <time.h>

#define SPINS_PER_CLOCK 64
#define YIELDS          8

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

int64_t kiln_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline bool reached(kiln_signal *signal, uint32_t value) {
    return (int32_t)(atomic_load_explicit(&signal->value, memory_order_acquire) - value) >= 0;
}

static bool spin_until(kiln_signal *signal, uint32_t value) {
    int64_t deadline = 0;
    for (;;) {
        for (int i = 0; i < SPINS_PER_CLOCK; i++) {
            if (reached(signal, value)) return true;
            relax();
        }
        int64_t now = kiln_now_ns();
        if (deadline == 0) deadline = now + KILN_SPIN_NS;
        if (now >= deadline) return false;
    }
}

static bool yield_until(kiln_signal *signal, uint32_t value) {
    for (int i = 0; i < YIELDS; i++) {
        if (reached(signal, value)) return true;
        sched_yield();
    }
    return reached(signal, value);
}

/* `sleeping` and `value` are written and read in opposite orders by the two sides, all sequentially
 * consistent: either the sleeper sees the new value or the raiser sees the sleeper. */
static void sleep_until(kiln_signal *signal, uint32_t value) {
    pthread_mutex_lock(&signal->mutex);
    atomic_store(&signal->sleeping, true);
    while ((int32_t)(atomic_load(&signal->value) - value) < 0) pthread_cond_wait(&signal->raised, &signal->mutex);
    atomic_store(&signal->sleeping, false);
    pthread_mutex_unlock(&signal->mutex);
}

int kiln_signal_init(kiln_signal *signal) {
    atomic_init(&signal->value, 0);
    atomic_init(&signal->sleeping, false);
    int code = pthread_mutex_init(&signal->mutex, NULL);
    if (code != 0) return code;
    code = pthread_cond_init(&signal->raised, NULL);
    if (code != 0) pthread_mutex_destroy(&signal->mutex);
    return code;
}

void kiln_signal_destroy(kiln_signal *signal) {
    pthread_cond_destroy(&signal->raised);
    pthread_mutex_destroy(&signal->mutex);
}

void kiln_signal_raise(kiln_signal *signal, uint32_t value) {
    atomic_store(&signal->value, value);
    if (!atomic_load(&signal->sleeping)) return;
    pthread_mutex_lock(&signal->mutex);
    pthread_cond_signal(&signal->raised);
    pthread_mutex_unlock(&signal->mutex);
}

uint32_t kiln_signal_wait(kiln_signal *signal, uint32_t value, bool spin) {
    if (!(spin && spin_until(signal, value)) && !yield_until(signal, value)) sleep_until(signal, value);
    return atomic_load_explicit(&signal->value, memory_order_acquire);
}
