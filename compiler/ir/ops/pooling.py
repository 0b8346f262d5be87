"""Window reductions over the spatial axes of ``[n, c, *d]``."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.reduction import lowest
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class Pool(Op):
    """A reduction over windows. One entry per spatial axis; ``low`` and ``high`` pad with the reduction's unit.

    Frontends express ceil mode by enlarging ``high``.
    """

    window: tuple[int, ...]
    strides: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    dilations: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        spatial = x.rank - 2
        require(x.dtype not in (DType.BOOL, DType.BF16), f"not defined on {x.dtype.value}")
        require(spatial >= 1, "needs rank >= 3")
        for attribute in (self.window, self.strides, self.low, self.high, self.dilations):
            require(len(attribute) == spatial, f"needs {spatial} entries per attribute")
        positive = (*self.window, *self.strides, *self.dilations)
        require(min(positive) > 0, "window, strides and dilations must be positive")
        require(min((*self.low, *self.high)) >= 0, "pads must not be negative")
        sizes = [
            (x.shape[2 + i] + self.low[i] + self.high[i] - self.dilations[i] * (self.window[i] - 1) - 1)
            // self.strides[i]
            + 1
            for i in range(spatial)
        ]
        require(min(sizes) > 0, f"the window is larger than the padded input: result sizes {sizes}")
        return (x.with_shape((*x.shape[:2], *sizes)),)

    def patches(self, x: Array, padding: int | float) -> Array:
        """All windows as ``[taps, n, c, *out]``."""
        (type_,) = self.infer(TensorType(DType.of(x.dtype), x.shape))
        widths = [(0, 0), (0, 0), *zip(self.low, self.high, strict=True)]
        source = np.pad(x, widths, constant_values=padding)
        taps: list[Array] = []
        for tap in itertools.product(*map(range, self.window)):
            window = tuple(
                slice(t * d, t * d + (size - 1) * s + 1, s)
                for t, d, s, size in zip(tap, self.dilations, self.strides, type_.shape[2:], strict=True)
            )
            taps.append(source[(slice(None), slice(None), *window)])
        return np.stack(taps)

    @classmethod
    def samples(cls) -> list[Sample]:
        x = random_array(1, 5, 13, 22)
        return [
            Sample(cls((3, 3), (2, 2), (1, 1), (1, 1), (1, 1)), (x,)),
            Sample(cls((2, 2), (2, 2), (0, 0), (0, 0), (1, 1)), (x,)),
            Sample(cls((3, 2), (1, 1), (0, 1), (2, 0), (2, 1)), (x,)),
            Sample(cls((4,), (3,), (1,), (2,), (1,)), (random_array(2, 3, 17),)),
            Sample(cls((2, 2, 2), (1, 2, 1), (0, 0, 0), (1, 0, 0), (1, 1, 1)), (random_array(1, 2, 4, 5, 6),)),
        ]


@dataclass(frozen=True)
class MaxPool(Pool):
    """The largest element of each window; NaN if there is one."""

    name = "max_pool"

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        return (self.patches(x, lowest(DType.of(x.dtype))).max(0),)

    @classmethod
    def samples(cls) -> list[Sample]:
        integers = random_array(1, 2, 6, 6, dtype=DType.U8, low=0, high=200)
        return [*super().samples(), Sample(cls((2, 2), (1, 1), (1, 0), (0, 1), (1, 1)), (integers,))]


@dataclass(frozen=True)
class SumPool(Pool):
    """The sum of each window; average pooling is this, multiplied by the reciprocal window sizes."""

    name = "sum_pool"

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        wide = np.float64 if x.dtype.kind == "f" else x.dtype
        return (self.patches(x.astype(wide), 0).sum(0, dtype=wide).astype(x.dtype),)
