"""``ranked_forest``: the sums of a forest for few rows, with trees side by side in vectors and features as ranks.

The op is one algorithm, spelled out in its tables, so that a kernel depends on their sizes only. It is defined for any
tables: numbers out of range are clamped, or taken modulo what there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.forest import sample_rows
from compiler.ir.ops.sampling import random_array
from compiler.ir.ops.tree_tables import (
    FAN,
    MOST_EDGES,
    ranks_of_rows,
    require_sums,
    require_tables,
    sample_edges,
    with_leaves,
)
from compiler.ir.types import TensorType

GROUP = 64
"""Trees whose upper nodes are side by side."""

LOWER = 3
"""Levels of nodes that are side by side for one tree."""

BLOCK = 1 << LOWER
"""Places of these nodes, the last of them unused; and the leaves below them."""

DEEPEST = 10
"""Deeper perfect trees are mostly padding."""

MOST_COLUMNS = 256
"""The number of a column is a byte."""


@dataclass(frozen=True)
class RankedForest(Op):
    """``x f32[rows, features]`` and ``start[rows, outputs]`` to sums like ``start``, f32 or f64.

    1. Columns and ranks are those of ``bitsliced_forest``: ``column i32[columns]`` and ``edges i32[columns, 17, 16]``.
       Columns from there on up to ``columns_of_row`` have rank 0.
    2. A node is a column and an edge, both u8; its test holds where the column's rank is at most the edge. Columns
       are taken modulo ``columns_of_row``. Trees are perfect. ``upper u8[groups, 2**(depth - 3), 2, 64]`` has their
       upper levels, for 64 trees at a time: first the columns, then the edges of a place of a heap, whose root is in
       place 1, and below place p where the test does not hold 2p, where it holds 2p + 1. So a tree enters one of the
       blocks ``lower u8[trees, 2**(depth - 3), 2, 8]``, which are heaps of three levels with the root in place 0, and
       below place p 2p + 1 and 2p + 2.
    3. Way i out of block b leads to the leaf ``leaf[tree, 8 * b + i]``, of ``leaf[trees, 2**depth, width]``; the values
       are added to the sums from ``target i32[trees]`` on, tree by tree, each rounded.
    """

    name = "ranked_forest"

    depth: int

    def infer(
        self,
        x: TensorType,
        start: TensorType,
        column: TensorType,
        edges: TensorType,
        upper: TensorType,
        lower: TensorType,
        leaf: TensorType,
        target: TensorType,
    ) -> tuple[TensorType, ...]:
        require_ranked(self.depth, column, edges, upper, lower, leaf, start.dtype)
        require_tables((target, DType.I32, leaf.shape[:1]))
        require_sums(x, start, leaf.shape[2])
        return (start,)

    def evaluate(
        self,
        x: Array,
        start: Array,
        column: Array,
        edges: Array,
        upper: Array,
        lower: Array,
        leaf: Array,
        target: Array,
    ) -> tuple[Array, ...]:
        reached = leaves_reached(x, column, edges, upper, lower, self.depth)
        return (with_leaves(start, leaf, target, reached),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            _sample(2, 5, trees=70, depth=5, outputs=1, width=1, dtype=DType.F32),
            _sample(9, 1, trees=2, depth=3, outputs=3, width=2, dtype=DType.F32),
            _sample(1, 65, trees=67, depth=6, outputs=2, width=1, dtype=DType.F32),
            _sample(3, 130, trees=9, depth=8, outputs=1, width=1, dtype=DType.F64),
            _sample(1, 40, trees=129, depth=4, outputs=4, width=1, dtype=DType.F32),
        ]


def require_ranked(
    depth: int,
    column: TensorType,
    edges: TensorType,
    upper: TensorType,
    lower: TensorType,
    leaf: TensorType,
    dtype: DType,
) -> None:
    """Columns, nodes of perfect trees that are so deep, and leaves of ``dtype``."""
    require(LOWER <= depth <= DEEPEST, f"depth must be {LOWER} to {DEEPEST}")
    require(column.rank == 1 and leaf.rank == 3, "column must be of rank 1, leaves of rank 3")
    trees, _, width = leaf.shape
    blocks = 1 << (depth - LOWER)
    require_tables(
        (column, DType.I32, column.shape),
        (edges, DType.I32, (column.shape[0], 1 + FAN, FAN)),
        (upper, DType.U8, (-(-trees // GROUP), blocks, 2, GROUP)),
        (lower, DType.U8, (trees, blocks, 2, BLOCK)),
        (leaf, dtype, (trees, 1 << depth, width)),
    )
    require(0 < column.shape[0] <= MOST_COLUMNS, f"there must be 1 to {MOST_COLUMNS} columns")
    require(width > 0, "a leaf has no values")


def leaves_reached(x: Array, column: Array, edges: Array, upper: Array, lower: Array, depth: int) -> Iterator[Array]:
    """For each tree the numbers ``i64[rows]`` of the leaves that rows reach."""
    ranks = np.zeros((len(x), columns_of_row(len(column))), np.uint8)
    ranks[:, : len(column)] = ranks_of_rows(x, column, edges)
    row = np.arange(len(x))

    def holds(node: Array) -> Array:
        return ranks[row, node[:, 0] & (ranks.shape[1] - 1)] <= node[:, 1]

    for tree in range(len(lower)):
        block = np.ones(len(x), np.int64)
        for _ in range(depth - LOWER):
            block = 2 * block + holds(upper[tree // GROUP, block, :, tree % GROUP])
        block -= upper.shape[1]
        place = np.zeros(len(x), np.int64)
        for _ in range(LOWER):
            place = 2 * place + 1 + holds(lower[tree, block, :, place])
        yield BLOCK * block + place - (BLOCK - 1)


def columns_of_row(columns: int) -> int:
    """How many ranks a row has: a power of two, at least as many as fill a vector of 64 bytes."""
    return max(GROUP, 1 << (columns - 1).bit_length())


def _sample(rows: int, columns: int, *, trees: int, depth: int, outputs: int, width: int, dtype: DType) -> Sample:
    x, *tables = sample_tables(rows, columns, trees=trees, depth=depth, width=width, dtype=dtype)
    target = np.random.default_rng((rows, columns, trees)).integers(-1, outputs + 1, trees, np.int32)
    return Sample(RankedForest(depth), (x, random_array(rows, outputs, dtype=dtype), *tables, target))


def sample_tables(rows: int, columns: int, *, trees: int, depth: int, width: int, dtype: DType) -> list[Array]:
    """Rows, and columns, nodes and leaves that are in order but for a few numbers out of range."""
    generator, features = np.random.default_rng((rows, columns, trees)), 6
    blocks = 1 << (depth - LOWER)
    return [
        sample_rows(rows, features),
        generator.integers(-1, 2 * features + 1, columns, np.int32),
        sample_edges(columns),
        generator.integers(0, MOST_EDGES + 1, (-(-trees // GROUP), blocks, 2, GROUP), np.uint8),
        generator.integers(0, MOST_EDGES + 1, (trees, blocks, 2, BLOCK), np.uint8),
        random_array(trees, 1 << depth, width, dtype=dtype),
    ]
