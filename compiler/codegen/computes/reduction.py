"""Rows of the reductions over axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.arithmetic import plus, times
from compiler.codegen.computes.interface import Compute, Operand, Position, Reduction
from compiler.codegen.computes.positions import position_lanes
from compiler.codegen.tir import Binder, arithmetic_type, broadcast, cast, lane_count, literal, maximum, minimum, select
from compiler.ir import Op, TensorType
from compiler.ir.ops import reduction
from compiler.ir.ops.reduction import ArgReduce, Reduce, highest, lowest

Fold = Callable[[Expr, Expr], Expr]


def _domain(op: Op, types: Sequence[TensorType]) -> tuple[int, ...]:
    assert isinstance(op, Reduce)
    return tuple(types[0].shape[axis] for axis in op.axes)


def _source_position(op: Reduce, rank: int, place: Position, domain: Position) -> Position:
    """The operand's position for a result position and a position in the reduced axes."""
    if op.keep:
        kept = [index for axis, index in enumerate(place) if axis not in op.axes]
    else:
        kept = list(place)
    source, reduced = iter(kept), iter(domain)
    return tuple(next(reduced) if axis in op.axes else next(source) for axis in range(rank))


def _innermost(op: Op, types: Sequence[TensorType]) -> str:
    """Lanes go along the operand's last axis, whichever side that is on."""
    assert isinstance(op, Reduce)
    return "domain" if op.axes and op.axes[-1] == types[0].rank - 1 else "result"


def _fold(fold: Fold, unit: Callable[[TensorType], int | float]) -> Reduction:
    def start(op: Op, types: Sequence[TensorType]) -> tuple[Expr, ...]:
        return (literal(unit(types[0]), arithmetic_type(types[0].dtype)),)

    def step(
        k: Binder, op: Op, operands: Sequence[Operand], place: Position, domain: Position, old: tuple[Expr, ...]
    ) -> tuple[Expr, ...]:
        assert isinstance(op, Reduce)
        element = operands[0].at(_source_position(op, operands[0].type.rank, place, domain))
        return (fold(old[0], broadcast_to(element, lane_count(old[0]))),)

    return Reduction(
        domain=_domain,
        start=start,
        step=step,
        finish=lambda k, op, types, total: total[0],
        combine=lambda k, op, a, b: (fold(a[0], b[0]),),
        lane_axis=_innermost,
    )


def broadcast_to(element: Expr, width: int) -> Expr:
    """``element`` with ``width`` lanes."""
    return element if lane_count(element) == width else broadcast(element, width)


def _arg(better: Callable[[Expr, Expr], Expr], worst: Callable[[TensorType], int | float]) -> Reduction:
    """Two accumulators: the best element so far and its position; a strict compare keeps the first of equals.

    Accumulating starts at position -1, so that even an element equal to the unit is taken.
    """

    def start(op: Op, types: Sequence[TensorType]) -> tuple[Expr, ...]:
        kind = arithmetic_type(types[0].dtype)
        return literal(worst(types[0]), kind), tirx.IntImm("int64", -1)

    def step(
        k: Binder, op: Op, operands: Sequence[Operand], place: Position, domain: Position, old: tuple[Expr, ...]
    ) -> tuple[Expr, ...]:
        assert isinstance(op, ArgReduce)
        width = position_lanes((*place, *domain))
        where = (*place[: op.axis], domain[0], *place[op.axis + 1 :])
        element = k.let(broadcast_to(operands[0].at(where), width), "element")
        index = domain[0]
        number = cast(tirx.IntImm("int64", index) if isinstance(index, int) else index, "int64")
        first = tirx.EQ(old[1], broadcast(tirx.IntImm("int64", -1), width))
        wins = better(element, old[0])
        if op.last:
            wins = tirx.Or(wins, tirx.EQ(element, old[0]))
        take = k.let(tirx.Or(wins, first), "take")
        return select(take, element, old[0]), select(take, broadcast_to(number, width), old[1])

    def lane_axis(op: Op, types: Sequence[TensorType]) -> str:
        assert isinstance(op, ArgReduce)
        return "result" if op.axis != types[0].rank - 1 else "none"

    return Reduction(
        domain=lambda op, types: (types[0].shape[op.axis],) if isinstance(op, ArgReduce) else (),
        start=start,
        step=step,
        finish=lambda k, op, types, total: total[1],
        combine=None,
        lane_axis=lane_axis,
    )


ROWS: dict[type[Op], Compute] = {
    reduction.ReduceSum: _fold(plus, lambda type: 0),
    reduction.ReduceProd: _fold(times, lambda type: 1),
    reduction.ReduceMax: _fold(maximum, lambda type: lowest(type.dtype)),
    reduction.ReduceMin: _fold(minimum, lambda type: highest(type.dtype)),
    reduction.ArgMax: _arg(lambda a, b: tirx.GT(a, b), lambda type: lowest(type.dtype)),
    reduction.ArgMin: _arg(lambda a, b: tirx.LT(a, b), lambda type: highest(type.dtype)),
}
