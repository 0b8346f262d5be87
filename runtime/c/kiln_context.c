/* kiln_context.c: working memory, threads and the run loop. */
#define _GNU_SOURCE
#include "kiln_internal.h"
#include "kiln_pool.h"

#include <fenv.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_THREADS 1024

/* A call is cut into pieces of at least this estimated duration. Handing over to a thread that spins takes
 * 0.2 microseconds, and the cache lines that it then fetches from the caller's core take as long again and
 * more. */
#define MIN_PIECE_SECONDS 5e-6

/* What a plan without figures of its own is taken to reach on one core. */
#define DEFAULT_FLOPS_PER_SECOND 20e9
#define DEFAULT_BYTES_PER_SECOND 10e9

/* Everything whose size depends on the number of threads, so that changing it is one exchange. */
typedef struct crew {
    int threads;
    kiln_pool *pool;
    char *scratch;
    size_t scratch_stride;
    int *workers; /* per call: how many threads share it */
} crew;

typedef struct call_time {
    uint64_t runs;
    uint64_t total_ns;
    uint64_t best_ns;
} call_time;

struct kiln_context {
    kiln_model *model;
    char *arena;
    crew crew;
    call_time *times; /* NULL unless profiling */
    atomic_flag in_use;
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Cache-line aligned memory, in whole lines; at least one, so that success is never NULL. */
static char *allocate(uint64_t bytes) {
    uint64_t rounded = (bytes + KILN_ALIGNMENT - 1) / KILN_ALIGNMENT * KILN_ALIGNMENT;
    if (rounded < bytes || rounded > SIZE_MAX) return NULL;
    void *memory = NULL;
    if (posix_memalign(&memory, KILN_ALIGNMENT, rounded ? (size_t)rounded : KILN_ALIGNMENT) != 0) return NULL;
    return memory;
}

static double estimated_seconds(const kiln_plan *plan, const kiln_call *call) {
    double flops_rate = plan->flops_per_second > 0 ? plan->flops_per_second : DEFAULT_FLOPS_PER_SECOND;
    double bytes_rate = plan->bytes_per_second > 0 ? plan->bytes_per_second : DEFAULT_BYTES_PER_SECOND;
    return call->flops / flops_rate + call->bytes / bytes_rate;
}

static int workers_for(const kiln_plan *plan, const kiln_call *call, int threads) {
    double pieces = estimated_seconds(plan, call) / MIN_PIECE_SECONDS;
    int workers = threads < call->extent ? threads : call->extent;
    if (pieces < workers) workers = (int)pieces;
    return workers > 1 ? workers : 1;
}

static void crew_free(crew *c) {
    kiln_pool_destroy(c->pool);
    free(c->scratch);
    free(c->workers);
    memset(c, 0, sizeof *c);
}

static kiln_status crew_create(const kiln_model *model, int threads, crew *result, kiln_error *error) {
    if (threads < 0 || threads > MAX_THREADS)
        return kiln_fail(error, KILN_ERROR_ARGUMENT, "%d threads: must be 0 (automatic) to %d", threads,
                         MAX_THREADS);
    const kiln_plan *plan = model->plan;
    crew c = {.threads = threads ? threads : model->cpus};
    if (c.threads > MAX_THREADS) c.threads = MAX_THREADS;
    uint64_t stride = (plan->scratch_bytes + KILN_ALIGNMENT - 1) / KILN_ALIGNMENT * KILN_ALIGNMENT;
    c.scratch = stride <= SIZE_MAX / MAX_THREADS ? allocate(stride * (uint64_t)c.threads) : NULL;
    c.scratch_stride = (size_t)stride;
    c.workers = malloc((plan->n_calls + 1) * sizeof *c.workers);
    if (!c.scratch || !c.workers) {
        crew_free(&c);
        return kiln_fail(error, KILN_ERROR_MEMORY, "out of memory: %llu bytes of scratch for %d threads",
                         (unsigned long long)stride, threads);
    }
    for (uint32_t i = 0; i < plan->n_calls; i++) c.workers[i] = workers_for(plan, &plan->calls[i], c.threads);
    kiln_status status = kiln_pool_create(c.threads, &c.pool, error);
    if (status != KILN_OK) {
        crew_free(&c);
        return status;
    }
    *result = c;
    return KILN_OK;
}

kiln_status kiln_context_create(kiln_model *model, int threads, kiln_context **result, kiln_error *error) {
    if (!result)
        return kiln_fail(error, KILN_ERROR_ARGUMENT, "kiln_context_create: the result pointer is null");
    *result = NULL;
    if (!model) return kiln_fail(error, KILN_ERROR_ARGUMENT, "kiln_context_create: the model is null");
    kiln_context *context = calloc(1, sizeof *context);
    if (!context) return kiln_fail(error, KILN_ERROR_MEMORY, "out of memory");
    context->model = model;
    atomic_flag_clear(&context->in_use);
    atomic_fetch_add(&model->references, 1);
    context->arena = allocate(model->plan->arena_bytes);
    kiln_status status = context->arena
                             ? crew_create(model, threads, &context->crew, error)
                             : kiln_fail(error, KILN_ERROR_MEMORY, "out of memory: an arena of %llu bytes",
                                         (unsigned long long)model->plan->arena_bytes);
    if (status != KILN_OK) {
        kiln_context_destroy(context);
        return status;
    }
    *result = context;
    return KILN_OK;
}

void kiln_context_destroy(kiln_context *context) {
    if (!context) return;
    crew_free(&context->crew);
    free(context->arena);
    free(context->times);
    kiln_release(context->model);
    free(context);
}

static kiln_status acquire(kiln_context *context, kiln_error *error) {
    if (!context) return kiln_fail(error, KILN_ERROR_ARGUMENT, "the context is null");
    if (!atomic_flag_test_and_set_explicit(&context->in_use, memory_order_acquire)) return KILN_OK;
    return kiln_fail(error, KILN_ERROR_BUSY,
                     "the context is in use by another thread; create one per thread");
}

static void leave(kiln_context *context) {
    atomic_flag_clear_explicit(&context->in_use, memory_order_release);
}

static kiln_status replace_crew(kiln_context *context, int threads, kiln_error *error) {
    crew fresh;
    kiln_status status = crew_create(context->model, threads, &fresh, error);
    if (status != KILN_OK) return status;
    crew_free(&context->crew);
    context->crew = fresh;
    return KILN_OK;
}

kiln_status kiln_set_threads(kiln_context *context, int threads, kiln_error *error) {
    kiln_status status = acquire(context, error);
    if (status != KILN_OK) return status;
    status = replace_crew(context, threads, error);
    leave(context);
    return status;
}

int kiln_threads(const kiln_context *context) { return context->crew.threads; }

kiln_status kiln_set_profiling(kiln_context *context, int enabled, kiln_error *error) {
    kiln_status status = acquire(context, error);
    if (status != KILN_OK) return status;
    free(context->times);
    context->times = enabled ? calloc(context->model->plan->n_calls + 1, sizeof *context->times) : NULL;
    if (enabled && !context->times) status = kiln_fail(error, KILN_ERROR_MEMORY, "out of memory");
    leave(context);
    return status;
}

size_t kiln_profile(const kiln_context *context, kiln_kernel_time *times, size_t capacity) {
    const kiln_plan *plan = context->model->plan;
    for (size_t i = 0; i < plan->n_calls && i < capacity; i++) {
        const kiln_call *call = &plan->calls[i];
        const call_time spent = context->times ? context->times[i] : (call_time){0};
        times[i] = (kiln_kernel_time){call->name,  spent.runs,  spent.total_ns,          spent.best_ns,
                                      call->flops, call->bytes, context->crew.workers[i]};
    }
    return plan->n_calls;
}

static kiln_status check_pointers(const char *kind, const kiln_tensor *tensors, uint32_t count,
                                  uint32_t alignment, const void *const *pointers, kiln_error *error) {
    if (count > 0 && !pointers)
        return kiln_fail(error, KILN_ERROR_ARGUMENT, "the %s pointers are null", kind);
    for (uint32_t i = 0; i < count; i++) {
        if (!pointers[i] && tensors[i].bytes > 0)
            return kiln_fail(error, KILN_ERROR_ARGUMENT, "%s '%s': null pointer", kind, tensors[i].name);
        if (alignment > 1 && (uintptr_t)pointers[i] % alignment != 0)
            return kiln_fail(error, KILN_ERROR_ARGUMENT, "%s '%s': the pointer is not aligned to %u bytes",
                             kind, tensors[i].name, alignment);
    }
    return KILN_OK;
}

static void record(call_time *time, uint64_t elapsed) {
    if (time->runs == 0 || elapsed < time->best_ns) time->best_ns = elapsed;
    time->total_ns += elapsed;
    time->runs++;
}

static void run_calls(kiln_context *context, const kiln_frame *frame, bool spin) {
    const kiln_plan *plan = context->model->plan;
    const crew *c = &context->crew;
    for (uint32_t i = 0; i < plan->n_calls; i++) {
        uint64_t start = context->times ? now_ns() : 0;
        kiln_pool_run(c->pool, &plan->calls[i], frame, c->workers[i], spin);
        if (context->times) record(&context->times[i], now_ns() - start);
    }
}

/* The caller's floating-point mode (rounding, flush-to-zero) must not show in results: its share of a kernel
 * would differ from the workers' shares. */
static void run_in_default_mode(kiln_context *context, const kiln_frame *frame) {
    kiln_model *model = context->model;
    int threads = context->crew.threads;
    bool spin = atomic_fetch_add(&model->busy_threads, threads) + threads <= model->cpus;
    fenv_t callers;
    fegetenv(&callers);
    fesetenv(FE_DFL_ENV);
    run_calls(context, frame, spin);
    fesetenv(&callers);
    atomic_fetch_sub(&model->busy_threads, threads);
}

static kiln_status run_exclusively(kiln_context *context, const void *const *inputs, void *const *outputs,
                                   kiln_error *error) {
    const kiln_plan *plan = context->model->plan;
    kiln_status status =
        check_pointers("input", plan->inputs, plan->n_inputs, plan->io_alignment, inputs, error);
    if (status == KILN_OK)
        status = check_pointers("output", plan->outputs, plan->n_outputs, plan->io_alignment,
                                (const void *const *)outputs, error);
    if (status == KILN_OK && kiln_pool_orphaned(context->crew.pool))
        status = replace_crew(context, context->crew.threads, error);
    if (status != KILN_OK) return status;
    const kiln_frame frame = {
        .inputs = inputs,
        .outputs = outputs,
        .weights = (const char *)context->model->mapping + sizeof(kiln_weights_header),
        .arena = context->arena,
        .scratch = context->crew.scratch,
        .scratch_stride = context->crew.scratch_stride,
    };
    run_in_default_mode(context, &frame);
    return KILN_OK;
}

kiln_status kiln_run(kiln_context *context, const void *const *inputs, void *const *outputs,
                     kiln_error *error) {
    kiln_status status = acquire(context, error);
    if (status != KILN_OK) return status;
    status = run_exclusively(context, inputs, outputs, error);
    leave(context);
    return status;
}
