"""The tables of ``leafwise_forest`` for a forest: its distinct tests, and how its trees grow by them."""

from __future__ import annotations

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.literal import Array
from compiler.ir.ops.leafwise_forest import LINE, MOST_LEAVES
from compiler.passes.forests.bitslicing import MOST_TESTS, SplitTests
from compiler.passes.forests.growth import Growth


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
    growth = Growth.of(forest, tests.swapped)
    lines = -(-np.diff(forest.first_leaf) // LINE)
    first = np.concatenate([[0], np.cumsum(lines)])
    tree_of = np.repeat(np.arange(forest.trees), np.diff(forest.first_split))
    place = LINE * first[tree_of] + growth.number
    # What fills a tree's last line are copies of leaf 0.
    node, origin = np.zeros(LINE * first[-1], np.uint16), np.zeros(LINE * first[-1], np.uint8)
    node[place], origin[place] = tests.test, growth.origin
    return (
        *tests.tables.operands,
        node.reshape(-1, LINE),
        origin.reshape(-1, LINE),
        first.astype(np.int32),
        growth.leaf_table(forest),
        forest.target,
    )
