/* kiln_float_mode.h: how the calling thread rounds, and what it does with subnormal numbers. */
#ifndef KILN_FLOAT_MODE_H
#define KILN_FLOAT_MODE_H

#if defined(__x86_64__)

/* Kernels compute with SSE and later units only, whose mode is one register. <fenv.h> saves and restores the x87 unit
 * as well, which takes a tenth of the time of a small model. */
typedef unsigned kiln_float_mode;

#define KILN_DEFAULT_MXCSR 0x1f80u /* round to nearest, keep subnormal numbers, no exception traps */

static inline void kiln_set_float_mode(kiln_float_mode mode) { __builtin_ia32_ldmxcsr(mode); }

/* Sets the mode that kernels want; returns the one before. */
static inline kiln_float_mode kiln_default_float_mode(void) {
    const kiln_float_mode before = __builtin_ia32_stmxcsr();
    kiln_set_float_mode(KILN_DEFAULT_MXCSR);
    return before;
}

#else

#include <fenv.h>

typedef fenv_t kiln_float_mode;

static inline void kiln_set_float_mode(kiln_float_mode mode) { fesetenv(&mode); }

static inline kiln_float_mode kiln_default_float_mode(void) {
    kiln_float_mode before;
    fegetenv(&before);
    fesetenv(FE_DFL_ENV);
    return before;
}

#endif

#endif
