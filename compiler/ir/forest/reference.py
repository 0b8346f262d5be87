"""What a forest computes, in numpy: the yardstick for every kernel. All rows and trees take a step at a time."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np

from compiler.ir.forest.comparison import Comparison
from compiler.ir.forest.forest import Forest
from compiler.ir.literal import Array

_BLOCK = 1 << 20
"""Walks at once."""

_TESTS: dict[Comparison, Callable[[Array, Array], Array]] = {
    Comparison.LESS: operator.lt,
    Comparison.LESS_EQUAL: operator.le,
    Comparison.GREATER: operator.gt,
    Comparison.GREATER_EQUAL: operator.ge,
    Comparison.EQUAL: operator.eq,
    Comparison.NOT_EQUAL: operator.ne,
}


def sums(forest: Forest, x: Array, start: Array | None = None) -> Array:
    """The outputs of rows ``f32[rows, features]``, ``[rows, outputs]`` in the type of the leaves.

    ``start``: of the same type and shape, what each row's sums begin at in place of ``base``.
    """
    first = np.broadcast_to(forest.base, (x.shape[0], forest.outputs)) if start is None else start
    result = np.array(first, forest.leaf.dtype)
    reached = leaves_reached(forest, x)
    with np.errstate(all="ignore"):
        for tree in range(forest.trees):
            target = forest.target[tree]
            result[:, target : target + forest.width] += forest.leaf[reached[:, tree]]
    return result


def leaves_reached(forest: Forest, x: Array) -> Array:
    """The number of the leaf in which each row ends in each tree: ``i32[rows, trees]``."""
    reached = np.empty((x.shape[0], forest.trees), np.int32)
    rows = max(1, _BLOCK // max(1, forest.trees))
    for begin in range(0, x.shape[0], rows):
        reached[begin : begin + rows] = _walk(forest, x[begin : begin + rows])
    return reached


def _walk(forest: Forest, x: Array) -> Array:
    place = np.repeat(forest.roots[None], x.shape[0], axis=0).reshape(-1)
    row = np.arange(place.size) // max(1, forest.trees)
    walking = np.flatnonzero(place >= 0)
    while walking.size:
        split = place[walking]
        goes_left = _holds(forest, split, x[row[walking], forest.feature[split]])
        place[walking] = np.where(goes_left, forest.left[split], forest.right[split])
        walking = walking[place[walking] >= 0]
    return (~place).reshape(x.shape[0], forest.trees)


def _holds(forest: Forest, split: Array, value: Array) -> Array:
    """Whether the rows at these splits go left."""
    missing = np.isnan(value)
    result = forest.default_left[split]
    for kind in np.unique(forest.comparison[split]):
        where = np.flatnonzero(~missing & (forest.comparison[split] == kind))
        comparison = Comparison(int(kind))
        if comparison is Comparison.MEMBER:
            result[where] = _is_member(forest, split[where], value[where])
        else:
            result[where] = _TESTS[comparison](value[where], forest.threshold[split[where]])
    return result


def _is_member(forest: Forest, split: Array, value: Array) -> Array:
    # A number per (set, category) pair is sorted as the pairs are.
    sizes = np.diff(forest.first_category)
    pairs = (np.repeat(np.arange(sizes.size, dtype=np.int64), sizes) << 32) | forest.categories
    in_range = (value >= 0) & (value < 2**31)
    category = np.where(in_range, value, 0).astype(np.int64)
    wanted = (forest.member_of[split].astype(np.int64) << 32) | category
    place = np.searchsorted(pairs, wanted)
    found = np.zeros(split.size, np.bool_)
    inside = place < pairs.size
    found[inside] = pairs[place[inside]] == wanted[inside]
    return found & in_range
