/* The first result of ONNX Runtime's C API: MODEL is an ONNX file, LIBRARY libonnxruntime.so.
 *
 * The Python package carries the library without its header. The API is a table of functions to which versions only
 * append (onnxruntime_c_api.h, OrtApi), so the positions below hold from version 1 on. */
#include "first_result.h"

typedef struct ort_object ort_object; /* OrtEnv, OrtSession, OrtValue ... */
typedef struct ort_status ort_status;

typedef struct api_base {
    const void *const *(*get_api)(uint32_t version);
    const char *(*get_version)(void);
} api_base;

enum {
    API_VERSION = 1,
    GET_ERROR_MESSAGE = 2,
    CREATE_ENV = 3,
    CREATE_SESSION = 7,
    RUN = 9,
    CREATE_SESSION_OPTIONS = 10,
    SET_INTRA_OP_NUM_THREADS = 24,
    CREATE_TENSOR_WITH_DATA = 49,
    GET_TENSOR_MUTABLE_DATA = 51,
    GET_TENSOR_SHAPE_ELEMENT_COUNT = 64,
    GET_TENSOR_TYPE_AND_SHAPE = 65,
    CREATE_CPU_MEMORY_INFO = 69,
};
enum { LOG_ERRORS = 3, DEVICE_ALLOCATOR = 0, DEFAULT_MEMORY = 0, TYPE_FLOAT = 1 };

#define CALL(position, types, ...) check(((ort_status * (*)types) api[position])(__VA_ARGS__))

static const void *const *api;

static void check(ort_status *status) {
    if (status) die("onnxruntime", ((const char *(*)(const ort_status *))api[GET_ERROR_MESSAGE])(status));
}

int main(int argc, char **argv) {
    arguments given = read_arguments(argc, argv);
    void *library = open_library(given.library);
    api = ((const api_base *(*)(void))symbol(library, "OrtGetApiBase"))()->get_api(API_VERSION);
    ort_object *env, *options, *session, *memory, *input, *output = NULL, *shape;
    CALL(CREATE_ENV, (int, const char *, ort_object **), LOG_ERRORS, "bench", &env);
    CALL(CREATE_SESSION_OPTIONS, (ort_object **), &options);
    CALL(SET_INTRA_OP_NUM_THREADS, (ort_object *, int), options, given.threads);
    CALL(CREATE_SESSION, (const ort_object *, const char *, const ort_object *, ort_object **), env, given.model,
         options, &session);
    int64_t loaded = now_ns();
    CALL(CREATE_CPU_MEMORY_INFO, (int, int, ort_object **), DEVICE_ALLOCATOR, DEFAULT_MEMORY, &memory);
    CALL(CREATE_TENSOR_WITH_DATA,
         (const ort_object *, void *, size_t, const int64_t *, size_t, int, ort_object **), memory, given.input,
         given.input_bytes, given.shape, (size_t)given.rank, TYPE_FLOAT, &input);
    const ort_object *const inputs[] = {input};
    CALL(RUN,
         (ort_object *, const ort_object *, const char *const *, const ort_object *const *, size_t,
          const char *const *, size_t, ort_object **),
         session, NULL, &given.input_name, inputs, (size_t)1, &given.output_name, (size_t)1, &output);
    size_t count;
    void *data;
    CALL(GET_TENSOR_TYPE_AND_SHAPE, (const ort_object *, ort_object **), output, &shape);
    CALL(GET_TENSOR_SHAPE_ELEMENT_COUNT, (const ort_object *, size_t *), shape, &count);
    CALL(GET_TENSOR_MUTABLE_DATA, (ort_object *, void **), output, &data);
    report(&given, loaded, data, count * sizeof(float));
    return 0;
}
