"""The tables of ``deep_forest`` for a forest: its upper levels bit-sliced, what is below them as nodes of a walk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Forest, numbering, roots_and_depths
from compiler.ir.forest.profile import leaf_depths, leaf_shares
from compiler.ir.literal import Array
from compiler.ir.ops.deep_forest import source_bits
from compiler.passes.forests.bitslicing import TestTables, bitsliced_tables
from compiler.passes.forests.columns import ordered_tests
from compiler.passes.forests.selection import Leaves, nodes_of, selected

TOGETHER = 8
"""Rows whose steps end together: as long as one of them has not reached its leaf, all take another one."""

LATE = 1.4
"""What a step costs that is taken only where a row needs it, in steps that all take."""


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
        t = self.tests
        tests = (t.column, t.edges, t.group, t.single, t.set_column, t.sets)
        return (*tests, self.node, self.entry, self.first, self.lower, self.leaf, self.target)


def deep_tables(forest: Forest, depth: int) -> DeepTables | None:
    """The tables of a forest with splits, of which ``depth`` levels are bit-sliced.

    None if the op cannot express it: sets below those levels, more tests in them than ``bitsliced_forest`` has, or
    trees of too many nodes.
    """
    cut, below = _upper_levels(forest, depth)
    upper = bitsliced_tables(cut, depth)
    if upper is None:
        return None
    lower = _lower_nodes(forest, cut.first_leaf, below)
    if lower is None:
        return None
    tree = np.arange(forest.trees)[:, None]
    entry = lower.place[below[upper.leaf[:, :, 0].astype(np.int64)]] - lower.first[tree]
    usual, most = _steps(forest, depth)
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
    parent = np.full(forest.splits + forest.leaves, -1, np.int64)
    for side in children:
        parent[side] = np.arange(forest.splits)
    _, level = roots_and_depths(parent)
    no_children = np.full(forest.leaves, -1, np.int64)
    is_upper = level[: forest.splits] < depth
    sides = [np.concatenate([np.where(is_upper, side, -1), no_children]) for side in children]
    number = numbering(nodes_of(forest, forest.roots), *sides)
    # The nodes below the cut hang from nothing now.
    count = number.leaves.size
    values = np.arange(count, dtype=np.float64)[:, None]
    nothing = np.zeros(count, np.int32)
    leaves = Leaves(np.zeros(1), np.zeros_like(forest.target), values, nothing, nothing.astype(np.float32))
    return selected(forest, number, leaves), number.leaves


@dataclass(frozen=True)
class _Lower:
    place: Array
    """i64[nodes of the forest]: of each node that is below the cut."""
    first: Array
    """i64[trees]: where the nodes of a tree begin."""
    table: Array
    """The operand ``lower``."""
    leaf: Array
    """i64[leaves]: the forest's leaves in the order of the table."""


def _lower_nodes(forest: Forest, first_entry: Array, entries: Array) -> _Lower | None:
    """The nodes that can be reached from ``entries``, which are sorted by trees.

    Those below an entry follow it level by level, so that rows find the next ones in the same cache line; the children
    of a split are side by side, the one for rows for which the test does not hold first.
    """
    tests = ordered_tests(forest)
    edge, source, swapped = (np.zeros(forest.splits, kind) for kind in (np.int64, np.int64, np.bool_))
    edge[tests.split], source[tests.split], swapped[tests.split] = tests.edge, tests.source, tests.swapped
    fails = nodes_of(forest, np.where(swapped, forest.left, forest.right))
    holds = nodes_of(forest, np.where(swapped, forest.right, forest.left))
    levels, owners = [entries], [np.arange(entries.size)]
    while (is_split := levels[-1] < forest.splits).any():
        split = levels[-1][is_split]
        levels.append(np.stack([fails[split], holds[split]], axis=1).reshape(-1))
        owners.append(np.repeat(owners[-1][is_split], 2))
    node = np.concatenate(levels)[np.argsort(np.concatenate(owners), kind="stable")]
    splits = np.flatnonzero(node < forest.splits)
    if np.setdiff1d(node[splits], tests.split).size:
        return None
    place = np.full(forest.splits + forest.leaves, -1, np.int64)
    place[node] = np.arange(node.size)
    first = place[entries[first_entry[:-1]]]
    base = np.repeat(first, np.diff(np.append(first, node.size)))
    bits = source_bits(forest.features)
    if bits > 30 or int((np.arange(node.size) - base).max(initial=0)) >> (32 - bits):
        return None
    # Nobody comes to the last place, which lies behind the last node.
    content, link = np.zeros(node.size + 1, np.int64), np.zeros(node.size + 1, np.int64)
    here = node[splits]
    content[splits] = edge[here]
    link[splits] = (place[fails[here]] - base[splits]) << bits | source[here]
    is_leaf = np.flatnonzero(node >= forest.splits)
    content[is_leaf] = np.arange(is_leaf.size)
    link[is_leaf] = (is_leaf - base[is_leaf]) << bits | ((1 << bits) - 1)
    table = np.stack([content, link], axis=1).astype(np.uint32).view(np.int32)
    return _Lower(place, first, table, node[is_leaf] - forest.splits)


def _steps(forest: Forest, depth: int) -> tuple[int, int]:
    """Steps below the cut that rows take in any case, so that few are left to take; and the most."""
    depths = leaf_depths(forest)
    shares = leaf_shares(forest, depths) / forest.trees
    below = np.maximum(depths - depth, 0)
    most = int(below.max())
    longer = 1 - np.cumsum(np.bincount(below, shares, most + 1))
    # Of as many rows, at least one needs the step.
    needed = 1 - (1 - np.clip(longer, 0, 1)) ** TOGETHER
    costs = [usual + LATE * float(needed[usual:].sum() + (usual < most)) for usual in range(most + 1)]
    return int(np.argmin(costs)), most
