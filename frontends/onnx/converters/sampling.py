"""Operators that read feature maps at computed places: GridSample, RoiAlign, DeformConv, and affine grids.

A read at fractional places is a weighted sum of gathers, one per neighbour, each from the flattened map at an
index that is itself computed, so that a kernel fuses indices, weights and reads.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.ir import DType, Shape, Value
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.unary import Trunc
from frontends.onnx.context import Converter, NodeContext, Unsupported
from frontends.onnx.converters.interpolation import CUBIC_A
from frontends.onnx.converters.term import Term
from frontends.onnx.converters.window import read_window


@dataclass(frozen=True)
class Tap:
    """One neighbour along one axis: its integral position as a float, and its weight."""

    position: Term
    weight: Term


def read_flat(x: Term, planes: Term, positions: Sequence[Term]) -> Term:
    """Elements of ``x[*planes, *spatial]`` at a plane number (i64) and float positions that lie inside.

    All terms broadcast against each other; the result has their common shape.
    """
    spatial = x.shape[-len(positions) :]
    index = planes
    for size, position in zip(spatial, positions, strict=True):
        index = index * size + position.cast(DType.I64)
    return x.reshape(-1).gather(0, index)


def plane_numbers(ctx: NodeContext, batch: int, channels: int, rank: int) -> Term:
    """``n * channels + c`` as i64[batch, channels, 1, ...] of ``rank`` axes."""
    numbers = np.arange(batch * channels, dtype=np.int64).reshape(batch, channels, *[1] * (rank - 2))
    return Term.const(ctx, numbers)


def weighted_read(x: Term, planes: Term, taps: Sequence[Sequence[Tap]]) -> Term:
    """The sum over all combinations of one tap per axis of the element there times the product of weights."""
    total: Term | None = None
    for combination in itertools.product(*taps):
        weight = combination[0].weight
        for tap in combination[1:]:
            weight = weight * tap.weight
        part = read_flat(x, planes, [tap.position for tap in combination]) * weight
        total = part if total is None else total + part
    assert total is not None
    return total


# -- GridSample ---------------------------------------------------------------------------------------


def _grid_sample(ctx: NodeContext) -> Value:
    """``x[n, c, *d]`` at normalized places ``grid[n, *out, len(d)]``, which list the axes backwards."""
    x = Term.input(ctx, 0, min_rank=3)
    grid = Term.input(ctx, 1, rank=x.rank)
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(name := ctx.string("mode", "linear"), name)
    padding, aligned = ctx.string("padding_mode", "zeros"), bool(ctx.int("align_corners", 0))
    if mode not in ("nearest", "linear", "cubic") or padding not in ("zeros", "border", "reflection"):
        raise Unsupported(f"unknown mode {mode!r} or padding_mode {padding!r}")
    if not x.dtype.is_float:
        raise Unsupported(f"cannot interpolate {x.dtype.value}")
    sizes, out = x.shape[2:], grid.shape[1:-1]
    border = Border(padding, aligned)
    grid = grid.cast(DType.F32 if x.dtype is DType.F16 else x.dtype)
    taps: list[list[Tap]] = []
    for axis, size in enumerate(sizes):
        place = grid.slice(-1, len(sizes) - 1 - axis, 1).reshape(grid.shape[0], 1, *out)
        taps.append(_grid_taps(_denormalized(place, size, aligned), size, mode, border))
    planes = plane_numbers(ctx, x.shape[0], x.shape[1], 2 + len(out))
    return weighted_read(x.cast(grid.dtype), planes, taps).cast(x.dtype).value


def _denormalized(place: Term, size: int, aligned: bool) -> Term:
    """From [-1, 1], the centres of the first and last element or their outer edges, to positions."""
    return (place + 1) * ((size - 1) / 2) if aligned else (place + 1) * (size / 2) - 0.5


@dataclass(frozen=True)
class Border:
    """What lies beyond the map: zeros, the border's elements, or reflections at their centres or edges."""

    padding: str
    aligned: bool

    def inside(self, position: Term, size: int) -> Term:
        """Where an integral position reads; always inside the map."""
        if self.padding == "reflection":
            position = self.reflected(position, size).apply(Trunc())
        return position.clip(0, size - 1)

    def weight(self, weight: Term, position: Term, size: int) -> Term:
        """The weight of an integral position: none beyond the map if padding with zeros."""
        if self.padding != "zeros":
            return weight
        return ((position >= 0) & (position <= size - 1)).select(weight, 0)

    def reflected(self, position: Term, size: int) -> Term:
        """Mirrored at both ends: the distance to the nearest multiple of twice the length."""
        low, length = (0.0, size - 1.0) if self.aligned else (-0.5, float(size))
        if length == 0:
            return position * 0
        distance = (position - low).abs()
        period = distance - (distance * (1 / (2 * length))).floor() * (2 * length)
        return period.minimum(2 * length - period) + low


