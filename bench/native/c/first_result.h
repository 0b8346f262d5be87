/* first_result.h: what the programs of all engines share: arguments, the clock, memory, and the report.
 *
 *     PROGRAM START_NS LIBRARY MODEL THREADS INPUT_NAME OUTPUT_NAME DIMENSIONS INPUT.raw OUTPUT.raw
 *
 * START_NS is CLOCK_MONOTONIC just before the process was started, so that starting it and loading libraries count.
 * The model has one input and one output of float32. The report is a line of JSON; the output goes to a file, so that
 * whoever started the program can see that all engines computed the same. */
#ifndef FIRST_RESULT_H
#define FIRST_RESULT_H

#include <dlfcn.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_RANK = 8, ALIGNMENT = 64 };

typedef struct arguments {
    int64_t start_ns;
    const char *library, *model, *input_name, *output_name, *output_file;
    int threads, rank;
    int64_t shape[MAX_RANK];
    float *input;
    size_t input_bytes;
} arguments;

static void die(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static float *aligned_floats(size_t bytes) {
    float *memory = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT);
    if (!memory) die("memory", "there is not enough");
    return memory;
}

static arguments read_arguments(int argc, char **argv) {
    if (argc != 10) die(argv[0], "wrong number of arguments");
    arguments given = {
        .start_ns = strtoll(argv[1], NULL, 10), .library = argv[2], .model = argv[3], .threads = atoi(argv[4]),
        .input_name = argv[5], .output_name = argv[6], .output_file = argv[9],
    };
    given.input_bytes = sizeof(float);
    for (char *part = strtok(argv[7], ","); part && given.rank < MAX_RANK; part = strtok(NULL, ",")) {
        given.shape[given.rank++] = strtoll(part, NULL, 10);
        given.input_bytes *= (size_t)given.shape[given.rank - 1];
    }
    given.input = aligned_floats(given.input_bytes);
    FILE *file = fopen(argv[8], "rb");
    if (!file || fread(given.input, 1, given.input_bytes, file) != given.input_bytes)
        die(argv[8], "does not hold the input");
    fclose(file);
    return given;
}

static void *open_library(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) die(path, dlerror());
    return library;
}

static void *symbol(void *library, const char *name) {
    void *address = dlsym(library, name);
    if (!address) die(name, "the library has no such function");
    return address;
}

/* The memory that only this process has: what ending it would free. In kB from the kernel, here in bytes. */
static int64_t private_bytes(void) {
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    if (!file) die("/proc/self/smaps_rollup", "cannot be read");
    char line[256];
    int64_t total = 0, value;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Private_Clean: %" SCNd64, &value) == 1 || sscanf(line, "Private_Dirty: %" SCNd64, &value) == 1)
            total += 1024 * value;
    fclose(file);
    return total;
}

static void report(const arguments *given, int64_t loaded_ns, const float *output, size_t bytes) {
    int64_t done_ns = now_ns(), memory = private_bytes();
    FILE *file = fopen(given->output_file, "wb");
    if (!file || fwrite(output, 1, bytes, file) != bytes || fclose(file) != 0) die(given->output_file, "cannot be written");
    printf("{\"first_result_seconds\": %.9f, \"load_seconds\": %.9f, \"private_bytes\": %" PRId64 "}\n",
           1e-9 * (double)(done_ns - given->start_ns), 1e-9 * (double)(loaded_ns - given->start_ns), memory);
}

#endif
