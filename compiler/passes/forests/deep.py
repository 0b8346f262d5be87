"""The tables of ``deep_forest`` for a forest: its upper levels bit-sliced, what is below them as nodes of a walk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Forest, numbering
from compiler.ir.forest.profile import node_depths
from compiler.ir.literal import Array
from compiler.passes.forests.bitslicing import TestTables, bitsliced_tables
from compiler.passes.forests.linking import linked_nodes
from compiler.passes.forests.selection import Leaves, nodes_of, selected
from compiler.passes.forests.walk_steps import walk_steps

TOGETHER = 8
"""Rows whose steps end together."""


@dataclass(frozen=True)
class DeepTables:
    """The operands of ``deep_forest`` behind ``x`` and ``start``, and its attributes."""

    depth: int
    usual: int
    most: int
    tests: TestTables
    node: Array
    entry: Array
    first: Array
    lower: Array
    leaf: Array
    target: Array

    @property
    def operands(self) -> tuple[Array, ...]:
        """The tables in the order of the op."""
        return (*self.tests.operands, self.node, self.entry, self.first, self.lower, self.leaf, self.target)


def deep_tables(forest: Forest, depth: int) -> DeepTables | None:
    """The tables of a forest with splits, of which ``depth`` levels are bit-sliced.

    None if the op cannot express it: sets below those levels, more tests in them than ``bitsliced_forest`` has, or
    trees of too many nodes.
    """
    cut, below = _upper_levels(forest, depth)
    upper = bitsliced_tables(cut, depth)
    if upper is None:
        return None
    lower = linked_nodes(forest, cut.first_leaf, below)
    if lower is None:
        return None
    tree = np.arange(forest.trees)[:, None]
    entry = lower.place[below[upper.leaf[:, :, 0].astype(np.int64)]] - lower.first[tree]
    usual, most = walk_steps(forest, depth, TOGETHER)
    return DeepTables(
        depth,
        usual,
        most,
        upper.tests,
        upper.node,
        entry.astype(np.int32),
        lower.first.astype(np.int32),
        lower.table,
        forest.leaf[lower.leaf],
        forest.target,
    )


def _upper_levels(forest: Forest, depth: int) -> tuple[Forest, Array]:
    """The forest cut below its first levels, with the numbers of its leaves as their values; and for each of them the
    node of ``forest`` that it stands for, splits before leaves."""
    children = [nodes_of(forest, side) for side in (forest.left, forest.right)]
    no_children = np.full(forest.leaves, -1, np.int64)
    is_upper = node_depths(forest)[: forest.splits] < depth
    sides = [np.concatenate([np.where(is_upper, side, -1), no_children]) for side in children]
    number = numbering(nodes_of(forest, forest.roots), *sides)
    # The nodes below the cut hang from nothing now.
    count = number.leaves.size
    values = np.arange(count, dtype=np.float64)[:, None]
    nothing = np.zeros(count, np.int32)
    leaves = Leaves(np.zeros(1), np.zeros_like(forest.target), values, nothing, nothing.astype(np.float32))
    return selected(forest, number, leaves), number.leaves
