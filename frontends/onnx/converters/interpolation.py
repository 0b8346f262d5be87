"""Resizing along one axis as a table: which input elements make up each output element, with which weights.

Pure arithmetic on numbers known at import, in double precision; knows nothing of graphs. Source: ONNX Resize.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from compiler.ir.literal import Array

CUBIC_A = -0.75


@dataclass(frozen=True)
class Axis:
    """One axis to resize from ``size`` to ``out`` elements by ``scale``, which need not be their exact ratio.

    ``start`` and ``stop`` bound the region of interest, as fractions of the axis.
    """

    size: int
    out: int
    scale: float
    start: float = 0.0
    stop: float = 1.0

    def is_identity(self) -> bool:
        """Whether every coordinate transformation maps this axis to itself."""
        return self.size == self.out and math.isclose(self.scale, 1.0) and (self.start, self.stop) == (0.0, 1.0)


@dataclass(frozen=True)
class Table:
    """``result[o] = sum over t of weights[o, t] * x[indices[o, t]]``; both are [out, taps]."""

    indices: Array
    weights: Array


def coordinates(axis: Axis, transformation: str) -> Array:
    """The place of each output element among the input elements, float64[out]; ValueError if unknown."""
    positions = np.arange(axis.out, dtype=np.float64)
    length = axis.scale * axis.size
    if transformation == "asymmetric":
        return positions / axis.scale
    if transformation == "half_pixel":
        return (positions + 0.5) / axis.scale - 0.5
    if transformation == "pytorch_half_pixel":
        return (positions + 0.5) / axis.scale - 0.5 if length > 1 else np.full(axis.out, -0.5)
    if transformation == "half_pixel_symmetric":
        offset = axis.size / 2 * (1 - axis.out / length)
        return offset + (positions + 0.5) / axis.scale - 0.5
    if transformation == "tf_half_pixel_for_nn":
        return (positions + 0.5) / axis.scale
    if transformation == "align_corners":
        return positions * (axis.size - 1) / (length - 1) if length != 1 else np.zeros(axis.out)
    if transformation == "tf_crop_and_resize":
        first, last = axis.start * (axis.size - 1), axis.stop * (axis.size - 1)
        if length == 1:
            return np.full(axis.out, first + (last - first) / 2)
        return first + positions * (last - first) / (length - 1)
    raise ValueError(f"unknown coordinate transformation {transformation!r}")


def outside(axis: Axis, places: Array) -> Array:
    """Which places lie beyond the first or last input element."""
    return (places < 0) | (places > axis.size - 1)


_ROUND: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda places: np.ceil(places - 0.5),
    "round_prefer_ceil": lambda places: np.floor(places + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}

NEAREST_MODES = tuple(_ROUND)


def nearest_indices(axis: Axis, places: Array, rounding: str) -> Array:
    """The input element nearest to each place, i64[out]. ``rounding`` is one of ``NEAREST_MODES``."""
    return np.clip(_ROUND[rounding](places), 0, axis.size - 1).astype(np.int64)


def linear_kernel(distance: Array) -> Array:
    """The triangle of half-width 1."""
    return np.clip(1 - np.abs(distance), 0, 1)


def cubic_kernel(a: float) -> Callable[[Array], Array]:
    """The piecewise cubic of half-width 2 with parameter ``a`` (Keys, 1981)."""

    def kernel(distance: Array) -> Array:
        d = np.abs(distance)
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        return np.where(d <= 1, near, np.where(d < 2, far, 0.0))

    return kernel


def weighted_table(
    axis: Axis,
    places: Array,
    kernel: Callable[[Array], Array],
    half_width: int,
    *,
    antialias: bool = False,
    exclude_outside: bool = False,
) -> Table:
    """The table for a kernel centred at each place. The border is repeated or left out (``exclude_outside``).

    ``antialias`` stretches the kernel when shrinking: it covers all elements that an output stands for.
    """
    stretch = min(axis.scale, 1.0) if antialias else 1.0
    reach = -(math.floor(-half_width / stretch) + 1)
    offsets = np.arange(-reach, reach + 2)
    base = np.floor(places)
    # At an integral place the window ends there instead of starting there; only a stretched kernel can tell.
    base = np.where(places == base, base - 1, base)
    weights = kernel((offsets - (places - base)[:, np.newaxis]) * stretch)
    taps = base.astype(np.int64)[:, np.newaxis] + offsets
    if exclude_outside:
        weights = np.where((taps < 0) | (taps >= axis.size), 0.0, weights)
    if antialias or exclude_outside:
        total = weights.sum(1, keepdims=True)
        weights = weights / np.where(total == 0, 1.0, total)
    return _without_zero_taps(Table(np.clip(taps, 0, axis.size - 1), weights))


def _without_zero_taps(table: Table) -> Table:
    """The table without columns of zero weight; at least one tap stays."""
    used = np.flatnonzero((table.weights != 0).any(0))
    kept = used if used.size else np.array([0])
    return Table(np.ascontiguousarray(table.indices[:, kept]), np.ascontiguousarray(table.weights[:, kept]))
