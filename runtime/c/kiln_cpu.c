/* kiln_cpu.c: which CPU features this machine offers, by the names that Linux prints in /proc/cpuinfo.
 *
 * Compiled for the baseline instruction set, so that it runs on the machines it has to refuse. A feature
 * counts only when the operating system saves its registers too (XCR0 on x86; the kernel's own HWCAP bits on
 * ARM). Sources: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E; Linux
 * arch/x86/include/asm/cpufeatures.h, arch/arm64/include/uapi/asm/hwcap.h and
 * arch/arm/include/uapi/asm/hwcap.h.
 */
#include "kiln_internal.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

#define ARCHITECTURE "x86"

enum { EAX, EBX, ECX, EDX };
enum { LEAF_1, LEAF_7, LEAF_7_1, LEAF_EXTENDED, LEAF_COUNT };
enum { NO_STATE = 0, AVX_STATE = 0x06, AVX512_STATE = 0xE6 }; /* bits of XCR0 */

typedef struct feature {
    const char *name;
    uint8_t leaf, reg, bit, state;
} feature;

static const feature FEATURES[] = {
    {"pni", LEAF_1, ECX, 0, NO_STATE},
    {"ssse3", LEAF_1, ECX, 9, NO_STATE},
    {"fma", LEAF_1, ECX, 12, AVX_STATE},
    {"cx16", LEAF_1, ECX, 13, NO_STATE},
    {"sse4_1", LEAF_1, ECX, 19, NO_STATE},
    {"sse4_2", LEAF_1, ECX, 20, NO_STATE},
    {"movbe", LEAF_1, ECX, 22, NO_STATE},
    {"popcnt", LEAF_1, ECX, 23, NO_STATE},
    {"avx", LEAF_1, ECX, 28, AVX_STATE},
    {"f16c", LEAF_1, ECX, 29, AVX_STATE},
    {"bmi1", LEAF_7, EBX, 3, NO_STATE},
    {"avx2", LEAF_7, EBX, 5, AVX_STATE},
    {"bmi2", LEAF_7, EBX, 8, NO_STATE},
    {"avx512f", LEAF_7, EBX, 16, AVX512_STATE},
    {"avx512dq", LEAF_7, EBX, 17, AVX512_STATE},
    {"avx512ifma", LEAF_7, EBX, 21, AVX512_STATE},
    {"avx512cd", LEAF_7, EBX, 28, AVX512_STATE},
    {"avx512bw", LEAF_7, EBX, 30, AVX512_STATE},
    {"avx512vl", LEAF_7, EBX, 31, AVX512_STATE},
    {"avx512vbmi", LEAF_7, ECX, 1, AVX512_STATE},
    {"avx512_vbmi2", LEAF_7, ECX, 6, AVX512_STATE},
    {"gfni", LEAF_7, ECX, 8, NO_STATE},
    {"vaes", LEAF_7, ECX, 9, AVX_STATE},
    {"vpclmulqdq", LEAF_7, ECX, 10, AVX_STATE},
    {"avx512_vnni", LEAF_7, ECX, 11, AVX512_STATE},
    {"avx512_bitalg", LEAF_7, ECX, 12, AVX512_STATE},
    {"avx512_vpopcntdq", LEAF_7, ECX, 14, AVX512_STATE},
    {"avx512_vp2intersect", LEAF_7, EDX, 8, AVX512_STATE},
    {"avx512_fp16", LEAF_7, EDX, 23, AVX512_STATE},
    {"avx_vnni", LEAF_7_1, EAX, 4, AVX_STATE},
    {"avx512_bf16", LEAF_7_1, EAX, 5, AVX512_STATE},
    {"avx_ifma", LEAF_7_1, EAX, 23, AVX_STATE},
    {"lahf_lm", LEAF_EXTENDED, ECX, 0, NO_STATE},
    {"abm", LEAF_EXTENDED, ECX, 5, NO_STATE}, /* lzcnt */
    {"sse4a", LEAF_EXTENDED, ECX, 6, NO_STATE},
};

