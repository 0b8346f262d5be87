"""Logarithms of float32: log and log1p, and the inverse hyperbolic functions, which are made of them.

Method: x = 2**e m with m in [sqrt(1/2), sqrt(2)), log(x) = e ln 2 + log(1 + (m - 1)), and a polynomial for
the last.
"""

from __future__ import annotations

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.math.coefficients import LOG1P
from compiler.codegen.math.common import LN2_HIGH, LN2_LOW, elementwise, horner, magnitude, with_sign_of
from compiler.codegen.tir import Binder, cast, is_nan, literal, reinterpret, select

INFINITY, NAN = float("inf"), float("nan")

_SQRT_HALF_BITS = 0x3F3504F3
_SMALLEST_NORMAL = 2.0**-126
_LN2 = 0.6931471805599453


@elementwise("log")
def log(k: Binder, x: Expr) -> Expr:
    """Natural logarithm. float32: at most 1 ulp."""
    # Subnormal numbers have no leading one: scale them up first.
    subnormal = k.let(x < _SMALLEST_NORMAL, "subnormal")
    bits = k.let(reinterpret(select(subnormal, x * 2.0**23, x), "int32"), "bits")
    exponent = k.let((bits - _SQRT_HALF_BITS) >> 23, "exponent")
    t = k.let(reinterpret(bits - (exponent << 23), "float32") - 1.0, "t")
    e = k.let(cast(exponent, "float32") - select(subnormal, literal(23.0, "float32"), 0.0), "e")
    half_square = k.let(t * t * 0.5, "half_square")
    tail = t * t * t * horner(t, LOG1P)
    result = e * LN2_HIGH + (t + (tail + (e * LN2_LOW - half_square)))
    return _log_special_cases(k, x, k.let(result, "result"))


@elementwise("log1p")
def log1p(k: Binder, x: Expr) -> Expr:
    """log(1 + x), accurate near 0. float32: at most 1.8 ulp."""
    # u = 1 + x rounds; what it lost, over u, is the first-order correction.
    u = k.let(x + 1.0, "u")
    lost = select(u >= 2.0, 1.0 - (u - x), x - (u - 1.0))
    log_u = log(k, u)
    finite = k.let(tirx.And(u > 0.0, u < INFINITY), "finite")
    result = k.let(select(finite, log_u + lost / u, log_u), "result")
    return select(x.equal(0.0), x, result)


@elementwise("asinh")
def asinh(k: Binder, x: Expr) -> Expr:
    """Inverse hyperbolic sine. float32: at most 2.5 ulp."""
    size = magnitude(k, x)
    square = k.let(size * size, "square")
    moderate = log1p(k, size + square / (tirx.sqrt(square + 1.0) + 1.0))
    large = k.let(log(k, size) + _LN2, "large")
    return with_sign_of(k.let(select(size > 2.0**12, large, moderate), "size"), x)


@elementwise("acosh")
def acosh(k: Binder, x: Expr) -> Expr:
    """Inverse hyperbolic cosine; NaN below 1. float32: at most 2.5 ulp."""
    t = k.let(x - 1.0, "t")
    moderate = log1p(k, t + tirx.sqrt(t * t + t * 2.0))
    large = k.let(log(k, x) + _LN2, "large")
    result = k.let(select(x > 2.0**12, large, moderate), "result")
    return select(x < 1.0, NAN, result)


@elementwise("atanh")
def atanh(k: Binder, x: Expr) -> Expr:
    """Inverse hyperbolic tangent; infinite at 1 and NaN beyond. float32: at most 2.5 ulp."""
    size = magnitude(k, x)
    half_log = k.let(log1p(k, (size * 2.0) / (1.0 - size)) * 0.5, "half_log")
    return k.let(select(is_nan(half_log), half_log, with_sign_of(half_log, x)), "atanh")


def _log_special_cases(k: Binder, x: Expr, result: Expr) -> Expr:
    """Infinity stays, zero gives -infinity, negative numbers and NaN give NaN."""
    finite = k.let(select(x < INFINITY, result, x), "finite")
    positive = k.let(select(x.equal(0.0), -INFINITY, finite), "positive")
    return select(x < 0.0, NAN, positive)
