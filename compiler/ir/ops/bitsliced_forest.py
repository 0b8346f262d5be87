"""``bitsliced_forest``: the sums of a forest of shallow trees, every distinct test of the forest made once per row.

The op is one algorithm, spelled out in its tables, so that a kernel depends on their sizes only. It is defined for any
tables: numbers out of range are clamped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest.keys import NO_EDGE, row_keys
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.forest import sample_rows
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType

FAN = 16
"""Edges that are counted at once."""

MOST_EDGES = FAN * FAN - 1
"""Of a wide column: a rank is a byte."""

NARROW_EDGES = FAN - 1
"""Of a narrow column: a rank is four bits."""

DEEPEST = 8
"""The number of a leaf within its tree is a byte."""

SETS_PER_GROUP = 8
"""The answers to as many sets are the bits of a byte."""


@dataclass(frozen=True)
class BitslicedForest(Op):
    """``x f32[rows, features]`` and ``start[rows, outputs]`` to sums like ``start``, f32 or f64.

    1. ``row_keys`` (``compiler.ir.forest.keys``) of a row are what ``column i32[columns]`` chooses from: a number of a
       feature, plus ``features`` where missing values count as lowest.
    2. The rank of a key in a column is the number of edges that are not above it. The first columns are wide, ``wide
       i32[n, 17, 16]``: the key counts in the first line, modulo 16, which chooses one of the 16 others, where it
       counts again; the rank is 16 times the first count plus the second, modulo 256. The others are narrow, ``narrow
       i32[m, 16]``, with ranks modulo 16. Unused places hold ``NO_EDGE``.
    3. Tests are numbered: 16 for each of ``group i32[groups]``, whose value is ``16 * wide column + high``: whether the
       rank is at most ``16 * high + 0 … 15``; 16 for each narrow column, at most 0 … 15; 8 for each of ``set_column
       i32[sets]``, a wide column: the bits of ``sets[number, rank]``, ``u8[sets, 256]``.
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
        wide: TensorType,
        narrow: TensorType,
        group: TensorType,
        set_column: TensorType,
        sets: TensorType,
        node: TensorType,
        leaf: TensorType,
        target: TensorType,
    ) -> tuple[TensorType, ...]:
        require(1 <= self.depth <= DEEPEST, f"depth must be 1 to {DEEPEST}")
        require_rows(x, start)
        require_tests(column, wide, narrow, group, set_column, sets)
        require(node.rank == 2 and leaf.rank == 3, "nodes must be of rank 2, leaves of rank 3")
        trees, width = node.shape[0], leaf.shape[-1]
        require_tables(
            (node, DType.U16, (trees, 1 << self.depth)),
            (leaf, start.dtype, (trees, 1 << self.depth, width)),
            (target, DType.I32, (trees,)),
        )
        require(1 <= width <= start.shape[1], "a leaf has more values than there are outputs")
        return (start,)

    def evaluate(
        self,
        x: Array,
        start: Array,
        column: Array,
        wide: Array,
        narrow: Array,
        group: Array,
        set_column: Array,
        sets: Array,
        node: Array,
        leaf: Array,
        target: Array,
    ) -> tuple[Array, ...]:
        tests = answers_to_tests(x, column, wide, narrow, group, set_column, sets)
        return (self._sums(tests, start, node, leaf, target),)

    def _sums(self, tests: Array, start: Array, node: Array, leaf: Array, target: Array) -> Array:
        result = start.copy()
        firsts = np.clip(target, 0, start.shape[1] - leaf.shape[2])
        with np.errstate(all="ignore"):
            for tree, place in enumerate(places_reached(tests, node, self.depth)):
                first = firsts[tree]
                result[:, first : first + leaf.shape[2]] += leaf[tree, place]
        return result

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            _sample(150, 3, 2, trees=9, outputs=1, width=1, dtype=DType.F32),
            _sample(9, 5, 0, trees=2, outputs=3, width=2, dtype=DType.F32, depth=1),
            _sample(600, 1, 8, trees=3, outputs=2, width=1, dtype=DType.F32, depth=6),
            _sample(70, 2, 4, trees=8, outputs=2, width=2, dtype=DType.F64, depth=5),
            _sample(1, 2, 4, trees=1, outputs=1, width=1, dtype=DType.F32, depth=7),
        ]


def tests_of(narrow: TensorType, group: TensorType, sets: TensorType) -> int:
    """How many tests the tables describe."""
    return FAN * (group.shape[0] + narrow.shape[0]) + SETS_PER_GROUP * sets.shape[0]


def require_rows(x: TensorType, start: TensorType) -> None:
    """Raise unless these can be the rows of a forest, and what their sums start at."""
    require(x.dtype is DType.F32 and x.rank == 2 and x.shape[1] > 0, "x must be f32[rows, features]")
    require(start.dtype in (DType.F32, DType.F64), "sums are of f32 or f64")
    require(start.rank == 2 and start.shape[0] == x.shape[0], "start must be [rows, outputs]")


