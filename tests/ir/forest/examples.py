"""A small forest that tests start from, and its text."""

from __future__ import annotations

import numpy as np

from compiler.ir.forest import Forest, parse_forest

TEXT = """f32[3] -> [0.5, 0.0] width 1 {
  tree 1 {
    s0: x2 < 0.25 ? s1 : v2, missing left
    s1: x0 in {1, 3} ? v0 : v1, missing right
    v0: 0.5, id 3, cover 12.0
    v1: -0.5, id 4, cover 8.0
    v2: 1.5, id 2, cover 20.0
  }
  tree 0 {
    v3: 0.125, id 0
  }
}"""

EXAMPLE = Forest(
    features=3,
    base=np.array([0.5, 0.0], np.float32),
    first_split=np.array([0, 2, 2], np.int32),
    target=np.array([1, 0], np.int32),
    feature=np.array([2, 0], np.int32),
    comparison=np.array([0, 6], np.uint8),
    threshold=np.array([0.25, 0.0], np.float32),
    left=np.array([1, ~0], np.int32),
    right=np.array([~2, ~1], np.int32),
    default_left=np.array([True, False]),
    first_category=np.array([0, 2], np.int32),
    categories=np.array([1, 3], np.int32),
    leaf=np.array([[0.5], [-0.5], [1.5], [0.125]], np.float32),
    leaf_id=np.array([3, 4, 2, 0], np.int32),
    cover=np.array([12, 8, 20, 0], np.float32),
)


def chain_text(splits: int) -> str:
    """The text of a tree of two features in which each split has a leaf on its left and the next split on its right."""
    return chains_text(1, splits)


def chains_text(trees: int, splits: int) -> str:
    """The text of such trees, none of which compares with a number of another one."""
    chains = " ".join(f"tree 0 {{ {_chain(splits * tree, (splits + 1) * tree, splits)} }}" for tree in range(trees))
    return f"f32[2] -> [0.5] width 1 {{ {chains} }}"


def _chain(split: int, leaf: int, splits: int) -> str:
    """The nodes of a tree, numbered from ``split`` and ``leaf`` on."""
    below = [f"s{split + number + 1}" for number in range(splits - 1)] + [f"v{leaf + splits}"]
    lines = [
        f"s{split + number}: x{number % 2} < {split + number}.0 ? v{leaf + number} : {child},"
        f" missing {('left', 'right')[number % 3 > 0]}"
        for number, child in enumerate(below)
    ]
    return " ".join(lines + [f"v{leaf + number}: {number}.5, id {number}" for number in range(splits + 1)])


def full_tree(depth: int) -> Forest:
    """A perfect tree of as many features as it has levels."""
    splits, leaves = (1 << depth) - 1, 1 << depth
    below = [f"s{place}" if place < splits else f"v{place - splits}" for place in range(splits + leaves)]
    lines = [
        f"s{place}: x{(place + 1).bit_length() - 1} < {place % 5}.5 ? {below[2 * place + 1]} : {below[2 * place + 2]},"
        " missing left"
        for place in range(splits)
    ]
    lines += [f"v{leaf}: {leaf}.25, id {leaf}" for leaf in range(leaves)]
    return parse_forest(f"f32[{depth}] -> [0.5] width 1 {{ tree 0 {{ {' '.join(lines)} }} }}")
