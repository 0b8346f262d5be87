/* kiln.h: the C interface of a compiled model.
 *
 * An artifact is a directory with `model.so` (kernels, plan and this runtime in one library), `weights.bin`
 * (constants, mapped read-only) and files for tools. Link against its model.so, or dlopen it, then:
 *
 *     kiln_model *model;
 *     kiln_context *context;
 *     kiln_error error;
 *     if (kiln_open("artifact", &model, &error)) die(error.message);
 *     if (kiln_context_create(model, 0, &context, &error)) die(error.message);
 *     const void *inputs[] = {image};
 *     void *outputs[] = {logits};
 *     if (kiln_run(context, inputs, outputs, &error)) die(error.message);
 *     kiln_context_destroy(context);
 *     kiln_close(model);
 *
 * A model with a dynamic batch (kiln_row_tile is not 0) computes any number of rows, each by itself. All its inputs and
 * outputs have the rows as dimension 0, and the caller says how many there are:
 *
 *     float data[1000][28], prediction[1000];
 *     const void *inputs[] = {data};
 *     void *outputs[] = {prediction};
 *     if (kiln_run_rows(context, 1000, inputs, outputs, &error)) die(error.message);
 *
 * Threads: a model may be shared by any number of threads. A context is used by one thread at a time (a
 * second one gets KILN_ERROR_BUSY); contexts of one model run at once and share nothing but the weights.
 * Results are the same bits for any number of threads; of a dynamic batch, threads share the tiles. After fork() a
 * context works in the child as well, provided that no kiln_run was using it at that moment.
 *
 * Memory: kiln_open maps the weights, kiln_context_create allocates everything a run needs, kiln_run and
 * kiln_run_rows allocate nothing. Inputs and outputs stay the caller's: they are read and written in place, never
 * copied, but for the last rows of a dynamic batch where they fill no tile.
 */
#ifndef KILN_H
#define KILN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KILN_API __attribute__((visibility("default")))

/* What a fallible function returns. The numbers are stable. */
typedef enum kiln_status {
    KILN_OK = 0,
    KILN_ERROR_ARGUMENT = 1, /* a null or misaligned pointer, a number of threads or rows out of range */
    KILN_ERROR_IO = 2,       /* a file of the artifact is missing or cannot be read */
    KILN_ERROR_ARTIFACT = 3, /* a file is damaged, truncated, or belongs to another model */
    KILN_ERROR_CPU = 4,      /* this CPU (or its operating system) lacks a feature that the kernels use */
    KILN_ERROR_MEMORY = 5,   /* out of memory, or more than this machine can address */
    KILN_ERROR_SYSTEM = 6,   /* the operating system refused a thread or a lock */
    KILN_ERROR_BUSY = 7      /* the context is in use by another thread */
} kiln_status;

/* Where a function says what went wrong; only written on failure. Every `kiln_error *` parameter may be NULL.
 */
typedef struct kiln_error {
    kiln_status status;
    char message[508]; /* one line, always terminated */
} kiln_error;

/* Element types. bfloat16 is the upper half of a float32; bool is a byte, 0 or 1. The numbers are stable. */
typedef enum kiln_dtype {
    KILN_BOOL = 0,
    KILN_INT8 = 1,
    KILN_UINT8 = 2,
    KILN_INT16 = 3,
    KILN_UINT16 = 4,
    KILN_INT32 = 5,
    KILN_UINT32 = 6,
    KILN_INT64 = 7,
    KILN_UINT64 = 8,
    KILN_FLOAT16 = 9,
    KILN_BFLOAT16 = 10,
    KILN_FLOAT32 = 11,
    KILN_FLOAT64 = 12
} kiln_dtype;

#define KILN_DYNAMIC (-1) /* a dimension that the caller chooses */

/* One input or output. Elements lie in row-major order without gaps. */
typedef struct kiln_tensor {
    const char *name;
    kiln_dtype dtype;
    int32_t rank;
    const int64_t *shape; /* `rank` dimensions; KILN_DYNAMIC where the caller chooses */
    uint64_t bytes;       /* size of the whole tensor; of one row (shape[1:]) when dimension 0 is dynamic */
} kiln_tensor;

/* Time spent in one kernel call of the plan, summed over the runs since profiling was switched on. */
typedef struct kiln_kernel_time {
    const char *name;
    uint64_t runs;
    uint64_t total_ns;
    uint64_t best_ns; /* fastest single run */
    double flops;     /* arithmetic operations of one run */
    double bytes;     /* bytes read and written by one run */
    int32_t threads;  /* threads that share the call */
} kiln_kernel_time;

