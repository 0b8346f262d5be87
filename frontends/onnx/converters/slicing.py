"""Operators that take tensors apart, join them, or enlarge them: slices, splits, concatenation, padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.ir.graph import Value
from compiler.ir.ops.broadcasting import normalize_axis
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.movement import Concat, Pad, Slice
from frontends.onnx.context import Converter, MalformedModel, NodeContext
from frontends.onnx.converters.parameters import constant_ints


def sliced(ctx: NodeContext, x: Value, start: Sequence[int], size: Sequence[int], step: Sequence[int]) -> Value:
    """``x[start + i * step]``, one entry per axis; ``x`` itself if that is all of it."""
    begin = tuple(0 if count == 0 else first for first, count in zip(start, size, strict=True))
    if tuple(size) == x.type.shape and not any(begin) and all(s == 1 for s in step):
        return x
    return ctx.emit(Slice(begin, tuple(size), tuple(step)), x)


def slice_(ctx: NodeContext) -> Value:
    """Python's slices along some axes. Bounds are attributes up to opset 9, then inputs."""
    x = ctx.input(0)
    if ctx.opset >= 10:
        starts, ends = constant_ints(ctx, 1, "where it starts"), constant_ints(ctx, 2, "where it ends")
        axes = constant_ints(ctx, 3, "the list of axes") if ctx.has(3) else tuple(range(len(starts)))
        steps = constant_ints(ctx, 4, "the step") if ctx.has(4) else (1,) * len(starts)
    else:
        starts, ends = ctx.ints("starts"), ctx.ints("ends")
        axes, steps = ctx.ints("axes", tuple(range(len(starts)))), (1,) * len(starts)
    start, size, step = [0] * x.type.rank, list(x.type.shape), [1] * x.type.rank
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise MalformedModel(f"Slice {ctx.name!r}: starts {starts}, ends {ends}, axes {axes}, steps {steps}")
    for first, last, axis, stride in zip(starts, ends, axes, steps, strict=True):
        place = normalize_axis(axis, x.type.rank)
        taken = range(*slice(first, last, stride).indices(x.type.shape[place]))
        start[place], size[place], step[place] = taken.start, len(taken), stride
    return sliced(ctx, x, start, size, step)


def split(ctx: NodeContext) -> list[Value]:
    """Consecutive parts along an axis: of given sizes, or as equal as the version of the operator says."""
    x = ctx.input(0)
    axis = normalize_axis(ctx.int("axis", 0), x.type.rank)
    return split_along(ctx, x, axis, _split_sizes(ctx, x.type.shape[axis]))


def _split_sizes(ctx: NodeContext, total: int) -> list[int]:
    if ctx.opset >= 13 and ctx.has(1):
        return list(constant_ints(ctx, 1, "the list of sizes"))
    if ctx.opset < 13 and ctx.has_attribute("split"):
        return list(ctx.ints("split"))
    return even_sizes(total, ctx.int("num_outputs", ctx.output_count))


def even_sizes(total: int, parts: int) -> list[int]:
    """Sizes of ``parts`` parts that are equal but for a smaller last one."""
    size = -(-total // parts)
    return [max(0, min(size, total - part * size)) for part in range(parts)]


def split_along(ctx: NodeContext, x: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
    """``x`` cut into parts of the given sizes; MalformedModel unless they add up to the axis."""
    if sum(sizes) != x.type.shape[axis] or min(sizes, default=0) < 0:
        raise MalformedModel(f"{ctx.op_type} {ctx.name!r}: sizes {sizes} do not add up to {x.type.shape[axis]}")
    parts: list[Value] = []
    offset = 0
    for count in sizes:
        start, size = [0] * x.type.rank, list(x.type.shape)
        start[axis], size[axis] = offset, count
        parts.append(sliced(ctx, x, start, size, [1] * x.type.rank))
        offset += count
    return parts


def concat(ctx: NodeContext) -> Value:
    """The inputs joined along an axis."""
    values = [ctx.input(index) for index in range(len(ctx.items))]
    return joined(ctx, values, ctx.int("axis"))


def joined(ctx: NodeContext, values: Sequence[Value], axis: int) -> Value:
    """The values joined along an axis that may be negative; the only value itself."""
    place = normalize_axis(axis, values[0].type.rank)
    return values[0] if len(values) == 1 else ctx.emit(Concat(place), *values)


def pad(ctx: NodeContext) -> Value:
    """Elements added around the input, or cut off where a pad is negative."""
    x = ctx.input(0)
    pads = constant_ints(ctx, 1, "the list of pads") if ctx.opset >= 11 else ctx.ints("pads")
    axes = constant_ints(ctx, 3, "the list of axes") if ctx.has(3) else tuple(range(x.type.rank))
    if len(pads) != 2 * len(axes):
        raise MalformedModel(f"Pad {ctx.name!r} has {len(pads)} pads for {len(axes)} axes")
    low, high = [0] * x.type.rank, [0] * x.type.rank
    for index, axis in enumerate(axes):
        place = normalize_axis(axis, x.type.rank)
        low[place], high[place] = pads[index], pads[index + len(axes)]
    return _padded(ctx, _cropped(ctx, x, low, high), [max(0, p) for p in low], [max(0, p) for p in high])


def _cropped(ctx: NodeContext, x: Value, low: Sequence[int], high: Sequence[int]) -> Value:
    start = [max(0, -pad) for pad in low]
    size = [max(0, d - begin - max(0, -end)) for d, begin, end in zip(x.type.shape, start, high, strict=True)]
    return sliced(ctx, x, start, size, [1] * x.type.rank)


def _padded(ctx: NodeContext, x: Value, low: Sequence[int], high: Sequence[int]) -> Value:
    if not any((*low, *high)):
        return x
    mode = ctx.string("mode", "constant")
    if mode == "constant":
        return ctx.emit(Pad(tuple(low), tuple(high)), x, _fill(ctx, x))
    fits = all(max(lo, hi) < d for lo, hi, d in zip(low, high, x.type.shape, strict=True) if lo or hi)
    if mode != "reflect" or fits:
        return ctx.emit(Pad(tuple(low), tuple(high), mode), x)
    for axis, (before, after) in enumerate(zip(low, high, strict=True)):  # mirrored more than once
        if before or after:
            indices = np.pad(np.arange(x.type.shape[axis]), (before, after), mode="reflect")
            x = ctx.emit(Gather(axis), x, ctx.const(indices))
    return x


def _fill(ctx: NodeContext, x: Value) -> Value:
    if ctx.opset < 11:
        return ctx.scalar(ctx.float("value", 0.0), x)
    return ctx.reshape(ctx.input(2), ()) if ctx.has(2) else ctx.scalar(0, x)


CONVERTERS: dict[str, Converter] = {
    "Concat": concat,
    "Pad": pad,
    "Slice": slice_,
    "Split": split,
}