def _grid_taps(place: Term, size: int, mode: str, border: Border) -> list[Tap]:
    if mode == "nearest":
        place = place.round()
    if border.padding == "border" and mode != "cubic":  # a cubic's outer taps see how far outside it is
        place = place.clip(0, size - 1)
    elif border.padding == "reflection":
        place = border.reflected(place, size)
    if mode == "nearest":
        return [Tap(border.inside(place, size), border.weight(place.lift(1), place, size))]
    base = place.floor()
    fraction = place - base
    if mode == "linear":
        weights = {0: 1 - fraction, 1: fraction}
    else:
        weights = dict(zip((-1, 0, 1, 2), _cubic_weights(fraction), strict=True))
    positions = {offset: base + offset if offset else base for offset in weights}
    return [
        Tap(border.inside(positions[offset], size), border.weight(weight, positions[offset], size))
        for offset, weight in weights.items()
    ]


def _cubic_weights(t: Term) -> list[Term]:
    """Weights of the neighbours at -1, 0, 1 and 2 for the fraction t in [0, 1) (Keys, 1981)."""
    a = CUBIC_A

    def near(d: Term) -> Term:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Term) -> Term:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


# -- RoiAlign -----------------------------------------------------------------------------------------


def _roi_align(ctx: NodeContext) -> Value:
    """Each bin of a region is the mean or maximum of ``sampling_ratio`` squared bilinear samples."""
    x, rois, batches = Term.input(ctx, 0, rank=4), Term.input(ctx, 1, rank=2), Term.input(ctx, 2)
    mode, ratio = ctx.string("mode", "avg"), ctx.int("sampling_ratio", 0)
    bins = ctx.int("output_height", 1), ctx.int("output_width", 1)
    half_pixel = ctx.opset >= 16 and ctx.string("coordinate_transformation_mode", "half_pixel") == "half_pixel"
    if ratio <= 0:
        raise Unsupported("sampling_ratio 0 makes the number of samples depend on data")
    count, channels = rois.shape[0], x.shape[1]
    scaled = rois * ctx.float("spatial_scale", 1.0)
    scaled = scaled - 0.5 if half_pixel else scaled
    rows = _roi_places(scaled, (1, 3), bins[0], ratio, half_pixel).reshape(count, 1, -1, 1)
    columns = _roi_places(scaled, (0, 2), bins[1], ratio, half_pixel).reshape(count, 1, 1, -1)
    taps = [_roi_taps(rows, x.shape[2]), _roi_taps(columns, x.shape[3])]
    channel = Term.const(ctx, np.arange(channels, dtype=np.int64).reshape(1, channels, 1, 1))
    planes = batches.cast(DType.I64).reshape(count, 1, 1, 1) * channels + channel
    shape = (count, channels, bins[0], ratio, bins[1], ratio)
    if mode == "avg":
        return weighted_read(x, planes, taps).reshape(*shape).mean([3, 5], keep=False).value
    if mode != "max":
        raise Unsupported(f"unknown mode {mode!r}")
    corners = [
        read_flat(x, planes, [row.position, column.position]) * (row.weight * column.weight)
        for row, column in itertools.product(*taps)
    ]
    largest = corners[0]
    for corner in corners[1:]:
        largest = largest.maximum(corner)
    return largest.reshape(*shape).max([3, 5], keep=False).value


def _roi_places(rois: Term, sides: tuple[int, int], bins: int, ratio: int, half_pixel: bool) -> Term:
    """Sample positions [regions, bins * ratio] along one axis."""
    start, end = (rois.slice(1, side, 1) for side in sides)
    length = end - start
    length = length if half_pixel else length.maximum(1)
    steps = (np.arange(bins * ratio, dtype=np.float64) + 0.5) / (bins * ratio)
    return start + length * Term.const(rois.ctx, steps.reshape(1, -1).astype(rois.dtype.numpy))


