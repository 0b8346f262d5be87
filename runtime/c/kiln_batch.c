/* kiln_batch.c: any number of rows, by code for a tile of them and code for a single one.
 *
 * Whole tiles are computed where the caller's data lies. Of the rows that are left, few are computed one by one; many
 * are copied and padded with zeros to one more tile, of which the results beyond the rows are dropped. Threads share
 * tiles, or single rows; what a thread needs for a pass (scratch, arena, pointers to its rows) is its own. Which code
 * computes a row follows from the number of rows alone, so that bits do not depend on the number of threads.
 */
#include "kiln_context.h"

#include <string.h>

typedef struct batch {
    kiln_frame frame; /* of the caller's data; first, since a pool hands frames to calls */
    kiln_context *context;
    int32_t rows;
    int32_t single; /* the first row that is computed by itself */
} batch;

static uint64_t pointers_bytes(const kiln_plan *plan) {
    return ((uint64_t)plan->n_inputs + plan->n_outputs) * sizeof(void *);
}

uint64_t kiln_batch_worker_bytes(const kiln_plan *plan) {
    return kiln_lines(plan->arena_bytes) + kiln_lines(pointers_bytes(plan));
}

static uint64_t tile_bytes(const kiln_plan *plan, const kiln_tensor *tensor) {
    return kiln_lines(tensor->bytes * (uint64_t)plan->row_tile);
}

uint64_t kiln_batch_padding_bytes(const kiln_plan *plan) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < plan->n_inputs; i++) bytes += tile_bytes(plan, &plan->inputs[i]);
    for (uint32_t i = 0; i < plan->n_outputs; i++) bytes += tile_bytes(plan, &plan->outputs[i]);
    return bytes;
}

/* A worker's frame for one pass; where its inputs and outputs lie is to be filled in. */
typedef struct pass {
    kiln_frame frame;
    const void **inputs;
    void **outputs;
} pass;

static pass pass_of(const batch *b, int32_t worker) {
    const kiln_plan *plan = b->context->model->plan;
    char *scratch = KILN_SCRATCH(&b->frame, worker);
    char *arena = scratch + kiln_lines(plan->scratch_bytes);
    const void **inputs = (const void **)(arena + kiln_lines(plan->arena_bytes));
    void **outputs = (void **)(inputs + plan->n_inputs);
    const kiln_frame frame = {
        .inputs = inputs, .outputs = outputs, .weights = b->frame.weights, .arena = arena, .scratch = scratch};
    return (pass){frame, inputs, outputs};
}

/* All calls of a program on this thread. `first` is the number of its first call in a profile. */
static void run_program(const kiln_program *program, const pass *p, kiln_call_time *times, uint32_t first) {
    for (uint32_t i = 0; i < program->n_calls; i++) {
        const kiln_call *call = &program->calls[i];
        uint64_t start = kiln_profile_start(times);
        call->run(&p->frame, 0, call->extent, 0);
        kiln_profile_record(times, first + i, start);
    }
}

/* Points a pass to the caller's data from a row on. */
static void point_to_row(const batch *b, const pass *p, int32_t row) {
    const kiln_plan *plan = b->context->model->plan;
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        p->inputs[i] = (const char *)b->frame.inputs[i] + (size_t)row * (size_t)plan->inputs[i].bytes;
    for (uint32_t i = 0; i < plan->n_outputs; i++)
        p->outputs[i] = (char *)b->frame.outputs[i] + (size_t)row * (size_t)plan->outputs[i].bytes;
}

/* Points a pass to the padding, with the caller's inputs from a row on and zeros behind them. */
static void point_to_padding(const batch *b, const pass *p, int32_t row) {
    const kiln_plan *plan = b->context->model->plan;
    char *memory = b->context->arena;
    for (uint32_t i = 0; i < plan->n_inputs; i++) {
        size_t bytes = (size_t)plan->inputs[i].bytes, given = (size_t)(b->rows - row) * bytes;
        memcpy(memory, (const char *)b->frame.inputs[i] + (size_t)row * bytes, given);
        memset(memory + given, 0, (size_t)plan->row_tile * bytes - given);
        p->inputs[i] = memory;
        memory += tile_bytes(plan, &plan->inputs[i]);
    }
    for (uint32_t i = 0; i < plan->n_outputs; i++) {
        p->outputs[i] = memory;
        memory += tile_bytes(plan, &plan->outputs[i]);
    }
}

static void copy_results(const batch *b, const pass *p, int32_t row) {
    const kiln_plan *plan = b->context->model->plan;
    for (uint32_t i = 0; i < plan->n_outputs; i++) {
        size_t bytes = (size_t)plan->outputs[i].bytes;
        memcpy((char *)b->frame.outputs[i] + (size_t)row * bytes, p->outputs[i], (size_t)(b->rows - row) * bytes);
    }
}

static void run_tiles(const kiln_frame *frame, int32_t begin, int32_t end, int32_t worker) {
    const batch *b = (const batch *)frame;
    const kiln_plan *plan = b->context->model->plan;
    const pass p = pass_of(b, worker);
    for (int32_t tile = begin; tile < end; tile++) {
        int32_t row = tile * plan->row_tile;
        bool whole = b->rows - row >= plan->row_tile;
        if (whole)
            point_to_row(b, &p, row);
        else
            point_to_padding(b, &p, row);
        run_program(&plan->program, &p, b->context->times, 0);
        if (!whole) copy_results(b, &p, row);
    }
}

static void run_single_rows(const kiln_frame *frame, int32_t begin, int32_t end, int32_t worker) {
    const batch *b = (const batch *)frame;
    const kiln_plan *plan = b->context->model->plan;
    const pass p = pass_of(b, worker);
    for (int32_t i = begin; i < end; i++) {
        point_to_row(b, &p, b->single + i);
        run_program(&plan->row, &p, b->context->times, plan->program.n_calls);
    }
}

/* `extent` iterations, tiles or rows, each of which takes one core `seconds`. */
static void share(const batch *b, kiln_call_fn run, int32_t extent, double seconds, bool spin) {
    const kiln_context *context = b->context;
    int threads = context->times ? 1 : context->crew.threads;
    const kiln_call call = {.run = run, .extent = extent};
    kiln_pool_run(context->crew.pool, &call, &b->frame, kiln_workers_for(extent * seconds, extent, threads), spin);
}

void kiln_batch_run(kiln_context *context, int32_t rows, const void *const *inputs, void *const *outputs, bool spin) {
    const kiln_plan *plan = context->model->plan;
    int32_t tiles = rows / plan->row_tile, rest = rows % plan->row_tile;
    bool padded = rest * plan->row.seconds > plan->program.seconds;
    const batch b = {
        .frame = {.inputs = inputs,
                  .outputs = outputs,
                  .weights = (const char *)context->model->mapping + sizeof(kiln_weights_header),
                  .scratch = context->crew.memory,
                  .scratch_stride = context->crew.stride},
        .context = context,
        .rows = rows,
        .single = rows - rest,
    };
    if (tiles || padded) share(&b, run_tiles, tiles + padded, plan->program.seconds, spin);
    if (rest && !padded) share(&b, run_single_rows, rest, plan->row.seconds, spin);
}
