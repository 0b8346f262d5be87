/* runner.c: runs an artifact once on raw data, as a process of its own that may crash.
 *
 *     runner ARTIFACT_DIR INPUTS OUTPUTS THREADS [PROFILED_RUNS]
 *
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
    X(kiln_run) X(kiln_set_profiling) X(kiln_profile) X(kiln_context_destroy) X(kiln_close)

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

static void **read_inputs(const kiln_model *model, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path, "cannot be read");
    size_t count = api.kiln_input_count(model);
    void **data = calloc(count + 1, sizeof *data);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = (size_t)api.kiln_input(model, i)->bytes;
        data[i] = allocate(bytes);
        if (fread(data[i], 1, bytes, file) != bytes) die(path, "too short");
    }
    if (fgetc(file) != EOF) die(path, "too long");
    fclose(file);
    return data;
}

static void **make_outputs(const kiln_model *model) {
    size_t count = api.kiln_output_count(model);
    void **data = calloc(count + 1, sizeof *data);
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = api.kiln_output(model, i)->bytes;
        data[i] = allocate(bytes);
        memset(data[i], 0xA5, (size_t)bytes); /* what a kernel forgets to write is seen */
    }
    return data;
}

static void write_outputs(const kiln_model *model, void **data, const char *path) {
    FILE *file = fopen(path, "wb");
    if (!file) die(path, "cannot be written");
    for (size_t i = 0; i < api.kiln_output_count(model); i++) {
        size_t bytes = (size_t)api.kiln_output(model, i)->bytes;
        if (fwrite(data[i], 1, bytes, file) != bytes) die(path, "cannot be written");
    }
    if (fclose(file) != 0) die(path, "cannot be written");
}

static void profile(kiln_context *context, const void *const *inputs, void *const *outputs, int runs) {
    kiln_error error;
    if (api.kiln_set_profiling(context, 1, &error)) die("profiling", error.message);
    for (int i = 0; i < runs; i++)
        if (api.kiln_run(context, inputs, outputs, &error)) die("run", error.message);
    size_t count = api.kiln_profile(context, NULL, 0);
    kiln_kernel_time *times = calloc(count + 1, sizeof *times);
    api.kiln_profile(context, times, count);
    for (size_t i = 0; i < count; i++)
        printf("%llu %d %s\n", (unsigned long long)times[i].best_ns, (int)times[i].threads, times[i].name);
    free(times);
}

int main(int argc, char **argv) {
    if (argc < 5) die("usage", "runner ARTIFACT_DIR INPUTS OUTPUTS THREADS [PROFILED_RUNS]");
    load_library(argv[1]);
    kiln_model *model;
    kiln_context *context;
    kiln_error error;
    if (api.kiln_open(argv[1], &model, &error)) die("open", error.message);
    if (api.kiln_context_create(model, atoi(argv[4]), &context, &error)) die("context", error.message);
    void **inputs = read_inputs(model, argv[2]);
    void **outputs = make_outputs(model);
    if (api.kiln_run(context, (const void *const *)inputs, outputs, &error)) die("run", error.message);
    write_outputs(model, outputs, argv[3]);
    if (argc > 5) profile(context, (const void *const *)inputs, outputs, atoi(argv[5]));
    api.kiln_context_destroy(context);
    api.kiln_close(model);
    return 0;
}
