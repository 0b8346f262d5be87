"""Row of ``resample``: a short weighted sum along one axis, from tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast as as_type

from tvm.ir import Expr

from compiler.codegen.computes.indexing import wrapped
from compiler.codegen.computes.interface import Compute, Operand, Position, Reduction
from compiler.codegen.computes.positions import position_lanes
from compiler.codegen.tir import Binder, arithmetic_type, broadcast, lane_count, literal
from compiler.ir import Op, TensorType
from compiler.ir.ops.resampling import Resample


def _step(
    k: Binder, op: Op, operands: Sequence[Operand], place: Position, domain: Position, old: tuple[Expr, ...]
) -> tuple[Expr, ...]:
    axis = as_type(Resample, op).axis
    x, indices, weights = operands
    width = position_lanes(place)
    entry = (place[axis], domain[0])
    index = wrapped(k, indices.at(entry), x.type.shape[axis])
    element = x.at((*place[:axis], index, *place[axis + 1 :]))
    return (old[0] + _widen(element, width) * _widen(weights.at(entry), width),)


def _widen(element: Expr, width: int) -> Expr:
    return element if lane_count(element) == width else broadcast(element, width)


def _start(op: Op, types: Sequence[TensorType]) -> tuple[Expr, ...]:
    return (literal(0, arithmetic_type(types[0].dtype)),)


def _lane_axis(op: Op, types: Sequence[TensorType]) -> str:
    """Along the last axis, which is read contiguously unless it is the one that is resampled."""
    return "result"


ROWS: dict[type[Op], Compute] = {
    Resample: Reduction(
        domain=lambda op, types: (types[1].shape[1],),
        start=_start,
        step=_step,
        finish=lambda k, op, types, total: total[0],
        combine=None,
        lane_axis=_lane_axis,
    ),
}
