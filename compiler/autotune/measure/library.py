"""Candidates of one task as one shared library, and the program that runs them; both made by the target's C compiler.

Besides the kernels the library has functions that call them: how many pointers a kernel takes depends on its task, and
C cannot pass a number of arguments that is known at run time only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from compiler.autotune.measure.interface import Built
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.toolchain import CCompiler

RUNNER = Path(__file__).with_name("runner.c")
_FLAGS = ("-std=gnu11",)


def build_runner(compiler: CCompiler, cache: Path) -> Path:
    """The runner for the compiler's target, from ``cache`` if it is there. Raises ToolchainError, OSError."""
    text = RUNNER.read_text(encoding="utf-8")
    program = cache / f"runner-{_digest(compiler, text)}"
    if not program.exists():
        code = compiler.compile_text(text, program.with_suffix(".o"), name=RUNNER.name, flags=_FLAGS)
        compiler.link_program([code], program)
    return program


def link_candidates(compiler: CCompiler, built: Iterable[Built], arrays: int, folder: Path, cache: Path) -> Path:
    """A library of candidates that take ``arrays`` pointers, and one more those that need scratch.

    Candidates of the same symbol are the same. Raises ToolchainError when objects cannot be linked, OSError.
    """
    objects: dict[str, Path] = {}
    for candidate in built:
        symbol = KernelInfo.from_json(candidate.info).symbol
        objects[symbol] = folder / f"{symbol}.o"
        objects[symbol].write_bytes(candidate.code)
    adapters = [_adapter(compiler, arrays + more, cache) for more in (0, 1)]
    exports = [*sorted(objects), "kiln_call_*"]
    return compiler.link_shared([*objects.values(), *adapters], folder / "kernels.so", exports=exports).path


def _adapter(compiler: CCompiler, pointers: int, cache: Path) -> Path:
    """The object of ``kiln_call_N``, from ``cache`` if it is there."""
    types, arguments = ", ".join(["void *"] * pointers), ", ".join(f"arrays[{i}]" for i in range(pointers))
    text = f"""#include <stdint.h>
void kiln_call_{pointers}(void (*run)(void), void **arrays, int32_t begin, int32_t end) {{
    ((void (*)({types}, int32_t, int32_t))run)({arguments}, begin, end);
}}
"""
    path = cache / f"adapter-{_digest(compiler, text)}.o"
    return path if path.exists() else compiler.compile_text(text, path, name="adapter.c", flags=_FLAGS)


def _digest(compiler: CCompiler, text: str) -> str:
    return hashlib.sha256(f"{compiler.identity}\n{text}".encode()).hexdigest()[:16]
