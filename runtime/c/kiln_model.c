/* kiln_model.c: opening, describing and closing a model. */
#define _GNU_SOURCE
#include "kiln_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

kiln_status kiln_fail(kiln_error *error, kiln_status status, const char *format, ...) {
    if (!error) return status;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

/* The plan was compiled from generated text against a header; a stale object of either is found here. */
static kiln_status check_plan(const kiln_plan *plan, kiln_error *error) {
    if (plan->abi != KILN_PLAN_ABI)
        return kiln_fail(error, KILN_ERROR_ARTIFACT, "the plan has ABI %u, this runtime %d", plan->abi,
                         KILN_PLAN_ABI);
    return KILN_OK;
}

kiln_status kiln_open(const char *directory, kiln_model **result, kiln_error *error) {
    if (!result) return kiln_fail(error, KILN_ERROR_ARGUMENT, "kiln_open: the result pointer is null");
    *result = NULL;
    if (!directory) return kiln_fail(error, KILN_ERROR_ARGUMENT, "kiln_open: the directory is null");
    const kiln_plan *plan = &kiln_model_plan;
    kiln_status status = check_plan(plan, error);
    if (status == KILN_OK) status = kiln_check_cpu(plan->features, plan->n_features, error);
    if (status != KILN_OK) return status;

    kiln_model *model = calloc(1, sizeof *model);
    if (!model) return kiln_fail(error, KILN_ERROR_MEMORY, "out of memory");
    model->plan = plan;
    model->cpus = kiln_usable_cpus();
    atomic_init(&model->references, 1);
    atomic_init(&model->busy_threads, 0);
    status = kiln_map_weights(model, directory, error);
    if (status != KILN_OK) {
        kiln_release(model);
        return status;
    }
    *result = model;
    return KILN_OK;
}

void kiln_release(kiln_model *model) {
    if (atomic_fetch_sub(&model->references, 1) != 1) return;
    if (model->mapping) munmap(model->mapping, model->mapping_bytes);
    free(model);
}

void kiln_close(kiln_model *model) {
    if (model) kiln_release(model);
}

size_t kiln_input_count(const kiln_model *model) { return model->plan->n_inputs; }
size_t kiln_output_count(const kiln_model *model) { return model->plan->n_outputs; }

const kiln_tensor *kiln_input(const kiln_model *model, size_t index) {
    return index < model->plan->n_inputs ? &model->plan->inputs[index] : NULL;
}

const kiln_tensor *kiln_output(const kiln_model *model, size_t index) {
    return index < model->plan->n_outputs ? &model->plan->outputs[index] : NULL;
}

size_t kiln_io_alignment(const kiln_model *model) { return model->plan->io_alignment; }
int32_t kiln_row_tile(const kiln_model *model) { return model->plan->row_tile; }
uint64_t kiln_arena_bytes(const kiln_model *model) { return model->plan->arena_bytes; }
const char *kiln_target_name(const kiln_model *model) { return model->plan->target; }

const char *kiln_status_name(kiln_status status) {
    static const char *const names[] = {
        "KILN_OK",        "KILN_ERROR_ARGUMENT", "KILN_ERROR_IO",     "KILN_ERROR_ARTIFACT",
        "KILN_ERROR_CPU", "KILN_ERROR_MEMORY",   "KILN_ERROR_SYSTEM", "KILN_ERROR_BUSY",
    };
    return (size_t)status < sizeof names / sizeof *names ? names[status] : "unknown";
}

typedef struct dtype_row {
    const char *name;
    size_t bytes;
} dtype_row;

static const dtype_row DTYPES[] = {
    [KILN_BOOL] = {"bool", 1},       [KILN_INT8] = {"int8", 1},         [KILN_UINT8] = {"uint8", 1},
    [KILN_INT16] = {"int16", 2},     [KILN_UINT16] = {"uint16", 2},     [KILN_INT32] = {"int32", 4},
    [KILN_UINT32] = {"uint32", 4},   [KILN_INT64] = {"int64", 8},       [KILN_UINT64] = {"uint64", 8},
    [KILN_FLOAT16] = {"float16", 2}, [KILN_BFLOAT16] = {"bfloat16", 2}, [KILN_FLOAT32] = {"float32", 4},
    [KILN_FLOAT64] = {"float64", 8},
};

static const dtype_row *dtype_find(kiln_dtype dtype) {
    return (size_t)dtype < sizeof DTYPES / sizeof *DTYPES ? &DTYPES[dtype] : NULL;
}

const char *kiln_dtype_name(kiln_dtype dtype) {
    const dtype_row *row = dtype_find(dtype);
    return row ? row->name : "unknown";
}

size_t kiln_dtype_bytes(kiln_dtype dtype) {
    const dtype_row *row = dtype_find(dtype);
    return row ? row->bytes : 0;
}
