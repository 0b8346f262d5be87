"""Operators that combine the elements along axes: reductions, positions of extremes, running sums."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.ops import binary, reduction, unary
from compiler.ir.ops.broadcasting import normalize_axis
from compiler.ir.ops.reduction import Cumulative, Reduce
from frontends.onnx.context import Converter, NodeContext
from frontends.onnx.converters.parameters import constant_ints, normalized_axes

Combine = Callable[[NodeContext, Value, tuple[int, ...], bool], Value]


def _axes(ctx: NodeContext, rank: int, input_since: int) -> tuple[int, ...]:
    """The axes to reduce: an attribute before opset ``input_since``, then an input; all of them if none is
    given."""
    if ctx.opset >= input_since:
        axes = constant_ints(ctx, 1, "the list of axes") if ctx.has(1) else ()
    else:
        axes = ctx.ints("axes", ())
    if not axes and not ctx.int("noop_with_empty_axes", 0):
        return tuple(range(rank))
    return normalized_axes(axes, rank)


def _reduction(combine: Combine, input_since: int = 18) -> Converter:
    """A converter that applies ``combine`` over the node's axes."""

    def convert(ctx: NodeContext) -> Value:
        x = ctx.input(0)
        keep = bool(ctx.int("keepdims", 1))
        return combine(ctx, x, _axes(ctx, x.type.rank, input_since), keep)

    return convert


def _plain(op: type[Reduce]) -> Combine:
    return lambda ctx, x, axes, keep: ctx.emit(op(axes, keep), x)


def _of_bools_too(op: type[Reduce]) -> Combine:
    """``op`` for numbers, and for bools as bytes."""

    def combine(ctx: NodeContext, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
        number = ctx.cast(x, DType.U8) if x.type.dtype is DType.BOOL else x
        return ctx.cast(ctx.emit(op(axes, keep), number), x.type.dtype)

    return combine


def _in_float32(combine: Combine) -> Combine:
    """``combine`` with float16 computed in float32, so that squares and sums do not overflow on the way."""

    def convert(ctx: NodeContext, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
        wide = ctx.cast(x, DType.F32) if x.type.dtype is DType.F16 else x
        return ctx.cast(combine(ctx, wide, axes, keep), x.type.dtype)

    return convert


def sum_of(ctx: NodeContext, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    """The sum over the axes."""
    return ctx.emit(reduction.ReduceSum(axes, keep), x)


def mean_of(ctx: NodeContext, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    """The sum over the axes, divided by the number of elements."""
    count = math.prod(x.type.shape[axis] for axis in axes)
    return ctx.emit(binary.Div(), sum_of(ctx, x, axes, keep), ctx.scalar(count, x))


def _l1(ctx: NodeContext, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    magnitude = ctx.emit(unary.Abs(), x) if x.type.dtype.is_signed else x
    return sum_of(ctx, magnitude, axes, keep)


def _sum_square(ctx: NodeContext, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    return sum_of(ctx, ctx.emit(binary.Mul(), x, x), axes, keep)


def _l2(ctx: NodeContext, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    return ctx.emit(unary.Sqrt(), _sum_square(ctx, x, axes, keep))


def _log_sum(ctx: NodeContext, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    return ctx.emit(unary.Log(), sum_of(ctx, x, axes, keep))


def _log_sum_exp(ctx: NodeContext, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    """With the largest element taken out, so that exp does not overflow."""
    largest = ctx.emit(reduction.ReduceMax(axes, keep=True), x)
    finite = ctx.emit(binary.Less(), ctx.emit(unary.Abs(), largest), ctx.scalar(math.inf, x))
    shift = ctx.emit(binary.Select(), finite, largest, ctx.scalar(0, x))
    shifted = ctx.emit(unary.Exp(), ctx.emit(binary.Sub(), x, shift))
    result = ctx.emit(binary.Add(), _log_sum(ctx, shifted, axes, True), shift)
    return ctx.reshape(result, reduction.reduced_shape(x.type.shape, axes, keep))


def _arg_reduction(op: type[reduction.ArgReduce]) -> Converter:
    def convert(ctx: NodeContext) -> Value:
        x = ctx.input(0)
        axis = normalize_axis(ctx.int("axis", 0), x.type.rank)
        place = ctx.emit(op(axis, bool(ctx.int("select_last_index", 0))), x)
        keep = bool(ctx.int("keepdims", 1))
        return ctx.reshape(place, reduction.reduced_shape(x.type.shape, (axis,), keep))

    return convert


def _running(op: type[Cumulative]) -> Converter:
    """A running combination along an axis, which may be data: then one is computed per axis, and the axis
    picks."""

    def convert(ctx: NodeContext) -> Value:
        x = ctx.input(0)
        flags = bool(ctx.int("exclusive", 0)), bool(ctx.int("reverse", 0))
        known = ctx.constant(1)
        if known is not None:
            return ctx.emit(op(normalize_axis(int(known.item()), x.type.rank), *flags), x)
        axis = ctx.reshape(ctx.cast(ctx.input(1), DType.I64), ())
        result = ctx.emit(op(0, *flags), x)
        for candidate in range(1, x.type.rank):
            spelled = ctx.const(np.array([candidate, candidate - x.type.rank], np.int64))
            same = ctx.emit(binary.Equal(), spelled, axis)
            chosen = _any(ctx, same)
            result = ctx.emit(binary.Select(), chosen, ctx.emit(op(candidate, *flags), x), result)
        return result

    return convert


def _any(ctx: NodeContext, bools: Value) -> Value:
    number = ctx.emit(reduction.ReduceMax((0,), keep=False), ctx.cast(bools, DType.U8))
    return ctx.cast(number, DType.BOOL)


CONVERTERS: dict[str, Converter] = {
    "ArgMax": _arg_reduction(reduction.ArgMax),
    "ArgMin": _arg_reduction(reduction.ArgMin),
    "CumProd": _running(reduction.CumulativeProd),
    "CumSum": _running(reduction.CumulativeSum),
    "ReduceL1": _reduction(_in_float32(_l1)),
    "ReduceL2": _reduction(_in_float32(_l2)),
    "ReduceLogSum": _reduction(_in_float32(_log_sum)),
    "ReduceLogSumExp": _reduction(_in_float32(_log_sum_exp)),
    "ReduceMax": _reduction(_of_bools_too(reduction.ReduceMax)),
    "ReduceMean": _reduction(_in_float32(mean_of)),
    "ReduceMin": _reduction(_of_bools_too(reduction.ReduceMin)),
    "ReduceProd": _reduction(_plain(reduction.ReduceProd)),
    "ReduceSum": _reduction(sum_of, input_since=13),
    "ReduceSumSquare": _reduction(_in_float32(_sum_square)),
}
