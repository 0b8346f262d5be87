/* driver.c: exercises every function of kiln.h from several threads, for sanitizers, valgrind and emulators.
 *
 * usage: driver ARTIFACT. Prints "ok" and exits 0 when every expectation held. Built for the model of
 * model.c. */
#include "expect.h"
#include "kiln.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define X_ELEMENTS      (256 * 1024)
#define TOTAL_ELEMENTS  256
#define RUNS_PER_THREAD 5

typedef struct buffers {
    float x[X_ELEMENTS], offset, y[X_ELEMENTS], total[TOTAL_ELEMENTS];
} buffers;

static kiln_model *model;
static buffers reference;

static buffers *new_buffers(void) {
    buffers *b = malloc(sizeof *b);
    EXPECT(b);
    for (int i = 0; i < X_ELEMENTS; i++) b->x[i] = (float)(i % 1013) / 1013.0f - 0.5f;
    b->offset = 0.125f;
    return b;
}

static kiln_status run(kiln_context *context, buffers *b, kiln_error *error) {
    const void *inputs[] = {b->x, &b->offset};
    void *outputs[] = {b->y, b->total};
    return kiln_run(context, inputs, outputs, error);
}

static void expect_reference(const buffers *b) {
    EXPECT(memcmp(b->y, reference.y, sizeof b->y) == 0);
    EXPECT(memcmp(b->total, reference.total, sizeof b->total) == 0);
}

static void *own_context(void *threads) {
    kiln_context *context;
    EXPECT(kiln_context_create(model, *(int *)threads, &context, NULL) == KILN_OK);
    buffers *b = new_buffers();
    for (int i = 0; i < RUNS_PER_THREAD; i++) {
        EXPECT(run(context, b, NULL) == KILN_OK);
        expect_reference(b);
    }
    free(b);
    kiln_context_destroy(context);
    return NULL;
}

static void *shared_context(void *context) {
    buffers *b = new_buffers();
    for (int i = 0; i < RUNS_PER_THREAD; i++) {
        kiln_status status = run(context, b, NULL);
        EXPECT(status == KILN_OK || status == KILN_ERROR_BUSY);
        if (status == KILN_OK) expect_reference(b);
    }
    free(b);
    return NULL;
}

