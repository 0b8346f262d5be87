/* kiln_batch.c: any number of rows, by programs for tiles of several sizes, down to a single row.
 *
 * Tiles are computed where the caller's data lies, and kiln_split.c says of which sizes. Only the last one may have more
 * rows than there are: it computes some rows before them once more, or zeros where there are none, and results go
 * through padding. Threads claim tiles, large ones first, or a few of the small ones at once; what a thread needs for a
 * pass (scratch, arena, pointers to its rows) is its own. Where there are too few tiles, the caller goes through them,
 * and threads share each call instead, like those of a model of fixed shapes.
 */
#include "kiln_context.h"
#include "kiln_signal.h"
#include "kiln_split.h"

#include <string.h>

/* Shorter runs are over, or nearly so, when a sleeping thread has woken. */
#define WAKING_SECONDS 300e-6

/* Tiles of one program, from a row on. Threads claim items of several tiles. */
typedef struct part {
    const kiln_program *program;
    uint32_t first_call; /* the number of the program's first call in a profile */
    int32_t first_row;
    int32_t tiles;
    int32_t tiles_per_item;
    int32_t items;
} part;

typedef struct batch {
    kiln_frame frame; /* of the caller's data; first, since a pool hands frames to calls */
    kiln_context *context;
    int32_t rows;
    bool shares_calls; /* as in kiln_split */
    bool spin;         /* as in kiln_pool_run */
    part parts[KILN_MOST_PROGRAMS];
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

/* All calls of a program on this thread. */
static void run_program_alone(const batch *b, const part *of, const pass *p) {
    kiln_call_time *times = b->context->times;
    for (uint32_t i = 0; i < of->program->n_calls; i++) {
        const kiln_call *call = &of->program->calls[i];
        uint64_t start = kiln_profile_start(times);
        call->run(&p->frame, 0, call->extent, 0);
        kiln_profile_record(times, of->first_call + i, start);
    }
}

/* All calls of a program, each on as many threads as it is worth, which have scratch of their own. */
static void share_program(const batch *b, const part *of, const pass *p) {
    const kiln_crew *crew = &b->context->crew;
    kiln_frame frame = p->frame;
    frame.scratch = crew->memory;
    frame.scratch_stride = crew->stride;
    for (uint32_t i = 0; i < of->program->n_calls; i++)
        kiln_pool_run(crew->pool, &of->program->calls[i], &frame, crew->workers[of->first_call + i], KILN_FEW_PIECES,
                      b->spin);
}

static void run_program(const batch *b, const part *of, const pass *p) {
    if (b->shares_calls)
        share_program(b, of, p);
    else
        run_program_alone(b, of, p);
}

/* Points a pass to the caller's inputs, or outputs, from a row on. */
static void read_from(const batch *b, const pass *p, int32_t row) {
    const kiln_plan *plan = b->context->model->plan;
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        p->inputs[i] = (const char *)b->frame.inputs[i] + (size_t)row * (size_t)plan->inputs[i].bytes;
}

static void write_from(const batch *b, const pass *p, int32_t row) {
    const kiln_plan *plan = b->context->model->plan;
    for (uint32_t i = 0; i < plan->n_outputs; i++)
        p->outputs[i] = (char *)b->frame.outputs[i] + (size_t)row * (size_t)plan->outputs[i].bytes;
}

/* Points a pass to the padding: its inputs are all of the caller's rows and zeros behind them, up to `tile` rows. */
static void read_padded(const batch *b, const pass *p, int32_t tile) {
    const kiln_plan *plan = b->context->model->plan;
    char *memory = b->context->arena;
    for (uint32_t i = 0; i < plan->n_inputs; i++) {
        size_t bytes = (size_t)plan->inputs[i].bytes, given = (size_t)b->rows * bytes;
        memcpy(memory, b->frame.inputs[i], given);
        memset(memory + given, 0, (size_t)tile * bytes - given);
        p->inputs[i] = memory;
        memory += tile_bytes(plan, &plan->inputs[i]);
    }
}

static void write_padding(const batch *b, const pass *p) {
    const kiln_plan *plan = b->context->model->plan;
    char *memory = b->context->arena;
    for (uint32_t i = 0; i < plan->n_inputs; i++) memory += tile_bytes(plan, &plan->inputs[i]);
    for (uint32_t i = 0; i < plan->n_outputs; i++) {
        p->outputs[i] = memory;
        memory += tile_bytes(plan, &plan->outputs[i]);
    }
}

/* The caller's outputs from row `row` on, from the padding, where that is row `there`. */
static void copy_results(const batch *b, const pass *p, int32_t row, int32_t there) {
    const kiln_plan *plan = b->context->model->plan;
    for (uint32_t i = 0; i < plan->n_outputs; i++) {
        size_t bytes = (size_t)plan->outputs[i].bytes;
        memcpy((char *)b->frame.outputs[i] + (size_t)row * bytes, (char *)p->outputs[i] + (size_t)there * bytes,
               (size_t)(b->rows - row) * bytes);
    }
}

static void run_tile(const batch *b, const part *of, const pass *p, int32_t row) {
    int32_t tile = of->program->rows, begin = b->rows - tile;
    if (row <= begin) {
        read_from(b, p, row);
        write_from(b, p, row);
        run_program(b, of, p);
        return;
    }
    if (begin >= 0)
        read_from(b, p, begin);
    else
        read_padded(b, p, tile);
    write_padding(b, p);
    run_program(b, of, p);
    copy_results(b, p, row, begin >= 0 ? row - begin : row);
}

static void run_items(const kiln_frame *frame, int32_t begin, int32_t end, int32_t worker) {
    const batch *b = (const batch *)frame;
    const pass p = pass_of(b, worker);
    for (int32_t item = begin; item < end; item++) {
        const part *of = b->parts;
        int32_t first = item;
        while (first >= of->items) first -= (of++)->items;
        first *= of->tiles_per_item;
        for (int32_t tile = first; tile < first + of->tiles_per_item && tile < of->tiles; tile++)
            run_tile(b, of, &p, of->first_row + tile * of->program->rows);
    }
}

/* Whether nothing is to be decided about a single row: it is soon computed, or there is nobody else. */
static bool is_one_threads_row(const batch *b) {
    const kiln_plan *plan = b->context->model->plan;
    const uint32_t last = plan->n_programs - 1;
    const kiln_crew *crew = &b->context->crew;
    return b->rows == 1 && (crew->threads == 1 || crew->shared_seconds[last] >= plan->programs[last].seconds);
}

static void run_row(const batch *b) {
    const kiln_plan *plan = b->context->model->plan;
    const uint32_t last = plan->n_programs - 1;
    part of = {.program = &plan->programs[last]};
    for (uint32_t i = 0; i < last; i++) of.first_call += plan->programs[i].n_calls;
    const pass p = pass_of(b, 0);
    run_tile(b, &of, &p, 0);
}

/* Fills in the parts; returns the seconds that they take one core. */
static double make_parts(batch *b, int threads) {
    const kiln_plan *plan = b->context->model->plan;
    const kiln_split split = kiln_split_rows(plan, b->context->crew.shared_seconds, b->rows, threads);
    double seconds = 0;
    b->shares_calls = split.shares_calls;
    uint32_t call = 0;
    int32_t row = 0;
    for (uint32_t i = 0; i < plan->n_programs; i++) {
        const kiln_program *program = &plan->programs[i];
        int32_t tiles = split.tiles[i], share = tiles / threads + (tiles % threads != 0);
        double worth = KILN_LEAST_SECONDS / program->seconds;
        int32_t per_item = worth < share ? (int32_t)worth + 1 : share;
        b->parts[i] = (part){program, call, row, tiles, per_item, tiles ? (tiles - 1) / per_item + 1 : 0};
        seconds += tiles * program->seconds;
        call += program->n_calls;
        row += tiles * program->rows;
    }
    return seconds;
}

/* Fills in the parts for as many threads as it returns. Threads that spin since the last run are there at once; for a
 * short run others are not woken, since it would wait for them. */
static int plan_run(batch *b, bool spin, double *seconds) {
    kiln_context *context = b->context;
    int threads = context->times ? 1 : context->crew.threads;
    if (threads > 1 && !(spin && kiln_now_ns() - context->ended_ns < KILN_SPIN_NS)) {
        *seconds = make_parts(b, 1);
        if (*seconds < WAKING_SECONDS) return 1;
    }
    *seconds = make_parts(b, threads);
    return threads;
}

void kiln_batch_run(kiln_context *context, int32_t rows, const void *const *inputs, void *const *outputs, bool spin) {
    batch b = {
        .frame = {.inputs = inputs,
                  .outputs = outputs,
                  .weights = (const char *)context->model->mapping + sizeof(kiln_weights_header),
                  .scratch = context->crew.memory,
                  .scratch_stride = context->crew.stride},
        .context = context,
        .rows = rows,
        .spin = spin,
    };
    if (is_one_threads_row(&b)) {
        run_row(&b);
        return;
    }
    double seconds;
    int threads = plan_run(&b, spin, &seconds);
    kiln_call call = {.run = run_items, .extent = 0};
    for (int i = 0; i < KILN_MOST_PROGRAMS; i++) call.extent += b.parts[i].items;
    if (b.shares_calls)
        run_items(&b.frame, 0, call.extent, 0);
    else
        kiln_pool_run(context->crew.pool, &call, &b.frame, kiln_workers_for(seconds, call.extent, threads),
                      KILN_MANY_PIECES, spin);
    if (context->crew.threads > 1) context->ended_ns = kiln_now_ns();
}
