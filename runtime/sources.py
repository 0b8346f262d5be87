"""The C side of the runtime, for whoever compiles it into an artifact.

A build compiles every file of `SOURCES` for the target's *baseline* instruction set (the CPU check must run
on the machines that it refuses), compiles the generated model.c with `INCLUDE` on the path, and links both
with the kernel objects with `LINK_FLAGS`. The sources are C11 and need libc, libm and pthread, glibc or musl.
"""

from pathlib import Path

INCLUDE = Path(__file__).parent / "c"
PUBLIC_HEADER = INCLUDE / "kiln.h"
SOURCES: tuple[Path, ...] = tuple(
    INCLUDE / name
    for name in (
        "kiln_batch.c",
        "kiln_context.c",
        "kiln_cpu.c",
        "kiln_model.c",
        "kiln_pool.c",
        "kiln_run.c",
        "kiln_signal.c",
        "kiln_split.c",
        "kiln_usable_cpus.c",
        "kiln_weights.c",
    )
)
HEADERS: tuple[Path, ...] = tuple(
    INCLUDE / name
    for name in (
        "kiln.h",
        "kiln_context.h",
        "kiln_float_mode.h",
        "kiln_internal.h",
        "kiln_plan.h",
        "kiln_pool.h",
        "kiln_signal.h",
        "kiln_split.h",
    )
)

# What a build adds to flags of its own (optimization, -fPIC, …). -Bsymbolic: with two models in one process,
# each calls its own runtime. The soname is what a program linked against model.so looks for at run time.
COMPILE_FLAGS: tuple[str, ...] = ("-std=c11",)
LINK_FLAGS: tuple[str, ...] = ("-Wl,-Bsymbolic", "-Wl,-soname,model.so")
LIBRARIES: tuple[str, ...] = ("-lm", "-lpthread")
