/* The first result of an artifact of Kiln: MODEL is its directory, LIBRARY the model.so in it. With a dynamic batch,
 * the input's first dimension is the number of rows. */
#include "first_result.h"
#include "kiln.h"

#define FUNCTION(name) __typeof__(name) *name##_ = (__typeof__(name) *)symbol(library, #name)

int main(int argc, char **argv) {
    arguments given = read_arguments(argc, argv);
    void *library = open_library(given.library);
    FUNCTION(kiln_open);
    FUNCTION(kiln_output);
    FUNCTION(kiln_context_create);
    FUNCTION(kiln_row_tile);
    FUNCTION(kiln_run);
    FUNCTION(kiln_run_rows);
    kiln_error error;
    kiln_model *model;
    kiln_context *context;
    if (kiln_open_(given.model, &model, &error)) die(given.model, error.message);
    if (kiln_context_create_(model, given.threads, &context, &error)) die(given.model, error.message);
    int64_t loaded = now_ns();
    int dynamic = kiln_row_tile_(model) != 0;
    size_t bytes = (size_t)kiln_output_(model, 0)->bytes * (dynamic ? (size_t)given.shape[0] : 1);
    const void *inputs[] = {given.input};
    void *outputs[] = {aligned_floats(bytes)};
    if (dynamic ? kiln_run_rows_(context, given.shape[0], inputs, outputs, &error)
                : kiln_run_(context, inputs, outputs, &error))
        die(given.model, error.message);
    report(&given, loaded, outputs[0], bytes);
    return 0;
}
