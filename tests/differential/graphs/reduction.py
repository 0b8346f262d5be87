"""Steps that reduce, scan or sort along axes."""

from __future__ import annotations

from compiler.ir import DType, Op, Value
from compiler.ir.ops import binary, reduction, sorting, unary
from tests.differential.drawing import Region, convert
from tests.differential.graphs.step import Step, numeric


def _reduce(region: Region, value: Value) -> Value:
    value = numeric(region, value)
    axes = tuple(axis for axis in range(value.type.rank) if region.chance(2))
    cls = region.one_of((reduction.ReduceSum, reduction.ReduceProd, reduction.ReduceMax, reduction.ReduceMin))
    return region.emit(cls(axes, keep=region.chance(2)), value)


def _along_axis(region: Region, value: Value) -> Value:
    value = numeric(region, value)
    if not value.type.rank:
        return value
    axis = region.number(0, value.type.rank - 1)
    flags = region.chance(2), region.chance(2)
    if not value.type.shape[axis]:
        return value
    op = region.one_of(
        (
            reduction.ArgMax(axis, flags[0]),
            reduction.ArgMin(axis, flags[0]),
            reduction.CumulativeSum(axis, *flags),
            reduction.CumulativeProd(axis, *flags),
        )
    )
    return region.emit(op, value)


def _top_k(region: Region, value: Value) -> Value:
    value = numeric(region, value)
    if not value.type.rank:
        return value
    axis = region.number(0, value.type.rank - 1)
    k = region.number(1, value.type.shape[axis]) if value.type.shape[axis] else 0
    node = region.rewriter.node(sorting.TopK(axis, k, region.chance(2)), [value])
    return region.one_of(node.results)


def _softmax(region: Region, value: Value) -> Value:
    """What fuse makes rows of."""
    value = convert(region, value, DType.F32)
    if not value.type.rank:
        return value
    axes = (value.type.rank - 1,)
    shifted = region.emit(binary.Sub(), value, region.emit(reduction.ReduceMax(axes), value))
    powers = region.emit(unary.Exp(), shifted)
    return region.emit(binary.Div(), powers, region.emit(reduction.ReduceSum(axes), powers))


STEPS: tuple[Step, ...] = (_reduce, _reduce, _along_axis, _top_k, _softmax)

COVERED: tuple[type[Op], ...] = (
    *(reduction.ReduceSum, reduction.ReduceProd, reduction.ReduceMax, reduction.ReduceMin, reduction.ArgMax),
    *(reduction.ArgMin, reduction.CumulativeSum, reduction.CumulativeProd, sorting.TopK),
)
