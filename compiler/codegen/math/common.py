"""What the vector functions share: dispatch on the element type, polynomials, and arithmetic on exponents.

Owns no mathematical function. All of it works on scalars and vectors of any length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

from tvm.ir import Expr

from compiler.codegen.tir import Binder, element_type, libm, literal, reinterpret, select

UnaryFunction = Callable[[Binder, Expr], Expr]

LN2_HIGH, LN2_LOW = 0.693145751953125, 1.42860682030941723212e-6
"""ln 2 in two parts; the first has 16 significant bits, so that its product with an exponent is exact."""

_ROUND_TO_INTEGER = 12582912.0
"""1.5 * 2**23: added to a float32 below 2**22 in size, it leaves the nearest integer in the low bits."""
_ROUND_TO_INTEGER_BITS = 0x4B400000


def elementwise(libm_name: str) -> Callable[[UnaryFunction], UnaryFunction]:
    """Make a float32 function accept float64 as well, which calls the C library per lane."""

    def decorate(function: UnaryFunction) -> UnaryFunction:
        @wraps(function)
        def dispatch(k: Binder, x: Expr) -> Expr:
            kind = element_type(x)
            x = k.let(x, "x")
            if kind == "float64":
                return k.let(libm(libm_name, x), libm_name)
            if kind != "float32":
                raise TypeError(f"{function.__name__} takes float32 or float64, not {kind}")
            return k.let(function(k, x), function.__name__)

        return dispatch

    return decorate


def horner(u: Expr, coefficients: Sequence[float]) -> Expr:
    """The polynomial with ``coefficients`` (lowest power first) at the bound value ``u``."""
    kind = element_type(u)
    total = literal(coefficients[-1], kind, like=u)
    for coefficient in reversed(coefficients[:-1]):
        total = total * u + literal(coefficient, kind, like=u)
    return total


def round_exponent(k: Binder, value: Expr) -> tuple[Expr, Expr]:
    """The integer nearest to a float32 below 2**22 in size, as float32 and as int32.

    Works by addition, because ARMv7 has no rounding instruction and a conversion of NaN is undefined: here a
    NaN gives NaN and some integer.
    """
    shifted = k.let(value + _ROUND_TO_INTEGER, "shifted")
    whole = k.let(shifted - _ROUND_TO_INTEGER, "n")
    return whole, k.let(reinterpret(shifted, "int32") - _ROUND_TO_INTEGER_BITS, "n_int")


def scale_by_power_of_two(k: Binder, value: Expr, exponent: Expr) -> Expr:
    """``value * 2**exponent`` rounded once, for int32 exponents in [-252, 254]; reaches subnormals and
    infinity."""
    half = k.let(exponent >> 1, "half")
    return value * power_of_two(half) * power_of_two(exponent - half)


def power_of_two(exponent: Expr) -> Expr:
    """``2**exponent`` as float32 for int32 exponents in [-126, 127]."""
    return reinterpret((exponent + 127) << 23, "float32")


def sign_bit(value: Expr) -> Expr:
    """The sign of a float32 as a uint32 mask."""
    return reinterpret(value, "uint32") & literal(0x80000000, "uint32", like=value)


def magnitude(k: Binder, value: Expr) -> Expr:
    """|value| of a float32; NaN stays NaN."""
    bits = reinterpret(value, "uint32") & literal(0x7FFFFFFF, "uint32", like=value)
    return k.let(reinterpret(bits, "float32"), "magnitude")


def with_sign_of(value: Expr, sign: Expr) -> Expr:
    """A non-negative float32 ``value`` with the sign of ``sign``."""
    return reinterpret(reinterpret(value, "uint32") | sign_bit(sign), "float32")


def clamp_keeping_nan(k: Binder, value: Expr, low: float, high: float) -> Expr:
    """``value`` limited to [low, high]; NaN stays NaN."""
    capped = k.let(select(value > high, high, value), "capped")
    return k.let(select(capped < low, low, capped), "clamped")
