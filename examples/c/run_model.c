/* run_model.c: a complete C program around a compiled model.
 *
 * Build it against an artifact directory, and run it:
 *
 *     cc -std=c11 -Iartifact run_model.c artifact/model.so -Wl,-rpath,'$ORIGIN/artifact' -o run_model
 *     ./run_model artifact x.raw
 *
 * It takes one file per input, with the raw elements in row-major order (`array.tofile("x.raw")` in numpy),
 * writes output i to output_<i>.raw, and prints what the model looks like and how long a run takes. With a dynamic
 * batch, there are as many rows as the first file has. */
#include "kiln.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void die(const char *what, const char *why) {
    fprintf(stderr, "error: %s: %s\n", what, why);
    exit(1);
}

static void describe(const char *kind, const kiln_tensor *tensor) {
    printf("%s %s: %s[", kind, tensor->name, kiln_dtype_name(tensor->dtype));
    for (int32_t i = 0; i < tensor->rank; i++) printf("%s%" PRId64, i ? ", " : "", tensor->shape[i]);
    printf("]\n");
}

/* Any memory will do that has the model's alignment. */
static void *buffer_for(const kiln_model *model, const kiln_tensor *tensor, size_t rows) {
    size_t alignment = kiln_io_alignment(model);
    if (alignment < sizeof(void *)) alignment = sizeof(void *);
    size_t bytes = (rows * (size_t)tensor->bytes + alignment) / alignment * alignment;
    void *buffer = aligned_alloc(alignment, bytes);
    if (!buffer) die(tensor->name, "out of memory");
    return buffer;
}

/* How many rows a file has; 1 when the model's shapes are fixed. */
static size_t rows_in(const kiln_model *model, const char *path) {
    if (!kiln_row_tile(model)) return 1;
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) die(path, "cannot be read");
    long size = ftell(file);
    fclose(file);
    return (size_t)size / (size_t)kiln_input(model, 0)->bytes;
}

static void *read_input(const kiln_model *model, const kiln_tensor *tensor, size_t rows, const char *path) {
    void *data = buffer_for(model, tensor, rows);
    size_t bytes = rows * (size_t)tensor->bytes;
    FILE *file = fopen(path, "rb");
    if (!file) die(path, "cannot be opened");
    if (fread(data, 1, bytes, file) != bytes || fgetc(file) != EOF)
        die(path, "does not have the size of the input");
    fclose(file);
    return data;
}

static void write_output(size_t index, const kiln_tensor *tensor, size_t rows, const void *data) {
    char path[32];
    snprintf(path, sizeof path, "output_%zu.raw", index);
    FILE *file = fopen(path, "wb");
    size_t bytes = rows * (size_t)tensor->bytes;
    if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0)
        die(path, "cannot be written");
}

static double milliseconds(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s ARTIFACT [INPUT.raw ...]\n", argv[0]);
        return 2;
    }
    kiln_error error;
    kiln_model *model;
    if (kiln_open(argv[1], &model, &error)) die("cannot open the model", error.message);

    size_t n_inputs = kiln_input_count(model), n_outputs = kiln_output_count(model);
    if ((size_t)argc - 2 != n_inputs) die(argv[1], "give one file per input");
    const void **inputs = calloc(n_inputs + 1, sizeof *inputs);
    void **outputs = calloc(n_outputs + 1, sizeof *outputs);
    if (!inputs || !outputs) die(argv[1], "out of memory");
    size_t rows = n_inputs ? rows_in(model, argv[2]) : 1;
    for (size_t i = 0; i < n_inputs; i++) {
        describe("input", kiln_input(model, i));
        inputs[i] = read_input(model, kiln_input(model, i), rows, argv[2 + i]);
    }
    for (size_t i = 0; i < n_outputs; i++) {
        describe("output", kiln_output(model, i));
        outputs[i] = buffer_for(model, kiln_output(model, i), rows);
    }

    kiln_context *context;
    if (kiln_context_create(model, 0, &context, &error)) die("cannot prepare a run", error.message);
    double start = milliseconds();
    kiln_status status = kiln_row_tile(model) ? kiln_run_rows(context, (int64_t)rows, inputs, outputs, &error)
                                              : kiln_run(context, inputs, outputs, &error);
    if (status) die("the run failed", error.message);
    printf("%.3f ms with %d threads on %s\n", milliseconds() - start, kiln_threads(context),
           kiln_target_name(model));

    for (size_t i = 0; i < n_outputs; i++) {
        write_output(i, kiln_output(model, i), rows, outputs[i]);
        free(outputs[i]);
    }
    for (size_t i = 0; i < n_inputs; i++) free((void *)inputs[i]);
    free(inputs);
    free(outputs);
    kiln_context_destroy(context);
    kiln_close(model);
    return 0;
}
