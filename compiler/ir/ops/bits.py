"""``bitcast``: the same bytes under another element type."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class Bitcast(Op):
    """Every element's bits, read as an element type of the same width. Not defined on bool, whose bits are 0
    or 1."""

    name = "bitcast"

    to: DType

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(DType.BOOL not in (x.dtype, self.to), "not defined on bool")
        require(x.dtype.bytes == self.to.bytes, f"{x.dtype.value} and {self.to.value} differ in width")
        return (x.with_dtype(self.to),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        return (x.view(self.to.numpy),)

    @classmethod
    def samples(cls) -> list[Sample]:
        pairs = [
            (DType.F32, DType.I32),
            (DType.U32, DType.F32),
            (DType.F64, DType.U64),
            (DType.I64, DType.F64),
            (DType.F16, DType.U16),
            (DType.I8, DType.U8),
        ]
        return [Sample(cls(to), (random_array(3, 37, dtype=d, low=0, high=100),)) for d, to in pairs]
