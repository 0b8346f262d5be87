"""Bits as data: a compare's answers as an integer."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.codegen.tir import KernelBuilder, bits_of, cast, lanes
from compiler.ir.dtypes import DType
from compiler.targets import Target
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, X86_V2, X86_V3, index_bits, run


@pytest.mark.parametrize("target", [HOST, X86_V2, X86_V3, CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_a_bit_for_each_lane(target: Target) -> None:
    generator = np.random.default_rng(0)
    left, right = (generator.integers(-3, 3, (20, 64), np.int32) for _ in range(2))
    widths = (8, 16, 32, 64)
    found = np.zeros((len(left), len(widths)), np.uint64)
    k = KernelBuilder("k_bits", index_bits=index_bits(target))
    x, y = (k.pointer(name, DType.I32, left.shape) for name in ("x", "y"))
    bits = k.pointer("bits", DType.U64, found.shape)
    with k.parallel(len(left)) as row:
        for number, width in enumerate(widths):
            holds = x[row, lanes(0, width)] < y[row, lanes(0, width)]
            bits[row, number] = cast(bits_of(holds), "uint64")
    run(k.finish(), left, right, found, target=target)
    powers = np.uint64(1) << np.arange(64, dtype=np.uint64)
    wanted = [((left < right)[:, :width] * powers[:width]).sum(1, dtype=np.uint64) for width in widths]
    np.testing.assert_array_equal(found, np.stack(wanted, axis=1))
