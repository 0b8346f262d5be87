"""``perfect_walk``: where rows end in trees whose leaves all lie equally deep, by as many steps for every row.

The op is one algorithm, spelled out in its table, so that a kernel depends on its size only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest.keys import row_keys
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.forest import sample_rows
from compiler.ir.ops.tree_tables import require_rows
from compiler.ir.types import TensorType

BLOCK_LEVELS = 3
BLOCK = 1 << BLOCK_LEVELS
"""Places of a block, one of them unused."""

DEEPEST = 10
"""Deeper perfect trees are mostly padding."""


@dataclass(frozen=True)
class PerfectWalk(Op):
    """``x f32[rows, features]`` to ``i32[rows, trees]``: ``2**depth * tree`` plus the leaf's number within its tree.

    ``node i32[trees, blocks, 8, 2]``: a block has three levels of a tree, the first one those that are left over, so
    that a row reads a cache line every three levels. It is a heap: its root in place 1, and below place p, where ``key
    < node[0]`` holds, 2p + 1, else 2p. The blocks of a tree follow each other as ``block_levels`` says. The key is
    number ``node[1]`` of the row's keys (``compiler.ir.forest.keys.row_keys``), which zeros fill up to
    ``keys_of_row``; ``node[1]`` is taken modulo that.
    """

    name = "perfect_walk"

    depth: int

    def infer(self, x: TensorType, node: TensorType) -> tuple[TensorType, ...]:
        require(1 <= self.depth <= DEEPEST, f"depth must be 1 to {DEEPEST}")
        require_rows(x)
        require(node.rank == 4, "node must be [trees, blocks, 8, 2]")
        wanted = TensorType(DType.I32, (node.shape[0], blocks_of_tree(self.depth), BLOCK, 2))
        require(node == wanted, f"node is {node}, expected {wanted}")
        return (TensorType(DType.I32, (x.shape[0], node.shape[0])),)

    def evaluate(self, x: Array, node: Array) -> tuple[Array, ...]:
        rows, trees = len(x), len(node)
        keys = np.zeros((rows, keys_of_row(x.shape[1])), np.int32)
        keys[:, : 2 * x.shape[1]] = row_keys(x)
        block, tree, row = np.zeros((rows, trees), np.int32), np.arange(trees, dtype=np.int32), np.arange(rows)[:, None]
        for first, levels in block_levels(self.depth):
            place = np.ones((rows, trees), np.int32)
            for _ in range(levels):
                edge, source = np.moveaxis(node[tree, first + block, place], 2, 0)
                place = 2 * place + (keys[row, source & (keys.shape[1] - 1)] < edge)
            block = (block << levels) + place - (1 << levels)
        return ((block + tree * np.int32(1 << self.depth)).astype(np.int32),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            _sample(9, 3, 15, 4),
            _sample(2, 1, 1, 1),
            _sample(1, 5, 9, 8),
            _sample(3, 2, 4, 6),
            _sample(2, 3, 1027, 1),
        ]


def keys_of_row(features: int) -> int:
    """How many keys a row has: a power of two."""
    return 1 << (2 * features - 1).bit_length()


def block_levels(depth: int) -> list[tuple[int, int]]:
    """For each level of blocks its first block's number within the tree, and how many levels of nodes a block has.

    Below the n-th block of a level, and its i-th way out, is the block that many ways further: the level's blocks lie
    from left to right.
    """
    result: list[tuple[int, int]] = []
    first, above = 0, 0
    while above < depth:
        levels = (depth - above - 1) % BLOCK_LEVELS + 1
        result.append((first, levels))
        first, above = first + (1 << above), above + levels
    return result


def blocks_of_tree(depth: int) -> int:
    """How many blocks a tree has."""
    first, levels = block_levels(depth)[-1]
    return first + (1 << (depth - levels))


def _sample(rows: int, features: int, trees: int, depth: int) -> Sample:
    """Edges near the values of rows; some sources out of range."""
    generator, shape = np.random.default_rng((rows, trees, depth)), (trees, blocks_of_tree(depth), BLOCK)
    edges = generator.choice(row_keys(sample_rows(50, 2)).reshape(-1), shape)
    sources = generator.integers(-1, 2 * features + 1, shape, np.int32)
    return Sample(PerfectWalk(depth), (sample_rows(rows, features), np.stack([edges, sources], axis=3)))
