"""Resize and its predecessor Upsample: per axis a gather, or a ``resample`` with tables made at import."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from compiler.ir import DType, Value
from compiler.ir.literal import Array
from compiler.ir.ops.resampling import Resample
from compiler.ir.ops.unary import Cast
from frontends.onnx.context import Converter, MalformedModel, NodeContext, Unsupported
from frontends.onnx.converters.interpolation import (
    CUBIC_A,
    NEAREST_MODES,
    Axis,
    Table,
    coordinates,
    cubic_kernel,
    linear_kernel,
    nearest_indices,
    outside,
    weighted_table,
)
from frontends.onnx.converters.region_resize import resize_region
from frontends.onnx.converters.term import Term


@dataclass(frozen=True)
class Method:
    """How to resize: the attributes of ONNX Resize that do not depend on the axis."""

    mode: str
    transformation: str = "half_pixel"
    rounding: str = "round_prefer_floor"
    cubic_a: float = CUBIC_A
    antialias: bool = False
    exclude_outside: bool = False
    extrapolation: float = 0.0

    def indices(self, axis: Axis) -> Array:
        """For "nearest": the input element of each output element."""
        return nearest_indices(axis, coordinates(axis, self.transformation), self.rounding)

    def table(self, axis: Axis) -> Table:
        """For "linear" and "cubic": taps and weights of each output element."""
        kernel, half_width = (linear_kernel, 1) if self.mode == "linear" else (cubic_kernel(self.cubic_a), 2)
        return weighted_table(
            axis,
            coordinates(axis, self.transformation),
            kernel,
            half_width,
            antialias=self.antialias,
            exclude_outside=self.exclude_outside,
        )


def _resize(ctx: NodeContext) -> Value:
    if ctx.opset < 11:
        return _upsample(ctx)
    method = Method(
        mode=ctx.string("mode", "nearest"),
        transformation=ctx.string("coordinate_transformation_mode", "half_pixel"),
        rounding=ctx.string("nearest_mode", "round_prefer_floor"),
        cubic_a=ctx.float("cubic_coeff_a", CUBIC_A),
        antialias=bool(ctx.int("antialias", 0)),
        exclude_outside=bool(ctx.int("exclude_outside", 0)),
        extrapolation=ctx.float("extrapolation_value", 0.0),
    )
    x, axes = Term.input(ctx, 0), _read_axes(ctx)
    if method.transformation != "tf_crop_and_resize":
        return resize(x, axes, method).value
    if ctx.input(1).type.shape != (2 * len(axes),):
        raise MalformedModel(f"{ctx.op_type} {ctx.name!r}: roi needs {2 * len(axes)} entries")
    if method.mode == "linear" and x.dtype.is_float and ctx.constant(1) is None:
        return resize_region(x, axes, Term.input(ctx, 1), method.extrapolation).value
    return resize(x, _with_region(ctx, axes), method).value


def _with_region(ctx: NodeContext, axes: dict[int, Axis]) -> dict[int, Axis]:
    """The axes with the region of interest that the input roi gives: all starts, then all stops."""
    roi = [float(bound) for bound in ctx.require_constant(1, "the region of interest")]
    bounds = zip(axes.items(), roi[: len(axes)], roi[len(axes) :], strict=True)
    return {a: replace(axis, start=start, stop=stop) for (a, axis), start, stop in bounds}


def _read_axes(ctx: NodeContext) -> dict[int, Axis]:
    """The axes to resize, from the inputs scales and sizes and the attribute axes."""
    shape = ctx.input(0).type.shape
    axes = [axis % len(shape) for axis in ctx.ints("axes", range(len(shape)))]
    scales = ctx.require_constant(2, "the scale") if ctx.has(2) else np.zeros(0)
    if scales.size:
        factors = [float(scale) for scale in scales.reshape(-1)]
        _require_entries(ctx, "scales", len(factors), len(axes))
        return {a: Axis(shape[a], math.floor(shape[a] * f), f) for a, f in zip(axes, factors, strict=True)}
    sizes = [int(size) for size in ctx.require_constant(3, "the size").reshape(-1)]
    _require_entries(ctx, "sizes", len(sizes), len(axes))
    policy = ctx.string("keep_aspect_ratio_policy", "stretch")
    return _axes_of_sizes({a: (shape[a], size) for a, size in zip(axes, sizes, strict=True)}, policy)


def _axes_of_sizes(sizes: dict[int, tuple[int, int]], policy: str) -> dict[int, Axis]:
    """Axes with stated (size, out); other policies than "stretch" give all of them one scale."""
    if policy == "stretch":
        return {a: Axis(size, out, out / size if size else 1.0) for a, (size, out) in sizes.items()}
    if policy not in ("not_larger", "not_smaller"):
        raise Unsupported(f"unknown keep_aspect_ratio_policy {policy!r}")
    ratios = [out / size for size, out in sizes.values()]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return {a: Axis(size, math.floor(scale * size + 0.5), scale) for a, (size, _) in sizes.items()}


def _require_entries(ctx: NodeContext, what: str, count: int, expected: int) -> None:
    if count != expected:
        raise MalformedModel(f"{ctx.op_type} {ctx.name!r}: {what} has {count} entries, expected {expected}")


def _upsample(ctx: NodeContext) -> Value:
    """Upsample, and Resize of opset 10: coordinates by plain division, as ONNX Runtime keeps them."""
    shape = ctx.input(0).type.shape
    if ctx.has_attribute("scales"):
        scales = list(ctx.floats("scales"))
    else:
        scales = [float(scale) for scale in ctx.require_constant(1, "the scale").reshape(-1)]
    _require_entries(ctx, "scales", len(scales), len(shape))
    mode = ctx.string("mode", "nearest")
    axes = {a: Axis(size, math.floor(size * f), f) for a, (size, f) in enumerate(zip(shape, scales, strict=True))}
    result = Term.input(ctx, 0)
    for shrinks in (False, True):
        method = Method(mode, "asymmetric", "ceil" if shrinks else "floor")
        result = resize(result, {a: axis for a, axis in axes.items() if (axis.scale < 1) == shrinks}, method)
    return result.value


def resize(x: Term, axes: dict[int, Axis], method: Method) -> Term:
    """``x`` with each of ``axes`` resized, one after the other."""
    if method.mode not in ("nearest", "linear", "bilinear", "cubic"):
        raise Unsupported(f"unknown mode {method.mode!r}")
    if method.rounding not in NEAREST_MODES:
        raise Unsupported(f"unknown nearest_mode {method.rounding!r}")
    method = replace(method, mode="linear") if method.mode == "bilinear" else method
    axes = {a: axis for a, axis in axes.items() if not axis.is_identity()}
    if any(axis.size == 0 for axis in axes.values()):
        raise Unsupported("cannot resize an empty axis")
    try:
        result = _nearest(x, axes, method) if method.mode == "nearest" else _weighted(x, axes, method)
    except ValueError as error:  # a coordinate transformation that does not exist
        raise Unsupported(str(error)) from error
    if method.transformation == "tf_crop_and_resize":
        result = _extrapolate(result, axes, method)
    return result


def _nearest(x: Term, axes: dict[int, Axis], method: Method) -> Term:
    if method.antialias:
        raise Unsupported("antialias is not defined for the mode nearest")
    tables = {a: method.indices(axis) for a, axis in axes.items()}
    repeats = {a: _whole_repeats(axes[a], indices) for a, indices in tables.items()}
    x = _repeat(x, {a: count for a, count in repeats.items() if count})
    for a, indices in tables.items():
        if not repeats[a]:
            x = x.gather(a, Term.const(x.ctx, indices))
    return x


def _whole_repeats(axis: Axis, indices: Array) -> int:
    """How often every element is repeated in place, or 0 if that is not all that the indices do."""
    count = axis.out // axis.size
    return count if np.array_equal(indices, np.repeat(np.arange(axis.size), count)) else 0


def _repeat(x: Term, repeats: dict[int, int]) -> Term:
    """Every element repeated along axes: a broadcast, which a kernel reads without an index table."""
    if not repeats:
        return x
    split: list[int] = []
    wide: list[int] = []
    for axis, size in enumerate(x.shape):
        split += [size, 1] if axis in repeats else [size]
        wide += [size, repeats[axis]] if axis in repeats else [size]
    merged = (size * repeats.get(axis, 1) for axis, size in enumerate(x.shape))
    return x.reshape(*split).broadcast(*wide).reshape(*merged)


def _weighted(x: Term, axes: dict[int, Axis], method: Method) -> Term:
    """Sums of taps in float32 or wider; integers are rounded and saturated at the end."""
    source = x.dtype
    if not source.is_float:
        x = x.cast(DType.F64 if source.bytes > 2 else DType.F32)
    for a, axis in axes.items():
        table = method.table(axis)
        weights = table.weights.astype(x.dtype.numpy)
        x = x.apply(Resample(a), Term.const(x.ctx, table.indices), Term.const(x.ctx, weights))
    return x if source.is_float else x.round().apply(Cast(source, saturate=True))


def _extrapolate(x: Term, axes: dict[int, Axis], method: Method) -> Term:
    """The extrapolation value wherever a place lies outside the input in any axis."""
    beyond = np.zeros([1] * x.rank, np.bool_)
    for a, axis in axes.items():
        along = [1] * x.rank
        along[a] = axis.out
        beyond = beyond | outside(axis, coordinates(axis, method.transformation)).reshape(along)
    if not beyond.any():
        return x
    return Term.const(x.ctx, beyond).select(x.lift(method.extrapolation), x)


CONVERTERS: dict[str, Converter] = {
    "Resize": _resize,
    "Upsample": _upsample,
}
