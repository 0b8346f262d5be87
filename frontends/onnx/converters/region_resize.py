"""Resizing a region of interest that is known at run time only: the artifact computes its own tables.

Linear interpolation; the transformation is ONNX's "tf_crop_and_resize". A region known at import goes through the
constant tables of ``interpolation`` instead.
"""

from __future__ import annotations

import numpy as np

from compiler.ir import DType
from compiler.ir.ops.resampling import Resample
from frontends.onnx.converters.interpolation import Axis
from frontends.onnx.converters.term import Term, concat


def resize_region(x: Term, axes: dict[int, Axis], roi: Term, extrapolation: float) -> Term:
    """``x`` (floats) with each of ``axes`` cut to [start, stop] of ``roi`` and resized.

    ``roi`` holds all starts, then all stops, as fractions of the axes in the order of ``axes``. Where a place lies
    outside x in any axis the result is ``extrapolation``.
    """
    inside: Term | None = None
    bounds = roi.cast(DType.F64)
    for position, (a, axis) in enumerate(axes.items()):
        place = _places(axis, bounds.slice(0, position, 1), bounds.slice(0, len(axes) + position, 1))
        base = place.floor()
        indices = concat([base, base + 1], 1).clip(0, axis.size - 1).cast(DType.I64)
        fraction = place - base
        x = x.apply(Resample(a), indices, concat([1 - fraction, fraction], 1).cast(x.dtype))
        along = [1] * x.rank
        along[a] = axis.out
        valid = ((place >= 0) & (place <= axis.size - 1)).reshape(*along)
        inside = valid if inside is None else inside & valid
    return x if inside is None else inside.select(x, extrapolation)


def _places(axis: Axis, start: Term, stop: Term) -> Term:
    """f64[out, 1]: where each output element lies among the input elements; ``start`` and ``stop`` are f64[1]."""
    first, last = start * (axis.size - 1.0), stop * (axis.size - 1.0)
    length = axis.scale * axis.size
    if length == 1:
        return ((first + last) * 0.5).broadcast(axis.out).reshape(axis.out, 1)
    steps = np.arange(axis.out, dtype=np.float64) / (length - 1)
    return (first + Term.const(start.ctx, steps) * (last - first)).reshape(axis.out, 1)
