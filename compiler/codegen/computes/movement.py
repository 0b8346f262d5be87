"""Rows of the ops that move elements: where a result element is read from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast as as_type

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Compute, Index, IndexMap, Operand, Position
from compiler.codegen.computes.positions import affine, broadcast_position, clamp, within
from compiler.codegen.tir import (
    Binder,
    element_type,
    from_storage,
    literal,
    reinterpret,
    row_major_strides,
    select,
    storage_type,
    to_storage,
)
from compiler.ir import Op, TensorType
from compiler.ir.ops import bits, movement

Operands = Sequence[Operand]


def _reshape(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    """Through the row-major element number within each run of axes that hold the same elements on both sides; positions
    in a run of several axes must be scalars."""
    (x, *_), source = operands, list[Index]()
    for before, after in runs_of_axes(x.type.shape, result.shape):
        if before.stop - before.start == after.stop - after.start == 1:
            source.append(place[after.start])
            continue
        number: Index = 0
        sizes = result.shape[after]
        for index, stride in zip(place[after], row_major_strides(sizes), strict=True):
            number = number + affine(index, stride, 0)
        remaining = math.prod(sizes)
        for position, size in enumerate(x.type.shape[before]):
            remaining //= size
            rest = number if remaining == 1 else number // remaining
            source.append(0 if size == 1 else rest % size if position else rest)
    return x.at(tuple(source))


def runs_of_axes(before: Sequence[int], after: Sequence[int]) -> list[tuple[slice, slice]]:
    """The shortest runs of axes of two shapes that have as many elements, from left to right, as slices of each."""
    runs: list[tuple[slice, slice]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        first_i, first_j = i, j
        i, j = min(i + 1, len(before)), min(j + 1, len(after))
        left, right = math.prod(before[first_i:i]), math.prod(after[first_j:j])
        while left != right:
            if left < right:
                left, i = left * before[i], i + 1
            else:
                right, j = right * after[j], j + 1
        runs.append((slice(first_i, i), slice(first_j, j)))
    return runs


def _transpose(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    permutation = as_type(movement.Transpose, op).permutation
    source: list[Index] = [0] * len(place)
    for axis, index in zip(permutation, place, strict=True):
        source[axis] = index
    return operands[0].at(tuple(source))


def _broadcast(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    return operands[0].at(broadcast_position(place, operands[0].type.shape))


def _slice(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    window = as_type(movement.Slice, op)
    source = [affine(index, step, start) for index, step, start in zip(place, window.step, window.start, strict=True)]
    return operands[0].at(tuple(source))


def _tile(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    repeats = as_type(movement.Tile, op).repeats
    shape = operands[0].type.shape
    source = [
        index if count == 1 else (0 if size == 1 else index % size)
        for index, size, count in zip(place, shape, repeats, strict=True)
    ]
    return operands[0].at(tuple(source))


def _tile_takes_vectors(op: Op, types: Sequence[TensorType]) -> bool:
    repeats = as_type(movement.Tile, op).repeats
    return not repeats or repeats[-1] == 1 or types[0].shape[-1] == 1


def _pad(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    pad = as_type(movement.Pad, op)
    shape = operands[0].type.shape
    shifted = [affine(index, 1, -low) if low else index for index, low in zip(place, pad.low, strict=True)]
    padded = [lo + hi > 0 for lo, hi in zip(pad.low, pad.high, strict=True)]
    if pad.mode != "constant":
        wrapped = [
            _border(pad.mode, index, size) if moved else index
            for index, size, moved in zip(shifted, shape, padded, strict=True)
        ]
        return operands[0].at(tuple(wrapped))
    value = operands[1].at(())
    if 0 in shape:
        return value
    source = [clamp(i, size) if moved else i for i, size, moved in zip(shifted, shape, padded, strict=True)]
    element = operands[0].at(tuple(source))
    for index, size, moved in zip(shifted, shape, padded, strict=True):
        inside = within(index, size) if moved else True
        if inside is False:
            return value
        if not isinstance(inside, bool):
            element = select(inside, element, value)
    return element


def _border(mode: str, index: Index, size: int) -> Index:
    """Which element of an axis stands for position ``index`` outside it."""
    if mode == "edge":
        return clamp(index, size)
    if mode == "wrap":
        return (index + size * 64) % size if isinstance(index, int) else _modulo(index, size)
    if size == 1:
        return 0
    mirrored = _modulo(index, 2 * size - 2)
    if isinstance(mirrored, int):
        return min(mirrored, 2 * size - 2 - mirrored)
    return select(mirrored < size, mirrored, (2 * size - 2) - mirrored)


def _modulo(index: Index, size: int) -> Index:
    """The floor modulo, for scalars."""
    return index % size


def _pad_takes_vectors(op: Op, types: Sequence[TensorType]) -> bool:
    """Vectors need an innermost axis that is read contiguously: not padded."""
    pad = as_type(movement.Pad, op)
    return not pad.low or pad.low[-1] + pad.high[-1] == 0


def _concat(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    """A chain of selects over clamped reads; used only when the plan cannot place operands directly."""
    axis = as_type(movement.Concat, op).axis
    nonempty = [operand for operand in operands if operand.type.shape[axis] > 0]
    end = 0
    element: Expr | None = None
    for operand in nonempty:
        size = operand.type.shape[axis]
        local = clamp(affine(place[axis], 1, -end), size)
        here = operand.at((*place[:axis], local, *place[axis + 1 :]))
        behind = place[axis] >= end
        if element is None or behind is True:
            element = here
        elif behind is not False:
            element = select(behind, here, element)
        end += size
    assert element is not None
    return element


def _relayout(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    return operands[0].at(place)


def _shape_of(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    """A chain of selects over the sizes; it normally folds away before kernels are made."""
    (index,) = place
    element = literal(0, "int64")
    for axis, size in enumerate(operands[0].type.shape):
        here = literal(size, "int64")
        if isinstance(index, int):
            element = here if index == axis else element
        else:
            element = select(tirx.EQ(index, tirx.IntImm(element_type(index), axis)), here, element)
    return element


def _bitcast(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    """Through memory's form of the element, since kernels widen the half formats."""
    stored = to_storage(operands[0].at(place), operands[0].type.dtype)
    return from_storage(reinterpret(stored, storage_type(result.dtype)), result.dtype)


def _never(op: Op, types: Sequence[TensorType]) -> bool:
    return False


def _concat_takes_vectors(op: Op, types: Sequence[TensorType]) -> bool:
    return as_type(movement.Concat, op).axis != types[0].rank - 1


ROWS: dict[type[Op], Compute] = {
    movement.Reshape: IndexMap(_reshape, _never),
    movement.Transpose: IndexMap(_transpose),
    movement.Broadcast: IndexMap(_broadcast),
    movement.Slice: IndexMap(_slice),
    movement.Tile: IndexMap(_tile, _tile_takes_vectors),
    movement.Pad: IndexMap(_pad, _pad_takes_vectors),
    movement.Concat: IndexMap(_concat, _concat_takes_vectors),
    movement.Relayout: IndexMap(_relayout, _never),
    movement.ShapeOf: IndexMap(_shape_of, _never),
    bits.Bitcast: IndexMap(_bitcast),
}
