"""Ops that move elements without computing: reshape, transpose, slices, padding, concatenation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.broadcasting import broadcast_shapes
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import Layout, TensorType


@dataclass(frozen=True)
class Reshape(Op):
    """The same elements in row-major order under another shape."""

    name = "reshape"

    shape: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(math.prod(self.shape) == x.elements, f"{x.elements} elements do not fill {list(self.shape)}")
        return (x.with_shape(self.shape),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        return (x.reshape(self.shape),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [Sample(cls((4, 6)), (random_array(2, 3, 4),)), Sample(cls(()), (random_array(1, 1),))]


@dataclass(frozen=True)
class Transpose(Op):
    """result's axis i is the operand's axis ``permutation[i]``."""

    name = "transpose"

    permutation: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(sorted(self.permutation) == list(range(x.rank)), f"not a permutation of {x.rank} axes")
        return (x.with_shape(tuple(x.shape[axis] for axis in self.permutation)),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        return (x.transpose(self.permutation),)

    @classmethod
    def samples(cls) -> list[Sample]:
        x = random_array(3, 17, 20)
        wide = random_array(2, 3, 4, 5, dtype=DType.I64)
        return [Sample(cls((0, 2, 1)), (x,)), Sample(cls((2, 0, 1)), (x,)), Sample(cls((3, 1, 0, 2)), (wide,))]


@dataclass(frozen=True)
class Broadcast(Op):
    """The operand broadcast to ``shape`` by numpy's rules."""

    name = "broadcast"

    shape: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(broadcast_shapes(x.shape, self.shape) == self.shape, f"{x.shape} does not broadcast to {self.shape}")
        return (x.with_shape(self.shape),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        return (np.broadcast_to(x, self.shape).copy(),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [Sample(cls((2, 3, 5)), (random_array(3, 1),)), Sample(cls((4,)), (random_array(dtype=DType.I32),))]


@dataclass(frozen=True)
class Slice(Op):
    """``result[i] = x[start + i * step]`` per axis, ``size`` elements each; steps may be negative, not zero.

    Frontends resolve negative and clamped starts: every index must lie inside the operand.
    """

    name = "slice"

    start: tuple[int, ...]
    size: tuple[int, ...]
    step: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(len(self.start) == len(self.size) == len(self.step) == x.rank, f"needs {x.rank} entries per attribute")
        for axis, (start, size, step) in enumerate(zip(self.start, self.size, self.step, strict=True)):
            require(step != 0, f"step 0 on axis {axis}")
            last = start + (size - 1) * step
            inside = 0 <= start < x.shape[axis] and 0 <= last < x.shape[axis]
            require(size == 0 or (size > 0 and inside), f"axis {axis} of {x} is read outside [{start}..{last}]")
        return (x.with_shape(self.size),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        window = zip(self.start, self.size, self.step, strict=True)
        index = np.ix_(*(start + np.arange(size) * step for start, size, step in window))
        return (np.ascontiguousarray(x[index]).reshape(self.size),)

    @classmethod
    def samples(cls) -> list[Sample]:
        x = random_array(5, 23)
        return [
            Sample(cls((1, 2), (3, 20), (1, 1)), (x,)),
            Sample(cls((4, 22), (5, 8), (-1, -3)), (x,)),
            Sample(cls((0, 0), (0, 23), (1, 1)), (x,)),
        ]


@dataclass(frozen=True)
class Pad(Op):
    """``low[a]`` elements before and ``high[a]`` after each axis; none negative.

    ``mode``: "constant" takes the second operand, a scalar; "edge" repeats the border, "reflect" mirrors without it,
    "wrap" is periodic; these take no second operand, and reflect needs pads smaller than the axis.
    """

    name = "pad"

    low: tuple[int, ...]
    high: tuple[int, ...]
    mode: str = "constant"

    def infer(self, x: TensorType, *value: TensorType) -> tuple[TensorType, ...]:
        require(self.mode in ("constant", "edge", "reflect", "wrap"), f"unknown mode {self.mode!r}")
        require(len(self.low) == len(self.high) == x.rank, f"needs {x.rank} pads on each side")
        require(min((*self.low, *self.high), default=0) >= 0, "pads must not be negative")
        if self.mode == "constant":
            require(len(value) == 1 and value[0] == TensorType(x.dtype, ()), f"needs a scalar {x.dtype.value}")
        else:
            require(not value, f"mode {self.mode} takes one operand")
            empty = any(d == 0 and lo + hi for d, lo, hi in zip(x.shape, self.low, self.high, strict=True))
            require(not empty, "an empty axis has no border")
        if self.mode == "reflect":
            fits = all(max(lo, hi) < max(d, 1) for d, lo, hi in zip(x.shape, self.low, self.high, strict=True))
            require(fits, "reflect needs pads smaller than the axis")
        return (x.with_shape(tuple(d + lo + hi for d, lo, hi in zip(x.shape, self.low, self.high, strict=True))),)

    def evaluate(self, x: Array, *value: Array) -> tuple[Array, ...]:
        widths = list(zip(self.low, self.high, strict=True))
        if self.mode == "constant":
            padded: Array = np.pad(x, widths, constant_values=value[0].item()) if widths else x
            return (padded,)
        mode = cast("Literal['edge', 'reflect', 'wrap']", self.mode)
        return (np.pad(x, widths, mode=mode) if widths else x,)

    @classmethod
    def samples(cls) -> list[Sample]:
        x = random_array(3, 19)
        others = [Sample(cls((1, 2), (2, 3), mode), (x,)) for mode in ("edge", "reflect", "wrap")]
        return [
            Sample(cls((1, 2), (0, 3)), (x, np.array(-np.inf, np.float32))),
            Sample(cls((0, 1), (1, 0)), (random_array(2, 3, dtype=DType.I64), np.array(7, np.int64))),
            *others,
        ]


@dataclass(frozen=True)
class Concat(Op):
    """The operands joined along ``axis`` (not negative); at least one."""

    name = "concat"

    axis: int

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        require(len(operands) > 0, "needs at least one operand")
        first = operands[0]
        require(0 <= self.axis < first.rank, f"axis {self.axis} is out of range for rank {first.rank}")
        for other in operands[1:]:
            require(other.dtype is first.dtype, "operands differ in element type")
            same = [a == b for a, b in zip(first.shape, other.shape, strict=False)]
            require(other.rank == first.rank, "operands differ in rank")
            require(all(same[: self.axis] + same[self.axis + 1 :]), "operands differ beside the axis")
        total = sum(operand.shape[self.axis] for operand in operands)
        return (first.with_shape((*first.shape[: self.axis], total, *first.shape[self.axis + 1 :])),)

    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        return (np.concatenate(operands, self.axis),)

    @classmethod
    def samples(cls) -> list[Sample]:
        parts = (random_array(2, 3, 5), random_array(2, 1, 5), random_array(2, 4, 5))
        return [Sample(cls(1), parts), Sample(cls(0), (random_array(3), random_array(4)))]


@dataclass(frozen=True)
class Tile(Op):
    """The operand repeated ``repeats[a]`` times along each axis."""

    name = "tile"

    repeats: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(len(self.repeats) == x.rank and min(self.repeats, default=0) >= 0, f"needs {x.rank} counts >= 0")
        return (x.with_shape(tuple(d * r for d, r in zip(x.shape, self.repeats, strict=True))),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        return (np.tile(x, self.repeats),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [Sample(cls((2, 3)), (random_array(3, 5),)), Sample(cls((1, 2, 1)), (random_array(2, 2, 4),))]


@dataclass(frozen=True)
class Relayout(Op):
    """The same logical elements in another memory layout: the only op that changes a layout."""

    name = "relayout"

    layout: Layout

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(all(axis < x.rank and size > 0 for axis, size in self.layout.blocks), "a block has no such axis")
        return (TensorType(x.dtype, x.shape, self.layout),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        return (x,)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [Sample(cls(Layout(((1, 4),))), (random_array(1, 6, 3, 3),))]


@dataclass(frozen=True)
class ShapeOf(Op):
    """The operand's shape as i64[rank]; folds to a constant, since shapes are known."""

    name = "shape_of"

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(DType.I64, (x.rank,)),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        return (np.array(x.shape, np.int64),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [Sample(cls(), (random_array(2, 3, 4),)), Sample(cls(), (random_array(),))]
