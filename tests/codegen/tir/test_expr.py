"""Expressions: IEEE semantics where TIR's own operators fold, order or round differently."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir import (
    KernelBuilder,
    assembly,
    cast,
    fence,
    is_nan,
    lane_count,
    lanes,
    libm,
    literal,
    maximum,
    minimum,
    not_equal,
    reinterpret_vector,
    select,
)
from compiler.ir.dtypes import DType
from compiler.targets import Target
from tests.codegen.native import CORTEX_A72, X86_V3, X86_V4, instructions, llvm, run

NAN, INFINITY = float("nan"), float("inf")
SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, NAN, INFINITY, -INFINITY, 1e-45], np.float32)


def apply(function: Callable[..., Expr], *operands: NDArray[np.float32], width: int = 8) -> NDArray[np.float32]:
    """``function`` of float32 arrays of eight elements, as one vector or lane by lane."""
    k = KernelBuilder("k_apply")
    arrays = [k.pointer(f"x{index}", DType.F32, (8,)) for index in range(len(operands))]
    y = k.pointer("y", DType.F32, (8,))
    with k.parallel(8 // width) as i:
        at = lanes(i * width, width)
        y[at] = function(*(array[at] for array in arrays))
    result = np.zeros(8, np.float32)
    run(k.finish(), *operands, result)
    return result


def flag(condition: Expr) -> Expr:
    """A condition as 1.0 or 0.0."""
    return select(condition, literal(1.0, "float32"), 0.0)


@pytest.mark.parametrize("width", [1, 8])
def test_comparisons_with_nan(width: int) -> None:
    ones = np.ones(8, np.float32)
    np.testing.assert_array_equal(apply(lambda x: flag(is_nan(x)), SPECIAL, width=width), np.isnan(SPECIAL))
    unequal = apply(lambda x, y: flag(not_equal(x, y)), SPECIAL, ones, width=width)
    np.testing.assert_array_equal(unequal, ones != SPECIAL)
    negated = apply(lambda x, y: flag(tirx.Not(x < y)), SPECIAL, ones, width=width)
    np.testing.assert_array_equal(negated, ~(ones > SPECIAL))


def test_the_trap_that_not_equal_avoids() -> None:
    """Documents TIR: if this fails, ``!=`` has become usable and ``not_equal`` can go."""
    assert apply(lambda x: flag(tirx.NE(x, x)), SPECIAL)[4] == 0


def test_the_trap_that_literal_avoids_for_narrow_integers() -> None:
    x = tirx.Var("x", "int8x4")
    assert str((x + 1).ty.dtype) == "int32x4"
    assert str((x + literal(1, "int8", like=x)).ty.dtype) == "int8x4"


@pytest.mark.parametrize("width", [1, 8])
def test_maximum_and_minimum_propagate_nan(width: int) -> None:
    other = np.array([1, 1, NAN, 1, 1, 1, 1, -1], np.float32)
    np.testing.assert_array_equal(apply(maximum, SPECIAL, other, width=width), np.maximum(SPECIAL, other))
    np.testing.assert_array_equal(apply(minimum, SPECIAL, other, width=width), np.minimum(SPECIAL, other))


@pytest.mark.parametrize("width", [1, 8])
@pytest.mark.parametrize("number", [0.0, -0.0, 6.0, -1.5, INFINITY, -INFINITY, NAN])
@pytest.mark.parametrize(("function", "wanted"), [(maximum, np.maximum), (minimum, np.minimum)])
def test_limits_propagate_nan_of_either_side(
    function: Callable[[Expr, Expr], Expr], wanted: np.ufunc, number: float, width: int
) -> None:
    expected = wanted(SPECIAL, np.float32(number))
    for order in (1, -1):
        limited = apply(
            lambda x, o=order: function(*(x, literal(number, "float32", like=x))[::o]), SPECIAL, width=width
        )
        np.testing.assert_array_equal(limited, expected)


@pytest.mark.parametrize("target", [X86_V3, X86_V4], ids=["avx2", "avx512"])
def test_limits_by_numbers_are_one_instruction_of_x86(target: Target) -> None:
    k = KernelBuilder("k_limited")
    x, y = (k.pointer(name, DType.F32, (64,)) for name in "xy")
    width = target.lanes(4)
    with k.parallel(64 // width) as i:
        at = lanes(i * width, width)
        positive = k.let(maximum(x[at], literal(0.0, "float32", like=x[at])), "positive")
        y[at] = minimum(positive, literal(6.0, "float32", like=positive))
    code = instructions(assembly(k.finish(), llvm(target)), "k_limited")
    assert any(line.startswith("vmaxps") for line in code)
    assert any(line.startswith("vminps") for line in code)
    assert not any(line.startswith(("vcmp", "vblend")) for line in code)


@pytest.mark.parametrize("operation", [operator.mul, operator.add, operator.sub], ids=lambda f: f.__name__)
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_literal_zeros_do_not_fold(operation: Callable[..., Any], zero: float) -> None:
    with np.errstate(invalid="ignore"):
        wanted = operation(SPECIAL, np.float32(zero))
    result = apply(lambda x: operation(x, literal(zero, "float32", like=x)), SPECIAL)
    np.testing.assert_array_equal(result, wanted)
    np.testing.assert_array_equal(np.signbit(result[:2]), np.signbit(wanted[:2]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.0, -0.0, 1.5, INFINITY, -INFINITY, NAN, 1e-45])
def test_literals_keep_every_bit(value: float, dtype: str) -> None:
    kind = DType.F32 if dtype == "float32" else DType.F64
    k = KernelBuilder("k_literal")
    y = k.pointer("y", kind, (4,))
    with k.parallel(1):
        y[lanes(0, 4)] = literal(value, dtype)
    result = np.ones(4, dtype)
    run(k.finish(), result)
    assert result.tobytes() == np.full(4, value, dtype).tobytes()


def residual(target: Target, product: Callable[[Expr], Expr]) -> list[str]:
    """The instructions of a vectorized ``x * x + y``."""
    k = KernelBuilder("k_fused")
    x, y = (k.pointer(name, DType.F32, (64,)) for name in "xy")
    with k.parallel(16) as i:
        at = lanes(i * 4, 4)
        y[at] = product(x[at] * x[at]) + y[at]
    return instructions(assembly(k.finish(), llvm(target)), "k_fused")


@pytest.mark.parametrize(("target", "fused"), [(X86_V3, "vfmadd"), (CORTEX_A72, "fmla")], ids=["x86", "aarch64"])
def test_products_contract_unless_fenced(target: Target, fused: str) -> None:
    assert any(line.startswith(fused) for line in residual(target, lambda product: product))
    assert not any(line.startswith(fused) for line in residual(target, fence))


def test_a_fenced_product_is_rounded() -> None:
    x = np.full(8, 1 + 2.0**-12, np.float32)
    minus = -(x * x)
    np.testing.assert_array_equal(apply(lambda a, b: fence(a * a) + b, x, minus), np.zeros(8))


def test_select_types_its_numbers() -> None:
    condition = tirx.Var("x", "float32x4") < 0.0
    chosen = select(condition, 1, tirx.Var("y", "int16x4"))
    assert str(chosen.ty.dtype) == "int16x4"
    assert lane_count(select(condition, tirx.Var("a", "float32"), 0.0)) == 4
    with pytest.raises(TypeError, match="at least one expression"):
        select(condition, 1.0, 0.0)


def test_library_calls_take_vectors_apart() -> None:
    x = np.linspace(-0.9, 0.9, 8).astype(np.float32)
    np.testing.assert_allclose(apply(lambda v: libm("atanh", v), x), np.arctanh(x), rtol=1e-6)


def test_vectors_reinterpret_across_lane_counts() -> None:
    k = KernelBuilder("k_bytes")
    x, y = k.pointer("x", DType.U8, (16,)), k.pointer("y", DType.I32, (4,))
    with k.parallel(1):
        y[lanes(0, 4)] = reinterpret_vector(x[lanes(0, 16)], "int32", 4)
    data, result = np.arange(16, dtype=np.uint8), np.zeros(4, np.int32)
    run(k.finish(), data, result)
    np.testing.assert_array_equal(result, data.view("<i4"))


def test_cast_gives_scalars_the_lanes_of_another() -> None:
    vector = tirx.Var("v", "float32x8")
    assert str(cast(tirx.Var("s", "int32"), "float32", like=vector).ty.dtype) == "float32x8"
    assert cast(vector, "float32") is vector
