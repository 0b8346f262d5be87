"""Integer arithmetic and rounding, defined for every input where C and LLVM are not.

Owns the conventions: sums and products wrap, division by zero gives 0, the quotient of the least integer and
-1 wraps, shifts by the width or more shift everything out, and float to integer conversion saturates with NaN
as 0 (C leaves most of these undefined). Every function vectorizes but ``fmod``.
"""

from __future__ import annotations

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir import (
    Binder,
    cast,
    element_type,
    intrinsic,
    is_nan,
    lane_count,
    libm,
    literal,
    select,
    with_lanes,
)


def wrapping_add(x: Expr, y: Expr) -> Expr:
    """x + y modulo the width. TIR's own ``+`` promises LLVM that integers of 32 bits and more do not
    overflow."""
    return _narrowed(_widened(x) + _widened(y), x)


def wrapping_sub(x: Expr, y: Expr) -> Expr:
    """x - y modulo the width."""
    return _narrowed(_widened(x) - _widened(y), x)


def wrapping_mul(x: Expr, y: Expr) -> Expr:
    """x * y modulo the width."""
    return _narrowed(_widened(x) * _widened(y), x)


def trunc_div(k: Binder, x: Expr, y: Expr) -> Expr:
    """x / y rounded toward zero, as C divides."""
    x, y = k.let(x, "x"), k.let(y, "y")
    quotient = tirx.truncdiv(x, _safe_divisor(k, x, y))
    return k.let(select(_is_zero(y), _zero(x), quotient), "quotient")


def trunc_mod(k: Binder, x: Expr, y: Expr) -> Expr:
    """The remainder with the sign of x, as C's ``%``; 0 where y is 0."""
    x, y = k.let(x, "x"), k.let(y, "y")
    remainder = tirx.truncmod(x, _safe_divisor(k, x, y))
    return k.let(select(_is_zero(y), _zero(x), remainder), "remainder")


def floor_mod(k: Binder, x: Expr, y: Expr) -> Expr:
    """The remainder with the sign of y, as Python's ``%``; 0 where an integer y is 0. Floats call the C
    library."""
    x, y = k.let(x, "x"), k.let(y, "y")
    if element_type(x).startswith("float"):
        remainder = fmod(k, x, y)
        nonzero = tirx.Not(tirx.EQ(remainder, _zero(x)))
        clash = tirx.And(nonzero, _differ(remainder < 0, y < 0))
        signed = k.let(select(clash, remainder + y, remainder), "signed")
        # Python gives a zero the sign of the divisor.
        return k.let(select(nonzero, signed, intrinsic("llvm.copysign", signed.ty.dtype, signed, y)), "remainder")
    remainder = trunc_mod(k, x, y)
    if _is_unsigned(x):
        return remainder
    return k.let(select(_signs_clash(k, x, y), remainder + y, remainder), "remainder")


def fmod(k: Binder, x: Expr, y: Expr) -> Expr:
    """C's ``fmod``: the exact remainder of floats with the sign of x. One library call per lane."""
    x, y = k.let(x, "x"), k.let(y, "y")
    return k.let(libm("fmod", x, y), "remainder")


def shift_left(k: Binder, x: Expr, count: Expr) -> Expr:
    """x * 2**count modulo the width; 0 once ``count`` reaches the width. ``count`` is not negative."""
    count = k.let(count, "count")
    width = _width(x)
    shifted = x << select(count < width, count, 0)
    return k.let(select(count < width, shifted, _zero(x)), "shifted")


def shift_right(k: Binder, x: Expr, count: Expr) -> Expr:
    """Logical for unsigned x, arithmetic for signed x. ``count`` is not negative."""
    x, count = k.let(x, "x"), k.let(count, "count")
    width = _width(x)
    if _is_unsigned(x):
        shifted = x >> select(count < width, count, 0)
        return k.let(select(count < width, shifted, _zero(x)), "shifted")
    return k.let(x >> select(count < width, count, width - 1), "shifted")


def saturating_cast(value: Expr, dtype: str) -> Expr:
    """A float as integer ``dtype``: truncated, limited to the type's range, NaN as 0."""
    bits, unsigned = int(dtype.lstrip("uint")), dtype.startswith("uint")
    if bits < 64:
        name = "llvm.fptoui.sat" if unsigned else "llvm.fptosi.sat"
        return intrinsic(name, with_lanes(dtype, lane_count(value)), value)
    low, high = (0, 2**64) if unsigned else (-(2**63), 2**63)
    limited = select(value >= float(high), literal(high - 1, dtype), cast(value, dtype))
    limited = select(value < float(low), literal(low, dtype), limited)
    return select(is_nan(value), literal(0, dtype), limited)


def round_half_even(value: Expr) -> Expr:
    """The nearest integral float, ties to the even one; signed zeros, infinities and NaN stay."""
    return intrinsic("llvm.roundeven", value.ty.dtype, value)


def _widened(x: Expr) -> Expr:
    """A sum or product that cannot overflow; LLVM computes only the half that ``_narrowed`` keeps."""
    return cast(x, f"int{2 * _width(x)}")


def _narrowed(value: Expr, like: Expr) -> Expr:
    return cast(value, element_type(like))


def _width(x: Expr) -> int:
    return x.ty.dtype.bits


def _is_unsigned(x: Expr) -> bool:
    return element_type(x).startswith("uint")


def _zero(x: Expr) -> Expr:
    return literal(0, element_type(x), like=x)


def _is_zero(x: Expr) -> Expr:
    return tirx.EQ(x, _zero(x))


def _safe_divisor(k: Binder, x: Expr, y: Expr) -> Expr:
    """y, or 1 where dividing by it would trap; dividing the least integer by 1 also gives what wrapping
    would."""
    kind = element_type(x)
    traps = _is_zero(y)
    if not _is_unsigned(x):
        least = literal(-(1 << (_width(x) - 1)), kind, like=x)
        traps = tirx.Or(traps, tirx.And(tirx.EQ(y, literal(-1, kind, like=y)), tirx.EQ(x, least)))
    return k.let(select(traps, literal(1, kind), y), "divisor")


def _signs_clash(k: Binder, x: Expr, y: Expr) -> Expr:
    """Whether the truncated quotient was rounded up: signs differ and the division is not exact."""
    remainder = trunc_mod(k, x, y)
    return tirx.And(tirx.Not(_is_zero(remainder)), _differ(remainder < 0, y < 0))


def _differ(left: Expr, right: Expr) -> Expr:
    """Exclusive or of two conditions."""
    return tirx.Or(tirx.And(left, tirx.Not(right)), tirx.And(right, tirx.Not(left)))
