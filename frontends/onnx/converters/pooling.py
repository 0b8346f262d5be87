"""Pooling: windows reduced to their maximum, average or p-norm, over spatial axes of ``[n, c, *d]``."""

from __future__ import annotations

import itertools
import math
from functools import reduce

import numpy as np

from compiler.ir import DType, Shape, Value
from compiler.ir.literal import Array
from compiler.ir.ops.pooling import MaxPool, SumPool
from compiler.ir.ops.reduction import lowest
from compiler.ir.ops.scattering import ScatterElements
from frontends.onnx.context import Converter, NodeContext, Unsupported
from frontends.onnx.converters.term import Term
from frontends.onnx.converters.window import Window, kernel_shape, read_window


def _window(ctx: NodeContext, x: Term) -> Window:
    sizes = x.shape[2:]
    window = read_window(ctx, sizes, kernel_shape(ctx, len(sizes)))
    return window.rounded_up(sizes) if ctx.int("ceil_mode", 0) else window


def _out_sizes(window: Window, sizes: Shape) -> Shape:
    return tuple(
        (size + low + high - extent) // stride + 1
        for size, low, high, extent, stride in zip(
            sizes, window.low, window.high, window.extents, window.strides, strict=True
        )
    )


def _max_pool(ctx: NodeContext) -> Value | list[Value]:
    x = Term.input(ctx, 0, min_rank=3)
    window = _window(ctx, x)
    if not ctx.output_used(1):
        return x.apply(MaxPool(*_pool_attributes(window))).value
    return _max_pool_with_indices(x, window, column_major=bool(ctx.int("storage_order", 0)))


def _pool_attributes(window: Window) -> tuple[tuple[int, ...], ...]:
    return window.kernel, window.strides, window.low, window.high, window.dilations


def _max_pool_with_indices(x: Term, window: Window, column_major: bool) -> list[Value]:
    """The maximum and its position in the flattened input, by comparing the taps of the window in turn."""
    sizes = x.shape[2:]
    out = _out_sizes(window, sizes)
    padded = x.pad((0, 0, *window.low), (0, 0, *window.high), lowest(x.dtype))
    best: Term | None = None
    where: Term | None = None
    seen = np.zeros((1, 1, *out), np.bool_)
    for tap in itertools.product(*map(range, window.kernel)):
        offsets = [t * d for t, d in zip(tap, window.dilations, strict=True)]
        candidate = padded
        for axis, (offset, size, stride) in enumerate(zip(offsets, out, window.strides, strict=True), 2):
            candidate = candidate.slice(axis, offset, size, stride)
        position, inside = _positions(x.shape, window, out, offsets, column_major)
        here = Term.const(x.ctx, position)
        if best is None or where is None:
            best, where = candidate, here.broadcast(*candidate.shape)
            seen = inside
            continue
        better = candidate > best
        if not seen.all():  # a tap inside the data beats padding even if it is the lowest number
            better = better | Term.const(x.ctx, inside & ~seen)
        best, where, seen = better.select(candidate, best), better.select(here, where), seen | inside
    assert best is not None and where is not None
    return [best.value, where.value]


