"""``resample``: a weighted sum of a few elements along one axis, which is what every kind of resizing is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.indexing import wrap_indices
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class Resample(Op):
    """``result[.., o, ..] = sum over t of weights[o, t] * x[.., indices[o, t], ..]`` along ``axis``.

    ``indices`` is i64[out, taps], clamped into range; ``weights`` has the same shape and x's float type.
    Taps are few and the tables usually constants. Accumulates in at least float32.
    """

    name = "resample"

    axis: int

    def infer(self, x: TensorType, indices: TensorType, weights: TensorType) -> tuple[TensorType, ...]:
        require(x.dtype.is_float and x.dtype is not DType.BF16, f"not defined on {x.dtype.value}")
        require(0 <= self.axis < x.rank, f"axis {self.axis} is out of range for rank {x.rank}")
        require(indices.dtype is DType.I64 and indices.rank == 2, "indices must be i64[out, taps]")
        require(weights == TensorType(x.dtype, indices.shape), "weights must match the indices and the operand")
        require(x.shape[self.axis] > 0 or indices.elements == 0, "cannot index an empty axis")
        return (x.with_shape((*x.shape[: self.axis], indices.shape[0], *x.shape[self.axis + 1 :])),)

    def evaluate(self, x: Array, indices: Array, weights: Array) -> tuple[Array, ...]:
        rows = np.moveaxis(x, self.axis, -1).astype(np.float64)
        taps = np.take(rows, wrap_indices(indices, x.shape[self.axis]), -1)
        total = (taps * weights.astype(np.float64)).sum(-1)
        return (np.ascontiguousarray(np.moveaxis(total, -1, self.axis)).astype(x.dtype),)

    @classmethod
    def samples(cls) -> list[Sample]:
        x = random_array(2, 5, 7)

        def tables(axis: int, out: int, taps: int) -> tuple[Array, Array]:
            return (
                random_array(out, taps, dtype=DType.I64, low=0, high=x.shape[axis]),
                random_array(out, taps, seed=1, low=-0.2, high=1.0),
            )

        doubled = (
            np.array([[0, 0], [0, 1], [0, 1], [1, 2], [1, 2], [2, 2]], np.int64),
            np.full((6, 2), 0.5, np.float32),
        )
        return [
            Sample(cls(2), (x, *tables(2, 19, 2))),
            Sample(cls(1), (x, *tables(1, 9, 4))),
            Sample(cls(0), (x, *tables(0, 1, 1))),
            Sample(cls(3), (random_array(1, 2, 3, 3), *doubled)),
            Sample(cls(0), (random_array(3, dtype=DType.F64), doubled[0], doubled[1].astype(np.float64))),
        ]
