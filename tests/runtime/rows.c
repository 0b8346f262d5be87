/* A hand-written model.c with a dynamic batch: y = x * gain * scale, by = how many rows the code computes at once.
 *
 * Inputs x float32[n, 8] and scale float32[n]; outputs y float32[n, 8] and by int32[n]. Tiles have 16 rows or
 * 4, which take as long as 6 and 2 single rows by the plan's estimates. Each program needs its arena and its scratch;
 * threads that share the calls of one tile have its arena in common.
 */
#include "kiln_plan.h"

#include <string.h>

#define TILE    16
#define SMALL   4
#define COLUMNS 8

#ifndef TEST_SECONDS
#define TEST_SECONDS 0x1p-10 /* of a row: enough to wake threads for; sums of it are exact */
#endif
#ifndef TEST_SAME_RESULTS /* whether threads may decide about `by` */
#define TEST_SAME_RESULTS false
#endif

static void k_gain(const float *x, const float *gain, float *product, int32_t begin, int32_t end) {
    for (int32_t i = begin * COLUMNS; i < end * COLUMNS; i++) product[i] = x[i] * gain[i % COLUMNS];
}

static void k_scale(const float *product, const float *scale, float *copy, float *y, int32_t begin, int32_t end) {
    for (int32_t r = begin; r < end; r++) {
        memcpy(copy, product + r * COLUMNS, COLUMNS * sizeof *copy);
        for (int c = 0; c < COLUMNS; c++) y[r * COLUMNS + c] = copy[c] * scale[r];
    }
}

static void gain(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {
    (void)worker;
    k_gain(f->inputs[0], (const float *)f->weights, (float *)f->arena, begin, end);
}

static void scale(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {
    k_scale((const float *)f->arena, f->inputs[1], (float *)KILN_SCRATCH(f, worker), f->outputs[0], begin, end);
}

static void by_tile(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {
    (void)worker;
    for (int32_t r = begin; r < end; r++) ((int32_t *)f->outputs[1])[r] = TILE;
}

static void by_small(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {
    (void)worker;
    for (int32_t r = begin; r < end; r++) ((int32_t *)f->outputs[1])[r] = SMALL;
}

static void by_row(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {
    (void)worker;
    for (int32_t r = begin; r < end; r++) ((int32_t *)f->outputs[1])[r] = 1;
}

static const kiln_tensor inputs[] = {
    {"x", KILN_FLOAT32, 2, (const int64_t[]){KILN_DYNAMIC, COLUMNS}, 4 * COLUMNS},
    {"scale", KILN_FLOAT32, 1, (const int64_t[]){KILN_DYNAMIC}, 4},
};

static const kiln_tensor outputs[] = {
    {"y", KILN_FLOAT32, 2, (const int64_t[]){KILN_DYNAMIC, COLUMNS}, 4 * COLUMNS},
    {"by", KILN_INT32, 1, (const int64_t[]){KILN_DYNAMIC}, 4},
};

static const kiln_call calls[] = {
    {"gain [16 rows]", gain, TILE, 1.0 * TILE * COLUMNS, 8.0 * TILE * COLUMNS, 3 * TEST_SECONDS},
    {"scale [16 rows]", scale, TILE, 1.0 * TILE * COLUMNS, 8.0 * TILE * COLUMNS, 3 * TEST_SECONDS},
    {"by [16 rows]", by_tile, TILE, 0, 4.0 * TILE, 0},
};

static const kiln_call small_calls[] = {
    {"gain [4 rows]", gain, SMALL, 1.0 * SMALL * COLUMNS, 8.0 * SMALL * COLUMNS, TEST_SECONDS},
    {"scale [4 rows]", scale, SMALL, 1.0 * SMALL * COLUMNS, 8.0 * SMALL * COLUMNS, TEST_SECONDS},
    {"by [4 rows]", by_small, SMALL, 0, 4.0 * SMALL, 0},
};

static const kiln_call row_calls[] = {
    {"gain [1 row]", gain, 1, 1.0 * COLUMNS, 8.0 * COLUMNS, TEST_SECONDS},
    {"scale [1 row]", scale, 1, 1.0 * COLUMNS, 8.0 * COLUMNS, 0},
    {"by [1 row]", by_row, 1, 0, 4.0, 0},
};

static const kiln_program programs[] = {
    {calls, 3, TILE, 6 * TEST_SECONDS},
    {small_calls, 3, SMALL, 2 * TEST_SECONDS},
    {row_calls, 3, 1, TEST_SECONDS},
};

const kiln_plan kiln_model_plan = {
    .abi = KILN_PLAN_ABI,
    .name = "rows",
    .target = "test",
    .inputs = inputs,
    .n_inputs = 2,
    .outputs = outputs,
    .n_outputs = 2,
    .io_alignment = 4,
    .programs = programs,
    .n_programs = 3,
    .row_tile = TILE,
    .same_results = TEST_SAME_RESULTS,
    .arena_bytes = 4 * TILE * COLUMNS,
    .scratch_bytes = 4 * COLUMNS,
    .weights_bytes = TEST_WEIGHTS_BYTES,
    .weights_sha256 = TEST_WEIGHTS_SHA256,
};