def _positions(shape: Shape, window: Window, out: Shape, offsets: list[int], column_major: bool) -> tuple[Array, Array]:
    """Which position of the flattened input one tap reads, per ``[n, c, *out]``, and whether it is inside."""
    sizes, rank = shape[2:], len(shape)
    weights = [math.prod(sizes[:i]) if column_major else math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    plane = math.prod(sizes)
    total = (np.arange(shape[0]) * shape[1] * plane).reshape(-1, *[1] * (rank - 1))
    total = total + (np.arange(shape[1]) * plane).reshape(1, -1, *[1] * (rank - 2))
    inside = np.ones((1, 1, *out), np.bool_)
    for axis, (count, stride, low, offset) in enumerate(zip(out, window.strides, window.low, offsets, strict=True)):
        index = np.arange(count) * stride - low + offset
        along = [1] * rank
        along[2 + axis] = count
        total = total + (index * weights[axis]).reshape(along)
        inside = inside & ((index >= 0) & (index < sizes[axis])).reshape(along)
    return total.astype(np.int64), inside


def _average_pool(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0, min_rank=3)
    sizes = x.shape[2:]
    declared = read_window(ctx, sizes, kernel_shape(ctx, len(sizes)))
    window = declared.rounded_up(sizes) if ctx.int("ceil_mode", 0) else declared
    out = _out_sizes(window, sizes)
    counts = [
        _tap_counts(window, axis, out[axis], *_counted(declared, axis, sizes[axis], ctx.int("count_include_pad", 0)))
        for axis in range(len(sizes))
    ]
    total = x.apply(SumPool(*_pool_attributes(window)))
    taps = reduce(np.multiply.outer, counts).astype(np.float64)
    scale = 1 / np.where(taps == 0, np.nan, taps)  # a window of nothing but padding has no average
    if (scale == scale.flat[0]).all():
        return (total * float(scale.flat[0])).value
    return (total * Term.const(ctx, scale.reshape(1, 1, *out).astype(x.dtype.numpy))).value


def _counted(window: Window, axis: int, size: int, with_padding: int) -> tuple[int, int]:
    """The positions along an axis that the average counts: the data, perhaps with its declared padding."""
    return (-window.low[axis], size + window.high[axis]) if with_padding else (0, size)


def _tap_counts(window: Window, axis: int, count: int, start: int, stop: int) -> Array:
    """How many taps of each of ``count`` windows lie in [start, stop)."""
    first = np.arange(count) * window.strides[axis] - window.low[axis]
    taps = first[:, np.newaxis] + np.arange(window.kernel[axis]) * window.dilations[axis]
    return ((taps >= start) & (taps < stop)).sum(1)


def _lp_pool(ctx: NodeContext) -> Value:
    x, p = Term.input(ctx, 0, min_rank=3), ctx.int("p", 2)
    total = _to_power(x, p).apply(SumPool(*_pool_attributes(_window(ctx, x))))
    return _root(total, p).value


def _to_power(x: Term, p: int) -> Term:
    """|x| to the power of p."""
    if p == 2:
        return x * x
    return x.abs() if p == 1 else x.abs() ** float(p)


def _root(x: Term, p: int) -> Term:
    """The p-th root of x >= 0."""
    if p == 2:
        return x.sqrt()
    return x if p == 1 else x ** (1.0 / p)


def _spatial_axes(x: Term) -> list[int]:
    return list(range(2, x.rank))


def _global_average_pool(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0, min_rank=3)
    return x.mean(_spatial_axes(x)).value


def _global_max_pool(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0, min_rank=3)
    return x.max(_spatial_axes(x)).value


def _global_lp_pool(ctx: NodeContext) -> Value:
    x, p = Term.input(ctx, 0, min_rank=3), ctx.int("p", 2)
    return _root(_to_power(x, p).sum(_spatial_axes(x)), p).value


def _max_unpool(ctx: NodeContext) -> Value:
    """Zeros with each value put back at its position in the flattened result that the window sizes imply."""
    x, indices = Term.input(ctx, 0, min_rank=3), Term.input(ctx, 1)
    sizes = x.shape[2:]
    window = read_window(ctx, sizes, kernel_shape(ctx, len(sizes)))
    implied = tuple(
        (size - 1) * stride + extent - low - high
        for size, stride, extent, low, high in zip(
            sizes, window.strides, window.extents, window.low, window.high, strict=True
        )
    )
    shape = (*x.shape[:2], *implied)
    stated = tuple(map(int, ctx.require_constant(2, "the output shape"))) if ctx.has(2) else shape
    if len(stated) != len(shape) or any(a < b for a, b in zip(stated, shape, strict=True)):
        raise Unsupported(f"output shape {list(stated)} does not contain the implied shape {list(shape)}")
    empty = Term(ctx, ctx.zeros(x.value.type.with_shape((math.prod(shape),))))
    filled = empty.apply(ScatterElements(0), indices.cast(DType.I64).reshape(-1), x.reshape(-1)).reshape(*shape)
    return filled.pad([0] * x.rank, [a - b for a, b in zip(stated, shape, strict=True)]).value


CONVERTERS: dict[str, Converter] = {
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "GlobalLpPool": _global_lp_pool,
    "GlobalMaxPool": _global_max_pool,
    "LpPool": _lp_pool,
    "MaxPool": _max_pool,
    "MaxUnpool": _max_unpool,
}
