"""What worker processes are asked to emit in tests: one kernel that works, and ways in which one can fail."""

from __future__ import annotations

import os
import signal
import time

from compiler.codegen.tir import KernelBuilder, build_object, lanes, libm, parallel_extent
from compiler.ir.dtypes import DType
from compiler.targets import Target, llvm_target_dict


def add_constant(arguments: str, target: Target) -> tuple[bytes, str]:
    """``y = x + arguments`` over 64 elements; the note is the extent of the parallel loop."""
    k = KernelBuilder("k_add", index_bits=8 * target.pointer_bytes)
    x, y = (k.pointer(name, DType.F32, (64,)) for name in "xy")
    width = target.lanes(4)
    with k.parallel(64 // width) as i:
        at = lanes(i * width, width)
        y[at] = x[at] + float(arguments)
    func = k.finish()
    return build_object([func], llvm_target_dict(target)), str(parallel_extent(func))


def tells_its_process(arguments: str, target: Target) -> tuple[bytes, str]:
    """The same, and the note is the number of the worker's process."""
    return add_constant(arguments, target)[0], str(os.getpid())


def raises(arguments: str, target: Target) -> tuple[bytes, str]:
    """Fail as a template with a bug does."""
    raise ValueError(f"no such tile: {arguments}")


def segfaults(arguments: str, target: Target) -> tuple[bytes, str]:
    """Die as TVM sometimes does."""
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("unreachable")


def hangs(arguments: str, target: Target) -> tuple[bytes, str]:
    """Never come back."""
    time.sleep(1000)
    raise AssertionError("unreachable")


def prints(arguments: str, target: Target) -> tuple[bytes, str]:
    """Write to standard output on every level, which must not disturb the protocol."""
    print("from Python", flush=True)
    os.write(1, b"from below\n")
    return add_constant(arguments, target)


def calls_stranger(arguments: str, target: Target) -> tuple[bytes, str]:
    """Need a function that no artifact provides."""
    k = KernelBuilder("k_stranger")
    x, y = (k.pointer(name, DType.F32, (1,)) for name in "xy")
    with k.parallel(1) as i:
        y[i] = libm("strange", x[i])
    return build_object([k.finish()], llvm_target_dict(target)), ""


def hoards(arguments: str, target: Target) -> tuple[bytes, str]:
    """Ask for more and more memory."""
    kept: list[bytearray] = []
    while True:
        kept.append(bytearray(64 << 20))


def aborts_for_want_of_memory(arguments: str, target: Target) -> tuple[bytes, str]:
    """Die as LLVM does when it gets no memory."""
    os.write(2, b"LLVM ERROR: out of memory\nAllocation failed\n")
    os.abort()
