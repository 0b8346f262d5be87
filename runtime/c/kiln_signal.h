/* kiln_signal.h: a rising counter that one thread at a time raises and one other thread waits for.
 *
 * Waiting spins briefly (a hand-over between kernels takes well under a microsecond then), yields a few times
 * (so that a busy machine can run whoever is awaited), and then sleeps. Raising costs one store while nobody
 * sleeps.
 */
#ifndef KILN_SIGNAL_H
#define KILN_SIGNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

#define KILN_SPIN_NS 50000 /* how long a thread that may spin does so before it sleeps: about what a wake-up costs */

typedef struct kiln_signal {
    atomic_uint value;
    atomic_bool sleeping;
    pthread_mutex_t mutex;
    pthread_cond_t raised;
} kiln_signal;

/* The time since some moment in the past. */
int64_t kiln_now_ns(void);

/* 0, or the errno of what the system refused. */
int kiln_signal_init(kiln_signal *signal);
void kiln_signal_destroy(kiln_signal *signal);

/* Publishes `value` together with everything written before the call. */
void kiln_signal_raise(kiln_signal *signal, uint32_t value);

/* Returns once the value is at least `value` (it may wrap around), and what it is then. */
uint32_t kiln_signal_wait(kiln_signal *signal, uint32_t value, bool spin);

#pragma GCC visibility pop

#endif
