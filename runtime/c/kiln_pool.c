/* kiln_pool.c: see kiln_pool.h.
 *
 * Every worker has a slot of its own: the caller writes the job, raises `posted`, works on its own share, and
 * waits for each participant's `done`. A worker that takes no part in a call is not touched, so it may stay
 * asleep.
 */
#define _GNU_SOURCE
#include "kiln_pool.h"
#include "kiln_signal.h"

#include <fenv.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKER_STACK_BYTES (1u << 20)

typedef struct job {
    const kiln_call *call; /* NULL ends the worker */
    const kiln_frame *frame;
    int32_t begin;
    int32_t end;
    bool spin;
} job;

typedef struct slot {
    _Alignas(KILN_ALIGNMENT) kiln_signal posted;
    job job;
    uint32_t ticket; /* jobs posted so far; the caller's alone */
    int index;
    pthread_t thread;
    _Alignas(KILN_ALIGNMENT) kiln_signal done;
} slot;

struct kiln_pool {
    pid_t owner;
    int n_slots; /* threads - 1; worker w is slots[w - 1], worker 0 the caller */
    slot *slots;
};

static void *worker_main(void *argument) {
    slot *s = argument;
    fesetenv(FE_DFL_ENV);
    bool spin = false;
    for (uint32_t ticket = 1;; ticket++) {
        kiln_signal_wait(&s->posted, ticket, spin);
        const job j = s->job;
        if (!j.call) return NULL;
        j.call->run(j.frame, j.begin, j.end, s->index);
        spin = j.spin;
        kiln_signal_raise(&s->done, ticket);
    }
}

/* Signals of the program (an interrupt, a timer) are not for our threads. */
static int start_thread(slot *s, const pthread_attr_t *attributes) {
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    int code = pthread_create(&s->thread, attributes, worker_main, s);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    return code;
}

static int start_slot(slot *s, int index, const pthread_attr_t *attributes) {
    s->index = index;
    int code = kiln_signal_init(&s->posted);
    if (code != 0) return code;
    code = kiln_signal_init(&s->done);
    if (code != 0) goto no_done;
    code = start_thread(s, attributes);
    if (code == 0) return 0;
    kiln_signal_destroy(&s->done);
no_done:
    kiln_signal_destroy(&s->posted);
    return code;
}

static void post(slot *s, job j) {
    s->job = j;
    kiln_signal_raise(&s->posted, ++s->ticket);
}

static int start_slots(kiln_pool *pool, int wanted) {
    pthread_attr_t attributes;
    int code = pthread_attr_init(&attributes);
    if (code != 0) return code;
    pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
    while (code == 0 && pool->n_slots < wanted) {
        code = start_slot(&pool->slots[pool->n_slots], pool->n_slots + 1, &attributes);
        if (code == 0) pool->n_slots++;
    }
    pthread_attr_destroy(&attributes);
    return code;
}

kiln_status kiln_pool_create(int threads, kiln_pool **result, kiln_error *error) {
    kiln_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return kiln_fail(error, KILN_ERROR_MEMORY, "out of memory for a thread pool");
    pool->owner = getpid();
    if (threads > 1) {
        size_t bytes = (size_t)(threads - 1) * sizeof(slot);
        if (posix_memalign((void **)&pool->slots, KILN_ALIGNMENT, bytes) != 0) {
            free(pool);
            return kiln_fail(error, KILN_ERROR_MEMORY, "out of memory for %d threads", threads);
        }
        memset(pool->slots, 0, bytes);
    }
    int code = start_slots(pool, threads - 1);
    if (code != 0) {
        int started = pool->n_slots;
        kiln_pool_destroy(pool);
        return kiln_fail(error, KILN_ERROR_SYSTEM, "cannot start thread %d of %d: %s", started + 2, threads,
                         strerror(code));
    }
    *result = pool;
    return KILN_OK;
}

bool kiln_pool_orphaned(const kiln_pool *pool) { return pool->n_slots > 0 && pool->owner != getpid(); }

void kiln_pool_destroy(kiln_pool *pool) {
    if (!pool) return;
    bool alive = !kiln_pool_orphaned(pool);
    for (int i = 0; alive && i < pool->n_slots; i++) {
        slot *s = &pool->slots[i];
        post(s, (job){0});
        pthread_join(s->thread, NULL);
        kiln_signal_destroy(&s->posted);
        kiln_signal_destroy(&s->done);
    }
    free(pool->slots);
    free(pool);
}

/* Where the share of worker `index` begins. */
static int32_t share(int32_t extent, int index, int workers) {
    return (int32_t)((int64_t)extent * index / workers);
}

void kiln_pool_run(kiln_pool *pool, const kiln_call *call, const kiln_frame *frame, int workers, bool spin) {
    for (int w = 1; w < workers; w++)
        post(&pool->slots[w - 1],
             (job){call, frame, share(call->extent, w, workers), share(call->extent, w + 1, workers), spin});
    call->run(frame, 0, share(call->extent, 1, workers), 0);
    for (int w = 1; w < workers; w++) {
        slot *s = &pool->slots[w - 1];
        kiln_signal_wait(&s->done, s->ticket, spin);
    }
}
