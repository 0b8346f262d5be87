"""An op from outside the tree, with its row of the computes table: x * x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.codegen.computes import Pointwise
from compiler.ir import Sample
from compiler.ir.literal import Array
from compiler.ir.ops.unary import Unary


@dataclass(frozen=True)
class Square(Unary):
    """x * x."""

    name = "test.square"

    def apply(self, x: Array) -> Array:
        return x * x

    @classmethod
    def samples(cls) -> list[Sample]:
        return [Sample(cls(), (np.arange(5, dtype=np.float32),))]


OPS = (Square,)
COMPUTES = {Square: Pointwise(lambda k, op, x: x * x)}
