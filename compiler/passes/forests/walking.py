"""The tables of walks through a forest: of ``perfect_walk`` or ``sparse_walk`` where all splits compare, else of
``forest_walk``."""

from __future__ import annotations

import numpy as np

from compiler.ir.forest import Comparison, Forest
from compiler.ir.literal import Array
from compiler.ir.ops.forest_walk import Ways
from compiler.ir.ops.perfect_walk import BLOCK, block_levels, blocks_of_tree
from compiler.passes.forests.columns import ordered_tests
from compiler.passes.forests.perfect import perfect_trees

_WAYS = {
    Comparison.LESS: Ways.LESS,
    Comparison.LESS_EQUAL: Ways.LESS | Ways.EQUAL,
    Comparison.GREATER: Ways.GREATER,
    Comparison.GREATER_EQUAL: Ways.GREATER | Ways.EQUAL,
    Comparison.EQUAL: Ways.EQUAL,
    Comparison.NOT_EQUAL: Ways.LESS | Ways.GREATER,
    Comparison.MEMBER: Ways.SET | Ways.LESS,
}


def perfect_tables(forest: Forest, depth: int) -> tuple[Array, Array] | None:
    """The nodes of ``perfect_walk``, and the leaf in each place of its result: ``i32[trees, 2**depth]``.

    None if some split is no comparison with an edge.
    """
    tests = ordered_tests(forest)
    if tests.split.size < forest.splits:
        return None
    heap, leaf = perfect_trees(forest, tests.split, tests.swapped, depth)
    by_split = np.stack([tests.edge, tests.source], axis=1).astype(np.int32)
    return by_split[heap[:, _heap_places(depth)]], leaf.astype(np.int32)


def _heap_places(depth: int) -> Array:
    """i64[blocks, 8]: the place in the tree as one heap of each place in its blocks; 0 where there is none."""
    places = np.zeros((blocks_of_tree(depth), BLOCK), np.int64)
    above = 0
    for first, levels in block_levels(depth):
        roots = np.arange(1 << above, 2 << above)
        for level in range(levels):
            below = (roots[:, None] << level) + np.arange(1 << level)
            places[first : first + roots.size, 1 << level : 2 << level] = below
        above += levels
    return places


def sparse_tables(forest: Forest) -> tuple[Array, Array] | None:
    """The roots and the nodes of ``sparse_walk``, whose names are numbers of leaves.

    A tree is its root, then the two children of each split side by side. None if some split is no comparison with an
    edge.
    """
    tests = ordered_tests(forest)
    if tests.split.size < forest.splits:
        return None
    root = np.arange(forest.trees) + 2 * forest.first_split[:-1].astype(np.int64)
    tree = np.repeat(np.arange(forest.trees), np.diff(forest.first_split))
    children = tree + 1 + 2 * tests.split
    # What lies in each place: a split, or the complement of a leaf's number. Nobody comes to the last places.
    content = np.full(forest.trees + 2 * forest.splits + 2, -1, np.int64)
    content[root] = forest.roots
    content[children] = np.where(tests.swapped, forest.left, forest.right)
    content[children + 1] = np.where(tests.swapped, forest.right, forest.left)
    node = np.zeros((content.size, 4), np.int32)
    is_leaf = content < 0
    split = content[~is_leaf]
    node[~is_leaf, :3] = np.stack([tests.edge[split], tests.source[split], children[split]], axis=1)
    node[is_leaf, 0] = np.iinfo(np.int32).min
    node[is_leaf, 2] = np.flatnonzero(is_leaf)
    node[is_leaf, 3] = ~content[is_leaf]
    return root.astype(np.int32), node


def walk_tables(forest: Forest) -> tuple[Array, ...]:
    """The operands of ``forest_walk`` after ``x``. Tables that would be empty get an entry that nothing reaches."""
    ways = np.array([_WAYS[comparison] for comparison in Comparison], np.uint8)[forest.comparison]
    ways |= np.where(forest.default_left, Ways.MISSING, 0).astype(np.uint8)
    sizes = np.zeros(forest.splits, np.int32)
    sizes[forest.comparison == Comparison.MEMBER] = np.diff(forest.first_category)
    if not forest.splits:
        sizes = np.zeros(1, np.int32)
    by_split = (forest.feature, ways, forest.threshold, forest.left, forest.right)
    first_category = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return (forest.roots, *map(_filled, by_split), first_category, _filled(forest.categories))


def _filled(table: Array) -> Array:
    """The table, or one zero."""
    return table if table.size else np.zeros(1, table.dtype)
