"""Rows of the ops whose indices are data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast as as_type

from tvm.ir import Expr

from compiler.codegen.computes.interface import Compute, Index, IndexMap, Operand, Position
from compiler.codegen.computes.positions import clamp
from compiler.codegen.tir import Binder, select
from compiler.ir import Op, TensorType
from compiler.ir.ops import indexing

Operands = Sequence[Operand]


def wrapped(k: Binder, index: Expr, size: int) -> Expr:
    """A data index made safe: negative ones count from the end, the rest is clamped."""
    index = k.let(index, "index")
    positive = k.let(select(index < 0, index + size, index), "from_start")
    safe = clamp(positive, max(size, 1))
    assert isinstance(safe, Expr)
    return k.let(safe, "safe")


def _gather(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    axis = as_type(indexing.Gather, op).axis
    x, indices = operands
    rank = indices.type.rank
    index = wrapped(k, indices.at(place[axis : axis + rank]), x.type.shape[axis])
    return x.at((*place[:axis], index, *place[axis + rank :]))


def _gather_takes_vectors(op: Op, types: Sequence[TensorType]) -> bool:
    """When the last axis comes from the operand, indices are scalars."""
    return as_type(indexing.Gather, op).axis != types[0].rank - 1


def _gather_elements(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    axis = as_type(indexing.GatherElements, op).axis
    x, indices = operands
    index = wrapped(k, indices.at(place), x.type.shape[axis])
    return x.at((*place[:axis], index, *place[axis + 1 :]))


def _gather_nd(k: Binder, op: Op, operands: Operands, result: TensorType, place: Position) -> Expr:
    batch = as_type(indexing.GatherNd, op).batch_axes
    x, indices = operands
    depth = indices.type.shape[-1]
    lead = place[: indices.type.rank - 1]
    tuple_: list[Index] = [
        wrapped(k, indices.at((*lead, component)), x.type.shape[batch + component]) for component in range(depth)
    ]
    return x.at((*place[:batch], *tuple_, *place[indices.type.rank - 1 :]))


def _gather_nd_takes_vectors(op: Op, types: Sequence[TensorType]) -> bool:
    x, indices = types
    return as_type(indexing.GatherNd, op).batch_axes + indices.shape[-1] < x.rank


def _never(op: Op, types: Sequence[TensorType]) -> bool:
    return False


ROWS: dict[type[Op], Compute] = {
    indexing.Gather: IndexMap(_gather, _gather_takes_vectors),
    indexing.GatherElements: IndexMap(_gather_elements, _never),
    indexing.GatherNd: IndexMap(_gather_nd, _gather_nd_takes_vectors),
}
