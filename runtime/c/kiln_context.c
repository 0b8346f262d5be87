/* kiln_context.c: life cycle of contexts: working memory, threads and profiles. */
#define _GNU_SOURCE
#include "kiln_context.h"

#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 1024

/* What a plan without figures of its own is taken to reach on one core. */
#define DEFAULT_FLOPS_PER_SECOND 20e9
#define DEFAULT_BYTES_PER_SECOND 10e9

/* Cache-line aligned memory, in whole lines; at least one, so that success is never NULL. */
static char *allocate(uint64_t bytes) {
    uint64_t rounded = kiln_lines(bytes);
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

/* What handing a call over to other threads, and waiting for them, takes. */
#define SHARING_SECONDS 1e-6

static int workers_of_call(const kiln_plan *plan, const kiln_call *call, int threads) {
    double seconds = plan->row_tile ? call->seconds : estimated_seconds(plan, call);
    return kiln_workers_for(seconds, call->extent, threads);
}

/* What a call takes that some threads share. */
static double shared_seconds(const kiln_call *call, int workers) {
    if (workers == 1) return call->seconds;
    int64_t most = (int64_t)workers * KILN_FEW_PIECES, pieces = most < call->extent ? most : call->extent;
    int64_t rounds = (pieces + workers - 1) / workers;
    return call->seconds * (double)rounds / (double)pieces + SHARING_SECONDS;
}

static uint32_t calls_of(const kiln_plan *plan) {
    uint32_t calls = 0;
    for (uint32_t i = 0; i < plan->n_programs; i++) calls += plan->programs[i].n_calls;
    return calls;
}

/* How many threads share each call, and what that makes of the time of tiles. */
static void divide_calls(const kiln_plan *plan, kiln_crew *c) {
    uint32_t number = 0;
    for (uint32_t p = 0; p < plan->n_programs; p++) {
        const kiln_program *program = &plan->programs[p];
        double saved = 0;
        for (uint32_t i = 0; i < program->n_calls; i++) {
            const kiln_call *call = &program->calls[i];
            c->workers[number] = workers_of_call(plan, call, c->threads);
            saved += call->seconds - shared_seconds(call, c->workers[number++]);
        }
        c->shared_seconds[p] = program->seconds - saved;
    }
}

static void crew_free(kiln_crew *c) {
    kiln_pool_destroy(c->pool);
    free(c->memory);
    free(c->workers);
    memset(c, 0, sizeof *c);
}

static kiln_status crew_create(const kiln_model *model, int threads, kiln_crew *result, kiln_error *error) {
    if (threads < 0 || threads > MAX_THREADS)
        return kiln_fail(error, KILN_ERROR_ARGUMENT, "%d threads: must be 0 (automatic) to %d", threads,
                         MAX_THREADS);
    const kiln_plan *plan = model->plan;
    kiln_crew c = {.threads = threads ? threads : model->cpus};
    if (c.threads > MAX_THREADS) c.threads = MAX_THREADS;
    uint64_t stride = kiln_lines(plan->scratch_bytes) + (plan->row_tile ? kiln_batch_worker_bytes(plan) : 0);
    c.memory = stride <= SIZE_MAX / MAX_THREADS ? allocate(stride * (uint64_t)c.threads) : NULL;
    c.stride = (size_t)stride;
    c.workers = malloc((calls_of(plan) + 1) * sizeof *c.workers);
    if (!c.memory || !c.workers) {
        crew_free(&c);
        return kiln_fail(error, KILN_ERROR_MEMORY, "out of memory: %llu bytes for each of %d threads",
                         (unsigned long long)stride, threads);
    }
    divide_calls(plan, &c);
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
    const kiln_plan *plan = model->plan;
    context->model = model;
    atomic_flag_clear(&context->in_use);
    atomic_fetch_add(&model->references, 1);
    uint64_t bytes = plan->row_tile ? kiln_batch_padding_bytes(plan) : plan->arena_bytes;
    context->arena = allocate(bytes);
    kiln_status status = context->arena
                             ? crew_create(model, threads, &context->crew, error)
                             : kiln_fail(error, KILN_ERROR_MEMORY, "out of memory: an arena of %llu bytes",
                                         (unsigned long long)bytes);
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

kiln_status kiln_replace_crew(kiln_context *context, int threads, kiln_error *error) {
    kiln_crew fresh;
    kiln_status status = crew_create(context->model, threads, &fresh, error);
    if (status != KILN_OK) return status;
    crew_free(&context->crew);
    context->crew = fresh;
    return KILN_OK;
}

kiln_status kiln_set_threads(kiln_context *context, int threads, kiln_error *error) {
    kiln_status status = kiln_acquire(context, error);
    if (status != KILN_OK) return status;
    status = kiln_replace_crew(context, threads, error);
    kiln_leave(context);
    return status;
}

int kiln_threads(const kiln_context *context) { return context->crew.threads; }

kiln_status kiln_set_profiling(kiln_context *context, int enabled, kiln_error *error) {
    kiln_status status = kiln_acquire(context, error);
    if (status != KILN_OK) return status;
    free(context->times);
    context->times = enabled ? calloc(calls_of(context->model->plan) + 1, sizeof *context->times) : NULL;
    if (enabled && !context->times) status = kiln_fail(error, KILN_ERROR_MEMORY, "out of memory");
    kiln_leave(context);
    return status;
}

size_t kiln_profile(const kiln_context *context, kiln_kernel_time *times, size_t capacity) {
    const kiln_plan *plan = context->model->plan;
    uint32_t count = 0;
    for (uint32_t p = 0; p < plan->n_programs; p++)
        for (uint32_t i = 0; i < plan->programs[p].n_calls; i++, count++) {
            if (count >= capacity) continue;
            const kiln_call *call = &plan->programs[p].calls[i];
            const kiln_call_time spent = context->times ? context->times[count] : (kiln_call_time){0};
            int workers = plan->row_tile ? 1 : context->crew.workers[i]; /* a profile is of one thread then */
            times[count] = (kiln_kernel_time){call->name,  spent.runs,  spent.total_ns, spent.best_ns,
                                              call->flops, call->bytes, workers};
        }
    return count;
}
