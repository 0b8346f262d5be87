"""Trees padded until all leaves lie equally deep."""

from __future__ import annotations

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.literal import Array


def perfect_trees(forest: Forest, test: Array, swapped: Array, depth: int) -> tuple[Array, Array]:
    """Heaps of tests, ``[trees, 2**depth]``, and the leaf in each of their last places, of the same shape.

    ``test`` and ``swapped``, by split: the test's number, and whether rows for which it holds go right. The root is in
    place 1, and below place p where the test holds 2p + 1, else 2p. Below a leaf its parent's test is repeated, which
    decides nothing.
    """
    fails = np.where(swapped, forest.left, forest.right).astype(np.int64)
    holds = np.where(swapped, forest.right, forest.left).astype(np.int64)
    heap = np.zeros((forest.trees, 1 << depth), np.int64)
    place, above = forest.roots.astype(np.int64)[:, None], np.zeros((forest.trees, 1), np.int64)
    for level in range(depth):
        is_split, split = place >= 0, np.maximum(place, 0)
        above = np.where(is_split, test[split], above)
        heap[:, 1 << level : 2 << level] = above
        children = [np.where(is_split, side[split], place) for side in (fails, holds)]
        place = np.stack(children, axis=2).reshape(forest.trees, -1)
        above = np.repeat(above, 2, axis=1)
    return heap, ~place
