"""Arithmetic on positions that keeps vectors affine, so that contiguous accesses stay contiguous."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Index, Position
from compiler.codegen.tir import KernelBuilder, broadcast, cast, element_type, lane_count


def affine(index: Index, scale: int, offset: int) -> Index:
    """``index * scale + offset``; a ramp stays a ramp."""
    if isinstance(index, int):
        return index * scale + offset
    if isinstance(index, tirx.Ramp):
        return tirx.Ramp(_scalar(affine(index.base, scale, offset), index), index.stride * scale, index.lanes)
    scaled = index if scale == 1 else index * scale
    return scaled if offset == 0 else scaled + offset


def add(left: Index, right: Index) -> Index:
    """``left + right``, at most one of them a ramp, which stays one."""
    if isinstance(right, tirx.Ramp):
        left, right = right, left
    if isinstance(left, tirx.Ramp):
        return tirx.Ramp(_scalar(add(left.base, right), left), left.stride, left.lanes)
    return left + right


def position_lanes(position: Position) -> int:
    """The number of lanes of a position: that of its vector index, or 1."""
    return max((lane_count(index) for index in position if not isinstance(index, int)), default=1)


def broadcast_position(position: Position, shape: Sequence[int]) -> Position:
    """Where an operand of ``shape`` is read for a result position: aligned right, 0 on axes of size 1."""
    tail = position[len(position) - len(shape) :]
    if all(size != 1 or index_is_zero(index) for index, size in zip(tail, shape, strict=True)):
        return tail if len(tail) != len(position) else position
    return tuple(0 if size == 1 else index for index, size in zip(tail, shape, strict=True))


def index_is_zero(index: Index) -> bool:
    """Whether an index is the known constant 0."""
    return isinstance(index, int) and index == 0


def clamp(index: Index, size: int) -> Index:
    """``index`` limited to [0, size)."""
    if isinstance(index, int):
        return min(max(index, 0), size - 1)
    zero, last = (tirx.IntImm(element_type(index), bound) for bound in (0, size - 1))
    lanes = lane_count(index)
    return tirx.Max(tirx.Min(index, broadcast(last, lanes)), broadcast(zero, lanes))


def safe_index(k: KernelBuilder, index: Expr, size: int) -> Expr:
    """An index that is data, clamped into ``[0, size)``."""
    safe = clamp(index, size)
    assert isinstance(safe, Expr) and lane_count(safe) == 1
    return cast(safe, k.index_type)


def within(index: Index, size: int) -> Expr | bool:
    """Whether 0 <= index < size, as one condition."""
    if isinstance(index, int):
        return 0 <= index < size
    kind, lanes = element_type(index), lane_count(index)
    low = tirx.LE(broadcast(tirx.IntImm(kind, 0), lanes), index)
    return tirx.And(low, tirx.LT(index, broadcast(tirx.IntImm(kind, size), lanes)))


def unflatten(index: Index, shape: Sequence[int]) -> tuple[Index, ...]:
    """The position of row-major element number ``index`` in ``shape``; axes of size 1 get the constant 0."""
    position: list[Index] = []
    stride = math.prod(shape)
    outermost = True
    for size in shape:
        stride //= max(size, 1)
        if size == 1:
            position.append(0)
            continue
        quotient = index if stride == 1 else index // stride
        position.append(quotient if outermost else quotient % size)
        outermost = False
    return tuple(position)


def split_block(index: Index, size: int) -> tuple[Index, Index]:
    """The number of the block of ``size`` that an index is in, and its place there.

    A vector of ``size`` neighbours is taken to be exactly one block: who makes one aligns it.
    """
    if isinstance(index, tirx.Ramp) and index.lanes == size:
        return exact_quotient(index.base, size), tirx.Ramp(
            tirx.IntImm(element_type(index.base), 0), index.stride, index.lanes
        )
    return index // size, index % size


def exact_quotient(index: Expr, size: int) -> Index:
    """``index / size`` where ``size`` divides it."""
    if isinstance(index, tirx.IntImm):
        return index.value // size
    if isinstance(index, tirx.Mul) and isinstance(index.b, tirx.IntImm) and index.b.value % size == 0:
        return affine(index.a, index.b.value // size, 0)
    return tirx.truncdiv(index, tirx.IntImm(element_type(index), size))


def _scalar(index: Index, like: tirx.Ramp) -> Expr:
    return tirx.IntImm(element_type(like.base), index) if isinstance(index, int) else index
