"""The two halves of a forest as ops on tables: the walk of each row through each tree, and the sum of its leaves.

Tables are operands, so that a kernel depends on the sizes of a forest only. Both ops are defined for any tables:
numbers of splits, leaves, features and outputs out of range are clamped, and a walk ends after ``depth`` steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.forest import sample_rows
from compiler.ir.ops.sampling import random_array
from compiler.ir.ops.tree_tables import require_rows
from compiler.ir.types import TensorType


class Ways(IntFlag):
    """For which rows a split goes left, by how the feature compares with the threshold."""

    LESS = 1
    EQUAL = 2
    GREATER = 4
    MISSING = 8
    """NaN."""
    SET = 16
    """The split tests its set: a member counts as ``LESS``, anything else as ``GREATER``."""


@dataclass(frozen=True)
class ForestWalk(Op):
    """``x f32[rows, features]`` to ``i32[rows, trees]``: the number of the leaf that each row reaches in each tree.

    Tables: ``roots i32[trees]``; by split ``feature i32``, ``ways u8`` (``Ways``), ``threshold f32``, ``left`` and
    ``right i32``; ``first_category i32[splits + 1]`` and ``categories i32``, the sets. A child, or root, ``c < 0`` is
    the leaf ``~c``. A walk that reaches no leaf within ``depth`` steps gives 0.
    """

    name = "forest_walk"

    depth: int

    def infer(
        self,
        x: TensorType,
        roots: TensorType,
        feature: TensorType,
        ways: TensorType,
        threshold: TensorType,
        left: TensorType,
        right: TensorType,
        first_category: TensorType,
        categories: TensorType,
    ) -> tuple[TensorType, ...]:
        require(self.depth >= 0, "depth must not be negative")
        require_rows(x)
        require(roots.dtype is DType.I32 and roots.rank == 1, "roots must be i32[trees]")
        splits = feature.elements
        require(splits > 0 and categories.elements > 0, "tables must not be empty")
        wanted = (
            (feature, DType.I32, splits),
            (ways, DType.U8, splits),
            (threshold, DType.F32, splits),
            (left, DType.I32, splits),
            (right, DType.I32, splits),
            (first_category, DType.I32, splits + 1),
            (categories, DType.I32, categories.elements),
        )
        for table, dtype, size in wanted:
            require(table == TensorType(dtype, (size,)), f"a table is {table}, expected {dtype.value}[{size}]")
        return (TensorType(DType.I32, (x.shape[0], roots.shape[0])),)

    def evaluate(
        self,
        x: Array,
        roots: Array,
        feature: Array,
        ways: Array,
        threshold: Array,
        left: Array,
        right: Array,
        first_category: Array,
        categories: Array,
    ) -> tuple[Array, ...]:
        place = np.repeat(roots[None], x.shape[0], axis=0).reshape(-1)
        row = np.arange(place.size) // max(1, roots.size)
        limits = np.clip(first_category, 0, categories.size)
        for _ in range(self.depth):
            walking = np.flatnonzero(place >= 0)
            if not walking.size:
                break
            split = np.minimum(place[walking], feature.size - 1)
            value = x[row[walking], np.clip(feature[split], 0, x.shape[1] - 1)]
            relation = (value >= threshold[split]).astype(np.uint8) + (value > threshold[split])
            for walk in np.flatnonzero(ways[split] & Ways.SET):
                members = categories[limits[split[walk]] : limits[split[walk] + 1]]
                relation[walk] = 0 if _is_member(value[walk], members) else 2
            relation[np.isnan(value)] = 3
            goes_left = (ways[split] >> relation) & 1
            place[walking] = np.where(goes_left, left[split], right[split])
        return (np.where(place < 0, ~place, 0).reshape(x.shape[0], roots.size),)

    @classmethod
    def samples(cls) -> list[Sample]:
        tables = (
            np.array([0, ~9, 3], np.int32),  # roots
            np.array([2, 0, 1, 0, 7, -1], np.int32),
            np.array([1, 16 | 1, 1 | 2 | 8, 16 | 4, 4, 1 | 4], np.uint8),
            np.array([0.5, 0, 1, 0, 0.5, -0.5], np.float32),
            np.array([1, ~0, ~2, ~5, 99, ~7], np.int32),
            np.array([2, ~1, ~3, 4, ~6, 4], np.int32),
            np.array([0, 0, 2, 2, 9, 1, -1], np.int32),
            np.array([1, 3, 0], np.int32),
        )
        chain = (
            np.array([0], np.int32),
            np.zeros(1, np.int32),
            np.array([Ways.LESS | Ways.MISSING], np.uint8),
            np.ones(1, np.float32),
            np.array([~1], np.int32),
            np.array([~2], np.int32),
            np.zeros(2, np.int32),
            np.zeros(1, np.int32),
        )
        return [
            Sample(cls(4), (sample_rows(9, 3), *tables)),
            Sample(cls(0), (sample_rows(2, 3), *tables)),
            Sample(cls(1), (sample_rows(8, 1), *chain)),
        ]


def _is_member(value: np.float32, members: Array) -> bool:
    return bool(0 <= value < 2**31) and bool((members == int(value)).any())


@dataclass(frozen=True)
class SumLeaves(Op):
    """``start[rows, outputs]`` to which each tree adds its leaf, strictly in the order of the trees, each sum rounded.

    ``reached i32[rows, trees]``: the leaf of each tree. ``target i32[trees]``: the first output that a tree adds to.
    ``leaf[leaves, width]``: values, f32 or f64 like ``start``.
    """

    name = "sum_leaves"

    def infer(
        self, reached: TensorType, start: TensorType, target: TensorType, leaf: TensorType
    ) -> tuple[TensorType, ...]:
        require(reached.dtype is DType.I32 and reached.rank == 2, "reached must be i32[rows, trees]")
        require(target == TensorType(DType.I32, reached.shape[1:]), "target must be i32[trees]")
        require(start.dtype in (DType.F32, DType.F64) and leaf.dtype is start.dtype, "sums are of f32 or f64")
        require(start.rank == 2 and start.shape[0] == reached.shape[0], "start must be [rows, outputs]")
        require(leaf.rank == 2 and leaf.elements > 0, "leaf must be [leaves, width], not empty")
        require(leaf.shape[1] <= start.shape[1], "a leaf has more values than there are outputs")
        return (start,)

    def evaluate(self, reached: Array, start: Array, target: Array, leaf: Array) -> tuple[Array, ...]:
        result = start.copy()
        leaves, width = leaf.shape
        firsts = np.clip(target, 0, start.shape[1] - width)
        for tree, first in enumerate(firsts):
            result[:, first : first + width] += leaf[np.clip(reached[:, tree], 0, leaves - 1)]
        return (result,)

    @classmethod
    def samples(cls) -> list[Sample]:
        reached = np.array([[0, 3, 2, 1], [4, 0, -1, 9], [2, 2, 2, 2]], np.int32)
        target = np.array([1, 0, -4, 7], np.int32)
        return [
            Sample(cls(), (reached, random_array(3, 3, dtype=dtype), target, random_array(5, width, dtype=dtype)))
            for dtype, width in ((DType.F32, 1), (DType.F32, 2), (DType.F64, 3))
        ]