static void run_in_threads(void *(*body)(void *), void *arguments[4]) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) EXPECT(pthread_create(&threads[i], NULL, body, arguments[i]) == 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

static void test_description(void) {
    EXPECT(kiln_input_count(model) == 2 && kiln_output_count(model) == 2);
    EXPECT(strcmp(kiln_input(model, 0)->name, "x") == 0 && kiln_input(model, 0)->shape[1] == 1024);
    EXPECT(kiln_input(model, 1)->rank == 0 && !kiln_input(model, 2) && !kiln_output(model, 2));
    EXPECT(strcmp(kiln_target_name(model), "test") == 0 && kiln_io_alignment(model) == 4);
    EXPECT(kiln_arena_bytes(model) == 4 * X_ELEMENTS);
    EXPECT(strcmp(kiln_status_name(KILN_ERROR_BUSY), "KILN_ERROR_BUSY") == 0);
    EXPECT(strcmp(kiln_status_name((kiln_status)99), "unknown") == 0);
    EXPECT(strcmp(kiln_dtype_name(KILN_BFLOAT16), "bfloat16") == 0 && kiln_dtype_bytes(KILN_FLOAT64) == 8);
    EXPECT(kiln_dtype_bytes((kiln_dtype)99) == 0);
}

static void test_errors(void) {
    kiln_error error;
    kiln_model *none = model;
    EXPECT(kiln_open("/nonexistent", &none, &error) == KILN_ERROR_IO && !none &&
           error.status == KILN_ERROR_IO);
    EXPECT(strstr(error.message, "/nonexistent/weights.bin: No such file"));
    EXPECT(kiln_open(NULL, &none, NULL) == KILN_ERROR_ARGUMENT);
    EXPECT(kiln_open("x", NULL, NULL) == KILN_ERROR_ARGUMENT);
    kiln_context *context;
    EXPECT(kiln_context_create(model, -1, &context, NULL) == KILN_ERROR_ARGUMENT && !context);
    EXPECT(kiln_context_create(NULL, 1, &context, NULL) == KILN_ERROR_ARGUMENT);
    EXPECT(kiln_context_create(model, 1, &context, NULL) == KILN_OK);
    const void *inputs[] = {NULL, NULL};
    void *outputs[] = {NULL, NULL};
    EXPECT(kiln_run(context, inputs, outputs, &error) == KILN_ERROR_ARGUMENT &&
           strstr(error.message, "'x': null"));
    EXPECT(kiln_run(context, NULL, outputs, NULL) == KILN_ERROR_ARGUMENT);
    EXPECT(kiln_run(NULL, inputs, outputs, NULL) == KILN_ERROR_ARGUMENT);
    EXPECT(kiln_row_tile(model) == 0);
    EXPECT(kiln_run_rows(context, 1, inputs, outputs, &error) == KILN_ERROR_ARGUMENT &&
           strstr(error.message, "shapes are fixed: use kiln_run"));
    EXPECT(kiln_set_threads(context, 5000, NULL) == KILN_ERROR_ARGUMENT && kiln_threads(context) == 1);
    kiln_context_destroy(context);
    kiln_context_destroy(NULL);
    kiln_close(NULL);
}

static void test_profile(kiln_context *context, buffers *b) {
    kiln_kernel_time times[3];
    EXPECT(kiln_set_profiling(context, 1, NULL) == KILN_OK);
    EXPECT(run(context, b, NULL) == KILN_OK && run(context, b, NULL) == KILN_OK);
    EXPECT(kiln_profile(context, times, 2) == 3 && kiln_profile(context, times, 3) == 3);
    EXPECT(times[2].runs == 2 && times[2].total_ns >= 2 * times[2].best_ns);
    EXPECT(kiln_set_profiling(context, 0, NULL) == KILN_OK);
    EXPECT(kiln_profile(context, times, 3) == 3 && times[2].runs == 0);
}

/* A forked child has none of the parent's threads; its first run makes new ones. */
__attribute__((unused)) static void test_fork(kiln_context *context, buffers *b) {
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        memset(b->y, 0, sizeof b->y);
        EXPECT(run(context, b, NULL) == KILN_OK);
        expect_reference(b);
        kiln_context_destroy(context);
        _exit(0);
    }
    int status;
    EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv) {
    EXPECT(argc == 2);
    EXPECT(kiln_open(argv[1], &model, NULL) == KILN_OK);
    test_description();
    test_errors();

    kiln_context *context;
    EXPECT(kiln_context_create(model, 1, &context, NULL) == KILN_OK);
    buffers *b = new_buffers();
    EXPECT(run(context, b, NULL) == KILN_OK);
    reference = *b;
    for (int threads = 2; threads <= 5; threads++) {
        EXPECT(kiln_set_threads(context, threads, NULL) == KILN_OK && kiln_threads(context) == threads);
        EXPECT(run(context, b, NULL) == KILN_OK);
        expect_reference(b);
    }
    test_profile(context, b);
/* Locks of sanitizers and of emulators are not made for fork: the child may wait for ever. */
#if !defined __SANITIZE_THREAD__ && !defined __SANITIZE_ADDRESS__ && !defined TEST_EMULATED
    test_fork(context, b);
#endif
    run_in_threads(own_context, (void *[]){&(int){1}, &(int){2}, &(int){3}, &(int){4}});
    run_in_threads(shared_context, (void *[]){context, context, context, context});

    kiln_close(model); /* the context keeps what it needs */
    EXPECT(run(context, b, NULL) == KILN_OK);
    kiln_context_destroy(context);
    free(b);
    puts("ok");
    return 0;
}
