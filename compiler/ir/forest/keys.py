"""Floats as integers of the same order, so that forests compare without floating-point arithmetic.

Comparing integers is exact on units that flush subnormals, makes -0 equal to 0, and leaves room beyond the infinities:
for missing values, which lie above or below all others, and for ``x <= t``, which is ``key(x) < key(t) + 1``.
"""

from __future__ import annotations

import numpy as np

from compiler.ir.literal import Array

MISSING_ABOVE = 0x7FFFFFFE
"""A missing value that no test ``key(x) < edge`` holds for."""
MISSING_BELOW = -(2**31)
"""A missing value that all of them hold for."""
NO_EDGE = 0x7FFFFFFF
"""Fills tables of edges up: no key reaches it."""
BEYOND_INFINITY = 0x7F800001
"""An edge between infinity and ``MISSING_ABOVE``."""


def keys_of(x: Array) -> Array:
    """``i32`` in the order of ``x f32``, of the same shape; unspecified for NaN."""
    bits = np.ascontiguousarray(x).view(np.int32)
    # A negative float has the order of its complemented magnitude; -0 would be -1.
    keys = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
    return np.where(keys == -1, np.int32(0), keys)


def row_keys(x: Array) -> Array:
    """``x f32[rows, features]`` as ``i32[rows, 2 * features]``: keys with missing values above, then below."""
    missing, keys = np.isnan(x), keys_of(x)
    above, below = (np.where(missing, np.int32(stand_in), keys) for stand_in in (MISSING_ABOVE, MISSING_BELOW))
    return np.concatenate([above, below], axis=1)
