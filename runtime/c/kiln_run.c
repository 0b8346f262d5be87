/* kiln_run.c: one run: what the caller may pass, whose turn it is, and the loop over the calls of a plan. */
#define _GNU_SOURCE
#include "kiln_context.h"
#include "kiln_float_mode.h"
#include "kiln_signal.h"

int kiln_workers_for(double seconds, int64_t extent, int threads) {
    double pieces = seconds / KILN_LEAST_SECONDS;
    int workers = threads < extent ? threads : (int)extent;
    if (pieces < workers) workers = (int)pieces;
    return workers > 1 ? workers : 1;
}

kiln_status kiln_acquire(kiln_context *context, kiln_error *error) {
    if (!context) return kiln_fail(error, KILN_ERROR_ARGUMENT, "the context is null");
    if (!atomic_flag_test_and_set_explicit(&context->in_use, memory_order_acquire)) return KILN_OK;
    return kiln_fail(error, KILN_ERROR_BUSY,
                     "the context is in use by another thread; create one per thread");
}

void kiln_leave(kiln_context *context) {
    atomic_flag_clear_explicit(&context->in_use, memory_order_release);
}

uint64_t kiln_profile_start(const kiln_call_time *times) { return times ? (uint64_t)kiln_now_ns() : 0; }

void kiln_profile_record(kiln_call_time *times, uint32_t call, uint64_t start) {
    if (!times) return;
    uint64_t elapsed = (uint64_t)kiln_now_ns() - start;
    kiln_call_time *time = &times[call];
    if (time->runs == 0 || elapsed < time->best_ns) time->best_ns = elapsed;
    time->total_ns += elapsed;
    time->runs++;
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

static kiln_status check_arguments(const kiln_plan *plan, const void *const *inputs, void *const *outputs,
                                   kiln_error *error) {
    kiln_status status =
        check_pointers("input", plan->inputs, plan->n_inputs, plan->io_alignment, inputs, error);
    if (status != KILN_OK) return status;
    return check_pointers("output", plan->outputs, plan->n_outputs, plan->io_alignment,
                          (const void *const *)outputs, error);
}

static void run_calls(kiln_context *context, const kiln_frame *frame, bool spin) {
    const kiln_program *program = &context->model->plan->programs[0];
    const kiln_crew *c = &context->crew;
    for (uint32_t i = 0; i < program->n_calls; i++) {
        uint64_t start = kiln_profile_start(context->times);
        kiln_pool_run(c->pool, &program->calls[i], frame, c->workers[i], KILN_FEW_PIECES, spin);
        kiln_profile_record(context->times, i, start);
    }
}

static void run_whole(kiln_context *context, const void *const *inputs, void *const *outputs, bool spin) {
    const kiln_frame frame = {
        .inputs = inputs,
        .outputs = outputs,
        .weights = (const char *)context->model->mapping + sizeof(kiln_weights_header),
        .arena = context->arena,
        .scratch = context->crew.memory,
        .scratch_stride = context->crew.stride,
    };
    run_calls(context, &frame, spin);
}

/* The caller's floating-point mode (rounding, flush-to-zero) must not show in results: its share of a kernel
 * would differ from the workers' shares. */
static void run_in_default_mode(kiln_context *context, int32_t rows, const void *const *inputs,
                                void *const *outputs) {
    kiln_model *model = context->model;
    int threads = context->crew.threads;
    bool spin = atomic_fetch_add(&model->busy_threads, threads) + threads <= model->cpus;
    const kiln_float_mode callers = kiln_default_float_mode();
    if (model->plan->row_tile)
        kiln_batch_run(context, rows, inputs, outputs, spin);
    else
        run_whole(context, inputs, outputs, spin);
    kiln_set_float_mode(callers);
    atomic_fetch_sub(&model->busy_threads, threads);
}

static kiln_status run_exclusively(kiln_context *context, int32_t rows, const void *const *inputs,
                                   void *const *outputs, kiln_error *error) {
    kiln_status status = check_arguments(context->model->plan, inputs, outputs, error);
    if (status == KILN_OK && kiln_pool_orphaned(context->crew.pool))
        status = kiln_replace_crew(context, context->crew.threads, error);
    if (status == KILN_OK) run_in_default_mode(context, rows, inputs, outputs);
    return status;
}

kiln_status kiln_run(kiln_context *context, const void *const *inputs, void *const *outputs,
                     kiln_error *error) {
    kiln_status status = kiln_acquire(context, error);
    if (status != KILN_OK) return status;
    if (context->model->plan->row_tile)
        status = kiln_fail(error, KILN_ERROR_ARGUMENT, "the model has a dynamic batch: use kiln_run_rows");
    else
        status = run_exclusively(context, 0, inputs, outputs, error);
    kiln_leave(context);
    return status;
}

kiln_status kiln_run_rows(kiln_context *context, int64_t rows, const void *const *inputs, void *const *outputs,
                          kiln_error *error) {
    kiln_status status = kiln_acquire(context, error);
    if (status != KILN_OK) return status;
    if (!context->model->plan->row_tile)
        status = kiln_fail(error, KILN_ERROR_ARGUMENT, "the model's shapes are fixed: use kiln_run");
    else if (rows < 0 || rows > INT32_MAX)
        status = kiln_fail(error, KILN_ERROR_ARGUMENT, "%lld rows: must be 0 to %ld", (long long)rows,
                           (long)INT32_MAX);
    else if (rows > 0)
        status = run_exclusively(context, (int32_t)rows, inputs, outputs, error);
    kiln_leave(context);
    return status;
}