typedef struct machine {
    uint32_t leaves[LEAF_COUNT][4];
    uint32_t saved_state; /* XCR0, or 0 where the operating system saves nothing */
} machine;

static uint32_t read_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static void read_leaf(uint32_t leaf, uint32_t subleaf, uint32_t registers[4]) {
    __get_cpuid_count(leaf, subleaf, &registers[EAX], &registers[EBX], &registers[ECX], &registers[EDX]);
}

static machine read_machine(void) {
    machine m = {{{0}}, 0};
    read_leaf(1, 0, m.leaves[LEAF_1]);
    read_leaf(7, 0, m.leaves[LEAF_7]);
    uint32_t highest_subleaf = m.leaves[LEAF_7][EAX];
    if (highest_subleaf >= 1) read_leaf(7, 1, m.leaves[LEAF_7_1]);
    read_leaf(0x80000001u, 0, m.leaves[LEAF_EXTENDED]);
    bool xgetbv_allowed = m.leaves[LEAF_1][ECX] >> 27 & 1u;
    if (xgetbv_allowed) m.saved_state = read_xcr0();
    return m;
}

static bool has(const machine *m, const feature *f) {
    return (m->leaves[f->leaf][f->reg] >> f->bit & 1u) && (m->saved_state & f->state) == f->state;
}

#elif defined(__aarch64__) || defined(__arm__)

#include <sys/auxv.h>

#ifdef __aarch64__
#define ARCHITECTURE "64-bit ARM"
#else
#define ARCHITECTURE "32-bit ARM"
#endif

enum { HWCAP, HWCAP2, VECTOR_COUNT };

typedef struct feature {
    const char *name;
    uint8_t vector, bit;
} feature;

static const feature FEATURES[] = {
#ifdef __aarch64__
    {"fp", HWCAP, 0},       {"asimd", HWCAP, 1},     {"atomics", HWCAP, 8}, {"fphp", HWCAP, 9},
    {"asimdhp", HWCAP, 10}, {"asimdrdm", HWCAP, 12}, {"lrcpc", HWCAP, 15},  {"asimddp", HWCAP, 20},
    {"sve", HWCAP, 22},     {"asimdfhm", HWCAP, 23}, {"sve2", HWCAP2, 1},   {"i8mm", HWCAP2, 13},
    {"bf16", HWCAP2, 14},
#else
    {"neon", HWCAP, 12},  {"vfpv3", HWCAP, 13}, {"vfpv4", HWCAP, 16},
    {"idiva", HWCAP, 17}, {"idivt", HWCAP, 18}, {"vfpd32", HWCAP, 19},
#endif
};

typedef struct machine {
    unsigned long vectors[VECTOR_COUNT];
} machine;

static machine read_machine(void) { return (machine){{getauxval(AT_HWCAP), getauxval(AT_HWCAP2)}}; }

static bool has(const machine *m, const feature *f) { return m->vectors[f->vector] >> f->bit & 1u; }

#else
#error "kiln_cpu.c: teach it the CPU features of this architecture"
#endif

static const feature *find(const char *name) {
    for (size_t i = 0; i < sizeof FEATURES / sizeof *FEATURES; i++)
        if (strcmp(name, FEATURES[i].name) == 0) return &FEATURES[i];
    return NULL;
}

kiln_status kiln_check_cpu(const char *const *features, uint32_t n_features, kiln_error *error) {
    const machine m = read_machine();
    char missing[256] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < n_features; i++) {
        const feature *f = find(features[i]);
        if (!f)
            return kiln_fail(
                error, KILN_ERROR_CPU,
                "the model needs CPU feature '%s', which its runtime cannot check on " ARCHITECTURE,
                features[i]);
        if (has(&m, f) || length >= sizeof missing - 1) continue;
        length += (size_t)snprintf(missing + length, sizeof missing - length, "%s%s", length ? ", " : "",
                                   features[i]);
    }
    if (length == 0) return KILN_OK;
    return kiln_fail(error, KILN_ERROR_CPU, "this CPU lacks what the model was compiled for: %s", missing);
}
