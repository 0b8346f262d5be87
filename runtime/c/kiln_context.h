/* kiln_context.h: what is inside of a context, for the files that create one and that run it. */
#ifndef KILN_CONTEXT_H
#define KILN_CONTEXT_H

#include "kiln_internal.h"
#include "kiln_pool.h"

#pragma GCC visibility push(hidden)

/* Everything whose size depends on the number of threads, so that changing it is one exchange. */
typedef struct kiln_crew {
    int threads;
    kiln_pool *pool;
    char *memory;  /* of each worker: scratch, and behind it what a dynamic batch needs (kiln_batch.c) */
    size_t stride; /* bytes from one worker's memory to the next one's */
    int *workers;  /* per call of one program after the other: how many threads share it */
    double shared_seconds[KILN_MOST_PROGRAMS]; /* of a dynamic batch: what a tile takes whose calls they share */
} kiln_crew;

typedef struct kiln_call_time {
    uint64_t runs;
    uint64_t total_ns;
    uint64_t best_ns;
} kiln_call_time;

struct kiln_context {
    kiln_model *model;
    char *arena; /* of one run; with a dynamic batch, a padded tile of all inputs and outputs */
    kiln_crew crew;
    kiln_call_time *times; /* per call of one program after the other; NULL unless profiling */
    int64_t ended_ns; /* of a dynamic batch, when threads last were awake after a run */
    atomic_flag in_use;
};

/* `bytes` in whole cache lines. */
static inline uint64_t kiln_lines(uint64_t bytes) {
    return (bytes + KILN_ALIGNMENT - 1) / KILN_ALIGNMENT * KILN_ALIGNMENT;
}

/* Work is cut into pieces of at least this estimated duration. Handing over to a thread that spins takes
 * 0.2 microseconds, and the cache lines that it then fetches from the caller's core take as long again and
 * more. */
#define KILN_LEAST_SECONDS 5e-6

/* How many of `threads` are worth waking for work of `extent` iterations that takes one core `seconds`. */
int kiln_workers_for(double seconds, int64_t extent, int threads);

/* Takes the context for one thread, or says why not; and gives it back. */
kiln_status kiln_acquire(kiln_context *context, kiln_error *error);
void kiln_leave(kiln_context *context);

/* Replaces the threads; on failure the context keeps its old ones. */
kiln_status kiln_replace_crew(kiln_context *context, int threads, kiln_error *error);

/* Profiling: the time now, and adding the time since `start` to that of a call. Nothing where `times` is NULL. */
uint64_t kiln_profile_start(const kiln_call_time *times);
void kiln_profile_record(kiln_call_time *times, uint32_t call, uint64_t start);

/* Dynamic batches, kiln_batch.c: what a worker needs behind its scratch, and what a padded tile takes. */
uint64_t kiln_batch_worker_bytes(const kiln_plan *plan);
uint64_t kiln_batch_padding_bytes(const kiln_plan *plan);

/* Computes rows [0, rows), at least one; `spin` as in kiln_pool_run. */
void kiln_batch_run(kiln_context *context, int32_t rows, const void *const *inputs, void *const *outputs, bool spin);

#pragma GCC visibility pop

#endif
