"""Reductions over axes, arg-reductions and running sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import Shape, TensorType


def reduced_shape(shape: Shape, axes: tuple[int, ...], keep: bool) -> Shape:
    """``shape`` with ``axes`` set to 1 or dropped."""
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return kept if keep else tuple(size for axis, size in enumerate(shape) if axis not in axes)


@dataclass(frozen=True)
class Reduce(Op):
    """Combines all elements along ``axes`` (sorted, not negative); ``keep`` leaves them as axes of size 1."""

    axes: tuple[int, ...]
    keep: bool = True

    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        """Whether the op is defined on this element type."""
        return dtype not in (DType.BOOL, DType.BF16)

    def apply(self, x: Array) -> Array:
        """The numpy semantics over ``self.axes``; floats come as float64."""
        raise NotImplementedError

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(self.accepts(x.dtype), f"not defined on {x.dtype.value}")
        require(list(self.axes) == sorted(set(self.axes)), "axes must be sorted and distinct")
        require(all(0 <= axis < x.rank for axis in self.axes), f"an axis is out of range for rank {x.rank}")
        return (x.with_shape(reduced_shape(x.shape, self.axes, self.keep)),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        wide = x.astype(np.float64) if x.dtype.kind == "f" else x
        return (np.asarray(self.apply(wide)).astype(x.dtype).reshape(reduced_shape(x.shape, self.axes, self.keep)),)

    @classmethod
    def samples(cls) -> list[Sample]:
        kinds = [d for d in (DType.F32, DType.F64, DType.F16, DType.I32, DType.I64, DType.U8) if cls.accepts(d)]
        x = random_array(3, 5, 37)
        typed = [Sample(cls((1,)), (random_array(3, 19, dtype=dtype),)) for dtype in kinds]
        axes: list[tuple[int, ...]] = [(0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2), ()]
        return [*typed, *(Sample(cls(a, keep=False), (x,)) for a in axes)]


@dataclass(frozen=True)
class ReduceSum(Reduce):
    """The sum; floats accumulate in at least float32, integers wrap; 0 over nothing."""

    name = "reduce_sum"

    def apply(self, x: Array) -> Array:
        return np.sum(x, self.axes, dtype=x.dtype)


@dataclass(frozen=True)
class ReduceProd(Reduce):
    """The product; 1 over nothing."""

    name = "reduce_prod"

    def apply(self, x: Array) -> Array:
        return np.prod(x, self.axes, dtype=x.dtype)


@dataclass(frozen=True)
class ReduceMax(Reduce):
    """The largest element, NaN if there is one; over nothing, the smallest value of the type (-inf for floats)."""

    name = "reduce_max"

    def apply(self, x: Array) -> Array:
        return np.max(x, self.axes, initial=lowest(DType.of(x.dtype)))


@dataclass(frozen=True)
class ReduceMin(Reduce):
    """The smallest element, NaN if there is one; over nothing, the largest value of the type (inf for floats)."""

    name = "reduce_min"

    def apply(self, x: Array) -> Array:
        return np.min(x, self.axes, initial=highest(DType.of(x.dtype)))


def lowest(dtype: DType) -> int | float:
    """The smallest value of a type, -inf for floats."""
    return -np.inf if dtype.is_float else dtype.limits[0]


def highest(dtype: DType) -> int | float:
    """The largest value of a type, inf for floats."""
    return np.inf if dtype.is_float else dtype.limits[1]


@dataclass(frozen=True)
class ArgReduce(Op):
    """The i64 position of an extreme element along ``axis``, kept as size 1; ``last`` picks the last of equals.

    NaN is not ordered: its position is unspecified.
    """

    axis: int
    last: bool = False

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(x.dtype not in (DType.BOOL, DType.BF16), f"not defined on {x.dtype.value}")
        require(0 <= self.axis < x.rank and x.shape[self.axis] > 0, f"axis {self.axis} of {x} has no elements")
        return (TensorType(DType.I64, reduced_shape(x.shape, (self.axis,), keep=True)),)

    def pick(self, x: Array) -> Array:
        """Position of the first extreme element along the axis."""
        raise NotImplementedError

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        if not self.last:
            return (np.expand_dims(self.pick(x), self.axis).astype(np.int64),)
        mirrored = self.pick(np.flip(x, self.axis))
        return (np.expand_dims(x.shape[self.axis] - 1 - mirrored, self.axis).astype(np.int64),)

    @classmethod
    def samples(cls) -> list[Sample]:
        ties = random_array(3, 17, 5, dtype=DType.I32)
        return [
            Sample(cls(axis, last), (array,))
            for axis in (0, 1, 2)
            for last in (False, True)
            for array in (random_array(3, 17, 5), ties)
        ]


@dataclass(frozen=True)
class ArgMax(ArgReduce):
    """Position of the largest element."""

    name = "argmax"

    def pick(self, x: Array) -> Array:
        return np.argmax(x, self.axis)


@dataclass(frozen=True)
class ArgMin(ArgReduce):
    """Position of the smallest element."""

    name = "argmin"

    def pick(self, x: Array) -> Array:
        return np.argmin(x, self.axis)


@dataclass(frozen=True)
class Cumulative(Op):
    """Running combination along ``axis``; ``exclusive`` leaves the own element out, ``reverse`` runs from the end."""

    axis: int
    exclusive: bool = False
    reverse: bool = False

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(x.dtype not in (DType.BOOL, DType.BF16), f"not defined on {x.dtype.value}")
        require(0 <= self.axis < x.rank, f"axis {self.axis} is out of range for rank {x.rank}")
        return (x,)

    def accumulate(self, x: Array) -> Array:
        """The inclusive forward running combination."""
        raise NotImplementedError

    def unit(self) -> int:
        """The combination of nothing."""
        raise NotImplementedError

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        wide = x.astype(np.float64) if x.dtype.kind == "f" else x
        run = np.flip(wide, self.axis) if self.reverse else wide
        if self.exclusive:
            first = np.full_like(run.take([0] if run.shape[self.axis] else [], self.axis), self.unit())
            run = np.concatenate([first, run.take(range(max(run.shape[self.axis] - 1, 0)), self.axis)], self.axis)
        total = self.accumulate(run)
        return ((np.flip(total, self.axis) if self.reverse else total).astype(x.dtype),)

    @classmethod
    def samples(cls) -> list[Sample]:
        flags = [(False, False), (True, False), (False, True), (True, True)]
        x = random_array(2, 7, 3)
        typed = Sample(cls(0), (random_array(9, dtype=DType.I64),))
        return [typed, *(Sample(cls(axis, *flag), (x,)) for axis in range(3) for flag in flags)]


@dataclass(frozen=True)
class CumulativeSum(Cumulative):
    """Running sum; floats accumulate in at least float32."""

    name = "cumulative_sum"

    def accumulate(self, x: Array) -> Array:
        return np.cumsum(x, self.axis, dtype=x.dtype)

    def unit(self) -> int:
        return 0


@dataclass(frozen=True)
class CumulativeProd(Cumulative):
    """Running product; floats accumulate in at least float32."""

    name = "cumulative_prod"

    def accumulate(self, x: Array) -> Array:
        return np.cumprod(x, self.axis, dtype=x.dtype)

    def unit(self) -> int:
        return 1
