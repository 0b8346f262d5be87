"""Conversions between floats and 64-bit integers, made of 32-bit ones.

Owns the two directions; ``cast`` comes here. The reason is 32-bit ARM, where such a conversion is a call into
the compiler's support library and there are two calling conventions for it: LLVM passes floats in float
registers, GCC's library expects them in integer registers, and the linker does not notice. The arithmetic
below needs no library, gives the same results everywhere, and vectorizes also on the machines that have no
instruction for it.
"""

from __future__ import annotations

from tvm import tirx
from tvm.ir import Expr

_TWO_32 = 4294967296.0
_HIGH_PATTERN, _LOW_PATTERN = 0x4530000000000000, 0x4330000000000000
"""The bits of 2**84 and 2**52: the last place of their mantissas is 2**32 and 1."""


def integer_to_float(value: Expr, dtype: str) -> Expr:
    """An int64 or uint64 as ``dtype`` (float32 or float64, lanes included), rounded once to nearest even."""
    held = tirx.Var("integer", str(value.ty.dtype))
    exact = _join(held if dtype.startswith("float64") else _rounded_to_odd(held))
    return tirx.Let(held, value, exact if dtype.startswith("float64") else tirx.Cast(dtype, exact))


def float_to_integer(value: Expr, dtype: str) -> Expr:
    """A float as int64 or uint64 (lanes included), truncated; undefined outside the type's range."""
    count = value.ty.dtype.lanes
    double = _like("float64", count)
    wide, held = tirx.Var("wide", double), tirx.Var("size", double)
    size = tirx.abs(wide) if dtype.startswith("int") else wide
    whole = _split(held, count)
    if dtype.startswith("uint"):
        result: Expr = whole
    else:
        sign = tirx.Select(wide < 0.0, _constant(-1, "int64", count), _constant(0, "int64", count))
        # Two's complement: -n is the complement of n, plus one.
        result = (tirx.Cast(dtype, whole) ^ sign) - sign
    return tirx.Let(wide, tirx.Cast(double, value), tirx.Let(held, size, result))


def _join(value: Expr) -> Expr:
    """A 64-bit integer as float64, rounded once: each half becomes the mantissa of a float64 of known exponent.

    Converting the halves instead would be one instruction less, but LLVM recognizes a converted upper half as a
    conversion of the whole, and calls the library.
    """
    count = value.ty.dtype.lanes
    bits = tirx.reinterpret(_like("uint64", count), value)
    is_signed = value.ty.dtype.startswith("int")
    top = _HIGH_PATTERN ^ (1 << 31) if is_signed else _HIGH_PATTERN
    high = (bits >> _constant(32, "uint64", count)) ^ _constant(top, "uint64", count)
    low = (bits & _constant(0xFFFFFFFF, "uint64", count)) | _constant(_LOW_PATTERN, "uint64", count)
    offset = 2.0**84 + 2.0**52 + (2.0**63 if is_signed else 0.0)
    kind = _like("float64", count)
    return (tirx.reinterpret(kind, high) - offset) + tirx.reinterpret(kind, low)


def _split(size: Expr, count: int) -> Expr:
    """A non-negative float64 as uint64."""
    half, whole, double = _like("uint32", count), _like("uint64", count), _like("float64", count)
    high = tirx.Var("high", half)
    low = tirx.Cast(half, size - tirx.Cast(double, high) * _TWO_32)
    joined = (tirx.Cast(whole, high) << 32) | tirx.Cast(whole, low)
    return tirx.Let(high, tirx.Cast(half, size * (1 / _TWO_32)), joined)


def _rounded_to_odd(value: Expr) -> Expr:
    """A 64-bit integer of which float64 holds every bit, and which float32 rounds as it would the original.

    Rounding to odd (S. Boldo and G. Melquiond, Emulation of a FMA and correctly rounded sums, 2008): where
    bits are dropped, the last kept one is set, so that the second rounding sees that something was there.
    """
    kind, count = value.ty.dtype.with_lanes(1), value.ty.dtype.lanes
    dropped = value & _constant(0x7FF, kind, count)
    nothing = tirx.EQ(dropped, _constant(0, kind, count))
    odd = tirx.Select(nothing, _constant(0, kind, count), _constant(0x800, kind, count))
    large = 1 << 53
    exact = value < _constant(large, kind, count)
    if kind.startswith("int"):
        exact = tirx.And(exact, value > _constant(-large, kind, count))
    return tirx.Select(exact, value, (value - dropped) | odd)


def _like(dtype: str, count: int) -> str:
    return dtype if count == 1 else f"{dtype}x{count}"


def _constant(value: int, dtype: str, count: int) -> Expr:
    scalar = tirx.const(value, dtype)
    return scalar if count == 1 else tirx.Broadcast(scalar, tirx.IntImm("int32", count))
