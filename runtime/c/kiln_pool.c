/* kiln_pool.c: see kiln_pool.h.
 *
 * The caller writes the job, publishes it by storing `claims`, wakes the workers that it wants, and claims pieces
 * itself. `claims` packs the generation of the job, the number of its pieces and the next one to claim, so that
 * one compare-and-swap claims a piece of exactly that job. A claimed piece keeps its job in place: the caller
 * writes the next one only after all pieces are finished. A worker that wakes too late finds nothing to claim.
 */
#define _GNU_SOURCE
#include "kiln_pool.h"
#include "kiln_signal.h"

#include <fenv.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKER_STACK_BYTES (1u << 20)

#define PIECES_PER_WORKER 4 /* enough that one late or slow worker costs a fraction of its share */

typedef struct job {
    const kiln_call *call;
    const kiln_frame *frame;
    bool spin;
} job;

typedef struct slot {
    _Alignas(KILN_ALIGNMENT) kiln_signal posted;
    struct kiln_pool *pool;
    int index;
    pthread_t thread;
} slot;

struct kiln_pool {
    pid_t owner;
    int n_slots; /* threads - 1; worker w is slots[w - 1], worker 0 the caller */
    slot *slots;
    uint32_t generation; /* the caller's alone, as is `posts` */
    uint32_t posts;
    atomic_bool ending;
    job job;
    _Alignas(KILN_ALIGNMENT) _Atomic uint64_t claims; /* generation << 32 | pieces << 16 | next piece */
    _Alignas(KILN_ALIGNMENT) atomic_uint finished;    /* pieces of this generation */
    kiln_signal done;                                 /* the generation of which all pieces are finished */
};

/* Where piece `index` of `pieces` begins. */
static int32_t piece_begin(int32_t extent, uint32_t index, uint32_t pieces) {
    return (int32_t)((int64_t)extent * index / pieces);
}

/* Claims and runs pieces of the current job until none is left; `spin` becomes that job's. */
static void work(struct kiln_pool *pool, int worker, bool *spin) {
    uint64_t seen = atomic_load_explicit(&pool->claims, memory_order_acquire);
    for (;;) {
        uint32_t pieces = (uint32_t)(seen >> 16) & 0xffff, index = (uint32_t)seen & 0xffff;
        if (index >= pieces) return;
        if (!atomic_compare_exchange_weak_explicit(&pool->claims, &seen, seen + 1, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        const job j = pool->job;
        *spin = j.spin;
        int32_t extent = j.call->extent;
        j.call->run(j.frame, piece_begin(extent, index, pieces), piece_begin(extent, index + 1, pieces), worker);
        if (atomic_fetch_add_explicit(&pool->finished, 1, memory_order_acq_rel) + 1 == pieces)
            kiln_signal_raise(&pool->done, (uint32_t)(seen >> 32));
        seen = atomic_load_explicit(&pool->claims, memory_order_acquire);
    }
}

static void *worker_main(void *argument) {
    slot *s = argument;
    fesetenv(FE_DFL_ENV);
    bool spin = false;
    for (uint32_t ticket = 1;; ticket++) {
        ticket = kiln_signal_wait(&s->posted, ticket, spin);
        if (atomic_load_explicit(&s->pool->ending, memory_order_acquire)) return NULL;
        work(s->pool, s->index, &spin);
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

static int start_slot(kiln_pool *pool, slot *s, int index, const pthread_attr_t *attributes) {
    s->pool = pool;
    s->index = index;
    int code = kiln_signal_init(&s->posted);
    if (code != 0) return code;
    code = start_thread(s, attributes);
    if (code != 0) kiln_signal_destroy(&s->posted);
    return code;
}

static int start_slots(kiln_pool *pool, int wanted) {
    pthread_attr_t attributes;
    int code = pthread_attr_init(&attributes);
    if (code != 0) return code;
    pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
    while (code == 0 && pool->n_slots < wanted) {
        code = start_slot(pool, &pool->slots[pool->n_slots], pool->n_slots + 1, &attributes);
        if (code == 0) pool->n_slots++;
    }
    pthread_attr_destroy(&attributes);
    return code;
}

static kiln_status allocate_slots(kiln_pool *pool, int threads, kiln_error *error) {
    if (threads <= 1) return KILN_OK;
    size_t bytes = (size_t)(threads - 1) * sizeof(slot);
    if (posix_memalign((void **)&pool->slots, KILN_ALIGNMENT, bytes) != 0) {
        pool->slots = NULL;
        return kiln_fail(error, KILN_ERROR_MEMORY, "out of memory for %d threads", threads);
    }
    memset(pool->slots, 0, bytes);
    return KILN_OK;
}

kiln_status kiln_pool_create(int threads, kiln_pool **result, kiln_error *error) {
    kiln_pool *pool = NULL;
    if (posix_memalign((void **)&pool, KILN_ALIGNMENT, sizeof *pool) != 0)
        return kiln_fail(error, KILN_ERROR_MEMORY, "out of memory for a thread pool");
    memset(pool, 0, sizeof *pool);
    pool->owner = getpid();
    int code = kiln_signal_init(&pool->done);
    if (code != 0) {
        free(pool);
        return kiln_fail(error, KILN_ERROR_SYSTEM, "cannot create a thread pool: %s", strerror(code));
    }
    kiln_status status = allocate_slots(pool, threads, error);
    if (status == KILN_OK && (code = start_slots(pool, threads - 1)) != 0)
        status = kiln_fail(error, KILN_ERROR_SYSTEM, "cannot start thread %d of %d: %s", pool->n_slots + 2,
                           threads, strerror(code));
    if (status != KILN_OK) {
        kiln_pool_destroy(pool);
        return status;
    }
    *result = pool;
    return KILN_OK;
}

bool kiln_pool_orphaned(const kiln_pool *pool) { return pool->n_slots > 0 && pool->owner != getpid(); }

void kiln_pool_destroy(kiln_pool *pool) {
    if (!pool) return;
    bool alive = !kiln_pool_orphaned(pool);
    atomic_store_explicit(&pool->ending, true, memory_order_release);
    pool->posts++;
    for (int i = 0; alive && i < pool->n_slots; i++) {
        slot *s = &pool->slots[i];
        kiln_signal_raise(&s->posted, pool->posts);
        pthread_join(s->thread, NULL);
        kiln_signal_destroy(&s->posted);
    }
    if (alive) kiln_signal_destroy(&pool->done);
    free(pool->slots);
    free(pool);
}

void kiln_pool_run(kiln_pool *pool, const kiln_call *call, const kiln_frame *frame, int workers, bool spin) {
    if (workers <= 1) {
        call->run(frame, 0, call->extent, 0);
        return;
    }
    int64_t wanted = (int64_t)workers * PIECES_PER_WORKER;
    uint64_t pieces = (uint64_t)(wanted < call->extent ? wanted : call->extent);
    uint32_t generation = ++pool->generation;
    pool->job = (job){call, frame, spin};
    atomic_store_explicit(&pool->finished, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->claims, (uint64_t)generation << 32 | pieces << 16, memory_order_release);
    pool->posts++;
    for (int w = 1; w < workers; w++) kiln_signal_raise(&pool->slots[w - 1].posted, pool->posts);
    work(pool, 0, &spin);
    kiln_signal_wait(&pool->done, generation, spin);
}
