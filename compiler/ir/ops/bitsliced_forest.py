"""``bitsliced_forest``: the sums of a forest of shallow trees, every distinct test of the forest made once per row.

The op is one algorithm, spelled out in its tables, so that a kernel depends on their sizes only. It is defined for any
tables whose edges are in order: numbers out of range are clamped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest.keys import NO_EDGE
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.forest import sample_rows
from compiler.ir.ops.sampling import random_array
from compiler.ir.ops.tree_tables import (
    FAN,
    SETS_PER_GROUP,
    answers_to_tests,
    require_sums,
    require_tables,
    require_tests,
    sample_edges,
    with_leaves,
)
from compiler.ir.types import TensorType

DEEPEST = 8
"""The number of a leaf within its tree is a byte."""


@dataclass(frozen=True)
class BitslicedForest(Op):
    """``x f32[rows, features]`` and ``start[rows, outputs]`` to sums like ``start``, f32 or f64.

    1. ``row_keys`` (``compiler.ir.forest.keys``) of a row are numbered by sources: a feature, plus ``features`` where
       missing values count as lowest. ``column i32[columns]`` are the sources of columns.
    2. The rank of a key in a column is the number of edges that are not above it, ``edges i32[columns, 17, 16]``: the
       key counts in the first line, modulo 16, which chooses one of the 16 others, where it counts again; the rank is
       16 times the first count plus the second, modulo 256. Edges ascend along the 16 lines, and the first line has
       the last one of each, so that kernels may search as well as count. Unused places, of which the last is one, hold
       ``NO_EDGE``.
    3. Tests are numbered: 16 for each of ``group i32[groups]``, whose value is ``16 * column + high``: whether the
       rank is at most ``16 * high + 0 … 15``; one for each of ``single i32[n, 2]``, a source and an edge: whether the
       key is less than the edge; 8 for each of ``set_column i32[sets]``: the bits of ``sets[number, rank]``, ``u8[sets,
       256]``. Where a column is given as its complement, ``~column``, the bits of the number before are set too: sets
       of a feature whose ranks take several columns.
    4. ``node u16[trees, 2**depth]`` are perfect trees as heaps: the root in place 1, and below place p where the test
       does not hold 2p, where it holds 2p + 1. Place ``2**depth + i`` is the leaf ``leaf[tree, i]``, of ``leaf[trees,
       2**depth, width]``; the values are added to the sums from ``target i32[trees]`` on, tree by tree, each rounded.

    That equal tests are made once, for many rows at a time, is from Ye et al., RapidScorer: Fast Tree Ensemble
    Evaluation by Maximizing Compactness in Data Level Parallelization (2018).
    """

    name = "bitsliced_forest"

    depth: int

    def infer(
        self,
        x: TensorType,
        start: TensorType,
        column: TensorType,
        edges: TensorType,
        group: TensorType,
        single: TensorType,
        set_column: TensorType,
        sets: TensorType,
        node: TensorType,
        leaf: TensorType,
        target: TensorType,
    ) -> tuple[TensorType, ...]:
        require(1 <= self.depth <= DEEPEST, f"depth must be 1 to {DEEPEST}")
        require_tests(column, edges, group, single, set_column, sets)
        require(node.rank == 2 and leaf.rank == 3, "nodes must be of rank 2, leaves of rank 3")
        trees, width = node.shape[0], leaf.shape[-1]
        require_tables(
            (node, DType.U16, (trees, 1 << self.depth)),
            (leaf, start.dtype, (trees, 1 << self.depth, width)),
            (target, DType.I32, (trees,)),
        )
        require_sums(x, start, width)
        return (start,)

    def evaluate(
        self,
        x: Array,
        start: Array,
        column: Array,
        edges: Array,
        group: Array,
        single: Array,
        set_column: Array,
        sets: Array,
        node: Array,
        leaf: Array,
        target: Array,
    ) -> tuple[Array, ...]:
        tests = answers_to_tests(x, column, edges, group, single, set_column, sets)
        return (with_leaves(start, leaf, target, places_reached(tests, node, self.depth)),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            _sample(150, 3, 2, trees=9, outputs=1, width=1, dtype=DType.F32),
            _sample(9, 5, 0, trees=2, outputs=3, width=2, dtype=DType.F32, depth=1),
            _sample(600, 1, 99, trees=3, outputs=2, width=1, dtype=DType.F32, depth=6, features=37),
            _sample(70, 2, 40, trees=8, outputs=2, width=2, dtype=DType.F64, depth=5, features=9),
            _sample(1, 2, 4, trees=1, outputs=1, width=1, dtype=DType.F32, depth=7, features=1),
        ]


def places_reached(tests: Array, node: Array, depth: int) -> Iterator[Array]:
    """For each perfect tree ``i64[rows]``: the place below its last level, of 2**depth, that each row reaches."""
    rows = np.arange(len(tests))
    for heap in np.minimum(node, tests.shape[1] - 1):
        place = np.ones(len(tests), np.int64)
        for _ in range(depth):
            place = 2 * place + tests[rows, heap[place]]
        yield place - (1 << depth)


def _sample(
    rows: int,
    columns: int,
    singles: int,
    *,
    trees: int,
    outputs: int,
    width: int,
    dtype: DType,
    depth: int = 8,
    features: int = 4,
) -> Sample:
    """Tables that are in order but for a few numbers out of range, and sources that come in any order."""
    generator = np.random.default_rng((rows, columns, singles, depth))
    groups, sources, set_tables = 3 * columns, (-1, 2 * features + 1), min(2 * columns, 4)
    single = np.stack([generator.integers(*sources, singles), random_array(singles).view(np.int32)], axis=1)
    single[::7, 1] = NO_EDGE
    tables = (
        generator.integers(*sources, columns, np.int32),
        sample_edges(columns),
        generator.integers(-9, FAN * columns + 9, groups if columns else 0, np.int32),
        single.astype(np.int32),
        generator.integers(-1, columns + 1, set_tables, np.int32),
        generator.integers(0, 256, (set_tables, FAN * FAN), np.uint8),
        generator.integers(0, SETS_PER_GROUP * set_tables + FAN * groups + singles, (trees, 1 << depth), np.uint16),
        random_array(trees, 1 << depth, width, dtype=dtype),
        generator.integers(-1, outputs + 1, trees, np.int32),
    )
    x, start = sample_rows(rows, features), random_array(rows, outputs, dtype=dtype)
    return Sample(BitslicedForest(depth), (x, start, *tables))
