"""Ensembles of decision trees, whole: their sums, and where rows end. A pass lowers both to ``forest_walk``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest import Forest, leaves_reached, parse_forest, sums
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType


def check_rows(forest: Forest, x: TensorType) -> None:
    """What rows of a forest must be."""
    require(x.dtype is DType.F32 and x.rank == 2, "x must be f32 of rank 2")
    require(x.shape[1] == forest.features, f"x has {x.shape[1]} columns, the forest {forest.features} features")


@dataclass(frozen=True)
class ForestSums(Op):
    """The sums of a forest: ``x f32[rows, features]`` to ``[rows, outputs]`` in the type of its leaves.

    To ``base``, or to ``start[row]`` where there is a second operand, each tree adds the leaf that the row reaches,
    strictly in the order of the trees, each sum rounded. NaN in ``x`` is a missing value.
    """

    name = "forest"

    forest: Forest

    def infer(self, x: TensorType, start: TensorType | None = None) -> tuple[TensorType, ...]:
        check_rows(self.forest, x)
        result = TensorType(self.forest.dtype, (x.shape[0], self.forest.outputs))
        require(start is None or start == result, f"sums of {result} cannot start at {start}")
        return (result,)

    def evaluate(self, x: Array, start: Array | None = None) -> tuple[Array, ...]:
        return (sums(self.forest, x, start),)

    @classmethod
    def samples(cls) -> list[Sample]:
        forest = parse_forest(_MIXED)
        wide = parse_forest(_WIDE)
        return [
            Sample(cls(forest), (sample_rows(9, 3),)),
            Sample(cls(forest), (sample_rows(9, 3), random_array(9, 2))),
            Sample(cls(wide), (sample_rows(5, 2),)),
            Sample(cls(parse_forest("f32[2] -> [0.5, 1.0] width 1 { }")), (sample_rows(3, 2),)),
        ]


@dataclass(frozen=True)
class ForestLeaves(Op):
    """Where rows end: ``x f32[rows, features]`` to ``i32[rows, trees]``, the ``leaf_id`` of each leaf reached."""

    name = "forest_leaves"

    forest: Forest

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_rows(self.forest, x)
        return (TensorType(DType.I32, (x.shape[0], self.forest.trees)),)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        return (self.forest.leaf_id[leaves_reached(self.forest, x)],)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            Sample(cls(parse_forest(_MIXED)), (sample_rows(9, 3),)),
            Sample(cls(parse_forest(_WIDE)), (sample_rows(5, 2),)),
        ]


def sample_rows(rows: int, features: int) -> Array:
    """Rows with missing values, infinities, negative zeros and values that equal thresholds."""
    x = random_array(rows, features)
    edges = np.array([np.nan, 0.5, -0.0, np.inf, 1.0, -np.inf, 3.0, -0.5, 2.0**31], np.float32)
    flat = x.reshape(-1)
    flat[::2] = np.resize(edges, flat[::2].size)
    return x


_MIXED = """f32[3] -> [0.5, 0.0] width 1 {
  tree 1 {
    s0: x2 < 0.5 ? s1 : s2, missing left
    s1: x0 in {1, 3} ? v0 : v1, missing right
    s2: x1 <= 1.0 ? v2 : s3, missing left
    s3: x1 == 3.0 ? v3 : v4, missing right
    v0: 0.1, id 3
    v1: -0.7, id 4
    v2: 1.3, id 5
    v3: 16777216.0, id 7
    v4: -3.1, id 8
  }
  tree 0 {
    v5: 0.125, id 0
  }
  tree 1 {
    s4: x0 > 0.0 ? v6 : s5, missing right
    s5: x2 >= -0.5 ? s6 : v7, missing left
    s6: x1 != 1.0 ? s7 : v8, missing left
    s7: x2 in {} ? v9 : v10, missing right
    v6: 0.3, id 1
    v7: 0.6, id 4
    v8: 1e-45, id 6
    v9: -0.2, id 7
    v10: 0.7, id 8
  }
}"""

_WIDE = """f64[2] -> [0.5, 0.0, 0.25] width 2 {
  tree 1 {
    s0: x1 < 0.5 ? v0 : v1, missing left
    v0: [0.1, 0.2], id 1
    v1: [-0.1, 0.3], id 2
  }
  tree 0 {
    s1: x0 < 1.0 ? v2 : v3, missing right
    v2: [0.7, -0.2], id 1
    v3: [-0.1, 0.9], id 2
  }
}"""
