"""Trees as linked nodes of eight bytes, for the walks of ``sparse_walk`` and ``deep_forest``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.literal import Array
from compiler.ir.ops.sparse_walk import source_bits
from compiler.passes.forests.columns import ordered_tests
from compiler.passes.forests.selection import nodes_of


@dataclass(frozen=True)
class LinkedNodes:
    """Nodes of all trees, tree by tree."""

    place: Array
    """i64[nodes of the forest]: of each node that can be reached."""
    first: Array
    """i64[trees]: where the nodes of a tree begin."""
    table: Array
    """The operand ``node`` of ``sparse_walk``, or ``lower`` of ``deep_forest``."""
    leaf: Array
    """i64[leaves]: the forest's leaves in the order of the table."""


def linked_nodes(forest: Forest, first_entry: Array, entries: Array) -> LinkedNodes | None:
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
    is_test = np.zeros(forest.splits, np.bool_)
    is_test[tests.split] = True
    if not is_test[node[splits]].all():
        return None
    place = np.full(forest.splits + forest.leaves, -1, np.int64)
    place[node] = np.arange(node.size)
    first = place[entries[first_entry[:-1]]]
    base = np.repeat(first, np.diff(np.append(first, node.size)))
    bits = source_bits(forest.features)
    if bits > 30 or int((np.arange(node.size) - base).max(initial=0)) >> (32 - bits):
        return None
    # Nobody comes to the last place, which lies behind the last node.
    size = max(2, node.size + 1)
    content, link = np.zeros(size, np.int64), np.zeros(size, np.int64)
    here = node[splits]
    content[splits] = edge[here]
    link[splits] = (place[fails[here]] - base[splits]) << bits | source[here]
    is_leaf = np.flatnonzero(node >= forest.splits)
    content[is_leaf] = np.arange(is_leaf.size)
    link[is_leaf] = (is_leaf - base[is_leaf]) << bits | ((1 << bits) - 1)
    table = np.stack([content, link], axis=1).astype(np.uint32).view(np.int32)
    return LinkedNodes(place, first, table, node[is_leaf] - forest.splits)
