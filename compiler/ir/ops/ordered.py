"""A sum whose order and roundings are part of its meaning, for models whose results must agree to the bit."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class OrderedSum(Op):
    """``start[rows, outputs]`` to which ``terms[rows, count, outputs]`` are added one after another, each sum rounded.

    f32 or f64. ``reduce_sum`` may add in any order, and wider.
    """

    name = "ordered_sum"

    def infer(self, start: TensorType, terms: TensorType) -> tuple[TensorType, ...]:
        require(start.dtype in (DType.F32, DType.F64) and terms.dtype is start.dtype, "sums are of f32 or f64")
        require(start.rank == 2 and terms.rank == 3, "start must be [rows, outputs], terms [rows, count, outputs]")
        require((terms.shape[0], terms.shape[2]) == start.shape, f"terms {terms} do not fit {start}")
        return (start,)

    def evaluate(self, start: Array, terms: Array) -> tuple[Array, ...]:
        result = start.copy()
        for number in range(terms.shape[1]):
            result += terms[:, number]
        return (result,)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            Sample(cls(), (random_array(3, 2, dtype=dtype), random_array(3, count, 2, dtype=dtype)))
            for dtype in (DType.F32, DType.F64)
            for count in (0, 1, 9)
        ]
