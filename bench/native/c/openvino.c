/* The first result of OpenVINO's C API: MODEL is a file in OpenVINO's own format, LIBRARY libopenvino_c.so. */
#include "first_result.h"

#include <openvino/c/openvino.h>

#define FUNCTION(name) __typeof__(name) *name##_ = (__typeof__(name) *)symbol(library, #name)
#define CHECK(call) check(#call, call)

static void check(const char *what, ov_status_e status) {
    if (status != OK) die(what, "OpenVINO reports an error");
}

int main(int argc, char **argv) {
    arguments given = read_arguments(argc, argv);
    void *library = open_library(given.library);
    FUNCTION(ov_core_create);
    FUNCTION(ov_core_compile_model_from_file);
    FUNCTION(ov_compiled_model_create_infer_request);
    FUNCTION(ov_shape_create);
    FUNCTION(ov_tensor_create_from_host_ptr);
    FUNCTION(ov_infer_request_set_input_tensor_by_index);
    FUNCTION(ov_infer_request_infer);
    FUNCTION(ov_infer_request_get_output_tensor_by_index);
    FUNCTION(ov_tensor_get_byte_size);
    FUNCTION(ov_tensor_data);
    ov_core_t *core;
    ov_compiled_model_t *model;
    ov_infer_request_t *request;
    ov_tensor_t *input, *output;
    ov_shape_t shape;
    char threads[16];
    snprintf(threads, sizeof threads, "%d", given.threads);
    CHECK(ov_core_create_(&core));
    CHECK(ov_core_compile_model_from_file_(core, given.model, "CPU", 8, &model, "PERFORMANCE_HINT", "LATENCY",
                                           "INFERENCE_PRECISION_HINT", "f32", "INFERENCE_NUM_THREADS", threads,
                                           "NUM_STREAMS", "1"));
    CHECK(ov_compiled_model_create_infer_request_(model, &request));
    int64_t loaded = now_ns();
    CHECK(ov_shape_create_(given.rank, given.shape, &shape));
    CHECK(ov_tensor_create_from_host_ptr_(F32, shape, given.input, &input));
    CHECK(ov_infer_request_set_input_tensor_by_index_(request, 0, input));
    CHECK(ov_infer_request_infer_(request));
    CHECK(ov_infer_request_get_output_tensor_by_index_(request, 0, &output));
    size_t bytes;
    void *data;
    CHECK(ov_tensor_get_byte_size_(output, &bytes));
    CHECK(ov_tensor_data_(output, &data));
    report(&given, loaded, data, bytes);
    return 0;
}
