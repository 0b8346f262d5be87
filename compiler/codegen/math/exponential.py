"""Exponentials of float32: exp, exp2, expm1 and what is made of them: sigmoid, tanh, sinh, cosh.

Method: x = n ln 2 + r with integer n and |r| <= ln 2 / 2 (W. Cody and W. Waite, Software Manual for the
Elementary Functions, 1980); e**r - 1 = r + r**2 P(r); the power of two is assembled in the exponent field.
"""

from __future__ import annotations

from tvm.ir import Expr

from compiler.codegen.math.coefficients import EXPM1, SINH
from compiler.codegen.math.common import (
    LN2_HIGH,
    LN2_LOW,
    clamp_keeping_nan,
    elementwise,
    horner,
    magnitude,
    power_of_two,
    round_exponent,
    scale_by_power_of_two,
    with_sign_of,
)
from compiler.codegen.tir import Binder, element_type, select

_LOG2_E = 1.4426950408889634
_LN2 = 0.6931471805599453
# e**x rounds to 0 below -103.98 and to infinity above 88.73.
_LOW, _HIGH = -104.0, 89.0


@elementwise("exp")
def exp(k: Binder, x: Expr) -> Expr:
    """e**x. float32: at most 1.1 ulp."""
    return scaled_exp(k, x, 0)


@elementwise("exp2")
def exp2(k: Binder, x: Expr) -> Expr:
    """2**x. float32: at most 1.1 ulp."""
    x = clamp_keeping_nan(k, x, -150.0, 128.0)
    n, n_int = round_exponent(k, x)
    r = k.let((x - n) * _LN2, "r")
    return scale_by_power_of_two(k, 1.0 + expm1_reduced(k, r), n_int)


@elementwise("expm1")
def expm1(k: Binder, x: Expr) -> Expr:
    """e**x - 1, accurate near 0. float32: at most 1.8 ulp."""
    # Below -17.4 the result rounds to -1; with n >= -26 and n - 1 <= 127 one power of two is enough.
    n_int, r = _reduce(k, clamp_keeping_nan(k, x, -18.0, _HIGH))
    fraction = k.let(expm1_reduced(k, r), "fraction")
    half_scale = k.let(power_of_two(n_int - 1), "half_scale")
    result = k.let((half_scale * fraction + (half_scale - 0.5)) * 2.0, "result")
    return select(x.equal(0.0), x, result)


def sigmoid(k: Binder, x: Expr) -> Expr:
    """1 / (1 + e**-x), to the last subnormal. float32: at most 2.5 ulp."""
    if element_type(x) == "float64":
        return k.let(1.0 / (exp(k, -x) + 1.0), "sigmoid")
    x = k.let(x, "x")
    tail = k.let(scaled_exp(k, -magnitude(k, x), 0), "tail")
    return k.let(select(x >= 0.0, 1.0, tail) / (tail + 1.0), "sigmoid")


@elementwise("tanh")
def tanh(k: Binder, x: Expr) -> Expr:
    """Hyperbolic tangent. float32: at most 3 ulp."""
    fall = k.let(expm1(k, magnitude(k, x) * -2.0), "fall")
    return with_sign_of(-fall / (fall + 2.0), x)


@elementwise("sinh")
def sinh(k: Binder, x: Expr) -> Expr:
    """Hyperbolic sine. float32: at most 2 ulp."""
    size = magnitude(k, x)
    square = k.let(x * x, "square")
    near_zero = size * square * horner(square, SINH) + size
    half = k.let(scaled_exp(k, size, -1), "half")
    return with_sign_of(k.let(select(size < 1.0, near_zero, half - 0.25 / half), "size"), x)


@elementwise("cosh")
def cosh(k: Binder, x: Expr) -> Expr:
    """Hyperbolic cosine. float32: at most 2 ulp."""
    half = k.let(scaled_exp(k, magnitude(k, x), -1), "half")
    return 0.25 / half + half


def scaled_exp(k: Binder, x: Expr, shift: int) -> Expr:
    """e**x * 2**shift with no rounding for the shift; ``shift`` is 0 or -1."""
    n_int, r = _reduce(k, clamp_keeping_nan(k, x, _LOW, _HIGH - _LN2 * shift))
    return scale_by_power_of_two(k, 1.0 + expm1_reduced(k, r), n_int + shift)


def expm1_reduced(k: Binder, r: Expr) -> Expr:
    """e**r - 1 for a bound ``r`` in [-ln 2 / 2, ln 2 / 2]."""
    return k.let(r * r, "r_squared") * horner(r, EXPM1) + r


def _reduce(k: Binder, x: Expr) -> tuple[Expr, Expr]:
    """(n as int32, r) with x = n ln 2 + r."""
    n, n_int = round_exponent(k, x * _LOG2_E)
    r = k.let(x - n * LN2_HIGH, "r_high")
    return n_int, k.let(r - n * LN2_LOW, "r")
