/* runner.c: runs an artifact once on raw data, as a process of its own that may crash.
 *
 *     runner ARTIFACT_DIR INPUTS OUTPUTS ROWS THREADS [PROFILED_RUNS]
 *
 * ROWS is the number of rows of a dynamic batch, 1 where shapes are fixed.
 * INPUTS holds the data of all inputs, one after another in the model's order; OUTPUTS receives the outputs likewise.
 * With PROFILED_RUNS, a line per kernel call follows on standard output: best time in ns, threads, name.
 */
#include "kiln.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS(X)                                                                                                  \
    X(kiln_open) X(kiln_input_count) X(kiln_output_count) X(kiln_input) X(kiln_output) X(kiln_context_create)         \
    X(kiln_row_tile) X(kiln_run) X(kiln_run_rows) X(kiln_set_profiling) X(kiln_profile) X(kiln_context_destroy) X(kiln_close)

static struct {
#define X(name) __typeof__(&name) name;
    FUNCTIONS(X)
#undef X
} api;

static void die(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void load_library(const char *directory) {
    char path[4096];
    snprintf(path, sizeof path, "%s/model.so", directory);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) die("cannot load the model", dlerror());
    void *symbol;
#define X(name)                                                                                                       \
    symbol = dlsym(library, #name);                                                                                   \
    if (!symbol) die("the model lacks a function", #name);                                                            \
    memcpy(&api.name, &symbol, sizeof symbol);
    FUNCTIONS(X)
#undef X
}

/* Data of whole cache lines, never NULL, so that an output of no elements has an address too. */
static void *allocate(uint64_t bytes) {
    void *memory = aligned_alloc(64, (size_t)((bytes + 64) / 64 * 64));
    if (!memory) die("out of memory", "inputs and outputs");
    return memory;
}

/* One run: what, on how many rows, and the data. */
typedef struct job {
    kiln_model *model;
    kiln_context *context;
    size_t rows;
    void **inputs, **outputs;
} job;

static void **read_inputs(const job *j, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path, "cannot be read");
    size_t count = api.kiln_input_count(j->model);
    void **data = calloc(count + 1, sizeof *data);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = j->rows * (size_t)api.kiln_input(j->model, i)->bytes;
        data[i] = allocate(bytes);
        if (fread(data[i], 1, bytes, file) != bytes) die(path, "too short");
    }
    if (fgetc(file) != EOF) die(path, "too long");
    fclose(file);
    return data;
}

static void **make_outputs(const job *j) {
    size_t count = api.kiln_output_count(j->model);
    void **data = calloc(count + 1, sizeof *data);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = j->rows * (size_t)api.kiln_output(j->model, i)->bytes;
        data[i] = allocate(bytes);
        memset(data[i], 0xA5, bytes); /* what a kernel forgets to write is seen */
    }
    return data;
}

static void write_outputs(const job *j, const char *path) {
    FILE *file = fopen(path, "wb");
    if (!file) die(path, "cannot be written");
    for (size_t i = 0; i < api.kiln_output_count(j->model); i++) {
        size_t bytes = j->rows * (size_t)api.kiln_output(j->model, i)->bytes;
        if (fwrite(j->outputs[i], 1, bytes, file) != bytes) die(path, "cannot be written");
    }
    if (fclose(file) != 0) die(path, "cannot be written");
}

static void run(const job *j) {
    const void *const *inputs = (const void *const *)j->inputs;
    kiln_error error;
    kiln_status status = api.kiln_row_tile(j->model)
                             ? api.kiln_run_rows(j->context, (int64_t)j->rows, inputs, j->outputs, &error)
                             : api.kiln_run(j->context, inputs, j->outputs, &error);
    if (status) die("run", error.message);
}

static void profile(const job *j, int runs) {
    kiln_error error;
    if (api.kiln_set_profiling(j->context, 1, &error)) die("profiling", error.message);
    for (int i = 0; i < runs; i++) run(j);
    size_t count = api.kiln_profile(j->context, NULL, 0);
    kiln_kernel_time *times = calloc(count + 1, sizeof *times);
    api.kiln_profile(j->context, times, count);
    for (size_t i = 0; i < count; i++)
        printf("%llu %d %s\n", (unsigned long long)times[i].best_ns, (int)times[i].threads, times[i].name);
    free(times);
}

int main(int argc, char **argv) {
    if (argc < 6) die("usage", "runner ARTIFACT_DIR INPUTS OUTPUTS ROWS THREADS [PROFILED_RUNS]");
    load_library(argv[1]);
    kiln_model *model;
    kiln_context *context;
    kiln_error error;
    if (api.kiln_open(argv[1], &model, &error)) die("open", error.message);
    if (api.kiln_context_create(model, atoi(argv[5]), &context, &error)) die("context", error.message);
    job j = {.model = model, .context = context, .rows = strtoul(argv[4], NULL, 10)};
    j.inputs = read_inputs(&j, argv[2]);
    j.outputs = make_outputs(&j);
    run(&j);
    write_outputs(&j, argv[3]);
    if (argc > 6) profile(&j, atoi(argv[6]));
    api.kiln_context_destroy(context);
    api.kiln_close(model);
    return 0;
}
