"""Ops whose indices are data. Indices are i64, may be negative down to -size, and are clamped into range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType


def wrap_indices(indices: Array, size: int) -> Array:
    """Negative indices count from the end; what is still outside [0, size) is clamped, so nothing is read outside."""
    return np.clip(np.where(indices < 0, indices + size, indices), 0, max(size - 1, 0))


@dataclass(frozen=True)
class Gather(Op):
    """``x`` taken along ``axis`` at i64 ``indices``: the shape is x.shape with the axis replaced by indices.shape."""

    name = "gather"

    axis: int

    def infer(self, x: TensorType, indices: TensorType) -> tuple[TensorType, ...]:
        require(indices.dtype is DType.I64, "indices must be i64")
        require(0 <= self.axis < x.rank, f"axis {self.axis} is out of range for rank {x.rank}")
        require(x.shape[self.axis] > 0 or indices.elements == 0, "cannot index an empty axis")
        return (x.with_shape((*x.shape[: self.axis], *indices.shape, *x.shape[self.axis + 1 :])),)

    def evaluate(self, x: Array, indices: Array) -> tuple[Array, ...]:
        return (np.take(x, wrap_indices(indices, x.shape[self.axis]), self.axis),)

    @classmethod
    def samples(cls) -> list[Sample]:
        x = random_array(5, 7, 6)
        indices = np.array([[0, 3], [-1, 2]], np.int64)
        return [*(Sample(cls(axis), (x, indices)) for axis in range(3)), Sample(cls(0), (x, np.array(2, np.int64)))]


@dataclass(frozen=True)
class GatherElements(Op):
    """``result[i] = x[i with i[axis] replaced by indices[i]]``; indices is i64 and no larger than x beside the axis."""

    name = "gather_elements"

    axis: int

    def infer(self, x: TensorType, indices: TensorType) -> tuple[TensorType, ...]:
        require(indices.dtype is DType.I64 and indices.rank == x.rank, "indices must be i64 of the operand's rank")
        require(0 <= self.axis < x.rank, f"axis {self.axis} is out of range for rank {x.rank}")
        fits = all(i <= d for a, (i, d) in enumerate(zip(indices.shape, x.shape, strict=True)) if a != self.axis)
        require(fits, "indices are larger than the operand beside the axis")
        require(x.shape[self.axis] > 0 or indices.elements == 0, "cannot index an empty axis")
        return (x.with_shape(indices.shape),)

    def evaluate(self, x: Array, indices: Array) -> tuple[Array, ...]:
        beside = tuple(slice(0, size) if a != self.axis else slice(None) for a, size in enumerate(indices.shape))
        return (np.take_along_axis(x[beside], wrap_indices(indices, x.shape[self.axis]), self.axis),)

    @classmethod
    def samples(cls) -> list[Sample]:
        indices = random_array(2, 6, dtype=DType.I64, low=-4, high=4)
        return [Sample(cls(0), (random_array(4, 6), indices)), Sample(cls(1), (random_array(3, 4), indices))]


@dataclass(frozen=True)
class GatherNd(Op):
    """Slices of ``x`` at index tuples ``indices[..., k]``, after ``batch_axes`` leading axes that both share."""

    name = "gather_nd"

    batch_axes: int = 0

    def infer(self, x: TensorType, indices: TensorType) -> tuple[TensorType, ...]:
        require(indices.dtype is DType.I64 and indices.rank > self.batch_axes, "indices must be i64 tuples")
        require(x.shape[: self.batch_axes] == indices.shape[: self.batch_axes], "batch axes differ")
        depth = indices.shape[-1]
        require(self.batch_axes + depth <= x.rank, f"index tuples of {depth} are longer than the operand's rank")
        indexed = x.shape[self.batch_axes : self.batch_axes + depth]
        require(0 not in indexed or indices.elements == 0, "cannot index an empty axis")
        return (x.with_shape((*indices.shape[:-1], *x.shape[self.batch_axes + depth :])),)

    def evaluate(self, x: Array, indices: Array) -> tuple[Array, ...]:
        depth, batch = indices.shape[-1], indices.shape[: self.batch_axes]
        beside = (1,) * (indices.ndim - 1 - self.batch_axes)
        lead = [grid.reshape(*batch, *beside) for grid in np.indices(batch)]
        tail = [wrap_indices(indices[..., i], x.shape[self.batch_axes + i]) for i in range(depth)]
        (type_,) = self.infer(TensorType(DType.of(x.dtype), x.shape), TensorType(DType.I64, indices.shape))
        return (np.broadcast_to(x[(*lead, *tail)], type_.shape).copy(),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            Sample(cls(), (random_array(4, 5, 3), np.array([[0, 1], [3, -1]], np.int64))),
            Sample(cls(1), (random_array(2, 5, 3), np.array([[[1], [0]], [[4], [2]]], np.int64))),
            Sample(cls(), (random_array(4, 5), np.array([[[0, 1]], [[3, 4]]], np.int64))),
        ]
