"""Trees as leaves that are split one after the other, which gives the leaves of a tree their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.forest.profile import node_depths
from compiler.ir.literal import Array
from compiler.ir.ops.leafwise_forest import LINE
from compiler.passes.forests.selection import nodes_of


@dataclass(frozen=True)
class Growth:
    """How the trees of a forest grow from leaf 0, from the root down."""

    number: Array
    """i64[splits]: the leaf of its tree that a split makes, for rows for which its test does not hold."""
    origin: Array
    """i64[splits]: the leaf that it splits."""
    leaf: Array
    """i64[leaves]: the number of each leaf in the end."""

    @staticmethod
    def of(forest: Forest, swapped: Array) -> Growth:
        """``swapped``: bool[splits], whether rows for which a split's test holds go right."""
        fails = nodes_of(forest, np.where(swapped, forest.left, forest.right))
        holds = nodes_of(forest, np.where(swapped, forest.right, forest.left))
        level = node_depths(forest)[: forest.splits]
        tree_of = np.repeat(np.arange(forest.trees), np.diff(forest.first_split))
        # Level by level, so that a split seldom waits for the one before it.
        order = np.lexsort((level, tree_of))
        number = np.empty(forest.splits, np.int64)
        number[order] = 1 + np.arange(forest.splits) - forest.first_split[tree_of[order]]
        occupied = np.zeros(forest.splits + forest.leaves, np.int64)
        by_level = np.argsort(level, kind="stable")
        for here in np.split(by_level, np.flatnonzero(np.diff(level[by_level])) + 1):
            occupied[fails[here]], occupied[holds[here]] = number[here], occupied[here]
        return Growth(number, occupied[: forest.splits], occupied[forest.splits :])

    def leaf_table(self, forest: Forest) -> Array:
        """``[trees, leaves, width]``: values of leaves by their numbers, of which there are a power of two, ``LINE`` at
        least; those that a tree does not have are copies of its leaf 0.

        All that count leaves by this growth have this same table, which an artifact holds once.
        """
        leaves = max(LINE, 1 << (int(np.diff(forest.first_leaf).max()) - 1).bit_length())
        tree_of = np.repeat(np.arange(forest.trees), np.diff(forest.first_leaf))
        oldest = np.zeros(forest.trees, np.int64)
        is_oldest = self.leaf == 0
        oldest[tree_of[is_oldest]] = np.flatnonzero(is_oldest)
        chosen = np.repeat(oldest[:, None], leaves, axis=1)
        chosen[tree_of, self.leaf] = np.arange(forest.leaves)
        return forest.leaf[chosen]
