"""``leafwise_forest``: the sums of trees of any shape with few leaves, every distinct test made once per row.

The op is one algorithm, spelled out in its tables, so that a kernel depends on their sizes only. It is defined for any
tables: numbers out of range are clamped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.sampling import random_array
from compiler.ir.ops.tree_tables import answers_to_tests, require_sums, require_tables, require_tests, with_leaves
from compiler.ir.types import TensorType

LINE = 8
"""Leaves of a tree are numbered in lines of so many."""

MOST_LEAVES = 256
"""Of a tree: the number of a leaf is a byte."""


@dataclass(frozen=True)
class LeafwiseForest(Op):
    """``x f32[rows, features]`` and ``start[rows, outputs]`` to sums like ``start``, f32 or f64.

    1. ``column`` to ``sets`` describe tests as in ``bitsliced_forest``.
    2. A tree grows leaf by leaf, as LightGBM trains them: all rows are in leaf 0, and for n = 1, 2, … those of leaf
       ``origin`` for which the test ``node`` does not hold move to the new leaf n. Both tables are in lines of eight,
       ``node u16[lines, 8]`` and ``origin u8[lines, 8]``; those of a tree begin at ``first i32[trees + 1]``, and end
       where the next tree's begin. A tree has at least a line, and as many as its leaves fill at most. Place 0 of its
       first line has no meaning. An origin is an older leaf: others count as n - 1.
    3. Leaf n has the values ``leaf[tree, n]``, of ``leaf[trees, leaves, width]``, where ``leaves`` is a power of two.
       They are added to the sums from ``target i32[trees]`` on, tree by tree, each rounded.

    That a tree's leaf follows from bits, one for each leaf that can still be reached, is from Lucchese et al.,
    QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of Regression Trees (2015).
    """

    name = "leafwise_forest"

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
        origin: TensorType,
        first: TensorType,
        leaf: TensorType,
        target: TensorType,
    ) -> tuple[TensorType, ...]:
        require_tests(column, edges, group, single, set_column, sets)
        require(node.rank == 2 and leaf.rank == 3, "nodes must be of rank 2, leaves of rank 3")
        lines, (trees, leaves, width) = node.shape[0], leaf.shape
        require_tables(
            (node, DType.U16, (lines, LINE)),
            (origin, DType.U8, (lines, LINE)),
            (first, DType.I32, (trees + 1,)),
            (leaf, start.dtype, (trees, leaves, width)),
            (target, DType.I32, (trees,)),
        )
        require(lines > 0, "there must be a line")
        sizes = [LINE << more for more in range((MOST_LEAVES // LINE).bit_length())]
        require(leaves in sizes, f"a tree must have places for {LINE} to {MOST_LEAVES} leaves, a power of two")
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
        origin: Array,
        first: Array,
        leaf: Array,
        target: Array,
    ) -> tuple[Array, ...]:
        tests = answers_to_tests(x, column, edges, group, single, set_column, sets)
        return (with_leaves(start, leaf, target, _leaves_reached(tests, node, origin, first, leaf.shape[1])),)

    @classmethod
    def samples(cls) -> list[Sample]:
        flat = BitslicedForest.samples()
        return [
            _sample(flat[0], leaves=32, lines=20),
            _sample(flat[1], leaves=8, lines=3),
            _sample(flat[2], leaves=64, lines=14),
            _sample(flat[3], leaves=16, lines=9),
            _sample(flat[4], leaves=256, lines=30),
        ]


def _leaves_reached(tests: Array, node: Array, origin: Array, first: Array, leaves: int) -> Iterator[Array]:
    """For each tree ``i64[rows]``: the leaf in which each row is once the tree has grown."""
    begins = np.clip(first[:-1], 0, len(node) - 1)
    ends = np.minimum(np.maximum(first[1:], begins + 1), np.minimum(begins + leaves // LINE, len(node)))
    for begin, end in zip(begins, ends, strict=True):
        place = np.zeros(len(tests), np.int64)
        moves = zip(node[begin:end].reshape(-1).tolist(), origin[begin:end].reshape(-1).tolist(), strict=True)
        for number, (test, from_leaf) in list(enumerate(moves))[1:]:
            holds = tests[:, min(test, tests.shape[1] - 1)]
            place[(place == min(from_leaf, number - 1)) & (holds == 0)] = number
        yield place


def _sample(flat: Sample, leaves: int, lines: int) -> Sample:
    """The tests of a sample of ``bitsliced_forest``, mostly those on which its rows differ, and trees of any number of
    lines above them."""
    x, start, *tests, _, leaf, target = flat.operands
    trees, _, width = leaf.shape
    generator = np.random.default_rng((trees, leaves, lines))
    answers = answers_to_tests(x, *tests)
    differing = np.flatnonzero(np.ptp(answers, axis=0))
    node = generator.integers(0, answers.shape[1] + 3, (lines, LINE))
    if differing.size:
        node[:, 1:] = generator.choice(differing, (lines, LINE - 1))
    origin = np.minimum(*generator.integers(0, 2 * leaves, (2, lines, LINE)))
    first = np.sort(generator.integers(-1, lines + 2, trees + 1, np.int32))
    first[::5] = generator.integers(-9, lines + 9, first[::5].size)
    tables = (
        node.astype(np.uint16),
        np.minimum(origin, MOST_LEAVES - 1).astype(np.uint8),
        first,
        random_array(trees, leaves, width, dtype=DType.of(leaf.dtype)),
    )
    return Sample(LeafwiseForest(), (x, start, *tests, *tables, target))
