/* What one core of this machine can do at most: multiply-adds in registers, and reading memory in a stream.
 *
 * Compiled for the target that is measured, with -DVECTOR_BYTES and the flags that switch its vector unit on: the
 * compiler's vector types then become SSE, AVX2, AVX-512 or NEON. The accumulators are as many as registers allow
 * beside two operands, more than latency times ports of any core, so that every multiply-add port is busy. */
#include <stddef.h>
#include <stdint.h>

typedef float vector __attribute__((vector_size(VECTOR_BYTES)));

enum { LANES = VECTOR_BYTES / sizeof(float), UNROLL = 4 };

#if VECTOR_REGISTERS >= 32
#define ACCUMULATORS(DO) \
    DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) \
    DO(12) DO(13) DO(14) DO(15) DO(16) DO(17) DO(18) DO(19) DO(20) DO(21) DO(22) DO(23)
enum { COUNT = 24 };
#else
#define ACCUMULATORS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
enum { COUNT = 12 };
#endif

#define DECLARE(i) vector c##i = x + (float)i;
#define MULTIPLY_ADD(i) c##i = c##i * x + y;
#define KEEP(i) __asm__ volatile("" : "+" REGISTER(c##i)); /* one iteration must not become part of the next */
#define ADD_UP(i) sum += c##i;

#if defined(__x86_64__)
#define REGISTER(v) "v"(v)
#else
#define REGISTER(v) "w"(v)
#endif

/* Floating-point operations of one round of `multiply_add`; a multiply-add counts as two. */
int64_t operations_per_round(void) { return 2 * (int64_t)LANES * COUNT * UNROLL; }

static float total(vector sum) {
    float result = 0;
    for (int i = 0; i < LANES; i++) result += sum[i];
    return result;
}

/* Multiplies and adds in registers only. The factor is below one, so that values stay normal numbers. */
float multiply_add(int64_t rounds) {
    vector x = (vector){0} + 0.999f, y = (vector){0} + 0.5f, sum = {0};
    ACCUMULATORS(DECLARE)
    for (int64_t round = 0; round < rounds; round++) {
        ACCUMULATORS(MULTIPLY_ADD)
        ACCUMULATORS(MULTIPLY_ADD)
        ACCUMULATORS(MULTIPLY_ADD)
        ACCUMULATORS(MULTIPLY_ADD)
        ACCUMULATORS(KEEP)
    }
    ACCUMULATORS(ADD_UP)
    return total(sum);
}

/* Reads `bytes` from `data`, a multiple of eight vectors at an address that is aligned to one, `passes` times. */
float read_stream(const void *data, int64_t bytes, int64_t passes) {
    const vector *source = data;
    vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, s4 = {0}, s5 = {0}, s6 = {0}, s7 = {0};
    for (int64_t pass = 0; pass < passes; pass++)
        for (int64_t i = 0; i < bytes / VECTOR_BYTES; i += 8) {
            s0 += source[i], s1 += source[i + 1], s2 += source[i + 2], s3 += source[i + 3];
            s4 += source[i + 4], s5 += source[i + 5], s6 += source[i + 6], s7 += source[i + 7];
        }
    return total(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7);
}

/* Additions of which each waits for the one before: a cycle each on every core that Kiln compiles for. */
int64_t count_cycles(int64_t cycles) {
    uint64_t x = 1;
#define ADD x += x; __asm__ volatile("" : "+r"(x));
    for (int64_t i = 0; i < cycles; i += 16) { ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD }
#undef ADD
    return (int64_t)x;
}
