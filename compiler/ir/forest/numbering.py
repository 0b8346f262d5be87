"""From nodes that name their children, as most frameworks store trees, to the splits and leaves of a ``Forest``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest.links import roots_and_depths
from compiler.ir.literal import Array

DEEPEST = 4096
"""Splits that a row may pass in one tree. Each costs time; a tree that is deeper comes from no training."""


class LinkError(ValueError):
    """Nodes that are no trees; ``reason`` ends a sentence that begins with the number of the ``node``."""

    def __init__(self, node: int, reason: str) -> None:
        super().__init__(f"node {node} {reason}")
        self.node = node
        self.reason = reason


@dataclass(frozen=True)
class Numbering:
    """Which nodes are a forest's splits and leaves, in its order, and its fields that follow from that."""

    splits: Array
    """i64[splits]: nodes."""
    leaves: Array
    """i64[leaves]: nodes."""
    tree: Array
    """i64[nodes]: the tree of each node, -1 for one that hangs from no root."""
    first_split: Array
    left: Array
    right: Array


def numbering(roots: Array, left: Array, right: Array) -> Numbering:
    """The splits and leaves below these roots. Nodes that hang from no root are left out.

    Args:
        roots: i64[trees], nodes.
        left, right: i64[nodes], children that exist; negative, both, in a leaf.

    Raises:
        LinkError: a node has two parents, is on a cycle or far too deep, or a root has a parent or is the root of two
            trees.
    """
    nodes = left.size
    split_nodes = np.flatnonzero(left >= 0)
    children = np.concatenate([left[split_nodes], right[split_nodes]]).astype(np.int64)
    times = np.bincount(children, minlength=nodes)
    roots_here = np.bincount(roots, minlength=nodes)
    is_root = roots_here > 0
    _raise_where(roots_here > 1, "is the root of two trees")
    _raise_where(times > 1, "is the child of two nodes")
    _raise_where((times > 0) & is_root, "is the root and a child")
    parent = np.full(nodes, -1, np.int64)
    parent[children] = np.concatenate([split_nodes, split_nodes])
    above, depth = roots_and_depths(parent)
    _raise_where(above < 0, "is on a cycle or below one")
    _raise_where(depth > DEEPEST, f"has more than {DEEPEST} splits above it")
    tree_of_root = np.full(nodes, -1, np.int64)
    tree_of_root[roots] = np.arange(roots.size)
    tree = tree_of_root[above]
    # Tree by tree, the root first.
    order = np.lexsort((np.arange(nodes), ~is_root, tree))
    order = order[tree[order] >= 0]
    splits, leaves = order[left[order] >= 0], order[left[order] < 0]
    number = np.zeros(nodes, np.int32)
    number[splits] = np.arange(splits.size)
    number[leaves] = ~np.arange(leaves.size)
    per_tree = np.bincount(tree[splits], minlength=roots.size)
    return Numbering(
        splits=splits,
        leaves=leaves,
        tree=tree,
        first_split=np.concatenate([[0], np.cumsum(per_tree)]).astype(np.int32),
        left=number[left[splits]],
        right=number[right[splits]],
    )


def _raise_where(where: Array, reason: str) -> None:
    if where.any():
        raise LinkError(int(where.argmax()), reason)
