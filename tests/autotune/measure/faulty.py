"""Kernels that misbehave, written in C: what a code generator could make on a bad day."""

from __future__ import annotations

from pathlib import Path

from compiler.autotune.measure.interface import Built
from compiler.autotune.record import Status
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.space import Choice
from compiler.codegen.toolchain import find_compiler
from compiler.ir import Task, parse_graph
from compiler.targets import Target

COUNT = 1000
TASK = Task.of(
    parse_graph(
        f"""graph "negate" (%0 "in0": f32[{COUNT}]) {{
          %1 = neg(%0) : f32[{COUNT}]
          return %1 "out0"
        }}"""
    )
)

BODIES = {
    "right": "for (int i = begin * 1000; i < end * 1000; i++) y[i] = -x[i];",
    "slow": "for (volatile int n = 0; n < 2000000; n++) {} for (int i = 0; i < 1000; i++) y[i] = -x[i];",
    "wrong": "for (int i = 0; i < 1000; i++) y[i] = -x[i]; y[777] += 1;",
    "nothing": "(void)x; (void)y;",
    "beyond": "for (int i = 0; i < 1000; i++) y[i] = -x[i]; y[1001] = 0;",
    "far_beyond": "for (int i = 0; i < 100000; i++) y[i] = -x[i % 1000];",
    "writes_operand": "for (int i = 0; i < 1000; i++) y[i] = -x[i]; ((float *)x)[0] = 1;",
    "segfault": "*(volatile int *)8 = 1; (void)x; (void)y;",
    "endless": 'for (;;) __asm__ volatile(""); (void)x; (void)y;',
    "exits": "exit(0);",
    "aborts": "abort();",
    "hog": "for (;;) memset(malloc(1 << 24), 1, 1 << 24);",
}
"""A C statement by the name of its fault."""


def built(name: str, target: Target, folder: Path, scratch_bytes: int = 0) -> Built:
    """The kernel of ``TASK`` called ``name``, as if a builder had made it."""
    text = (
        "#include <stdlib.h>\n#include <string.h>\n"
        f"void k_{name}(const float *x, float *y, {'char *scratch, ' if scratch_bytes else ''}int begin, int end)"
        f" {{ (void)begin; (void)end; {BODIES[name]} }}\n"
    )
    code = find_compiler(target).compile_text(text, folder / f"{name}.o").read_bytes()
    info = KernelInfo(f"k_{name}", 1, scratch_bytes, COUNT, 8 * COUNT, (), "by_hand/1", "{}")
    return Built(Choice.of(name, {}), 1, Status.OK, code=code, info=info.to_json())
