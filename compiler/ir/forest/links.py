"""Which root each node of linked trees hangs from, in time that does not grow with the depth of a malformed one."""

from __future__ import annotations

import numpy as np

from compiler.ir.literal import Array


def roots_and_depths(parent: Array) -> tuple[Array, Array]:
    """For each node the root above it and its distance from there, by pointer doubling in ``O(n log n)``.

    ``parent``: i64[nodes], -1 for a root. A node that hangs from no root, because it is on a cycle or below one, gets
    the root -1.
    """
    count = parent.size
    nodes = np.arange(count)
    above = np.where(parent < 0, nodes, parent)
    depth = (parent >= 0).astype(np.int64)
    for _ in range(count.bit_length()):
        if np.array_equal(above[above], above):
            break
        depth = depth + depth[above]
        above = above[above]
    is_root = parent < 0
    return np.where(is_root[above], above, -1), depth
