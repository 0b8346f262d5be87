"""What the machine can do at most: `peak.c` compiled for the target that is measured, and called.

`build_probe` runs in the process that drives the benchmark. `Probe` runs in the measured one, so it must not import
the compiler.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from compiler.codegen.toolchain import CCompiler

SOURCE = Path(__file__).with_name("peak.c")
EXPORTS = ("operations_per_round", "multiply_add", "read_stream", "count_cycles")

FLAGS = {
    ("x86_64", 64): ("-mavx512f",),
    ("x86_64", 32): ("-mavx2", "-mfma"),
    ("x86_64", 16): ("-msse4.2",),
    ("aarch64", 16): (),
    ("arm", 16): ("-mfpu=neon-vfpv4",),
}
"""Compiler options that switch on the vector unit of an instruction set, by its vector width in bytes."""

# Long enough that reading the clock does not count, short enough that the processor's frequency stays.
SECONDS = 1e-3
STREAM_BYTES = 64 << 20
"""More than the first two levels of any cache: constants of a network are read from there, once per run."""
CYCLES, COUNTS = 1 << 20, 64
"""Cycles of the chain of additions that tells the frequency, and how often it is run."""
CACHED_BYTES = 256 << 10
"""Fits in the second-level cache, not in the first: most operands that one kernel leaves to the next."""


def build_probe(c_compiler: CCompiler, directory: Path) -> Path:
    """The shared library of `peak.c` for the compiler's target; raises what `CCompiler` raises."""
    target = c_compiler.target
    flags = (
        *FLAGS[target.isa, target.vector_bytes],
        "-ffp-contract=fast",
        f"-DVECTOR_BYTES={target.vector_bytes}",
        f"-DVECTOR_REGISTERS={target.vector_registers}",
    )
    object_file = c_compiler.compile(SOURCE, directory / "peak.o", flags=flags)
    return c_compiler.link_shared([object_file], directory / "peak.so", exports=EXPORTS, libraries=()).path


class Probe:
    """The loaded library; every method measures once, now, on the processor that it runs on."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.operations_per_round.restype = ctypes.c_int64
        self._library.multiply_add.argtypes = [ctypes.c_int64]
        self._library.multiply_add.restype = ctypes.c_float
        self._library.read_stream.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
        self._library.read_stream.restype = ctypes.c_float
        self._library.count_cycles.argtypes = [ctypes.c_int64]
        self._library.count_cycles.restype = ctypes.c_int64
        # Written to: memory that never was is one page of zeros, which stays in the nearest cache.
        self._memory = np.ones(STREAM_BYTES // 4 + 64, np.float32)
        self._start = -(-self._memory.ctypes.data // 64) * 64
        self._rounds = 1000
        while (seconds := self._multiply_add()) < SECONDS:
            self._rounds = max(2 * self._rounds, int(self._rounds * SECONDS / max(seconds, 1e-9)))

    def flops_per_second(self) -> float:
        """Multiply-adds in registers, each counted as two operations."""
        return self._library.operations_per_round() * self._rounds / self._multiply_add()

    def hertz(self) -> float:
        """Cycles per second, by a chain of additions: the most of several, since other programs only take time."""
        return max(CYCLES / self._count_cycles() for _ in range(COUNTS))

    def _count_cycles(self) -> float:
        begin = time.perf_counter()
        self._library.count_cycles(CYCLES)
        return time.perf_counter() - begin

    def streamed_bytes_per_second(self) -> float:
        """Reading memory that no near cache holds."""
        return STREAM_BYTES / self._read(STREAM_BYTES, 1)

    def cached_bytes_per_second(self) -> float:
        """Reading memory that the second-level cache holds."""
        passes = 64
        self._read(CACHED_BYTES, 1)
        return passes * CACHED_BYTES / self._read(CACHED_BYTES, passes)

    def _multiply_add(self) -> float:
        begin = time.perf_counter()
        self._library.multiply_add(self._rounds)
        return time.perf_counter() - begin

    def _read(self, count: int, passes: int) -> float:
        begin = time.perf_counter()
        self._library.read_stream(self._start, count, passes)
        return time.perf_counter() - begin
