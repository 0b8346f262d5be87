"""Powers of float32: x**y = 2**(y log2 |x|), with the exponent in float64, and the special cases of C's
pow."""

from __future__ import annotations

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.math.coefficients import LOG2_RATIO
from compiler.codegen.math.common import horner, magnitude, scale_by_power_of_two, sign_bit
from compiler.codegen.math.exponential import expm1_reduced
from compiler.codegen.tir import Binder, cast, element_type, is_nan, libm, literal, reinterpret, select

INFINITY, NAN = float("inf"), float("nan")

_LN2 = 0.6931471805599453
_SQRT_HALF_BITS = 0x3F3504F3
_SMALLEST_NORMAL = 2.0**-126
_ROUND_TO_INTEGER = 6755399441055744.0
"""1.5 * 2**52: rounds a float64 below 2**51 to an integer and leaves it in the low bits."""


def power(k: Binder, x: Expr, y: Expr) -> Expr:
    """x**y with the special cases of C's ``pow`` (ISO C, annex F.10.4.4). float32: at most 1.1 ulp.

    Both operands have the same type and lanes; float64 calls the C library.
    """
    x, y = k.let(x, "x"), k.let(y, "y")
    if element_type(x) == "float64":
        return k.let(libm("pow", x, y), "power")
    wide = k.let(cast(y, "float64"), "wide_y")
    size = _exp2(k, wide * _log2(k, magnitude(k, x)))
    odd = _is_odd(k, wide)
    signed = k.let(reinterpret(reinterpret(size, "uint32") | _where(odd, sign_bit(x)), "float32"), "signed")
    fractional = k.let(tirx.Not(tirx.EQ(wide, _rounded(k, wide))), "fractional")
    result = k.let(select(tirx.And(_finite_negative(x), fractional), NAN, signed), "result")
    result = k.let(select(tirx.And(magnitude(k, x).equal(1.0), _infinite(k, y)), 1.0, result), "result")
    return k.let(select(tirx.Or(x.equal(1.0), y.equal(0.0)), 1.0, result), "power")


def _log2(k: Binder, size: Expr) -> Expr:
    """log2 of a float32 that is not negative, as float64 with an error below 2**-40; infinite at 0 and
    infinity."""
    subnormal = k.let(size < _SMALLEST_NORMAL, "subnormal")
    bits = k.let(reinterpret(select(subnormal, size * 2.0**23, size), "int32"), "bits")
    exponent = k.let((bits - _SQRT_HALF_BITS) >> 23, "exponent")
    m = k.let(cast(reinterpret(bits - (exponent << 23), "float32"), "float64"), "m")
    e = cast(exponent, "float64") - select(subnormal, literal(23.0, "float64"), 0.0)
    s = k.let((m - 1.0) / (m + 1.0), "s")
    result = k.let(s * horner(k.let(s * s, "square"), LOG2_RATIO) + e, "log2")
    wide = cast(size, "float64")
    finite = k.let(select(size < INFINITY, result, wide), "finite")
    return k.let(select(size.equal(0.0), -INFINITY, finite), "log2")


def _exp2(k: Binder, exponent: Expr) -> Expr:
    """2**exponent of a float64 as float32; NaN stays NaN."""
    capped = k.let(select(exponent > 128.0, 128.0, exponent), "capped")
    clamped = k.let(select(capped < -150.0, -150.0, capped), "clamped")
    shifted = k.let(clamped + _ROUND_TO_INTEGER, "shifted")
    n_int = k.let(cast(reinterpret(shifted, "int64"), "int32"), "n_int")
    r = k.let(cast((clamped - (shifted - _ROUND_TO_INTEGER)) * _LN2, "float32"), "r")
    scaled = scale_by_power_of_two(k, 1.0 + expm1_reduced(k, r), n_int)
    return k.let(select(is_nan(clamped), NAN, scaled), "size")


def _rounded(k: Binder, value: Expr) -> Expr:
    """The nearest integer of a float64 that came from float32; one above 2**51 is an integer and stays."""
    return k.let(k.let(value + _ROUND_TO_INTEGER, "shifted") - _ROUND_TO_INTEGER, "rounded")


def _is_odd(k: Binder, value: Expr) -> Expr:
    """Whether a float64 that came from float32 is an odd integer."""
    half = k.let(value * 0.5, "half")
    whole = tirx.EQ(value, _rounded(k, value))
    return k.let(tirx.And(whole, tirx.Not(tirx.EQ(half, _rounded(k, half)))), "odd")


def _where(condition: Expr, bits: Expr) -> Expr:
    """A uint32 mask where the condition holds, else 0."""
    return select(condition, bits, 0)


def _finite_negative(x: Expr) -> Expr:
    return tirx.And(x < 0.0, x > -INFINITY)


def _infinite(k: Binder, y: Expr) -> Expr:
    return magnitude(k, y).equal(INFINITY)
