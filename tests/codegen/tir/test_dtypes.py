"""Storage types on every kind of target: what a vectorized kernel reads and writes is what numpy holds."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from tvm import tirx

from compiler.codegen.math import wrapping_add
from compiler.codegen.tir import KernelBuilder, cast, lanes, rounded_through, select, storage_type
from compiler.ir.dtypes import DType
from compiler.targets import Target
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, X86_V2, AnyArray, index_bits, run

TARGETS = pytest.mark.parametrize("target", [HOST, X86_V2, CORTEX_A72, ARMV7], ids=lambda target: target.name)

# Signed zeros, infinities, NaN; ties of float16 and bfloat16 in both directions, overflow, subnormals of
# float16.
_SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0]
_TIES = [1.00390625, 1.01171875, 1.00048828125, 1.00146484375, 2049, 65520]
_LIMITS = [65504, -65519, 3.4e38, -3.39e38, 6e-8, 5.96e-8, 2.98e-8, 2.9e-8, -6.1e-5]
HARD_FLOATS = np.array([*_SPECIAL, *_TIES, *_LIMITS, 0.1, -0.3, 123.456], dtype=np.float32)


def convert(source: DType, result: DType, *, width: int, bits: int) -> tirx.PrimFunc:
    """A kernel that stores a vector of ``source`` as ``result``, with the rest in scalars."""
    size = HARD_FLOATS.size
    k = KernelBuilder("k_convert", index_bits=bits)
    x, y = k.pointer("x", source, (size,)), k.pointer("y", result, (size,))
    with k.parallel(1):
        for offset, count in k.strips(size - 3, width):
            y[lanes(offset, count)] = x[lanes(offset, count)]
        with k.serial(3, start=size - 3) as i:
            y[i] = x[i]
    return k.finish()


def as_bfloat16(values: AnyArray) -> AnyArray:
    """Bit patterns of the nearest bfloat16."""
    return values.astype(ml_dtypes.bfloat16).view(np.uint16)


@TARGETS
def test_float16_rounds_to_nearest_even_both_ways(target: Target) -> None:
    with np.errstate(over="ignore"):
        wanted = HARD_FLOATS.astype(np.float16)
    half, back = np.zeros_like(wanted), np.zeros_like(HARD_FLOATS)
    run(convert(DType.F32, DType.F16, width=8, bits=index_bits(target)), HARD_FLOATS, half, target=target)
    np.testing.assert_array_equal(half, wanted)
    assert (np.signbit(half) == np.signbit(HARD_FLOATS))[half == 0].all()
    run(convert(DType.F16, DType.F32, width=8, bits=index_bits(target)), half, back, target=target)
    np.testing.assert_array_equal(back, wanted.astype(np.float32))


@TARGETS
def test_bfloat16_rounds_to_nearest_even_both_ways(target: Target) -> None:
    wanted = as_bfloat16(HARD_FLOATS)
    bits, back = np.zeros_like(wanted), np.zeros_like(HARD_FLOATS)
    run(convert(DType.F32, DType.BF16, width=8, bits=index_bits(target)), HARD_FLOATS, bits, target=target)
    np.testing.assert_array_equal(bits, wanted)
    run(convert(DType.BF16, DType.F32, width=8, bits=index_bits(target)), bits, back, target=target)
    np.testing.assert_array_equal(back, wanted.view(ml_dtypes.bfloat16).astype(np.float32))


@TARGETS
def test_bools_are_bytes(target: Target) -> None:
    flags = np.arange(24) % 3 == 0
    values = np.arange(24, dtype=np.float32) - 11.5
    k = KernelBuilder("k_and", index_bits=index_bits(target))
    x = k.pointer("x", DType.F32, (24,))
    f, y = k.pointer("f", DType.BOOL, (24,)), k.pointer("y", DType.BOOL, (24,))
    with k.parallel(3) as i:
        at = lanes(i * 8, 8)
        bound = k.let(tirx.And(f[at], x[at] < 0.0), "bound")
        y[at] = tirx.Or(bound, tirx.Not(f[at]))
    result = np.zeros(24, np.bool_)
    run(k.finish(), values, flags, result, target=target)
    np.testing.assert_array_equal(result, (flags & (values < 0)) | ~flags)
    assert set(result.view(np.uint8)) == {0, 1}


def test_a_bool_array_refuses_numbers() -> None:
    k = KernelBuilder("k_wrong")
    y = k.pointer("y", DType.BOOL, (4,))
    with pytest.raises(TypeError, match="stores booleans"):
        y[0] = tirx.FloatImm("float32", 1.0)


@TARGETS
@pytest.mark.parametrize(
    "dtype", [DType.I8, DType.U8, DType.I16, DType.U16, DType.I32, DType.U32, DType.I64, DType.U64]
)
def test_integers_wrap_and_compare_by_their_signedness(target: Target, dtype: DType) -> None:
    limits = np.iinfo(dtype.numpy.name)
    x = np.array([limits.min, limits.min + 1, limits.max, limits.max - 1, 0, 1, 100, 7], dtype.numpy)
    other = np.array([3, limits.max, 1, limits.max, 5, limits.min, 27, limits.max // 2], dtype.numpy)
    k = KernelBuilder("k_max_of_sum", index_bits=index_bits(target))
    a, b, c = (k.pointer(name, dtype, (8,)) for name in "abc")
    with k.parallel(1):
        total = k.let(wrapping_add(a[lanes(0, 8)], b[lanes(0, 8)]), "total")
        c[lanes(0, 8)] = select(total < b[lanes(0, 8)], b[lanes(0, 8)], total)
    result = np.zeros_like(x)
    run(k.finish(), x, other, result, target=target)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(result, np.maximum(x + other, other))


def test_rounding_in_registers_equals_rounding_in_memory() -> None:
    k = KernelBuilder("k_round")
    x = k.pointer("x", DType.F32, (24,))
    y = k.pointer("y", DType.F32, (2, 24))
    with k.parallel(3) as i:
        at = lanes(i * 8, 8)
        y[0, at] = rounded_through(k.let(x[at], "value"), DType.F16)
        y[1, at] = rounded_through(k.let(x[at], "value"), DType.BF16)
    result = np.zeros((2, 24), np.float32)
    run(k.finish(), HARD_FLOATS, result)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(result[0], HARD_FLOATS.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(result[1], HARD_FLOATS.astype(ml_dtypes.bfloat16).astype(np.float32))


@TARGETS
def test_vectors_gather_by_64_bit_indices(target: Target) -> None:
    table = np.arange(100, dtype=np.float32) * 1.5
    index = np.array([99, 0, 50, 3, 7, 98, 11, 42], np.int64)
    k = KernelBuilder("k_gather", index_bits=index_bits(target))
    t, i, y = (
        k.pointer("t", DType.F32, (100,)),
        k.pointer("i", DType.I64, (8,)),
        k.pointer("y", DType.F32, (8,)),
    )
    with k.parallel(1):
        y[lanes(0, 8)] = t[cast(i[lanes(0, 8)], k.index_type)]
    result = np.zeros(8, np.float32)
    run(k.finish(), table, index, result, target=target)
    np.testing.assert_array_equal(result, table[index])


@TARGETS
@pytest.mark.parametrize("real", [DType.F32, DType.F64])
@pytest.mark.parametrize("whole", [DType.I64, DType.U64])
def test_64_bit_integers_convert_exactly_rounded(target: Target, real: DType, whole: DType) -> None:
    """Both directions, with values on either side of every rounding boundary and at the ends of the range."""
    limits = np.iinfo(whole.numpy.name)
    powers = [1 << shift for shift in range(20, 63)]
    near = [power + offset for power in powers for offset in (-1, 0, 1, 3, 1 << 10, (1 << 11) + 1, power >> 24)]
    near += [(1 << 62) + (1 << 38) + offset for offset in (-1, 0, 1)]  # a tie of float32, and beside it
    values = [limits.min, limits.max, limits.max - 1, 0, 1, *near, *(-value for value in near if limits.min)]
    integers = np.array(values[: len(values) // 4 * 4], whole.numpy)
    floats, back = np.zeros(integers.size, real.numpy), np.zeros_like(integers)
    k = KernelBuilder("k_convert_64", index_bits=index_bits(target))
    a = k.pointer("a", whole, integers.shape)
    b, c = k.pointer("b", real, integers.shape), k.pointer("c", whole, integers.shape)
    with k.parallel(integers.size // 4) as i:
        at = lanes(i * 4, 4)
        b[at] = cast(a[at], storage_type(real))
        c[at] = cast(b[at] * 0.5, storage_type(whole))
    run(k.finish(), integers, floats, back, target=target)
    np.testing.assert_array_equal(floats, integers.astype(real.numpy))
    np.testing.assert_array_equal(back, (floats * real.numpy.type(0.5)).astype(whole.numpy))
