"""Ops that sum products: matmul and convolution. Biases and activations are ops of their own, fused later."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.broadcasting import broadcast_shapes
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType


def accumulator(dtype: DType) -> np.dtype[np.generic]:
    """The type in which the reference sums products of ``dtype``: wider for floats, exact for integers."""
    return np.dtype(np.float64) if dtype.is_float else dtype.numpy


@dataclass(frozen=True)
class MatMul(Op):
    """``[..., m, k] x [..., k, n] -> [..., m, n]``, batch axes broadcast; ``transpose_b`` reads b as [..., n, k].

    Floats accumulate in at least float32; integers wrap in their own type.
    """

    name = "matmul"

    transpose_b: bool = False

    def infer(self, a: TensorType, b: TensorType) -> tuple[TensorType, ...]:
        require(a.dtype is b.dtype and a.dtype not in (DType.BOOL, DType.BF16), "operands need one numeric type")
        require(a.rank >= 2 and b.rank >= 2, "operands need at least two axes")
        k, n = (b.shape[-1], b.shape[-2]) if self.transpose_b else (b.shape[-2], b.shape[-1])
        require(a.shape[-1] == k, f"sums over {a.shape[-1]} and {k} elements")
        return (a.with_shape((*broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], n)),)

    def evaluate(self, a: Array, b: Array) -> tuple[Array, ...]:
        wide = accumulator(DType.of(a.dtype))
        right = np.swapaxes(b, -1, -2) if self.transpose_b else b
        return (np.matmul(a.astype(wide), right.astype(wide)).astype(a.dtype),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            Sample(cls(), (random_array(7, 33), random_array(33, 37))),
            Sample(cls(), (random_array(2, 1, 5, 8), random_array(3, 8, 16))),
            Sample(cls(transpose_b=True), (random_array(1, 33), random_array(19, 33))),
            Sample(cls(), (random_array(4, 9, dtype=DType.I32), random_array(9, 6, dtype=DType.I32))),
            Sample(cls(), (random_array(4, 9, dtype=DType.F64), random_array(9, 6, dtype=DType.F64))),
            Sample(cls(), (random_array(4, 9, dtype=DType.F16), random_array(9, 6, dtype=DType.F16))),
            Sample(cls(), (random_array(3, 0), random_array(0, 4))),
        ]


@dataclass(frozen=True)
class Conv(Op):
    """N-dimensional cross-correlation ``x[n, c, *d] * w[o, c / groups, *k] -> [n, o, *out]``.

    One entry per spatial axis: ``strides``, ``dilations``, zero padding ``low`` and ``high`` (may be negative: crop).
    Floats accumulate in at least float32; integers wrap in their own type.
    """

    name = "conv"

    strides: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int = 1

    def infer(self, x: TensorType, w: TensorType) -> tuple[TensorType, ...]:
        spatial = x.rank - 2
        require(x.dtype is w.dtype and x.dtype not in (DType.BOOL, DType.BF16), "operands need one numeric type")
        require(spatial >= 1 and w.rank == x.rank, "operands need rank >= 3, the same for both")
        for attribute in (self.strides, self.low, self.high, self.dilations):
            require(len(attribute) == spatial, f"needs {spatial} entries per attribute")
        require(min((*self.strides, *self.dilations)) > 0, "strides and dilations must be positive")
        channels, filters = x.shape[1], w.shape[0]
        require(self.groups > 0 and channels == w.shape[1] * self.groups, f"{channels} channels do not fit the weights")
        require(filters % self.groups == 0, f"{filters} filters do not divide into {self.groups} groups")
        sizes = [
            (x.shape[2 + i] + self.low[i] + self.high[i] - self.dilations[i] * (w.shape[2 + i] - 1) - 1)
            // self.strides[i]
            + 1
            for i in range(spatial)
        ]
        require(min(sizes) > 0, f"the window is larger than the padded input: result sizes {sizes}")
        return (x.with_shape((x.shape[0], filters, *sizes)),)

    def evaluate(self, x: Array, w: Array) -> tuple[Array, ...]:
        (type_,) = self.infer(TensorType(DType.of(x.dtype), x.shape), TensorType(DType.of(w.dtype), w.shape))
        wide = accumulator(type_.dtype)
        spatial = x.ndim - 2
        source = pad_or_crop(x.astype(wide), self.low, self.high)
        grouped = source.reshape(x.shape[0], self.groups, -1, *source.shape[2:])
        weights = w.astype(wide).reshape(self.groups, -1, *w.shape[1:])
        total: Array = np.zeros((x.shape[0], self.groups, weights.shape[1], *type_.shape[2:]), wide)
        for tap in itertools.product(*map(range, w.shape[2:])):
            window = tuple(
                slice(t * d, t * d + (size - 1) * s + 1, s)
                for t, d, s, size in zip(tap, self.dilations, self.strides, type_.shape[2:], strict=True)
            )
            patch = grouped[(slice(None), slice(None), slice(None), *window)]
            flat = patch.reshape(*patch.shape[:3], -1)
            product: Array = weights[(..., *tap)] @ flat  # [g, o, c] x [n, g, c, pixels]
            total += product.reshape(*product.shape[:3], *patch.shape[-spatial:])
        return (total.reshape(type_.shape).astype(x.dtype),)

    @classmethod
    def samples(cls) -> list[Sample]:
        def conv2d(
            c: int, o: int, k: int, s: int, p: int, d: int = 1, g: int = 1, hw: tuple[int, int] = (13, 11)
        ) -> Sample:
            op = cls((s, s), (p, p), (p, p), (d, d), g)
            return Sample(op, (random_array(1, c, *hw), random_array(o, c // g, k, k, seed=1)))

        return [
            conv2d(3, 8, 3, 2, 1),
            conv2d(16, 32, 1, 1, 0),
            conv2d(8, 24, 3, 1, 1),
            conv2d(8, 8, 3, 1, 1, g=8),
            conv2d(6, 12, 5, 2, 2, g=3),
            conv2d(4, 4, 3, 1, 2, d=2, hw=(9, 30)),
            Sample(cls((1,), (2,), (0,), (1,)), (random_array(2, 3, 17), random_array(4, 3, 3))),
            Sample(
                cls((1, 1, 2), (1, 0, 1), (1, 0, 1), (1, 1, 1)),
                (random_array(1, 2, 4, 5, 6), random_array(3, 2, 3, 2, 3)),
            ),
            Sample(cls((1, 1), (0, -1), (0, -1), (1, 1)), (random_array(1, 2, 5, 7), random_array(3, 2, 2, 2))),
            Sample(
                cls((1, 1), (1, 1), (1, 1), (1, 1)),
                (random_array(1, 3, 6, 6, dtype=DType.I32), random_array(4, 3, 3, 3, dtype=DType.I32)),
            ),
        ]


def pad_or_crop(x: Array, low: tuple[int, ...], high: tuple[int, ...]) -> Array:
    """Zero-pad the trailing axes of ``x``; negative amounts crop."""
    lead = x.ndim - len(low)
    crop = tuple(slice(max(0, -lo), size - max(0, -hi)) for lo, hi, size in zip(low, high, x.shape[lead:], strict=True))
    widths = [(0, 0)] * lead + [(max(0, lo), max(0, hi)) for lo, hi in zip(low, high, strict=True)]
    return np.pad(x[(..., *crop)], widths)
