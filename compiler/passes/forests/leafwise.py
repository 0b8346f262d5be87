"""The tables of ``leafwise_forest`` for a forest: its distinct tests, and how its trees grow by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.forest.profile import node_depths
from compiler.ir.literal import Array
from compiler.ir.ops.leafwise_forest import LINE, MOST_LEAVES
from compiler.passes.forests.bitslicing import MOST_TESTS, SplitTests
from compiler.passes.forests.selection import nodes_of


def leafwise_tables(forest: Forest) -> tuple[Array, ...] | None:
    """The operands of ``leafwise_forest`` behind ``x`` and ``start``, of a forest with splits.

    None if the op cannot express it: a tree of too many leaves, or too many tests.
    """
    most = int(np.diff(forest.first_leaf).max())
    if most > MOST_LEAVES:
        return None
    tests = SplitTests.of(forest)
    if tests.tables.tests > MOST_TESTS:
        return None
    growth = _Growth.of(forest, tests)
    lines = -(-np.diff(forest.first_leaf) // LINE)
    first = np.concatenate([[0], np.cumsum(lines)])
    tree_of = np.repeat(np.arange(forest.trees), np.diff(forest.first_split))
    place = LINE * first[tree_of] + growth.number
    # What fills a tree's last line are copies of leaf 0.
    node, origin = np.zeros(LINE * first[-1], np.uint16), np.zeros(LINE * first[-1], np.uint8)
    node[place], origin[place] = tests.test, growth.origin
    leaves = max(LINE, 1 << (most - 1).bit_length())
    tree_of_leaf = np.repeat(np.arange(forest.trees), np.diff(forest.first_leaf))
    oldest = np.zeros(forest.trees, np.int64)
    is_oldest = growth.leaf == 0
    oldest[tree_of_leaf[is_oldest]] = np.flatnonzero(is_oldest)
    chosen = np.repeat(oldest[:, None], leaves, axis=1)
    chosen[tree_of_leaf, growth.leaf] = np.arange(forest.leaves)
    return (
        *tests.tables.operands,
        node.reshape(-1, LINE),
        origin.reshape(-1, LINE),
        first.astype(np.int32),
        forest.leaf[chosen],
        forest.target,
    )


@dataclass(frozen=True)
class _Growth:
    """Trees as leaves that are split one after the other, from the root down."""

    number: Array
    """i64[splits]: the leaf of its tree that a split makes, for rows for which its test does not hold."""
    origin: Array
    """i64[splits]: the leaf that it splits."""
    leaf: Array
    """i64[leaves]: the number of each leaf in the end."""

    @staticmethod
    def of(forest: Forest, tests: SplitTests) -> _Growth:
        fails = nodes_of(forest, np.where(tests.swapped, forest.left, forest.right))
        holds = nodes_of(forest, np.where(tests.swapped, forest.right, forest.left))
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
        return _Growth(number, occupied[: forest.splits], occupied[forest.splits :])
