"""Steps that move elements, or read them as something else."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from compiler.ir import DType, Layout, Op, Value
from compiler.ir.ops import bits, movement
from tests.differential.drawing import Region, operand
from tests.differential.graphs.step import LIMIT, Step


def _slice(region: Region, value: Value) -> Value:
    start, size, step = [], [], []
    for extent in value.type.shape:
        stride = region.one_of((1, 1, 1, 2, -1))
        first = region.number(0, extent - 1) if extent else 0
        room = (extent - first if stride > 0 else first + 1) if extent else 0
        most = -(-room // abs(stride))
        start.append(first)
        size.append(region.number(min(1, most), most))
        step.append(stride)
    return region.emit(movement.Slice(tuple(start), tuple(size), tuple(step)), value)


def _transpose(region: Region, value: Value) -> Value:
    return region.emit(movement.Transpose(tuple(region.draw(st.permutations(range(value.type.rank))))), value)


def _pad(region: Region, value: Value) -> Value:
    shape = value.type.shape
    mode = region.one_of(("constant", "edge", "reflect", "wrap"))
    most = [max(0, min(2, size - 1)) if mode == "reflect" else 2 for size in shape]
    low, high = (tuple(region.number(0, limit) for limit in most) for _ in range(2))
    if 0 in shape or math.prod(size + lo + hi for size, lo, hi in zip(shape, low, high, strict=True)) > LIMIT:
        return value
    fill = [region.input(value.type.with_shape(()))] if mode == "constant" else []
    return region.emit(movement.Pad(low, high, mode), value, *fill)


def _concat(region: Region, value: Value) -> Value:
    shape = value.type.shape
    if not shape:
        return value
    axis = region.number(0, len(shape) - 1)
    other = operand(region, value.type.with_shape((*shape[:axis], region.number(1, 4), *shape[axis + 1 :])))
    parts = [value, other, value][: region.number(1, 3)]
    return region.emit(movement.Concat(axis), *region.draw(st.permutations(parts)))


def _reshape(region: Region, value: Value) -> Value:
    shape, remaining = list[int](), value.type.elements
    while remaining > 1 and len(shape) < 3:
        shape.append(region.one_of([n for n in range(1, remaining + 1) if remaining % n == 0]))
        remaining //= shape[-1]
    return region.emit(movement.Reshape((*shape, remaining)), value)


def _broadcast(region: Region, value: Value) -> Value:
    lead = region.one_of(((), (1,), (2,), (3, 1)))
    widened = [region.one_of((1, 2, 5)) if size == 1 else size for size in value.type.shape]
    shape = (*lead, *widened)
    return region.emit(movement.Broadcast(shape), value) if math.prod(shape) <= LIMIT else value


def _tile(region: Region, value: Value) -> Value:
    repeats = tuple(region.one_of((1, 1, 2, 3)) for _ in value.type.shape)
    return region.emit(movement.Tile(repeats), value) if value.type.elements * math.prod(repeats) <= LIMIT else value


def _relayout(region: Region, value: Value) -> Value:
    """To a blocked layout and back."""
    if not value.type.rank:
        return value
    layout = Layout(((region.number(0, value.type.rank - 1), region.one_of((2, 4, 8))),))
    stored = region.emit(movement.Relayout(layout), value)
    return region.emit(movement.Relayout(Layout()), stored)


def _shape_of(region: Region, value: Value) -> Value:
    return region.emit(movement.ShapeOf(), value)


def _bitcast(region: Region, value: Value) -> Value:
    width = value.type.dtype.bytes
    alike = [d for d in DType if d.bytes == width and d not in (DType.BOOL, DType.BF16) and not d.is_float]
    if value.type.dtype is DType.BOOL or value.type.dtype.is_float:
        return value  # the bits of a rounded result are anything
    return region.emit(bits.Bitcast(region.one_of(alike)), value)


STEPS: tuple[Step, ...] = (
    *(_slice, _transpose, _pad, _concat, _reshape),
    *(_broadcast, _tile, _relayout, _shape_of, _bitcast),
)

COVERED: tuple[type[Op], ...] = (
    *(movement.Slice, movement.Transpose, movement.Pad, movement.Concat, movement.Reshape, movement.Broadcast),
    *(movement.Tile, movement.Relayout, movement.ShapeOf, bits.Bitcast),
)