def require_tests(
    column: TensorType,
    wide: TensorType,
    narrow: TensorType,
    group: TensorType,
    set_column: TensorType,
    sets: TensorType,
) -> None:
    """Raise unless these are tables of tests, as ``BitslicedForest`` has them."""
    for table in (column, wide, narrow, group, set_column, sets):
        require(table.rank > 0, "a table is a scalar")
    require_tables(
        (column, DType.I32, (wide.shape[0] + narrow.shape[0],)),
        (wide, DType.I32, (wide.shape[0], 1 + FAN, FAN)),
        (narrow, DType.I32, (narrow.shape[0], FAN)),
        (group, DType.I32, group.shape[:1]),
        (set_column, DType.I32, sets.shape[:1]),
        (sets, DType.U8, (sets.shape[0], FAN * FAN)),
    )
    require(wide.shape[0] > 0 or group.shape[0] + sets.shape[0] == 0, "tests of wide columns need one")
    require(tests_of(narrow, group, sets) > 0, "there are no tests")


def require_tables(*wanted: tuple[TensorType, DType, tuple[int, ...]]) -> None:
    """Raise unless each table has its type and shape."""
    for table, dtype, shape in wanted:
        require(table == TensorType(dtype, shape), f"a table is {table}, expected {TensorType(dtype, shape)}")


def answers_to_tests(
    x: Array, column: Array, wide: Array, narrow: Array, group: Array, set_column: Array, sets: Array
) -> Array:
    """i64[rows, tests]: 1 where a row's test holds, by the tables of ``BitslicedForest``."""
    keys = row_keys(x)[:, np.clip(column, 0, 2 * x.shape[1] - 1)]
    ranks = _wide_ranks(keys[:, : len(wide)], wide)
    low = ((narrow <= keys[:, len(wide) :, None]).sum(-1) % FAN)[:, :, None] <= np.arange(FAN)
    owner = np.clip(group >> 4, 0, len(wide) - 1)
    high = ranks[:, owner, None] <= (group[:, None] & 15) * FAN + np.arange(FAN)
    answers = sets[np.arange(len(sets)), ranks[:, np.clip(set_column, 0, len(wide) - 1)]]
    bits = (answers[:, :, None] >> np.arange(SETS_PER_GROUP)) & 1
    parts = [part.reshape(len(x), math.prod(part.shape[1:])) for part in (high, low, bits)]
    return np.concatenate(parts, axis=1).astype(np.int64)


def places_reached(tests: Array, node: Array, depth: int) -> Iterator[Array]:
    """For each perfect tree ``i64[rows]``: the place below its last level, of 2**depth, that each row reaches."""
    rows = np.arange(len(tests))
    for heap in np.minimum(node, tests.shape[1] - 1):
        place = np.ones(len(tests), np.int64)
        for _ in range(depth):
            place = 2 * place + tests[rows, heap[place]]
        yield place - (1 << depth)


def _wide_ranks(keys: Array, wide: Array) -> Array:
    """``u8[rows, columns]`` of keys in the wide columns."""
    line = (wide[:, 0] <= keys[:, :, None]).sum(-1) % FAN
    within = wide[np.arange(len(wide)), 1 + line]
    return (FAN * line + (within <= keys[:, :, None]).sum(-1)).astype(np.uint8)


def _sample(
    rows: int, wide: int, narrow: int, *, trees: int, outputs: int, width: int, dtype: DType, depth: int = 8
) -> Sample:
    """Tables that are in order but for a few numbers out of range."""
    generator = np.random.default_rng((rows, wide, narrow, depth))
    features, groups = 4, 3 * wide
    edges = np.sort(random_array(wide + narrow, FAN * FAN).view(np.int32) & 0x7F7FFFFF, axis=1)
    edges[:, -1] = NO_EDGE
    lines = edges[:wide].reshape(wide, FAN, FAN)
    few = edges[wide:, :: FAN + 1][:, :FAN]
    tables = (
        generator.integers(-1, 2 * features + 1, wide + narrow, np.int32),
        np.concatenate([lines[:, None, :, -1], lines], axis=1),
        np.concatenate([few[:, 1:], few[:, :1] * 0 + NO_EDGE], axis=1),
        generator.integers(-9, FAN * wide + 9, groups if wide else 0, np.int32),
        generator.integers(-1, wide + 1, min(wide, 2), np.int32),
        generator.integers(0, 256, (min(wide, 2), FAN * FAN), np.uint8),
        generator.integers(0, 8 + FAN * (groups + narrow), (trees, 1 << depth), np.uint16),
        random_array(trees, 1 << depth, width, dtype=dtype),
        generator.integers(-1, outputs + 1, trees, np.int32),
    )
    x, start = sample_rows(rows, features), random_array(rows, outputs, dtype=dtype)
    return Sample(BitslicedForest(depth), (x, start, *tables))
