"""x**y over random pairs and over every combination of special values, as C defines them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tvm import tirx

from compiler.codegen import math
from compiler.codegen.tir import KernelBuilder, build_object, lanes
from compiler.codegen.tir.elf import undefined_symbols
from compiler.ir.dtypes import DType
from compiler.targets import Target
from tests.codegen.math.test_float32 import documented_bound, errors_in_ulp
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, X86_V2, index_bits, llvm, run

Array = NDArray[np.float32]


def powers(x: Array, y: Array, target: Target = HOST, dtype: DType = DType.F32) -> Array:
    """x**y by our kernel."""
    result = np.zeros_like(x)
    run(power_kernel(x.size, target, dtype), x, y, result, target=target)
    return result


def power_kernel(size: int, target: Target, dtype: DType = DType.F32) -> tirx.PrimFunc:
    """``z = x**y`` over ``size`` elements."""
    k = KernelBuilder("k_power", index_bits=index_bits(target))
    x, y, z = (k.pointer(name, dtype, (size,)) for name in "xyz")
    with k.parallel(size // 8) as i:
        at = lanes(i * 8, 8)
        z[at] = math.power(k, x[at], y[at])
    return k.finish()


def random_pairs(count: int) -> tuple[Array, Array]:
    """Pairs whose power is mostly finite: any base, exponents scaled to its logarithm; many near 1, many
    integers."""
    rng = np.random.default_rng(11)
    x = rng.integers(0, 0x7F800000, count, dtype=np.uint32).view(np.float32)
    near_one = rng.random(count) < 0.3
    x = np.where(near_one, 1 + rng.standard_normal(count) * 10.0 ** rng.uniform(-7, -1, count), x).astype(np.float32)
    y = rng.uniform(-150, 130, count) / np.log2(np.where(x > 0, x, 2).astype(np.float64) + 1e-12)
    y = np.where(rng.random(count) < 0.2, np.round(y), y).astype(np.float32)
    return np.where(rng.random(count) < 0.2, -x, x), y


@np.errstate(all="ignore")
def check(x: Array, y: Array, target: Target = HOST, tiny: float = 0.0) -> None:
    """Within the documented bound of float64's power, where neither side is below ``tiny``."""
    exact = np.power(x.astype(np.float64), y.astype(np.float64))
    errors = errors_in_ulp(powers(x, y, target), exact)
    errors[(np.abs(exact) < tiny) | (np.abs(x) < tiny)] = 0
    worst = int(np.argmax(errors))
    assert errors[worst] <= documented_bound("power"), f"{x[worst]!r} ** {y[worst]!r}: {errors[worst]:.2f} ulp"


def test_random_pairs() -> None:
    check(*random_pairs(1 << 18))


SPECIAL = [0.0, 1.0, 0.5, 2.0, 3.0, 1.5, 1e-45, 3e38, 16777215.0, 16777216.0, 1e10, np.inf, 0.99999994]
SPECIAL_PAIRS = np.array([(x, y) for x in [*SPECIAL, np.nan] for y in [*SPECIAL, np.nan]], np.float32)


@pytest.mark.parametrize("sign_x", [1, -1])
@pytest.mark.parametrize("sign_y", [1, -1])
@pytest.mark.parametrize("target", [HOST, X86_V2, CORTEX_A72], ids=lambda target: target.name)
def test_every_pair_of_special_values(target: Target, sign_x: int, sign_y: int) -> None:
    x, y = np.resize(SPECIAL_PAIRS, (200, 2)).T * np.array([[sign_x], [sign_y]], np.float32)
    check(np.ascontiguousarray(x), np.ascontiguousarray(y), target)


def test_armv7_among_normal_numbers() -> None:
    x, y = random_pairs(1 << 14)
    check(x, y, ARMV7, tiny=2.0**-120)


def test_float64_calls_the_c_library() -> None:
    x, y = np.linspace(0.1, 5, 64), np.linspace(-3, 3, 64)
    np.testing.assert_allclose(powers(x, y, dtype=DType.F64), x**y, rtol=1e-15)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [X86_V2, CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_no_target_needs_the_c_library(target: Target) -> None:
    data = build_object([power_kernel(64, target)], llvm(target))
    assert undefined_symbols(data) - {"_GLOBAL_OFFSET_TABLE_"} == frozenset()
