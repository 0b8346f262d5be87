"""Integer arithmetic where C and LLVM leave it undefined, on every kind of target."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from tvm.ir import Expr

from compiler.codegen import math
from compiler.codegen.tir import Binder, KernelBuilder, lanes, storage_type
from compiler.ir.dtypes import DType
from compiler.targets import Target
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, AnyArray, index_bits, run

TARGETS = pytest.mark.parametrize("target", [HOST, CORTEX_A72, ARMV7], ids=lambda target: target.name)
INTEGERS = pytest.mark.parametrize("dtype", [DType.I8, DType.U8, DType.I32, DType.U32, DType.I64, DType.U64])

Binary = Callable[[Binder, Expr, Expr], Expr]


def apply(functions: list[Binary], x: AnyArray, y: AnyArray, dtype: DType, target: Target) -> AnyArray:
    """One row of results for each function."""
    k = KernelBuilder("k_integer", index_bits=index_bits(target))
    a, b = k.pointer("a", dtype, x.shape), k.pointer("b", dtype, x.shape)
    c = k.pointer("c", dtype, (len(functions), x.size))
    with k.parallel(x.size // 4) as i:
        at = lanes(i * 4, 4)
        for row, function in enumerate(functions):
            c[row, at] = function(k, a[at], b[at])
    result = np.zeros((len(functions), x.size), x.dtype)
    run(k.finish(), x, y, result, target=target)
    return result


def hard_pairs(dtype: DType) -> tuple[AnyArray, AnyArray]:
    """All pairs of limits, neighbours of limits, small numbers and zero."""
    limits = np.iinfo(dtype.numpy.name)
    values = {limits.min, limits.min + 1, limits.max, limits.max - 1, limits.max // 3, 0, 1, 2, 7, 100}
    values |= {-1, -2, -7, -100} if limits.min else set()
    pairs = np.array(list(itertools.product(sorted(values), repeat=2)), dtype.numpy)
    pairs = pairs[: len(pairs) // 4 * 4]
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


def wrapped(values: list[int], dtype: DType) -> AnyArray:
    """Python integers modulo the width of ``dtype``."""
    bits = 8 * dtype.bytes
    unsigned = np.array([value % (1 << bits) for value in values], f"u{dtype.bytes}")
    return unsigned.view(dtype.numpy)


@TARGETS
@INTEGERS
def test_division_and_both_remainders(target: Target, dtype: DType) -> None:
    x, y = hard_pairs(dtype)
    functions = [math.trunc_div, math.trunc_mod, math.floor_mod]
    results = apply(list(functions), x, y, dtype, target)
    pairs = [(int(a), int(b)) for a, b in zip(x, y, strict=True)]
    quotients = [0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) for a, b in pairs]
    remainders = [0 if b == 0 else a - b * q for (a, b), q in zip(pairs, quotients, strict=True)]
    np.testing.assert_array_equal(results[0], wrapped(quotients, dtype))
    np.testing.assert_array_equal(results[1], wrapped(remainders, dtype))
    np.testing.assert_array_equal(results[2], wrapped([0 if b == 0 else a % b for a, b in pairs], dtype))


@TARGETS
@INTEGERS
def test_sums_and_products_wrap(target: Target, dtype: DType) -> None:
    x, y = hard_pairs(dtype)

    def binary(function: Callable[[Expr, Expr], Expr]) -> Binary:
        return lambda k, a, b: function(a, b)

    functions = [binary(f) for f in (math.wrapping_add, math.wrapping_sub, math.wrapping_mul)]
    results = apply(functions, x, y, dtype, target)
    pairs = [(int(a), int(b)) for a, b in zip(x, y, strict=True)]
    np.testing.assert_array_equal(results[0], wrapped([a + b for a, b in pairs], dtype))
    np.testing.assert_array_equal(results[1], wrapped([a - b for a, b in pairs], dtype))
    np.testing.assert_array_equal(results[2], wrapped([a * b for a, b in pairs], dtype))


@TARGETS
@INTEGERS
def test_shifts_of_any_count(target: Target, dtype: DType) -> None:
    values, _ = hard_pairs(dtype)
    counts = np.resize(np.array([0, 1, 3, 7, 8, 31, 32, 63, 64, 100]), values.shape).astype(dtype.numpy)
    results = apply([math.shift_left, math.shift_right], values, counts, dtype, target)
    pairs = [(int(a), int(b)) for a, b in zip(values, counts, strict=True)]
    np.testing.assert_array_equal(results[0], wrapped([a << b for a, b in pairs], dtype))
    np.testing.assert_array_equal(results[1], wrapped([a >> b for a, b in pairs], dtype))


@TARGETS
@pytest.mark.parametrize("dtype", [DType.F32, DType.F64])
def test_float_remainders(target: Target, dtype: DType) -> None:
    numbers = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 1e30, -1e30, 0.1, 1e-30, np.inf]
    x, y = (np.array(side, dtype.numpy) for side in zip(*itertools.product(numbers, repeat=2), strict=True))
    x, y = x[:120], y[:120]
    results = apply([math.fmod, math.floor_mod], x, y, dtype, target)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(results[0], np.fmod(x, y))
        wanted = np.mod(x, y)
    np.testing.assert_array_equal(results[1], wanted)
    np.testing.assert_array_equal(np.signbit(results[1])[wanted == 0], np.signbit(wanted)[wanted == 0])


@TARGETS
@pytest.mark.parametrize("source", [DType.F32, DType.F64])
@INTEGERS
def test_float_to_integer_saturates(target: Target, source: DType, dtype: DType) -> None:
    limits = np.iinfo(dtype.numpy.name)
    edges: list[float] = [
        float(limits.min),
        float(limits.max),
        2.0 * limits.max,
        2.0 * limits.min,
        -0.9,
        1.9,
        -1.9,
    ]
    x = np.array([*edges, np.nan, np.inf, -np.inf, 300.0, -300.0], source.numpy)
    k = KernelBuilder("k_cast", index_bits=index_bits(target))
    a, b = k.pointer("a", source, x.shape), k.pointer("b", dtype, x.shape)
    with k.parallel(3) as i:
        b[lanes(i * 4, 4)] = math.saturating_cast(a[lanes(i * 4, 4)], storage_type(dtype))
    result = np.zeros(x.shape, dtype.numpy)
    run(k.finish(), x, result, target=target)
    np.testing.assert_array_equal(result, [_saturated(float(value), limits) for value in x])


def _saturated(value: float, limits: np.iinfo) -> int:
    if np.isnan(value):
        return 0
    if np.isinf(value):
        return limits.max if value > 0 else limits.min
    return min(max(int(value), limits.min), limits.max)


@TARGETS
def test_rounding_to_even(target: Target) -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 8388609.0, np.nan, -np.inf], np.float32)
    k = KernelBuilder("k_round", index_bits=index_bits(target))
    a, b = (k.pointer(name, DType.F32, (8,)) for name in "ab")
    with k.parallel(1):
        b[lanes(0, 8)] = math.round_half_even(a[lanes(0, 8)])
    result: NDArray[np.float32] = np.zeros(8, np.float32)
    run(k.finish(), x, result, target=target)
    np.testing.assert_array_equal(result, np.round(x))
    assert np.signbit(result[3])
