"""``ranked_leaves``: what the trees of ``ranked_forest`` give for few rows, each by itself, before anything is added.

Threads share the trees, and where there are several outputs their sums are made side by side (``ordered_sum``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.ranked_forest import leaves_reached, require_ranked, sample_tables
from compiler.ir.ops.tree_tables import require_rows
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class RankedLeaves(Op):
    """``x f32[rows, features]`` to the values ``[rows, trees, width]`` of the leaves that rows reach, f32 or f64.

    The tables are those of ``ranked_forest``, without ``target``.
    """

    name = "ranked_leaves"

    depth: int

    def infer(
        self,
        x: TensorType,
        column: TensorType,
        edges: TensorType,
        upper: TensorType,
        lower: TensorType,
        leaf: TensorType,
    ) -> tuple[TensorType, ...]:
        require_rows(x)
        require(leaf.dtype in (DType.F32, DType.F64), "leaves are of f32 or f64")
        require_ranked(self.depth, column, edges, upper, lower, leaf, leaf.dtype)
        return (TensorType(leaf.dtype, (x.shape[0], leaf.shape[0], leaf.shape[2])),)

    def evaluate(
        self, x: Array, column: Array, edges: Array, upper: Array, lower: Array, leaf: Array
    ) -> tuple[Array, ...]:
        result = np.empty((len(x), len(leaf), leaf.shape[2]), leaf.dtype)
        for tree, reached in enumerate(leaves_reached(x, column, edges, upper, lower, self.depth)):
            result[:, tree] = leaf[tree, reached]
        return (result,)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            Sample(cls(depth), tuple(sample_tables(rows, columns, trees=trees, depth=depth, width=width, dtype=dtype)))
            for rows, columns, trees, depth, width, dtype in (
                (2, 5, 70, 5, 1, DType.F32),
                (3, 66, 1100, 3, 2, DType.F32),
                (9, 1, 2, 3, 2, DType.F64),
            )
        ]
