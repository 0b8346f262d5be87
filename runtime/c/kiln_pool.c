/* kiln_pool.c: see kiln_pool.h.
 *
 * The caller writes the job, publishes it by storing a range of its pieces for each worker, wakes the workers that
 * it wants, and claims pieces itself. A range packs the generation of the job, its end and the next piece to claim,
 * so that one compare-and-swap claims a piece of exactly that job. Each worker begins with its own range, the same
 * share of every job's iterations, so that it mostly reads what it wrote; then it takes what is left of the others'.
 * A claimed piece keeps its job in place: the caller writes the next one only after all pieces are finished. A
 * worker that wakes too late finds nothing to claim.
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

#define MOST_PIECES UINT16_MAX /* a place in a range */

typedef struct job {
    const kiln_call *call;
    const kiln_frame *frame;
    uint32_t pieces;
    bool spin;
} job;

typedef struct slot {
    _Alignas(KILN_ALIGNMENT) kiln_signal posted;
    struct kiln_pool *pool;
    int index;
    pthread_t thread;
} slot;

typedef struct range {
    _Alignas(KILN_ALIGNMENT) _Atomic uint64_t claims; /* generation << 32 | end << 16 | next piece */
} range;

struct kiln_pool {
    pid_t owner;
    int n_slots; /* threads - 1; worker w is slots[w - 1], worker 0 the caller */
    slot *slots;
    uint32_t generation; /* the caller's alone, as is `posts` */
    uint32_t posts;
    atomic_bool ending;
    job job;
    range *ranges;                                 /* per worker, the caller's first */
    _Alignas(KILN_ALIGNMENT) atomic_uint finished; /* pieces of this generation */
    kiln_signal done;                              /* the generation of which all pieces are finished */
};

/* Where piece `index` of `pieces` begins. */
static int32_t piece_begin(int32_t extent, uint32_t index, uint32_t pieces) {
    return (int32_t)((int64_t)extent * index / pieces);
}

static void run_piece(struct kiln_pool *pool, uint32_t generation, uint32_t index, int worker, bool *spin) {
    const job j = pool->job;
    *spin = j.spin;
    int32_t extent = j.call->extent;
    j.call->run(j.frame, piece_begin(extent, index, j.pieces), piece_begin(extent, index + 1, j.pieces), worker);
    if (atomic_fetch_add_explicit(&pool->finished, 1, memory_order_acq_rel) + 1 == j.pieces)
        kiln_signal_raise(&pool->done, generation);
}

/* Claims and runs what is left of one range; `spin` becomes that of its job. */
static void empty(struct kiln_pool *pool, range *from, int worker, bool *spin) {
    uint64_t seen = atomic_load_explicit(&from->claims, memory_order_acquire);
    for (;;) {
        uint32_t end = (uint32_t)(seen >> 16) & 0xffff, index = (uint32_t)seen & 0xffff;
        if (index >= end) return;
        if (!atomic_compare_exchange_weak_explicit(&from->claims, &seen, seen + 1, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        run_piece(pool, (uint32_t)(seen >> 32), index, worker, spin);
        seen = atomic_load_explicit(&from->claims, memory_order_acquire);
    }
}

/* Runs pieces of the current job until none is left: the worker's own first, then its neighbours'. */
static void work(struct kiln_pool *pool, int worker, bool *spin) {
    int workers = pool->n_slots + 1;
    for (int i = 0; i < workers; i++) empty(pool, &pool->ranges[(worker + i) % workers], worker, spin);
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

/* Zeroed memory on cache lines of its own; NULL if there is none. */
static void *allocate_lines(size_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, KILN_ALIGNMENT, bytes) != 0) return NULL;
    return memset(memory, 0, bytes);
}

static kiln_status allocate_slots(kiln_pool *pool, int threads, kiln_error *error) {
    if (threads <= 1) return KILN_OK;
    pool->slots = allocate_lines((size_t)(threads - 1) * sizeof(slot));
    pool->ranges = allocate_lines((size_t)threads * sizeof(range));
    if (pool->slots && pool->ranges) return KILN_OK;
    return kiln_fail(error, KILN_ERROR_MEMORY, "out of memory for %d threads", threads);
}

kiln_status kiln_pool_create(int threads, kiln_pool **result, kiln_error *error) {
    kiln_pool *pool = allocate_lines(sizeof *pool);
    if (!pool) return kiln_fail(error, KILN_ERROR_MEMORY, "out of memory for a thread pool");
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
    free(pool->ranges);
    free(pool->slots);
    free(pool);
}

void kiln_pool_run(kiln_pool *pool, const kiln_call *call, const kiln_frame *frame, int workers, int pieces,
                   bool spin) {
    if (workers <= 1) {
        call->run(frame, 0, call->extent, 0);
        return;
    }
    int64_t most = (int64_t)workers * pieces;
    if (most > MOST_PIECES) most = MOST_PIECES;
    uint32_t count = (uint32_t)(most < call->extent ? most : call->extent);
    uint32_t generation = ++pool->generation;
    pool->job = (job){call, frame, count, spin};
    atomic_store_explicit(&pool->finished, 0, memory_order_relaxed);
    for (int w = 0; w < workers; w++) {
        uint64_t first = (uint64_t)count * (unsigned)w / (unsigned)workers;
        uint64_t end = (uint64_t)count * ((unsigned)w + 1) / (unsigned)workers;
        atomic_store_explicit(&pool->ranges[w].claims, (uint64_t)generation << 32 | end << 16 | first,
                              memory_order_release);
    }
    pool->posts++;
    for (int w = 1; w < workers; w++) kiln_signal_raise(&pool->slots[w - 1].posted, pool->posts);
    work(pool, 0, &spin);
    kiln_signal_wait(&pool->done, generation, spin);
}
