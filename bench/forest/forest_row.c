/* Single rows through the C interfaces of engines for forests: what a call costs where nothing else is in the way.
 *
 *     PROGRAM ENGINE LIBRARY MODEL FEATURES OUTPUTS BYTES COUNT ROWS.raw SECONDS RESULTS.raw
 *
 * The rows, COUNT times FEATURES of float32, are given one at a time, in turn, for SECONDS after a pass that warms up.
 * The report is a line of JSON, the seconds per row of every pass; the results of one pass go to a file, as numbers of
 * BYTES, 8 where the model computes in double precision. Engines:
 *
 *     kiln      LIBRARY is the model.so in the artifact MODEL
 *     lightgbm  LIBRARY is lib_lightgbm.so, MODEL a file that it loads
 *     tl2cgen   LIBRARY is the model as compiled C; MODEL is not used
 *     xgboost   LIBRARY is libxgboost.so, MODEL a file that it loads
 */
#include "kiln.h"

#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ALIGNMENT = 64, MOST_PASSES = 1 << 16, DESCRIPTION_BYTES = 160 };

typedef struct arguments {
    const char *engine, *library, *model, *results;
    size_t features, outputs, bytes, count, stride; /* the distance of rows, in floats */
    double seconds;
    float *rows;
} arguments;

/* Predicts the i-th row. */
typedef void predict(size_t i, const float *row, void *result);

static void die(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *memory(size_t bytes) {
    void *result = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT);
    if (!result) die("memory", "there is not enough");
    return result;
}

static void *symbol(void *library, const char *name) {
    void *address = dlsym(library, name);
    if (!address) die(name, "the library has no such function");
    return address;
}

static arguments read_arguments(int argc, char **argv) {
    if (argc != 11) die(argv[0], "wrong number of arguments");
    arguments given = {
        .engine = argv[1], .library = argv[2], .model = argv[3], .results = argv[10],
        .features = strtoul(argv[4], NULL, 10), .outputs = strtoul(argv[5], NULL, 10),
        .bytes = strtoul(argv[6], NULL, 10), .count = strtoul(argv[7], NULL, 10), .seconds = atof(argv[9]),
    };
    if (given.bytes != sizeof(float) && given.bytes != sizeof(double)) die(argv[6], "is the size of no number");
    const size_t per_line = ALIGNMENT / sizeof(float);
    given.stride = (given.features + per_line - 1) / per_line * per_line;
    given.rows = memory(given.count * given.stride * sizeof(float));
    FILE *file = fopen(argv[8], "rb");
    if (!file) die(argv[8], "cannot be read");
    for (size_t i = 0; i < given.count; i++)
        if (fread(given.rows + i * given.stride, sizeof(float), given.features, file) != given.features)
            die(argv[8], "does not hold the rows");
    fclose(file);
    return given;
}

static size_t output_count;

/* Kiln */

static kiln_context *context;
static __typeof__(kiln_run_rows) *run_kiln;

static void predict_kiln(size_t i, const float *row, void *result) {
    (void)i;
    const void *inputs[] = {row};
    void *outputs[] = {result};
    kiln_error error;
    if (run_kiln(context, 1, inputs, outputs, &error)) die("kiln_run_rows", error.message);
}

static predict *open_kiln(const arguments *given, void *library) {
    __typeof__(kiln_open) *open = symbol(library, "kiln_open");
    __typeof__(kiln_context_create) *create = symbol(library, "kiln_context_create");
    kiln_model *model;
    kiln_error error;
    if (open(given->model, &model, &error) || create(model, 1, &context, &error)) die(given->model, error.message);
    run_kiln = symbol(library, "kiln_run_rows");
    return predict_kiln;
}

/* TL2cgen: an entry per feature, which the function overwrites; -1 for a missing one. */

typedef union entry {
    int missing;
    float value;
    int rank;
} entry;

typedef union wide_entry {
    int missing;
    double value;
    int rank;
} wide_entry;

static void (*run_tl2cgen)(void *data, int margin, void *result);
static void *entries;
static size_t entry_count;

static void predict_tl2cgen(size_t i, const float *row, void *result) {
    (void)i;
    entry *all = entries;
    for (size_t f = 0; f < entry_count; f++) {
        if (isnan(row[f])) all[f].missing = -1;
        else all[f].value = row[f];
    }
    memset(result, 0, output_count * sizeof(float)); /* leaves are added to it */
    run_tl2cgen(entries, 0, result);
}

static void predict_wide_tl2cgen(size_t i, const float *row, void *result) {
    (void)i;
    wide_entry *all = entries;
    for (size_t f = 0; f < entry_count; f++) {
        if (isnan(row[f])) all[f].missing = -1;
        else all[f].value = row[f];
    }
    memset(result, 0, output_count * sizeof(double));
    run_tl2cgen(entries, 0, result);
}

static predict *open_tl2cgen(const arguments *given, void *library) {
    *(void **)&run_tl2cgen = symbol(library, "predict");
    entry_count = given->features;
    entries = memory(entry_count * sizeof(wide_entry));
    return given->bytes == sizeof(double) ? predict_wide_tl2cgen : predict_tl2cgen;
}

/* LightGBM: what does not depend on the row is prepared beforehand. */

static int (*run_lightgbm)(void *prepared, const void *row, int64_t *count, double *result);
static const char *(*lightgbm_error)(void);
static void *lightgbm_row;

