"""``set_features``: rows with the answers to tests of sets as further features, which a forest only compares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.tree_tables import (
    FAN,
    SETS_PER_GROUP,
    answers_to_sets,
    ranks_of_rows,
    require_rows,
    require_tables,
)
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class SetFeatures(Op):
    """``x f32[rows, features]`` to ``f32[rows, features + 8 * sets]``: ``x``, and then 1 where a test holds, else 0.

    The tests are those of sets, as ``bitsliced_forest`` has them, in their order: ``column i32[columns]``, ``edges
    i32[columns, 17, 16]``, ``set_column i32[sets]`` and ``sets u8[sets, 256]``.
    """

    name = "set_features"

    def infer(
        self, x: TensorType, column: TensorType, edges: TensorType, set_column: TensorType, sets: TensorType
    ) -> tuple[TensorType, ...]:
        require_rows(x)
        require(column.rank == 1 and set_column.rank == 1, "columns must be of rank 1")
        require_tables(
            (column, DType.I32, column.shape),
            (edges, DType.I32, (column.shape[0], 1 + FAN, FAN)),
            (set_column, DType.I32, set_column.shape),
            (sets, DType.U8, (set_column.shape[0], FAN * FAN)),
        )
        require(column.shape[0] > 0 and set_column.shape[0] > 0, "there must be a column and a set")
        return (TensorType(DType.F32, (x.shape[0], x.shape[1] + SETS_PER_GROUP * set_column.shape[0])),)

    def evaluate(self, x: Array, column: Array, edges: Array, set_column: Array, sets: Array) -> tuple[Array, ...]:
        ranks = ranks_of_rows(x, column, edges)
        answers = answers_to_sets(ranks, set_column, sets).reshape(len(x), SETS_PER_GROUP * len(sets))
        return (np.concatenate([x, answers.astype(np.float32)], axis=1),)

    @classmethod
    def samples(cls) -> list[Sample]:
        flat = [sample.operands for sample in BitslicedForest.samples()]
        return [Sample(cls(), (x[:9], column, edges, *sets)) for x, _, column, edges, _, _, *sets, _, _, _ in flat[2:4]]
