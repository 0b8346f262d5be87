"""Nodes that name their children become splits and leaves in a forest's order."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir.forest import LinkError, numbering


def links(*sides: list[int]) -> tuple[np.ndarray, np.ndarray]:
    left, right = (np.array(side, np.int64) for side in sides)
    return left, right


def test_trees_in_the_order_of_their_roots() -> None:
    # Tree 0 has the root 3, tree 1 is the leaf 0; node 5 hangs from nothing.
    left, right = links([-1, -1, 4, 2, -1, -1], [-1, -1, 6, 1, -1, -1])
    left, right = np.append(left, -1), np.append(right, -1)
    number = numbering(np.array([3, 0]), left, right)
    assert number.splits.tolist() == [3, 2]
    assert number.leaves.tolist() == [1, 4, 6, 0]
    assert number.first_split.tolist() == [0, 2, 2]
    assert number.left.tolist() == [1, ~1]
    assert number.right.tolist() == [~0, ~2]
    assert number.tree.tolist() == [1, 0, 0, 0, 0, -1, 0]


def test_no_trees() -> None:
    number = numbering(np.zeros(0, np.int64), *links([], []))
    assert number.first_split.tolist() == [0]


@pytest.mark.parametrize(
    ("roots", "left", "right", "node", "reason"),
    [
        ([0], [1, -1], [1, -1], 1, "is the child of two nodes"),
        ([0], [1, 0, -1], [2, 2, -1], 2, "is the child of two nodes"),
        ([0], [0, -1], [1, -1], 0, "is the root and a child"),
        ([0, 0], [-1], [-1], 0, "is the root of two trees"),
        ([0], [-1, 2, 1, -1, -1], [-1, 3, 4, -1, -1], 1, "is on a cycle or below one"),
    ],
)
def test_what_is_no_tree(roots: list[int], left: list[int], right: list[int], node: int, reason: str) -> None:
    with pytest.raises(LinkError, match=reason) as raised:
        numbering(np.array(roots), *links(left, right))
    assert raised.value.node == node
