"""Every float32 function against float64 references: random, edge and full-range inputs, in ulp."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special
from tvm import tirx

from compiler.codegen import math
from compiler.codegen.math.common import UnaryFunction
from compiler.codegen.tir import KernelBuilder, assembly, build_object, lanes
from compiler.codegen.tir.elf import undefined_symbols
from compiler.ir.dtypes import DType
from compiler.targets import Target
from tests.codegen.native import (
    ARMV7,
    CORTEX_A72,
    HOST,
    X86_V2,
    X86_V3,
    index_bits,
    instructions,
    llvm,
    run,
)

Reference = Callable[[NDArray[np.float64]], NDArray[np.float64]]

REFERENCES: dict[str, Reference] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "log": np.log,
    "log1p": np.log1p,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "erf": special.erf,
}

NAMES = pytest.mark.parametrize("name", REFERENCES)

_SPECIAL = [0, 1, 0.5, 2, 4, 1e-45, 1e-40, 1.1754942e-38, 1.17549435e-38, 3.4028235e38, np.inf, np.nan]
_NEAR_OVERFLOW = [
    88.72,
    88.723,
    88.73,
    89,
    89.4,
    89.42,
    87.3,
    103.9,
    104,
    105,
    127.9,
    128,
    149,
    149.5,
    150,
    126,
]
_NEAR_SEAMS = [
    0.99999994,
    1.0000001,
    2.4142135,
    0.41421357,
    0.9999,
    0.70710677,
    0.70710683,
    1.4142135,
    0.3465736,
]
_NEAR_PI = [0.78539816, 1.5707964, 3.1415927, 6.2831855, 16777215, 16777216, 1e10, 1e20, 1e30]
_SATURATED = [4096, 4097, 17.3, 9.02, 22]
_EDGES = np.array([*_SPECIAL, *_NEAR_OVERFLOW, *_NEAR_SEAMS, *_NEAR_PI, *_SATURATED], np.float32)


def documented_bound(name: str) -> float:
    """The largest error in ulp that the function's docstring admits."""
    found = re.search(r"float32: at most ([\d.]+) ulp", getattr(math, name).__doc__)
    assert found, f"{name} documents no bound"
    return float(found[1])


def inputs(seed: int, count: int) -> NDArray[np.float32]:
    """Edges of both signs, uniformly random bit patterns, and numbers of everyday size."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 2**32, count // 2, dtype=np.uint32).view(np.float32)
    rest = count // 2 - 2 * _EDGES.size
    everyday = rng.standard_normal(rest) * np.exp(rng.uniform(-8, 5, rest))
    return np.concatenate([_EDGES, -_EDGES, patterns, everyday.astype(np.float32)])


def kernel(
    functions: Sequence[UnaryFunction],
    size: int,
    *,
    dtype: DType = DType.F32,
    width: int = 16,
    bits: int = 64,
) -> tirx.PrimFunc:
    """``y[i] = functions[i](x)`` over ``size`` elements."""
    k = KernelBuilder("k_math", index_bits=bits)
    x, y = k.pointer("x", dtype, (size,)), k.pointer("y", dtype, (len(functions), size))
    with k.parallel(size // width) as i:
        at = lanes(i * width, width)
        for row, function in enumerate(functions):
            y[row, at] = function(k, x[at])
    return k.finish()


def evaluate(
    names: Sequence[str], x: NDArray[np.float32], target: Target = HOST, width: int = 16
) -> NDArray[np.float32]:
    """The results of several functions on ``x``, one row for each."""
    result = np.zeros((len(names), x.size), np.float32)
    functions = [getattr(math, name) for name in names]
    run(kernel(functions, x.size, width=width, bits=index_bits(target)), x, result, target=target)
    return result


def errors_in_ulp(result: NDArray[np.float32], exact: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from the exact value in units of the last place; infinite where special values or zeros' signs
    differ."""
    rounded = exact.astype(np.float32)
    finite = np.isfinite(rounded) & np.isfinite(result)
    spacing = np.spacing(np.maximum(np.abs(rounded), np.float32(2.0**-126))).astype(np.float64)
    distance = np.abs(result.astype(np.float64) - exact) / np.where(finite, spacing, 1)
    same = (result == rounded) | (np.isnan(result) & np.isnan(rounded))
    wrong_zero = (result == 0) & (rounded == 0) & (np.signbit(result) != np.signbit(rounded))
    return np.where(finite & ~wrong_zero, distance, np.where(same & ~wrong_zero, 0.0, np.inf))


@np.errstate(all="ignore")
def check(name: str, x: NDArray[np.float32], result: NDArray[np.float32]) -> None:
    """Hold one function to its documented bound."""
    errors = errors_in_ulp(result, REFERENCES[name](x.astype(np.float64)))
    worst = int(np.argmax(errors))
    assert errors[worst] <= documented_bound(name), f"{name}({x[worst]!r}) = {result[worst]!r}: {errors[worst]:.2f} ulp"


@NAMES
def test_error_is_within_the_documented_bound(name: str) -> None:
    x = inputs(1, 1 << 19)
    check(name, x, evaluate([name], x)[0])


@pytest.mark.parametrize("target", [X86_V2, CORTEX_A72], ids=lambda target: target.name)
def test_other_instruction_sets_keep_the_bounds(target: Target) -> None:
    """One has no fused multiply-add, the other fuses wherever it can."""
    x = inputs(2, 1 << 15)
    for name, row in zip(REFERENCES, evaluate(list(REFERENCES), x, target, width=4), strict=True):
        check(name, x, row)


@np.errstate(all="ignore")
def test_armv7_keeps_the_bounds_among_normal_numbers() -> None:
    x = inputs(3, 1 << 15)
    tiny = 2.0**-120
    for name, row in zip(REFERENCES, evaluate(list(REFERENCES), x, ARMV7, width=4), strict=True):
        exact = REFERENCES[name](x.astype(np.float64))
        normal = (np.abs(x) > tiny) & ~(np.abs(exact) < tiny)
        check(name, x[normal], row[normal])


@pytest.mark.parametrize("target", [X86_V2, X86_V3, CORTEX_A72, ARMV7], ids=lambda target: target.name)
@NAMES
def test_no_target_needs_the_c_library(name: str, target: Target) -> None:
    func = kernel([getattr(math, name)], 64, width=8, bits=index_bits(target))
    assert undefined_symbols(build_object([func], llvm(target))) - {"_GLOBAL_OFFSET_TABLE_"} == frozenset()


@NAMES
def test_functions_vectorize(name: str) -> None:
    """The work is done on whole vectors: hardly any scalar arithmetic."""
    body = instructions(assembly(kernel([getattr(math, name)], 1024, width=8), llvm(X86_V3)), "k_math")
    scalar = re.compile(r"v(add|sub|mul|div|f\w+|sqrt|cvt\w+)s[sd]\b")
    assert not [line for line in body if scalar.match(line)]


@NAMES
def test_scalars_work_like_vectors(name: str) -> None:
    x = inputs(5, 1 << 10)
    np.testing.assert_array_equal(evaluate([name], x, width=8), evaluate([name], x, width=1))


@NAMES
def test_float64_calls_the_c_library(name: str) -> None:
    x = np.random.default_rng(6).uniform(0.01, 0.99, 64) + (1.0 if name == "acosh" else 0.0)
    result = np.zeros((1, 64))
    run(kernel([getattr(math, name)], x.size, dtype=DType.F64, width=4), x, result)
    np.testing.assert_allclose(result[0], REFERENCES[name](x), rtol=1e-14)


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="exp takes float32 or float64, not int32"):
        kernel([math.exp], 16, dtype=DType.I32)
