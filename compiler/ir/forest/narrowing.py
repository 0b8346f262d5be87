"""Comparisons of float32 features with float64 thresholds, as equivalent ones with float32 thresholds."""

from __future__ import annotations

import numpy as np

from compiler.ir.forest.comparison import Comparison
from compiler.ir.literal import Array

_DOWN = (Comparison.LESS_EQUAL, Comparison.GREATER)
_UP = (Comparison.LESS, Comparison.GREATER_EQUAL)


def narrowed(comparison: Array, threshold: Array) -> tuple[Array, Array]:
    """Comparisons and ``f32`` thresholds that hold for the same float32 values as those with these ``f64`` ones.

    Between a threshold and its neighbour in float32 lies no feature, so ``<=`` and ``>`` round it down, ``<`` and
    ``>=`` up. Equality with a threshold that float32 has not becomes a comparison with an infinity that always, or
    never, holds. Where the comparison is ``MEMBER`` the threshold must be 0, NaN stays NaN.
    """
    with np.errstate(over="ignore"):
        nearest = threshold.astype(np.float32)
    infinity = np.float32(np.inf)
    above, below = nearest > threshold, nearest < threshold
    rounded = np.where(np.isin(comparison, _DOWN) & above, np.nextafter(nearest, -infinity), nearest)
    rounded = np.where(np.isin(comparison, _UP) & below, np.nextafter(nearest, infinity), rounded)
    absent = above | below
    never, always = absent & (comparison == Comparison.EQUAL), absent & (comparison == Comparison.NOT_EQUAL)
    kinds = np.where(never, Comparison.LESS, np.where(always, Comparison.GREATER_EQUAL, comparison))
    return kinds.astype(np.uint8), np.where(never | always, -infinity, rounded).astype(np.float32)
