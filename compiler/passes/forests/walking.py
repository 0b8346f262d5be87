"""The tables of walks through a forest: of ``perfect_walk`` or ``sparse_walk`` where all splits compare, else of
``forest_walk``."""

from __future__ import annotations

import numpy as np

from compiler.ir.forest import Comparison, Forest
from compiler.ir.literal import Array
from compiler.ir.ops.forest_walk import Ways
from compiler.ir.ops.perfect_walk import BLOCK, block_levels, blocks_of_tree
from compiler.passes.forests.columns import ordered_tests
from compiler.passes.forests.linking import linked_nodes
from compiler.passes.forests.perfect import perfect_trees
from compiler.passes.forests.selection import nodes_of

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


def sparse_tables(forest: Forest) -> tuple[tuple[Array, Array], Array] | None:
    """The operands of ``sparse_walk`` after ``x``; and the leaf of each number that it gives, ``i64[leaves]``.

    None if the op cannot express it: some split is no comparison with an edge, or trees have too many nodes.
    """
    nodes = linked_nodes(forest, np.arange(forest.trees + 1), nodes_of(forest, forest.roots))
    return None if nodes is None else ((nodes.first.astype(np.int32), nodes.table), nodes.leaf)


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
