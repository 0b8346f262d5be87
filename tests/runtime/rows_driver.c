/* rows_driver.c: runs the model of rows.c on batches of many sizes, for sanitizers, valgrind and emulators.
 *
 * usage: rows_driver ARTIFACT. Prints "ok" and exits 0 when every expectation held. */
#include "expect.h"
#include "kiln.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COLUMNS 8
#define TILE    16
#define SMALL   4
#define MOST    (9 * TILE + 5)

#ifdef TEST_SAME_RESULTS /* as rows.c was built */
#define THREADS_DECIDE TEST_SAME_RESULTS
#else
#define THREADS_DECIDE false
#endif

static kiln_model *model;
static float gain[COLUMNS];

/* Arrays of exactly `rows` rows, so that a byte read or written beyond them is seen. */
typedef struct buffers {
    int rows;
    float *x, *scale, *y;
    int32_t *by;
} buffers;

static buffers new_buffers(int rows) {
    size_t n = (size_t)rows;
    buffers b = {rows, malloc(n * COLUMNS * 4), malloc(n * 4), malloc(n * COLUMNS * 4), malloc(n * 4)};
    for (int i = 0; i < rows * COLUMNS; i++) b.x[i] = (float)(i % 101) - 50.0f;
    for (int i = 0; i < rows; i++) b.scale[i] = (float)(i % 7) + 0.5f;
    return b;
}

static void free_buffers(buffers *b) {
    free(b->x);
    free(b->scale);
    free(b->y);
    free(b->by);
}

static kiln_status run(kiln_context *context, const buffers *b, kiln_error *error) {
    const void *inputs[] = {b->x, b->scale};
    void *outputs[] = {b->y, b->by};
    return kiln_run_rows(context, b->rows, inputs, outputs, error);
}

/* How many rows the quickest code for row `r` of `rows` computes at once, for one thread. */
static int tile_of(int r, int rows) {
    int rest = rows % TILE, last = rest % SMALL;
    if (r < rows - rest || rest > 12) return TILE;
    return r < rows - last || last == 3 ? SMALL : 1;
}

static void expect_right(const buffers *b) {
    for (int r = 0; r < b->rows; r++) {
        for (int c = 0; c < COLUMNS; c++)
            EXPECT(b->y[r * COLUMNS + c] == b->x[r * COLUMNS + c] * gain[c] * b->scale[r]);
        EXPECT(THREADS_DECIDE ? b->by[r] <= TILE && b->by[r] > 0 : b->by[r] == tile_of(r, b->rows));
    }
}

static void run_all_sizes(kiln_context *context) {
    for (int rows = 0; rows <= MOST; rows++) {
        buffers b = new_buffers(rows);
        EXPECT(run(context, &b, NULL) == KILN_OK);
        expect_right(&b);
        free_buffers(&b);
    }
}

static void test_errors(kiln_context *context) {
    kiln_error error;
    EXPECT(kiln_row_tile(model) == TILE && kiln_input(model, 0)->shape[0] == KILN_DYNAMIC);
    buffers b = new_buffers(1);
    const void *inputs[] = {b.x, b.scale};
    void *outputs[] = {b.y, b.by};
    EXPECT(kiln_run(context, inputs, outputs, &error) == KILN_ERROR_ARGUMENT &&
           strstr(error.message, "dynamic batch: use kiln_run_rows"));
    EXPECT(kiln_run_rows(context, -1, inputs, outputs, &error) == KILN_ERROR_ARGUMENT &&
           strcmp(error.message, "-1 rows: must be 0 to 2147483647") == 0);
    EXPECT(kiln_run_rows(context, (int64_t)1 << 31, inputs, outputs, NULL) == KILN_ERROR_ARGUMENT);
    inputs[1] = NULL;
    EXPECT(kiln_run_rows(context, 1, inputs, outputs, &error) == KILN_ERROR_ARGUMENT &&
           strstr(error.message, "'scale': null"));
    EXPECT(kiln_run_rows(context, 0, NULL, NULL, NULL) == KILN_OK);
    EXPECT(kiln_run_rows(NULL, 1, inputs, outputs, NULL) == KILN_ERROR_ARGUMENT);
    free_buffers(&b);
}

static void test_profile(kiln_context *context) {
    kiln_kernel_time times[9];
    buffers b = new_buffers(2 * TILE + SMALL + 2);
    EXPECT(kiln_set_profiling(context, 1, NULL) == KILN_OK && run(context, &b, NULL) == KILN_OK);
    expect_right(&b);
    EXPECT(kiln_profile(context, times, 9) == 9);
    EXPECT(strcmp(times[2].name, "by [16 rows]") == 0 && times[2].runs == 2);
    EXPECT(strcmp(times[5].name, "by [4 rows]") == 0 && times[5].runs == 1 && times[5].threads == 1);
    EXPECT(strcmp(times[8].name, "by [1 row]") == 0 && times[8].runs == 2 && times[8].threads == 1);
    EXPECT(kiln_set_profiling(context, 0, NULL) == KILN_OK);
    free_buffers(&b);
}

__attribute__((unused)) static void test_fork(kiln_context *context) {
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        run_all_sizes(context);
        kiln_context_destroy(context);
        _exit(0);
    }
    int status;
    EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void *own_context(void *threads) {
    kiln_context *context;
    EXPECT(kiln_context_create(model, *(int *)threads, &context, NULL) == KILN_OK);
    run_all_sizes(context);
    kiln_context_destroy(context);
    return NULL;
}

int main(int argc, char **argv) {
    EXPECT(argc == 2 && kiln_open(argv[1], &model, NULL) == KILN_OK);
    for (int c = 0; c < COLUMNS; c++) gain[c] = (float)(c + 1);
    kiln_context *context;
    EXPECT(kiln_context_create(model, 1, &context, NULL) == KILN_OK);
    test_errors(context);
    for (int threads = 1; threads <= 4; threads++) {
        EXPECT(kiln_set_threads(context, threads, NULL) == KILN_OK);
        run_all_sizes(context);
    }
    test_profile(context);
/* Locks of sanitizers and of emulators are not made for fork: the child may wait for ever. */
#if !defined __SANITIZE_THREAD__ && !defined __SANITIZE_ADDRESS__ && !defined TEST_EMULATED
    test_fork(context);
#endif
    pthread_t threads[3];
    int counts[3] = {1, 2, 3};
    for (int i = 0; i < 3; i++) EXPECT(pthread_create(&threads[i], NULL, own_context, &counts[i]) == 0);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    kiln_close(model); /* the context keeps what it needs */
    run_all_sizes(context);
    kiln_context_destroy(context);
    puts("ok");
    return 0;
}