def _roi_taps(place: Term, size: int) -> list[Tap]:
    """Two neighbours; nothing is read from more than one element outside the map."""
    valid = (place >= -1) & (place <= size)
    place = place.clip(0, size - 1)
    base = place.floor()
    fraction = place - base
    return [
        Tap(base, valid.select(1 - fraction, 0)),
        Tap((base + 1).minimum(size - 1), valid.select(fraction, 0)),
    ]


# -- DeformConv ---------------------------------------------------------------------------------------


def _deform_conv(ctx: NodeContext) -> Value:
    """A convolution whose taps read at places moved by offsets: sampled columns times the weight matrix."""
    x, w, offset = (Term.input(ctx, i, rank=4) for i in range(3))
    batch, channels = x.shape[:2]
    filters, kernel, out = w.shape[0], w.shape[2:], offset.shape[2:]
    groups, offset_groups, taps = ctx.int("group", 1), ctx.int("offset_group", 1), math.prod(w.shape[2:])
    window = read_window(ctx, x.shape[2:], kernel)
    moved = offset.reshape(batch, offset_groups, 1, taps, 2, *out)
    columns_taps: list[list[Tap]] = []
    for axis in range(2):
        base = _tap_places(axis, kernel, window.dilations[axis], window.strides[axis], window.low[axis], out)
        place = moved.slice(4, axis, 1).reshape(batch, offset_groups, 1, taps, *out)
        place = place + Term.const(ctx, base.astype(x.dtype.numpy))
        columns_taps.append(_grid_taps(place, x.shape[2 + axis], "linear", Border("zeros", aligned=True)))
    numbers = np.arange(batch * channels, dtype=np.int64)
    planes = Term.const(ctx, numbers.reshape(batch, offset_groups, channels // offset_groups, 1, 1, 1))
    columns = weighted_read(x, planes, columns_taps)
    if ctx.has(4):
        columns = columns * Term.input(ctx, 4).reshape(batch, offset_groups, 1, taps, *out)
    columns = columns.reshape(batch, groups, channels // groups * taps, math.prod(out))
    weights = w.reshape(1, groups, filters // groups, -1)
    result = weights.apply(MatMul(), columns).reshape(batch, filters, *out)
    return (result + Term.input(ctx, 3).reshape(1, -1, 1, 1)).value if ctx.has(3) else result.value


def _tap_places(axis: int, kernel: Shape, dilation: int, stride: int, low: int, out: Shape) -> np.ndarray:
    """Undeformed position [1, 1, 1, taps, *out] of every kernel tap along one spatial axis."""
    taps = np.indices(kernel)[axis].reshape(-1, 1, 1) * dilation
    starts = np.indices(out)[axis] * stride - low
    return (taps + starts)[np.newaxis, np.newaxis, np.newaxis]


# -- AffineGrid ---------------------------------------------------------------------------------------


def _affine_grid(ctx: NodeContext) -> Value:
    """Places for GridSample: ``theta[n, d, d + 1]`` times every normalized position (x, y[, z], 1)."""
    theta = Term.input(ctx, 0, rank=3)
    sizes = tuple(int(size) for size in ctx.require_constant(1, "the size")[2:])
    aligned = bool(ctx.int("align_corners", 0))
    axes = [_normalized_axis(size, aligned) for size in sizes]
    grid = np.stack([*reversed(np.meshgrid(*axes, indexing="ij")), np.ones(sizes)], -1)
    positions = Term.const(ctx, grid.reshape(1, -1, len(sizes) + 1).astype(theta.dtype.numpy))
    return positions.apply(MatMul(transpose_b=True), theta).reshape(theta.shape[0], *sizes, len(sizes)).value


def _normalized_axis(size: int, aligned: bool) -> np.ndarray:
    if aligned:
        return np.linspace(-1, 1, size)
    return (2 * np.arange(size) + 1) / size - 1


CONVERTERS: dict[str, Converter] = {
    "AffineGrid": _affine_grid,
    "DeformConv": _deform_conv,
    "GridSample": _grid_sample,
    "RoiAlign": _roi_align,
}
