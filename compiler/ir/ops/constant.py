"""``constant``: a literal value in the graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.literal import Array, Literal
from compiler.ir.op import Op, Sample
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class Constant(Op):
    """A value known when the graph is built."""

    name = "constant"

    value: Literal

    def infer(self) -> tuple[TensorType, ...]:
        return (self.value.type,)

    def evaluate(self) -> tuple[Array, ...]:
        return (self.value.array,)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [Sample(cls(Literal(np.arange(6, dtype=np.float32).reshape(2, 3))), ())]
