"""The tables of ``ranked_forest`` for a forest: columns of edges, and its trees as perfect ones over their ranks."""

from __future__ import annotations

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.literal import Array
from compiler.ir.ops.ranked_forest import BLOCK, GROUP, LOWER, MOST_COLUMNS
from compiler.passes.forests.columns import edge_columns, edge_table, ordered_tests
from compiler.passes.forests.perfect import perfect_trees


def ranked_tables(forest: Forest, depth: int, order: Array | None = None) -> tuple[Array, ...] | None:
    """The operands of ``ranked_forest`` behind ``x`` and ``start``, of a forest with splits whose trees are at most
    ``depth`` deep, with its trees in another ``order`` if wanted.

    None if the op cannot express it: some split is no comparison with an edge, or there are too many columns.
    """
    tests = ordered_tests(forest)
    if tests.split.size < forest.splits:
        return None
    columns, column_of, place = edge_columns(tests.source, tests.edge, forest.features)
    if len(columns) > MOST_COLUMNS:
        return None
    heap, leaf = perfect_trees(forest, np.arange(forest.splits), tests.swapped, depth)
    order = np.arange(forest.trees) if order is None else order
    heap, leaf = heap[order], leaf[order]
    # Comparing with edge number n holds for ranks up to n.
    node = np.stack([column_of, place], axis=1).astype(np.uint8)
    return (
        np.array([column.source for column in columns], np.int32),
        edge_table(columns),
        _upper(node[heap[:, : 1 << (depth - LOWER)]]),
        _lower(node, heap, depth),
        forest.leaf[leaf],
        forest.target[order],
    )


def rounds_of_trees(forest: Forest) -> Array | None:
    """The trees in such an order that each round of them adds one value to every output, and those of an output keep
    theirs; None if there is none."""
    width = forest.leaf.shape[1]
    groups = forest.outputs // width
    if forest.outputs % width or forest.trees % groups:
        return None
    by_output: Array = np.argsort(forest.target, kind="stable").reshape(groups, -1)
    rounds = by_output.shape[1]
    if forest.target[by_output].tolist() != [[width * group] * rounds for group in range(groups)]:
        return None
    return by_output.T.reshape(-1)


def _upper(node: Array) -> Array:
    """``u8[trees, places, 2]`` as ``u8[groups, places, 2, 64]``; trees that are missing in the last group have nodes
    of zeros."""
    padded = np.pad(node, ((0, -len(node) % GROUP), (0, 0), (0, 0)))
    return np.ascontiguousarray(padded.reshape(-1, GROUP, *node.shape[1:]).transpose(0, 2, 3, 1))


def _lower(node: Array, heap: Array, depth: int) -> Array:
    """The blocks of the last levels, ``u8[trees, blocks, 2, 8]``."""
    roots = np.arange(1 << (depth - LOWER), 2 << (depth - LOWER))[:, None]
    places = np.concatenate([(roots << level) + np.arange(1 << level) for level in range(LOWER)], axis=1)
    blocks = np.zeros((len(heap), roots.size, 2, BLOCK), np.uint8)
    blocks[:, :, :, : BLOCK - 1] = node[heap[:, places]].transpose(0, 1, 3, 2)
    return blocks
