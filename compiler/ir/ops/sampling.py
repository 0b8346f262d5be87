"""Seeded arrays for op samples."""

from __future__ import annotations

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array


def random_array(*shape: int, dtype: DType = DType.F32, seed: int = 0, low: float = -2.0, high: float = 2.0) -> Array:
    """Uniform values in [low, high), rounded down for integers; bools are fair coins."""
    generator = np.random.default_rng((seed, *shape))
    if dtype is DType.BOOL:
        return generator.integers(0, 2, shape).astype(np.bool_)
    values = generator.uniform(low, high, shape)
    return (np.floor(values) if dtype.is_integer else values).astype(dtype.numpy)
