/* kiln_plan.h: what a generated model.c tells the runtime. Not part of the public interface.
 *
 * A model.c defines one wrapper per kernel call and one `kiln_model_plan`:
 *
 *     void k_conv(void *x, void *w, void *y, int32_t begin, int32_t end);
 *
 *     static void call_0(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {
 *         (void)worker;
 *         k_conv((void *)f->inputs[0], (void *)(f->weights + 4096), f->arena + 128, begin, end);
 *     }
 *
 * Contract of a call: run(frame, b, e, worker) computes the iterations [b, e) of the call's outermost loop.
 * Iterations are independent: they may run in any order, on any thread, in any split, and write disjoint
 * bytes; that is what makes results independent of the number of threads. Calls run in the order of the
 * array, each after all work of the one before it has finished. What one worker needs to itself lies at
 * KILN_SCRATCH(frame, worker).
 *
 * A model with a dynamic batch maps rows to rows, independently of each other. Its plan has several programs over the
 * same weights, each for a tile of so many rows; inputs and outputs of a frame begin at the first row that the program
 * is to compute, and there are as many rows as it computes.
 *
 * A change to anything below raises KILN_PLAN_ABI: objects are cached, and a stale one must be noticed at
 * open.
 */
#ifndef KILN_PLAN_H
#define KILN_PLAN_H

#include "kiln.h"

#include <stdbool.h>

#define KILN_PLAN_ABI      4
#define KILN_ALIGNMENT     64 /* of the arena, the weights and each worker's scratch */
#define KILN_MOST_PROGRAMS 4

/* Where the data of one run lies. Offsets into `arena` and `weights` are fixed by the plan. */
typedef struct kiln_frame {
    const void *const *inputs;
    void *const *outputs;
    const char *weights;
    char *arena;
    char *scratch;
    size_t scratch_stride;
} kiln_frame;

#define KILN_SCRATCH(frame, worker) ((frame)->scratch + (size_t)(worker) * (frame)->scratch_stride)

typedef void (*kiln_call_fn)(const kiln_frame *frame, int32_t begin, int32_t end, int32_t worker);

/* One kernel call. `flops` and `bytes`, of the whole call, decide how many threads it is worth; with a dynamic batch, the
 * `seconds` that one core takes for it, as estimated at build time. */
typedef struct kiln_call {
    const char *name;
    kiln_call_fn run;
    int32_t extent; /* iterations of the outermost loop; 1 for a call that cannot be split */
    double flops;
    double bytes;
    double seconds; /* 0 when unknown */
} kiln_call;

/* The model compiled for one set of shapes. A dynamic batch needs what stands behind the calls: the rows that they
 * compute, and the seconds that one core takes for it, as estimated at build time. */
typedef struct kiln_program {
    const kiln_call *calls;
    uint32_t n_calls;
    int32_t rows;
    double seconds;
} kiln_program;

/* weights.bin is this header (little-endian), then `payload_bytes` bytes. The payload starts 64-byte aligned,
 * and kiln_frame.weights points to it. */
#define KILN_WEIGHTS_MAGIC "KILNWTS1"
typedef struct kiln_weights_header {
    char magic[8];
    uint64_t payload_bytes;
    uint8_t sha256[32]; /* of the payload */
    uint8_t reserved[16];
} kiln_weights_header;

typedef struct kiln_plan {
    uint32_t abi; /* KILN_PLAN_ABI */
    const char *name;
    const char *target;
    const char *const *features; /* CPU features that the kernels use, by the names in kiln_cpu.c */
    uint32_t n_features;

    const kiln_tensor *inputs;
    uint32_t n_inputs;
    const kiln_tensor *outputs;
    uint32_t n_outputs;
    uint32_t
        io_alignment; /* what kernels assume of input and output pointers, bytes; at least the element size */

    const kiln_program *programs; /* one for the model's shapes, or several of fewer and fewer rows, the last of one */
    uint32_t n_programs;          /* up to KILN_MOST_PROGRAMS */
    int32_t row_tile;  /* the rows of the first; 0 when shapes are fixed, else dimension 0 of all tensors is dynamic */
    bool same_results; /* whether all programs compute the same bits of a row, so that threads may decide who does */

    uint64_t arena_bytes; /* of one program at a time */
    uint64_t scratch_bytes; /* per worker */
    uint64_t weights_bytes; /* payload of weights.bin, without its header */
    uint8_t weights_sha256[32];

    double flops_per_second; /* what one core of the target sustains; 0 when unknown */
    double bytes_per_second; /* likewise, from the last-level cache */
} kiln_plan;

extern const kiln_plan kiln_model_plan __attribute__((visibility("hidden")));

#endif
