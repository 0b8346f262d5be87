"""``deep_forest``: the sums of a forest of deep trees, upper levels bit-sliced and lower ones walked.

The op is one algorithm, spelled out in its tables, so that a kernel depends on their sizes only. It is defined for any
tables: numbers out of range are clamped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.bitsliced_forest import DEEPEST, BitslicedForest, places_reached
from compiler.ir.ops.sampling import random_array
from compiler.ir.ops.sparse_walk import keys_with_leaf, sample_links, source_bits, stepped
from compiler.ir.ops.tree_tables import answers_to_tests, require_sums, require_tables, require_tests
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class DeepForest(Op):
    """``x f32[rows, features]`` and ``start[rows, outputs]`` to sums like ``start``, f32 or f64.

    1. ``column`` to ``sets`` describe tests, and ``node u16[trees, 2**depth]`` the ``depth`` upper levels of each tree,
       as in ``bitsliced_forest``. In the place of a leaf is the number ``entry i32[trees, 2**depth]`` of a node.
    2. From there a row takes ``most`` steps as in ``sparse_walk``. ``lower i32[nodes, 2]`` are the nodes of all trees,
       those of a tree from ``first i32[trees]`` on. Entries beyond the last node but one are that of this one.
    3. The edge of the node in which a row then is is the number of its leaf in ``leaf[leaves, width]``. Its values are
       added to the sums from ``target i32[trees]`` on, tree by tree, each rounded.

    ``usual``, up to ``most``, is how many steps most rows need; it has no influence on results.
    """

    name = "deep_forest"

    depth: int
    usual: int
    most: int

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
        entry: TensorType,
        first: TensorType,
        lower: TensorType,
        leaf: TensorType,
        target: TensorType,
    ) -> tuple[TensorType, ...]:
        require(1 <= self.depth <= DEEPEST, f"depth must be 1 to {DEEPEST}")
        require(0 <= self.usual <= self.most, "usual must be 0 to most")
        require_tests(column, edges, group, single, set_column, sets)
        require(node.rank == 2 and lower.rank == 2 and leaf.rank == 2, "nodes and leaves must be of rank 2")
        trees, (leaves, width) = node.shape[0], leaf.shape
        require_sums(x, start, width)
        require_tables(
            (node, DType.U16, (trees, 1 << self.depth)),
            (entry, DType.I32, (trees, 1 << self.depth)),
            (first, DType.I32, (trees,)),
            (lower, DType.I32, (lower.shape[0], 2)),
            (leaf, start.dtype, (leaves, width)),
            (target, DType.I32, (trees,)),
        )
        require(lower.shape[0] > 1 and leaves > 0, "there must be two nodes and a leaf")
        require(source_bits(x.shape[1]) < 31, "there are too many features")
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
        entry: Array,
        first: Array,
        lower: Array,
        leaf: Array,
        target: Array,
    ) -> tuple[Array, ...]:
        tests = answers_to_tests(x, column, edges, group, single, set_column, sets)
        result, keys, rows, last = start.copy(), keys_with_leaf(x), np.arange(len(x)), len(lower) - 2
        bases = np.clip(first, 0, last)
        targets = np.clip(target, 0, start.shape[1] - leaf.shape[1])
        for tree, place in enumerate(places_reached(tests, node, self.depth)):
            base, there = bases[tree], targets[tree]
            at = np.minimum(entry[tree, place].view(np.uint32), np.uint32(last - base))
            at = stepped(keys, rows, lower, base, at, self.most)
            reached = np.clip(lower[base + at, 0], 0, len(leaf) - 1)
            with np.errstate(all="ignore"):
                result[:, there : there + leaf.shape[1]] += leaf[reached]
        return (result,)

    @classmethod
    def samples(cls) -> list[Sample]:
        flat = BitslicedForest.samples()
        return [
            _sample(flat[0], usual=2, most=5),
            _sample(flat[1], usual=0, most=3),
            _sample(flat[3], usual=1, most=1),
            _sample(flat[4], usual=0, most=0),
        ]


def _sample(flat: Sample, usual: int, most: int) -> Sample:
    """The upper levels of a sample of ``bitsliced_forest``; nodes below them, some of their numbers out of range."""
    x, start, *tests, node, leaf, target = flat.operands
    (trees, places), nodes, leaves = node.shape, 60, 9
    generator = np.random.default_rng((trees, places, most))
    entry = generator.integers(-1, nodes + 1, (trees, places), np.int32)
    first = generator.integers(-1, nodes // 2, trees, np.int32)
    lower = sample_links(generator, x, nodes, leaves)
    values = random_array(leaves, leaf.shape[2], dtype=DType.of(leaf.dtype))
    depth = node.shape[1].bit_length() - 1
    return Sample(DeepForest(depth, usual, most), (x, start, *tests, node, entry, first, lower, values, target))
