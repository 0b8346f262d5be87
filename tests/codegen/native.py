"""Run a kernel in tests: on this machine through ctypes, or on an emulated ARM through a small C driver."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tvm import tirx

from compiler.codegen.tir import build_object, parallel_extent
from compiler.targets import LlvmTarget, Target, host_target, llvm_target_dict, resolve
from tests.codegen.loading import load_objects

AnyArray = NDArray[Any]

HOST = host_target()
X86_V2, X86_V3, X86_V4 = (resolve(name) for name in ("x86-64-v2", "x86-64-v3", "x86-64-v4"))
CORTEX_A72 = resolve("arm_cortex_a72")
ARMV7 = resolve("armv7a_neon")


def llvm(target: Target) -> LlvmTarget:
    """The target as ``build_object`` takes it."""
    return llvm_target_dict(target)


def index_bits(target: Target) -> int:
    """Pointer width of a target."""
    return 8 * target.pointer_bytes


def run(func: tirx.PrimFunc, *arrays: AnyArray, target: Target = HOST, end: int | None = None) -> None:
    """Call ``func(arrays…, 0, end)``; the arrays are updated in place. Skips when the emulator is missing."""
    stop = parallel_extent(func) if end is None else end
    if target.isa == HOST.isa:
        load(func, target)(*(array.ctypes.data for array in arrays), 0, stop)
        return
    for tool in (_cross_gcc(target), _emulator(target)):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    with tempfile.TemporaryDirectory(prefix="kiln-test-") as folder:
        _emulate(Path(folder), func, arrays, target, stop)


def load(func: tirx.PrimFunc, target: Target = HOST) -> Callable[..., None]:
    """The host function, taking pointers as integers and two 32-bit integers."""
    name = str(func.attrs["global_symbol"])
    kernel = getattr(load_objects([build_object([func], llvm(target))]), name)
    kernel.argtypes = [ctypes.c_void_p] * (len(func.params) - 2) + [ctypes.c_int32] * 2
    kernel.restype = None
    return kernel


def _emulate(
    folder: Path,
    func: tirx.PrimFunc,
    arrays: tuple[AnyArray, ...],
    target: Target,
    end: int,
) -> None:
    (folder / "kernel.o").write_bytes(build_object([func], llvm(target)))
    (folder / "driver.c").write_text(_driver(str(func.attrs["global_symbol"]), arrays, end))
    (folder / "data").write_bytes(b"".join(array.tobytes() for array in arrays))
    program = folder / "program"
    sources = [folder / "driver.c", folder / "kernel.o"]
    subprocess.run([_cross_gcc(target), "-O1", "-static", "-o", program, *sources, "-lm"], check=True)
    subprocess.run([_emulator(target), "-cpu", str(target.qemu_cpu), program, folder / "data"], check=True, timeout=120)
    data = (folder / "data").read_bytes()
    for array in arrays:
        array[...] = np.frombuffer(data[: array.nbytes], array.dtype).reshape(array.shape)
        data = data[array.nbytes :]


def _cross_gcc(target: Target) -> str:
    return f"{target.gnu_triple}-gcc"


def _emulator(target: Target) -> str:
    return f"qemu-{target.isa}"


def _driver(name: str, arrays: tuple[AnyArray, ...], end: int) -> str:
    """A C program that maps a file of all arrays, calls the kernel on them and writes the file back."""
    pointers = ", ".join(f"copies[{index}]" for index in range(len(arrays)))
    types = ", ".join(["void *"] * len(arrays))
    sizes = ", ".join(str(array.nbytes) for array in arrays)
    return f"""
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        void {name}({types}, int32_t, int32_t);
        int main(int argc, char **argv) {{
            static const size_t sizes[] = {{{sizes}}};
            enum {{ COUNT = sizeof sizes / sizeof *sizes }};
            void *copies[COUNT];
            FILE *file = fopen(argv[argc - 1], "r+b");
            if (!file) return 1;
            for (int i = 0; i < COUNT; i++) {{
                copies[i] = aligned_alloc(64, (sizes[i] + 63) / 64 * 64);
                if (fread(copies[i], 1, sizes[i], file) != sizes[i]) return 2;
            }}
            {name}({pointers}, 0, {end});
            rewind(file);
            for (int i = 0; i < COUNT; i++)
                if (fwrite(copies[i], 1, sizes[i], file) != sizes[i]) return 3;
            return fclose(file) ? 4 : 0;
        }}
    """


def instructions(text: str, name: str) -> list[str]:
    """The instructions of one function in assembly text, without directives, labels and debug sections."""
    body = text.split(f"\n{name}:")[1].split("Lfunc_end0")[0]
    return [line.strip() for line in body.splitlines() if line.startswith("\t") and not line.startswith("\t.")]
