"""Convolution and its transpose."""

from __future__ import annotations

import itertools
import math

import numpy as np

from compiler.ir import DType, Shape, Value
from compiler.ir.ops.contraction import Conv
from frontends.onnx.context import Converter, MalformedModel, NodeContext, Unsupported
from frontends.onnx.converters.term import Term, per_channel
from frontends.onnx.converters.window import Window, read_window


def _conv(ctx: NodeContext) -> Value:
    x, w = _operands(ctx)
    result = convolve(x, w, read_window(ctx, x.shape[2:], w.shape[2:]), ctx.int("group", 1))
    return (result + per_channel(Term.input(ctx, 2), x.rank)).value if ctx.has(2) else result.value


def _operands(ctx: NodeContext) -> tuple[Term, Term]:
    """The data [n, c, *d] and the weights, which have as many axes."""
    x = Term.input(ctx, 0, min_rank=3)
    return x, Term.input(ctx, 1, rank=x.rank)


def convolve(x: Term, w: Term, window: Window, groups: int) -> Term:
    """``x[n, c, *d]`` correlated with ``w[o, c / groups, *k]``."""
    return x.apply(Conv(window.strides, window.low, window.high, window.dilations, groups), w)


def _conv_integer(ctx: NodeContext) -> Value:
    """int32 convolution after the zero points are subtracted, so that zero points pad as 0."""
    x, w = (term.cast(DType.I32) for term in _operands(ctx))
    window = read_window(ctx, x.shape[2:], w.shape[2:])
    if ctx.has(2):
        x = x - Term.input(ctx, 2).cast(DType.I32).reshape()
    if ctx.has(3):
        w = w - per_filter(Term.input(ctx, 3).cast(DType.I32), w.rank)
    return convolve(x, w, window, ctx.int("group", 1)).value


def per_filter(term: Term, rank: int) -> Term:
    """A parameter of the weights, one number or one per filter, to broadcast over ``w[o, i, *k]``."""
    return term.reshape(-1, *[1] * (rank - 1)) if term.value.type.elements > 1 else term.reshape()


# -- transposed convolution ---------------------------------------------------------------------------


def _conv_transpose(ctx: NodeContext) -> Value:
    x, w = _operands(ctx)
    window, sizes = _transposed_window(ctx, x.shape[2:], w.shape[2:])
    result = transposed_convolve(x, w, window, sizes, ctx.int("group", 1))
    return (result + per_channel(Term.input(ctx, 2), x.rank)).value if ctx.has(2) else result.value