static void check_lightgbm(int status) {
    if (status) die("lightgbm", lightgbm_error());
}

static void predict_lightgbm(size_t i, const float *row, void *result) {
    (void)i;
    int64_t count;
    check_lightgbm(run_lightgbm(lightgbm_row, row, &count, result));
}

static predict *open_lightgbm(const arguments *given, void *library) {
    enum { NORMAL = 0, FLOAT32 = 0, ALL = -1 };
    int (*load)(const char *file, int *iterations, void **booster);
    int (*prepare)(void *booster, int kind, int first, int iterations, int type, int32_t columns, const char *options,
                   void **prepared);
    *(void **)&lightgbm_error = symbol(library, "LGBM_GetLastError");
    *(void **)&load = symbol(library, "LGBM_BoosterCreateFromModelfile");
    *(void **)&prepare = symbol(library, "LGBM_BoosterPredictForMatSingleRowFastInit");
    *(void **)&run_lightgbm = symbol(library, "LGBM_BoosterPredictForMatSingleRowFast");
    if (given->bytes != sizeof(double)) die("lightgbm", "gives doubles");
    void *model;
    int iterations;
    check_lightgbm(load(given->model, &iterations, &model));
    check_lightgbm(prepare(model, NORMAL, 0, ALL, FLOAT32, (int32_t)given->features, "num_threads=1", &lightgbm_row));
    return predict_lightgbm;
}

/* XGBoost: a row is described in JSON, which is written beforehand. The result stays its own. */

typedef uint64_t bst_ulong;
static int (*run_xgboost)(void *booster, const char *rows, const char *options, void *matrix, const bst_ulong **shape,
                          bst_ulong *rank, const float **result);
static const char *(*xgboost_error)(void);
static void *booster;
static char *descriptions;

static void check_xgboost(int status) {
    if (status) die("xgboost", xgboost_error());
}

static void predict_xgboost(size_t i, const float *row, void *result) {
    (void)row;
    static const char options[] = "{\"type\": 0, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0,"
                                  " \"missing\": NaN, \"strict_shape\": false, \"cache_id\": 0}";
    const bst_ulong *shape;
    bst_ulong rank;
    const float *found;
    check_xgboost(run_xgboost(booster, descriptions + i * DESCRIPTION_BYTES, options, NULL, &shape, &rank, &found));
    memcpy(result, found, output_count * sizeof(float));
}

static predict *open_xgboost(const arguments *given, void *library) {
    int (*create)(void *const *matrices, bst_ulong count, void **made);
    int (*load)(void *booster, const char *file);
    int (*set)(void *booster, const char *name, const char *value);
    *(void **)&xgboost_error = symbol(library, "XGBGetLastError");
    *(void **)&create = symbol(library, "XGBoosterCreate");
    *(void **)&load = symbol(library, "XGBoosterLoadModel");
    *(void **)&set = symbol(library, "XGBoosterSetParam");
    *(void **)&run_xgboost = symbol(library, "XGBoosterPredictFromDense");
    check_xgboost(create(NULL, 0, &booster));
    check_xgboost(load(booster, given->model));
    check_xgboost(set(booster, "nthread", "1"));
    descriptions = memory(given->count * DESCRIPTION_BYTES);
    for (size_t i = 0; i < given->count; i++)
        snprintf(descriptions + i * DESCRIPTION_BYTES, DESCRIPTION_BYTES,
                 "{\"data\": [%zu, true], \"shape\": [1, %zu], \"typestr\": \"<f4\", \"version\": 3}",
                 (size_t)(given->rows + i * given->stride), given->features);
    return predict_xgboost;
}

static predict *open_engine(const arguments *given) {
    void *library = dlopen(given->library, RTLD_NOW | RTLD_LOCAL);
    if (!library) die(given->library, dlerror());
    if (!strcmp(given->engine, "kiln")) return open_kiln(given, library);
    if (!strcmp(given->engine, "lightgbm")) return open_lightgbm(given, library);
    if (!strcmp(given->engine, "tl2cgen")) return open_tl2cgen(given, library);
    if (!strcmp(given->engine, "xgboost")) return open_xgboost(given, library);
    die(given->engine, "is no engine of this program");
    return NULL;
}

int main(int argc, char **argv) {
    arguments given = read_arguments(argc, argv);
    output_count = given.outputs;
    predict *engine = open_engine(&given);
    const size_t stride = (given.outputs * given.bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char *results = memory(given.count * stride);
    static double passes[MOST_PASSES];
    size_t done = 0;
    double begin = 0;
    for (int warm = 0; !warm || !done || (done < MOST_PASSES && now() - begin < given.seconds); warm = 1) {
        double start = now();
        for (size_t i = 0; i < given.count; i++) engine(i, given.rows + i * given.stride, results + i * stride);
        if (warm) passes[done++] = (now() - start) / (double)given.count;
        else begin = now();
    }
    FILE *file = fopen(given.results, "wb");
    for (size_t i = 0; file && i < given.count; i++) fwrite(results + i * stride, given.bytes, given.outputs, file);
    if (!file || fclose(file) != 0) die(given.results, "cannot be written");
    for (size_t i = 0; i < done; i++) printf("%c%.9e", i ? ',' : '[', passes[i]);
    puts("]");
    return 0;
}
