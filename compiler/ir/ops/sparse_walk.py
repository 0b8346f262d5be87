"""``sparse_walk``: where rows end in trees of any shape; a row that is there early waits in its leaf.

The op is one algorithm, spelled out in its tables, so that a kernel depends on their sizes only.
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

LEAF_KEY = 0x7FFFFFFF
"""The last keys of a row, which no edge is above: what leaves test."""


@dataclass(frozen=True)
class SparseWalk(Op):
    """``x f32[rows, features]`` to ``i32[rows, trees]``: the edge of the node where each row is after ``most`` steps.

    ``node i32[nodes, 2]`` are the nodes of all trees, those of a tree from ``first i32[trees]`` on, its root, which is
    added to the numbers of nodes. A node has an edge and a link, whose lower ``source_bits`` are the number of a key,
    and whose upper ones are a child. A step leads to the child, or, where ``key < edge``, to the node behind it. A
    number beyond the last node but one is that of this one.

    The keys of a row are ``row_keys`` (``compiler.ir.forest.keys``), filled up with ``LEAF_KEY`` to ``2**source_bits``:
    a leaf is its own child and tests the last one, so that its edge may be any number. The result does not depend on
    ``usual``: as many steps nearly all rows need, and after them a kernel may see who still moves.
    """

    name = "sparse_walk"

    usual: int
    most: int

    def infer(self, x: TensorType, first: TensorType, node: TensorType) -> tuple[TensorType, ...]:
        require(0 <= self.usual <= self.most, "there must be no fewer steps than the usual ones")
        require_rows(x)
        require(first.dtype is DType.I32 and first.rank == 1, "first must be i32[trees]")
        require(node.dtype is DType.I32 and node.rank == 2 and node.shape[1] == 2, "node must be i32[nodes, 2]")
        require(node.shape[0] > 1, "there must be two nodes or more")
        require(source_bits(x.shape[1]) < 31, "there are too many features")
        return (TensorType(DType.I32, (x.shape[0], first.shape[0])),)

    def evaluate(self, x: Array, first: Array, node: Array) -> tuple[Array, ...]:
        keys, base = keys_with_leaf(x), np.clip(first, 0, len(node) - 2)
        at = np.zeros((len(x), first.size), np.uint32)
        return (node[base + stepped(keys, np.arange(len(x))[:, None], node, base, at, self.most), 0],)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [_sample(9, 3, 21, 2, 4), _sample(2, 1, 1, 0, 0), _sample(1, 5, 16, 13, 13), _sample(2, 3, 83, 8, 50)]


def source_bits(features: int) -> int:
    """Bits of the number of a key in a node's link: there is room for a key more than a row has."""
    return (2 * features).bit_length()


def keys_with_leaf(x: Array) -> Array:
    """``i32[rows, 2**source_bits]``: the keys of rows, and what leaves test."""
    keys = np.full((len(x), 1 << source_bits(x.shape[1])), LEAF_KEY, np.int32)
    keys[:, : 2 * x.shape[1]] = row_keys(x)
    return keys


def stepped(keys: Array, row: Array, node: Array, base: Array, at: Array, steps: int) -> Array:
    """The places u32 within their trees, from ``base`` on, that rows get to from places ``at`` by so many steps."""
    bits, last = keys.shape[1].bit_length() - 1, (len(node) - 2 - base).astype(np.uint32)
    for _ in range(steps):
        edge, link = np.moveaxis(node[base + at], -1, 0)
        holds = keys[row, link & ((1 << bits) - 1)] < edge
        at = np.minimum(link.view(np.uint32) >> np.uint32(bits), last) + holds
    return at


def sample_links(generator: np.random.Generator, x: Array, nodes: int, leaves: int) -> Array:
    """Nodes whose edges are near the values of rows, or numbers of leaves; some numbers are out of range."""
    bits = source_bits(x.shape[1])
    edges = generator.choice(row_keys(x).reshape(-1), nodes)
    edges[::3] = generator.integers(-1, leaves + 1, edges[::3].size)
    links = generator.integers(0, nodes + 2, nodes) << bits | generator.integers(0, 1 << bits, nodes)
    links[::4] = generator.integers(-(2**31), 2**31, links[::4].size)
    return np.stack([edges, links.astype(np.int32)], axis=1)


def _sample(rows: int, features: int, trees: int, usual: int, most: int) -> Sample:
    generator, nodes, x = np.random.default_rng((rows, trees, most)), 40, sample_rows(rows, features)
    node = sample_links(generator, x, nodes, 9)
    return Sample(SparseWalk(usual, most), (x, generator.integers(-1, nodes + 1, trees, np.int32), node))