def transposed_convolve(x: Term, w: Term, window: Window, sizes: Shape, groups: int) -> Term:
    """``x[n, c, *d]`` spread by ``w[c, o / groups, *k]`` to ``[n, o, *sizes]``, the window's padding cut off.

    Output ``s * q + r`` along an axis of stride s is the sum over t of ``x[q - t] * w[r + s * t]``: for each
    phase r a convolution with every s-th weight, in reverse. All phases share their windows, so they are one
    convolution with s times the filters, followed by a depth-to-space shuffle; no multiplication meets an
    inserted zero.
    """
    phases = window.strides
    taps = [
        k if s == 1 else -(-extent // s) for k, s, extent in zip(window.kernel, phases, window.extents, strict=True)
    ]
    gaps = [d if s == 1 else 1 for d, s in zip(window.dilations, phases, strict=True)]
    spans = [d * (t - 1) for d, t in zip(gaps, taps, strict=True)]
    # Only the quotients q that the result needs are computed.
    first = [low // s for low, s in zip(window.low, phases, strict=True)]
    last = [(low + size - 1) // s for low, size, s in zip(window.low, sizes, phases, strict=True)]
    low = tuple(span - q for span, q in zip(spans, first, strict=True))
    high = tuple(q - (size - 1) for q, size in zip(last, x.shape[2:], strict=True))
    conv = Conv((1,) * len(sizes), low, high, tuple(gaps), groups)
    result = x.apply(conv, _phase_weights(w, window, taps, groups))
    result = _interleave(result, phases)
    for axis, (before, size, s) in enumerate(zip(window.low, sizes, phases, strict=True), 2):
        result = result.slice(axis, before % s, size)
    return result


def _transposed_window(ctx: NodeContext, sizes: Shape, kernel: Shape) -> tuple[Window, Shape]:
    """The window with its effective cropping ``low`` and ``high``, and the spatial sizes of the result."""
    window = read_window(ctx, sizes, kernel)
    extra = ctx.ints("output_padding", (0,) * len(sizes))
    stated = ctx.ints("output_shape", ())
    full = [(n - 1) * s + e for n, s, e in zip(sizes, window.strides, window.extents, strict=True)]
    same = ctx.string("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER")
    if not stated and not same:
        result = tuple(f + o - lo - hi for f, o, lo, hi in zip(full, extra, window.low, window.high, strict=True))
        return window, result
    result = stated[-len(sizes) :] if stated else tuple(n * s for n, s in zip(sizes, window.strides, strict=True))
    if len(result) != len(sizes):
        raise MalformedModel(f"ConvTranspose {ctx.name!r}: output_shape needs {len(sizes)} entries")
    if any(size >= f + s for f, size, s in zip(full, result, window.strides, strict=True)):
        raise Unsupported(f"output_shape {list(result)} does not belong to an input of {list(sizes)}")
    totals = [max(0, f + o - size) for f, o, size in zip(full, extra, result, strict=True)]
    upper = ctx.string("auto_pad", "NOTSET") == "SAME_UPPER"
    low = tuple(total // 2 if upper else total - total // 2 for total in totals)
    high = tuple(total - lo for total, lo in zip(totals, low, strict=True))
    return Window(window.kernel, window.strides, window.dilations, low, high), result


def _phase_weights(w: Term, window: Window, taps: list[int], groups: int) -> Term:
    """``w[c, o / g, *k]`` as filters ``[o * phases, c / g, *taps]``, by groups, the taps reversed."""
    for axis, (s, d) in enumerate(zip(window.strides, window.dilations, strict=True), 2):
        if s > 1 and d > 1:
            w = _spread(w, axis, d)
    missing = [s * t - size for s, t, size in zip(window.strides, taps, w.shape[2:], strict=True)]
    w = w.pad([0] * w.rank, [0, 0, *missing])
    channels, filters = w.shape[:2]
    split = itertools.chain.from_iterable(zip(taps, window.strides, strict=True))
    w = w.reshape(groups, channels // groups, filters, *split)
    tap_axes = [3 + 2 * i for i in range(len(taps))]
    for axis in tap_axes:
        w = w.flip(axis)
    w = w.transpose(0, 2, *(axis + 1 for axis in tap_axes), 1, *tap_axes)
    return w.reshape(-1, channels // groups, *taps)


def _spread(w: Term, axis: int, distance: int) -> Term:
    """``distance - 1`` zeros between the elements of one axis."""
    shape, low, high = list(w.shape), [0] * (w.rank + 1), [0] * (w.rank + 1)
    high[axis + 1] = distance - 1
    spread = w.reshape(*shape[: axis + 1], 1, *shape[axis + 1 :]).pad(low, high)
    merged = spread.reshape(*shape[:axis], shape[axis] * distance, *shape[axis + 1 :])
    return merged.slice(axis, 0, (shape[axis] - 1) * distance + 1)


def _interleave(x: Term, phases: tuple[int, ...]) -> Term:
    """``[n, o * phases, *d]`` as ``[n, o, *(d * phase)]``: depth to space."""
    if max(phases) == 1:
        return x
    sizes, rank = x.shape[2:], len(phases)
    split = x.reshape(x.shape[0], -1, *phases, *sizes)
    order = itertools.chain.from_iterable((2 + rank + i, 2 + i) for i in range(rank))
    merged = split.transpose(0, 1, *order)
    return merged.reshape(x.shape[0], split.shape[1], *(d * s for d, s in zip(sizes, phases, strict=True)))


# -- columns back to an image -----------------------------------------------------------------------------


def _col2im(ctx: NodeContext) -> Value:
    """The sum of overlapping blocks ``[n, c * taps, blocks]``: a transposed convolution with unit weights."""
    x = Term.input(ctx, 0, rank=3)
    image = tuple(map(int, ctx.require_constant(1, "the size of the image")))
    kernel = tuple(map(int, ctx.require_constant(2, "the size of a block")))
    window, taps = read_window(ctx, image, kernel), math.prod(kernel)
    counts = tuple(
        (size + low + high - extent) // stride + 1
        for size, low, high, extent, stride in zip(
            image, window.low, window.high, window.extents, window.strides, strict=True
        )
    )
    blocks = x.reshape(x.shape[0] * x.shape[1] // taps, taps, *counts)
    unit = Term.const(ctx, np.eye(taps, dtype=x.dtype.numpy).reshape(taps, 1, *kernel))
    return transposed_convolve(blocks, unit, window, image, 1).reshape(x.shape[0], -1, *image).value


CONVERTERS: dict[str, Converter] = {
    "Col2Im": _col2im,
    "Conv": _conv,
    "ConvInteger": _conv_integer,
    "ConvTranspose": _conv_transpose,
}
