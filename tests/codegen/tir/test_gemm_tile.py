"""The register-tile matrix multiplication: right on every target, and near the peak of this machine."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import numpy as np
import pytest
from tvm import tirx

from compiler.codegen.tir import KernelBuilder, assembly, lanes
from compiler.ir.dtypes import DType
from compiler.targets import Target
from tests.codegen.gemm_tile import GemmTile
from tests.codegen.native import (
    ARMV7,
    CORTEX_A72,
    HOST,
    X86_V3,
    X86_V4,
    AnyArray,
    index_bits,
    instructions,
    llvm,
    load,
    run,
)


def operands(gemm: GemmTile) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray]:
    """A, B in panels, C to be filled, and what C must become."""
    rng = np.random.default_rng(7)
    a = rng.standard_normal((gemm.m, gemm.k), dtype=np.float32)
    b = rng.standard_normal((gemm.k, gemm.n), dtype=np.float32)
    panels = np.ascontiguousarray(b.reshape(gemm.k, gemm.n // gemm.nr, gemm.nr).transpose(1, 0, 2))
    return a, panels, np.zeros((gemm.m, gemm.n), np.float32), a.astype(np.float64) @ b


@pytest.mark.parametrize(
    ("target", "tile"),
    [
        (HOST, GemmTile(24, 64, 33, mr=6, nr=16, vector=8)),
        (CORTEX_A72, GemmTile(16, 24, 33, mr=8, nr=8, vector=4)),
        (CORTEX_A72, GemmTile(16, 32, 33, mr=4, nr=16, vector=4)),
        (ARMV7, GemmTile(8, 16, 33, mr=4, nr=8, vector=4)),
    ],
    ids=lambda value: value.name if isinstance(value, Target) else f"{value.mr}x{value.nr}",
)
def test_products_are_right(target: Target, tile: GemmTile) -> None:
    a, panels, c, wanted = operands(tile)
    run(tile.emit(index_bits=index_bits(target)), a, panels, c, target=target)
    np.testing.assert_allclose(c, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("target", "tile", "fma"),
    [
        (X86_V4, GemmTile(24, 64, 64, mr=12, nr=32, vector=16), "vfmadd"),
        (X86_V3, GemmTile(12, 32, 64, mr=6, nr=16, vector=8), "vfmadd"),
        (CORTEX_A72, GemmTile(16, 16, 64, mr=8, nr=8, vector=4), "fmla"),
        (CORTEX_A72, GemmTile(8, 32, 64, mr=4, nr=16, vector=4), "fmla"),
    ],
    ids=lambda value: value.name if isinstance(value, Target) else str(value)[:24],
)
def test_the_tile_lives_in_registers(target: Target, tile: GemmTile, fma: str) -> None:
    """Every accumulator is updated by one fused instruction, and nothing is spilled."""
    body = instructions(assembly(tile.emit(), llvm(target)), "k_gemm")
    assert sum(line.startswith(fma) for line in body) >= tile.mr * tile.nr // tile.vector
    spills = [line for line in body if re.search(r"%[xyz]mm\d+|\bq\d+", line) and re.search(r"%[er]sp|\[sp", line)]
    assert not spills


@pytest.mark.long
def test_near_the_peak_of_this_machine() -> None:
    """At least 85 % of what independent multiply-adds reach in registers, measured side by side."""
    tile = {64: (12, 32, 16), 32: (6, 16, 8), 16: (4, 8, 4)}[HOST.vector_bytes]
    gemm = GemmTile(tile[0] * 10, tile[1] * 8, 256, *tile)
    a, panels, c, wanted = operands(gemm)
    kernel, ceiling = load(gemm.emit()), load(_independent_fmas(HOST))
    pointers = [array.ctypes.data for array in (a, panels, c)]
    sink = np.zeros(_CHAINS * 16, np.float32)
    ratios: list[float] = []
    for _ in range(10):
        reached = 2 * gemm.m * gemm.n * gemm.k / _seconds(lambda: kernel(*pointers, 0, gemm.n // gemm.nr))
        flops = 2 * _STEPS * _CHAINS * HOST.vector_bytes // 4
        ratios.append(reached / (flops / _seconds(lambda: ceiling(sink.ctypes.data, 0, 1))))
    np.testing.assert_allclose(c, wanted, rtol=1e-3, atol=1e-3)
    if not HOST.has_fma:
        pytest.skip("without a fused multiply-add the ceiling is another")
    assert max(ratios) > 0.85, f"{max(ratios):.2f} of the peak"


_CHAINS, _STEPS = 12, 20_000


def _independent_fmas(target: Target) -> tirx.PrimFunc:
    """Twelve chains of multiply-adds that touch no memory until the end."""
    width = target.vector_bytes // 4
    k = KernelBuilder("k_fmas")
    y = k.pointer("y", DType.F32, (_CHAINS, width))
    with k.parallel(1):
        sums = k.registers("sums", DType.F32, (_CHAINS, width))
        for chain in range(_CHAINS):
            sums[chain, lanes(0, width)] = y[chain, lanes(0, width)]
        scale = k.let(y[0, lanes(0, width)] + 0.5, "scale")
        with k.serial(_STEPS):
            for chain in range(_CHAINS):
                sums[chain, lanes(0, width)] = sums[chain, lanes(0, width)] * scale + scale
        for chain in range(_CHAINS):
            y[chain, lanes(0, width)] = sums[chain, lanes(0, width)]
    return k.finish()


def _seconds(call: Callable[[], None]) -> float:
    call()
    times: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
