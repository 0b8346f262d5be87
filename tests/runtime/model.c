/* A hand-written model.c, as the compiler generates them: y = relu(x * gain + bias + offset), total[r] = sum
 * of row r.
 *
 * Inputs x float32[256, 1024] and offset float32[]; outputs y float32[256, 1024] and total float32[256].
 * The kernels stand here too; a generated model.c only declares them. Tests set macros to make it misbehave.
 */
#include "kiln_plan.h"

#define ROWS    256
#define COLUMNS 1024
#define LANES   16

#ifndef TEST_FEATURES
#define TEST_FEATURES      {NULL}
#define TEST_FEATURE_COUNT 0
#endif
#ifndef TEST_ABI
#define TEST_ABI KILN_PLAN_ABI
#endif
#ifndef TEST_GAIN
#define TEST_GAIN 1.0f
#endif

static void k_affine(const float *x, const float *offset, const float *weights, float *sum, int32_t begin,
                     int32_t end) {
    const float *gain = weights, *bias = weights + COLUMNS;
    for (int32_t r = begin; r < end; r++)
        for (int c = 0; c < COLUMNS; c++)
            sum[r * COLUMNS + c] = TEST_GAIN * x[r * COLUMNS + c] * gain[c] + bias[c] + *offset;
}

static void k_relu(const float *sum, float *y, int32_t begin, int32_t end) {
    for (int32_t i = begin * COLUMNS; i < end * COLUMNS; i++) y[i] = sum[i] > 0 ? sum[i] : 0;
}

static void k_row_sum(const float *y, float *lanes, float *total, int32_t begin, int32_t end) {
    for (int32_t r = begin; r < end; r++) {
        for (int l = 0; l < LANES; l++) lanes[l] = 0;
        for (int c = 0; c < COLUMNS; c++) lanes[c % LANES] += y[r * COLUMNS + c];
        total[r] = 0;
        for (int l = 0; l < LANES; l++) total[r] += lanes[l];
    }
}

static void call_0(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {
    (void)worker;
    k_affine(f->inputs[0], f->inputs[1], (const float *)(f->weights + 0), (float *)(f->arena + 0), begin,
             end);
}

static void call_1(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {
    (void)worker;
    k_relu((const float *)(f->arena + 0), f->outputs[0], begin, end);
}

static void call_2(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {
    k_row_sum(f->outputs[0], (float *)KILN_SCRATCH(f, worker), f->outputs[1], begin, end);
}

static const kiln_tensor inputs[] = {
    {"x", KILN_FLOAT32, 2, (const int64_t[]){ROWS, COLUMNS}, 4 * ROWS * COLUMNS},
    {"offset", KILN_FLOAT32, 0, NULL, 4},
};

static const kiln_tensor outputs[] = {
    {"y", KILN_FLOAT32, 2, (const int64_t[]){ROWS, COLUMNS}, 4 * ROWS * COLUMNS},
    {"total", KILN_FLOAT32, 1, (const int64_t[]){ROWS}, 4 * ROWS},
};

static const kiln_call calls[] = {
    {"affine", call_0, ROWS, 3.0 * ROWS * COLUMNS, 8.0 * ROWS * COLUMNS, 0},
    {"relu", call_1, ROWS, 1.0 * ROWS * COLUMNS, 8.0 * ROWS * COLUMNS, 0},
    {"row_sum", call_2, ROWS, 1.0 * ROWS * COLUMNS, 4.0 * ROWS * COLUMNS, 0},
};

static const kiln_program programs[] = {{.calls = calls, .n_calls = 3}};

static const char *const features[] = TEST_FEATURES;

const kiln_plan kiln_model_plan = {
    .abi = TEST_ABI,
    .name = "affine",
    .target = "test",
    .features = features,
    .n_features = TEST_FEATURE_COUNT,
    .inputs = inputs,
    .n_inputs = 2,
    .outputs = outputs,
    .n_outputs = 2,
    .io_alignment = 4,
    .programs = programs,
    .n_programs = 1,
    .arena_bytes = 4 * ROWS * COLUMNS,
    .scratch_bytes = 4 * LANES,
    .weights_bytes = TEST_WEIGHTS_BYTES,
    .weights_sha256 = TEST_WEIGHTS_SHA256,
};
