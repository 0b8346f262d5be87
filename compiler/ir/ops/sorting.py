"""``top_k``: the k extreme elements along an axis, in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class TopK(Op):
    """The ``k`` largest (or smallest) elements along ``axis`` and their i64 positions, best first.

    Of equal elements the one with the lower position comes first. The place of NaN is unspecified.
    """

    name = "top_k"

    axis: int
    k: int
    largest: bool = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(x.dtype not in (DType.BOOL, DType.BF16), f"not defined on {x.dtype.value}")
        require(0 <= self.axis < x.rank, f"axis {self.axis} is out of range for rank {x.rank}")
        require(0 <= self.k <= x.shape[self.axis], f"cannot take {self.k} of {x.shape[self.axis]} elements")
        shape = (*x.shape[: self.axis], self.k, *x.shape[self.axis + 1 :])
        return (x.with_shape(shape), TensorType(DType.I64, shape))

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        if self.largest:
            # A stable ascending sort of the mirrored axis, read backwards, is stable and descending.
            mirrored = np.argsort(np.flip(x, self.axis), self.axis, kind="stable")
            order = x.shape[self.axis] - 1 - np.flip(mirrored, self.axis)
        else:
            order = np.argsort(x, self.axis, kind="stable")
        best = np.take(order, range(self.k), self.axis).astype(np.int64)
        return (np.take_along_axis(x, best, self.axis), best)

    @classmethod
    def samples(cls) -> list[Sample]:
        ties = random_array(4, 9, 3, dtype=DType.I32)
        return [
            Sample(cls(1, 5), (random_array(3, 17),)),
            Sample(cls(0, 3, largest=False), (random_array(9, 4),)),
            Sample(cls(1, 9), (ties,)),
            Sample(cls(1, 4, largest=False), (ties,)),
            Sample(cls(0, 2), (random_array(7, dtype=DType.U8, low=0, high=200),)),
        ]
