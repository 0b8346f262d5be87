"""Expressions: the TIR constructors that kernels use, with IEEE semantics where TIR's own differ.

Owns lane-polymorphic building blocks: every function takes scalars or vectors. Knows nothing of buffers,
loops or storage types.

Traps of TIR that this module exists to avoid (each has a test):

* ``a != b`` is an *ordered* compare, false when either side is NaN: use ``not_equal`` or ``is_nan``.
* ``x * 0.0``, ``0.0 / x`` and ``x + 0.0`` fold at construction, wrongly for NaN, infinities and -0.0:
  ``literal`` makes zeros that do not fold.
* ``max(a, b)`` is ``b`` when either side is NaN: ``maximum`` and ``minimum`` propagate NaN.
* A Python number beside a narrow integer widens it: ``x + 1`` of an int8 is an int32. Use ``literal``.
* Sums and products of 32 bits and more are promised not to overflow: see ``math.wrapping_add``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Protocol

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir.conversions import float_to_integer, integer_to_float

Number = bool | int | float

_INTEGERS_64 = frozenset(("int64", "uint64"))
_FLOATS = frozenset(("float32", "float64"))


def element_type(value: Expr) -> str:
    """The element type of a scalar or vector expression, without its lanes."""
    return str(value.ty.dtype.with_lanes(1))


def lane_count(value: Expr) -> int:
    """How many lanes an expression has; 1 for a scalar."""
    return value.ty.dtype.lanes


def with_lanes(dtype: str, count: int) -> str:
    """The name of a vector type: ``with_lanes("float32", 8) == "float32x8"``; one lane is the scalar."""
    return dtype if count == 1 else f"{dtype}x{count}"


def lanes(base: Expr | int, count: int, stride: int = 1) -> Expr | int:
    """The indices ``base, base + stride, …`` of ``count`` lanes; ``base`` itself when ``count`` is 1."""
    if count == 1:
        return base
    start = tirx.IntImm("int64", base) if isinstance(base, int) else base
    return tirx.Ramp(start, tirx.IntImm(element_type(start), stride), tirx.IntImm("int32", count))


def broadcast(value: Expr, count: int) -> Expr:
    """A scalar repeated over ``count`` lanes."""
    return value if count == 1 else tirx.Broadcast(value, tirx.IntImm("int32", count))


def literal(value: Number, dtype: str, *, like: Expr | None = None) -> Expr:
    """A constant of element type ``dtype``, with the lanes of ``like`` when given.

    Floats keep every bit (signed zeros, infinities, NaN) and a zero never takes part in TIR's folding.
    """
    scalar = _scalar_literal(value, dtype)
    return scalar if like is None else broadcast(scalar, lane_count(like))


def _scalar_literal(value: Number, dtype: str) -> Expr:
    if not dtype.startswith("float"):
        return tirx.const(value, dtype)
    if value == value and value != 0 and abs(value) != float("inf"):
        return tirx.FloatImm(dtype, float(value))
    if struct.pack("<d", value) == bytes(8):
        # The code generator rejects a reinterpreted zero; a converted integer zero folds as little.
        return tirx.Cast(dtype, tirx.IntImm("int32", 0))
    code, bits = {"float32": ("<f", "uint32"), "float64": ("<d", "uint64")}[dtype]
    pattern = int.from_bytes(struct.pack(code, value), "little")
    return tirx.reinterpret(dtype, tirx.const(pattern, bits))


def cast(value: Expr, dtype: str, *, like: Expr | None = None) -> Expr:
    """``value`` converted to element type ``dtype``, lane by lane; a scalar takes the lanes of ``like`` when
    given.

    Float to integer is undefined out of range: use ``compiler.codegen.math.saturating_cast``.
    """
    source, result = element_type(value), with_lanes(dtype, lane_count(value))
    if source in _INTEGERS_64 and dtype in _FLOATS:
        value = integer_to_float(value, result)
    elif source in _FLOATS and dtype in _INTEGERS_64:
        value = float_to_integer(value, result)
    elif source != dtype:
        value = tirx.Cast(result, value)
    if like is not None and lane_count(value) == 1:
        return broadcast(value, lane_count(like))
    return value


def reinterpret(value: Expr, dtype: str) -> Expr:
    """The same bits as another element type of the same width."""
    return tirx.reinterpret(with_lanes(dtype, lane_count(value)), value)


def reinterpret_vector(value: Expr, dtype: str, count: int) -> Expr:
    """The same bits as ``count`` lanes of ``dtype``, of the same total width: 64 int8 lanes as 16 int32
    lanes."""
    return tirx.reinterpret(with_lanes(dtype, count), value)


def select(condition: Expr, if_true: Expr | Number, if_false: Expr | Number) -> Expr:
    """Lane-wise choice; both sides are evaluated. Numbers and scalars take the type and lanes of the other
    side."""
    typed = if_true if isinstance(if_true, Expr) else if_false
    if not isinstance(typed, Expr):
        raise TypeError("select needs at least one expression beside the condition")
    sides = [side if isinstance(side, Expr) else literal(side, element_type(typed)) for side in (if_true, if_false)]
    count = max(lane_count(value) for value in (condition, *sides))
    condition, first, second = (
        value if lane_count(value) == count else broadcast(value, count) for value in (condition, *sides)
    )
    return tirx.Select(condition, first, second)


def is_nan(value: Expr) -> Expr:
    """Whether each lane is NaN."""
    return tirx.Not(tirx.EQ(value, value))


def not_equal(left: Expr, right: Expr) -> Expr:
    """``left != right`` as IEEE defines it: true when either side is NaN."""
    return tirx.Not(tirx.EQ(left, right))


def maximum(left: Expr, right: Expr) -> Expr:
    """The larger lane, of two zeros either one; NaN when either side is NaN."""
    return _extreme(left, right, lambda a, b: a > b)


def minimum(left: Expr, right: Expr) -> Expr:
    """The smaller lane, of two zeros either one; NaN when either side is NaN."""
    return _extreme(left, right, lambda a, b: a < b)


def _extreme(left: Expr, right: Expr, precedes: Callable[[Expr, Expr], Expr]) -> Expr:
    """The side that ``precedes`` the other, or NaN. ``select(precedes(a, b), a, b)`` is one instruction of x86, and is
    ``b`` when either is NaN, so that a number on one side goes first."""
    if _is_number(right):
        return select(precedes(right, left), right, left)
    extreme = select(precedes(left, right), left, right)
    if _is_number(left) or element_type(left) not in _FLOATS:
        return extreme
    # Without the fence LLVM would make one select of the two, whose condition takes more instructions than the first.
    return select(is_nan(left), left, fence(extreme))


def _is_number(value: Expr) -> bool:
    """Whether an expression is a ``literal`` that is not NaN; infinities and -0.0 are not recognized."""
    scalar = value.value if isinstance(value, tirx.Broadcast) else value
    zero = isinstance(scalar, tirx.Cast) and isinstance(scalar.value, tirx.IntImm)
    return zero or isinstance(scalar, tirx.FloatImm)


def intrinsic(name: str, dtype: str, *operands: Expr) -> Expr:
    """A pure LLVM intrinsic with result type ``dtype`` (lanes included), for example ``llvm.fabs``."""
    return tirx.call_llvm_pure_intrin(dtype, name, *operands)


def fence(value: Expr) -> Expr:
    """``value``, rounded before anything uses it: no operation is fused across this point.

    The code generator may contract ``a * b + c`` into one rounding everywhere. ``fence(a * b) + c`` keeps
    both.
    """
    return intrinsic("llvm.arithmetic.fence", value.ty.dtype, value)


def libm(name: str, *operands: Expr) -> Expr:
    """A C math function, for example ``libm("tan", x)``; float32 uses the ``f`` variant.

    A vector becomes one call per lane, so bind large operands with ``let`` first.
    """
    dtype = element_type(operands[0])
    symbol = name + "f" if dtype == "float32" else name
    results: list[Expr] = [
        tirx.call_pure_extern(dtype, symbol, *(_lane(operand, lane) for operand in operands))
        for lane in range(lane_count(operands[0]))
    ]
    if len(results) == 1:
        return results[0]
    return tirx.Shuffle(results, [tirx.IntImm("int32", lane) for lane in range(len(results))])


def _lane(value: Expr, lane: int) -> Expr:
    """One lane of a vector; a scalar itself."""
    return value if lane_count(value) == 1 else tirx.Shuffle([value], [tirx.IntImm("int32", lane)])


class Binder(Protocol):
    """Whatever can name a value so that several uses compute it once: a ``KernelBuilder``."""

    index_type: str
    """The integer type of the target's pointers, ``int32`` or ``int64``."""

    def let(self, value: Expr, name: str) -> Expr:
        """A variable that holds ``value``."""
        ...