typedef struct kiln_model kiln_model;
typedef struct kiln_context kiln_context;

/* Opens the model whose files lie in `directory`: checks the CPU, maps weights.bin and checks that it is
 * whole and belongs to this model.so. On success *model must be closed; on failure it is NULL. */
KILN_API kiln_status kiln_open(const char *directory, kiln_model **model, kiln_error *error);

/* Closes a model; NULL is allowed. Contexts that still exist keep working: the last one frees the model. */
KILN_API void kiln_close(kiln_model *model);

/* The inputs and outputs, in the order in which kiln_run takes them; NULL past the end. */
KILN_API size_t kiln_input_count(const kiln_model *model);
KILN_API size_t kiln_output_count(const kiln_model *model);
KILN_API const kiln_tensor *kiln_input(const kiln_model *model, size_t index);
KILN_API const kiln_tensor *kiln_output(const kiln_model *model, size_t index);

/* The alignment, in bytes, that kiln_run demands of every input and output pointer. */
KILN_API size_t kiln_io_alignment(const kiln_model *model);

/* 0 when all shapes are fixed: run the model by kiln_run. Else dimension 0 of every input and output is KILN_DYNAMIC,
 * kiln_run_rows runs the model, and this is how many rows its code computes at once: multiples of it are fastest. */
KILN_API int32_t kiln_row_tile(const kiln_model *model);

/* Bytes of working memory of one context, apart from the per-thread scratch; of each of its threads when the batch is
 * dynamic. */
KILN_API uint64_t kiln_arena_bytes(const kiln_model *model);

/* The name of the target that the model was compiled for. */
KILN_API const char *kiln_target_name(const kiln_model *model);

/* Creates the working memory and threads of one run at a time. `threads` counts the caller of kiln_run, who
 * works too; 0 means as many as this process may use (CPU affinity and container quota). */
KILN_API kiln_status kiln_context_create(kiln_model *model, int threads, kiln_context **context,
                                         kiln_error *error);

/* Ends the context's threads and frees its memory; NULL is allowed. No kiln_run may be using it. */
KILN_API void kiln_context_destroy(kiln_context *context);

/* Changes the number of threads (as in kiln_context_create); on failure the context keeps its old ones. */
KILN_API kiln_status kiln_set_threads(kiln_context *context, int threads, kiln_error *error);
KILN_API int kiln_threads(const kiln_context *context);

/* Runs a model of fixed shapes once: inputs[i] points to the data of kiln_input(model, i), outputs[i] receives
 * kiln_output(model, i). No output may overlap an input or another output. */
KILN_API kiln_status kiln_run(kiln_context *context, const void *const *inputs, void *const *outputs,
                              kiln_error *error);

/* Runs a model with a dynamic batch on `rows` rows, 0 to INT32_MAX: inputs[i] points to `rows` times
 * kiln_input(model, i)->bytes bytes, one row after another, and outputs[i] receives as many rows. With 0 rows nothing
 * is read or written. Otherwise as kiln_run. */
KILN_API kiln_status kiln_run_rows(kiln_context *context, int64_t rows, const void *const *inputs,
                                   void *const *outputs, kiln_error *error);

/* Switches per-kernel timing on (clearing the counters) or off. While it is on, a run takes two clock
 * readings per kernel, and all rows of a dynamic batch are computed by the calling thread. */
KILN_API kiln_status kiln_set_profiling(kiln_context *context, int enabled, kiln_error *error);

/* Copies the times of the first `capacity` kernel calls, in execution order, to `times`; returns how many
 * calls there are. With a dynamic batch, those for a tile of rows come before those for smaller ones and for a single
 * row. No kiln_run may be using the context. */
KILN_API size_t kiln_profile(const kiln_context *context, kiln_kernel_time *times, size_t capacity);

/* Names for messages, such as "KILN_OK" and "float32"; "unknown" for a number outside the enumeration. */
KILN_API const char *kiln_status_name(kiln_status status);
KILN_API const char *kiln_dtype_name(kiln_dtype dtype);
KILN_API size_t kiln_dtype_bytes(kiln_dtype dtype); /* 0 outside the enumeration */

#ifdef __cplusplus
}
#endif

#endif
