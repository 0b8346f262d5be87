"""Which algorithm computes a forest: the one that takes fewer cycles by a rule over the sizes of its tables."""

from __future__ import annotations

import math

from compiler.ir.forest import Forest, Profile
from compiler.ir.ops.perfect_walk import DEEPEST
from compiler.passes.context import TargetCapabilities
from compiler.passes.forests.bitslicing import BitslicedTables
from compiler.passes.forests.columns import ordered_tests

VECTOR_BYTES = 16
"""Of a target that is not known."""

PADDING = 16
"""Places of perfect trees per leaf, on average, beyond which their tables are too large."""

# Fitted to four trained forests on one core of Zen 4; all but the slow step are about what the instructions take.
KEY, WIDE_RANK, NARROW_RANK = 0.6, 4.8, 2.8
"""Cycles per row and value."""

TEST, NODE = 2.0, 2.4
"""Cycles per vector that is made, or chosen, for the rows of a block."""

LEAF = 0.8
"""Cycles per row, tree and value of a leaf, of a block."""

STEP, SLOW_STEP, SUM = 3.6, 100.0, 2.2
"""Cycles of a walk, per row and tree: of a step, of one of ``forest_walk``, of a value of the leaf."""


def bitsliced_cycles(tables: BitslicedTables, profile: Profile, rows: int, target: TargetCapabilities | None) -> float:
    """Cycles of ``bitsliced_forest`` for ``rows`` rows; blocks of rows that are not full cost as much as full ones."""
    block = 8 * (target.vector_bytes if target else VECTOR_BYTES)
    by_row = (
        KEY * profile.features
        + WIDE_RANK * len(tables.tests.wide)
        + NARROW_RANK * len(tables.tests.narrow)
        + LEAF * profile.trees * profile.width
    )
    by_block = TEST * tables.tests.tests + NODE * profile.trees * 2.0**tables.depth
    return math.ceil(rows / block) * (block * by_row + by_block)


def walk_cycles(forest: Forest, profile: Profile, rows: int) -> float:
    """Cycles of a walk of ``rows`` rows through each tree."""
    step = STEP if ordered_tests(forest).split.size == forest.splits else SLOW_STEP
    by_tree = step * profile.max_depth + SUM * profile.width
    return rows * (KEY * profile.features + profile.trees * by_tree)


def is_nearly_perfect(profile: Profile) -> bool:
    """Whether a walk through perfect trees is possible, and its tables are not much larger than the forest."""
    return 1 <= profile.max_depth <= DEEPEST and profile.trees << profile.max_depth <= PADDING * profile.leaves
