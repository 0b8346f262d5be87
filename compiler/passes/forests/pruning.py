"""Forests without the splits that are decided before a row comes to them.

A split is decided if all values of its feature that can reach it go the same way; which ones can is said by the splits
above it that test the same feature. A missing value is one of them: it goes a way of its own at each split, so a
threshold that is implied by another one decides nothing while missing values may still come. Values are the keys of
``compiler.ir.forest.keys``, the infinities included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Comparison, Forest, numbering, once_per_forest, roots_and_depths
from compiler.ir.forest.keys import BEYOND_INFINITY, keys_of
from compiler.ir.literal import Array
from compiler.passes.forests.columns import OrderedTests, is_set_test, ordered_tests, set_intervals
from compiler.passes.forests.selection import Leaves, nodes_of, selected

_LOWEST = int(keys_of(np.array([-np.inf], np.float32))[0])
_NO_KEY = -1
"""The one integer between the infinities that is the key of no float: -0 has that of 0."""


@once_per_forest
def pruned(forest: Forest) -> Forest:
    """The forest in which decided splits give way to the child that they lead to; trees and their order stay."""
    chains = _Chains.of(forest)
    tests = ordered_tests(forest)
    always_left, always_right = (np.zeros(forest.splits, np.bool_) for _ in range(2))
    tree = np.repeat(np.arange(forest.trees), np.diff(forest.first_split))
    group = tree * forest.features + forest.feature
    of_sets = np.isin(group, group[is_set_test(forest)])
    _decide_by_ranges(forest, tests, chains, ~of_sets, always_left, always_right)
    for splits in _groups(group, chains.depth, np.flatnonzero(of_sets)):
        _decide_by_ranks(forest, tests, chains, splits, always_left, always_right)
    decided = always_left | always_right
    if not decided.any():
        return forest
    return _without(forest, decided, np.where(always_left, forest.left, forest.right))


@dataclass(frozen=True)
class _Chains:
    """For each split the nearest one above it that tests the same feature."""

    above: Array
    """i64[splits], -1 where there is none."""
    from_left: Array
    """bool[splits]: whether the split lies to the left of the one above."""
    depth: Array
    """i64[splits]: how many such splits are above it."""

    @staticmethod
    def of(forest: Forest) -> _Chains:
        parent = np.full(forest.splits, -1, np.int64)
        is_left = np.zeros(forest.splits, np.bool_)
        for children, value in ((forest.left, True), (forest.right, False)):
            inner = np.flatnonzero(children >= 0)
            parent[children[inner]], is_left[children[inner]] = inner, value
        above, from_left = parent.copy(), is_left.copy()
        climbing = np.flatnonzero(above >= 0)
        while climbing.size:
            differs = forest.feature[above[climbing]] != forest.feature[climbing]
            climbing = climbing[differs]
            from_left[climbing] = is_left[above[climbing]]
            above[climbing] = parent[above[climbing]]
            climbing = climbing[above[climbing] >= 0]
        _, depth = roots_and_depths(above)
        return _Chains(above, from_left & (above >= 0), depth)


def _decide_by_ranges(
    forest: Forest, tests: OrderedTests, chains: _Chains, wanted: Array, always_left: Array, always_right: Array
) -> None:
    """Splits of features that a tree only compares: what reaches them are keys ``low <= key < high``, or missing."""
    edge, swapped, missing_holds = (np.zeros(forest.splits, kind) for kind in (np.int64, np.bool_, np.bool_))
    edge[tests.split], swapped[tests.split] = _borders(tests.edge), tests.swapped
    missing_holds[tests.split] = tests.source >= forest.features
    low, high = np.full(forest.splits, _LOWEST), np.full(forest.splits, BEYOND_INFINITY)
    missing = np.ones(forest.splits, np.bool_)
    order = np.argsort(chains.depth, kind="stable")
    starts = np.flatnonzero(np.diff(chains.depth[order])) + 1
    for here in np.split(order, starts)[1:]:
        above = chains.above[here]
        holds = chains.from_left[here] != swapped[above]
        low[here] = np.where(holds, low[above], np.maximum(low[above], edge[above]))
        high[here] = np.where(holds, np.minimum(high[above], edge[above]), high[above])
        missing[here] = missing[above] & (holds == missing_holds[above])
    none = low >= high
    always = wanted & ((high <= edge) | none) & (~missing | missing_holds)
    never = wanted & ((low >= edge) | none) & ~(missing & missing_holds)
    always_left |= np.where(swapped, never, always)
    always_right |= np.where(swapped, always, never)


def _decide_by_ranks(
    forest: Forest, tests: OrderedTests, chains: _Chains, splits: Array, always_left: Array, always_right: Array
) -> None:
    """Splits of one feature in one tree, from the top down: what reaches them are ranks among all their borders, of
    which the last one is that of missing values."""
    intervals = [_goes_left(forest, tests, int(split)) for split in splits]
    edges = np.unique(np.concatenate([np.array([_LOWEST, BEYOND_INFINITY]), *(own.reshape(-1) for own in intervals)]))
    reach: dict[int, Array] = {-1: np.ones(edges.size, np.bool_)}
    left: dict[int, Array] = {-1: reach[-1]}
    for split, own in zip(splits.tolist(), intervals, strict=True):
        goes_left = np.zeros(edges.size, np.bool_)
        for first, last in np.searchsorted(edges, own):
            goes_left[first:last] = True
        goes_left[-1] = forest.default_left[split]
        above = int(chains.above[split])
        here = reach[above] & (left[above] == (above < 0 or chains.from_left[split]))
        reach[split], left[split] = here, goes_left
        always_left[split] = not (here & ~goes_left).any()
        always_right[split] = not (here & goes_left).any()


def _goes_left(forest: Forest, tests: OrderedTests, split: int) -> Array:
    """``i64[n, 2]``: the keys, ends excluded, of the values that go left, missing ones aside."""
    place = int(np.searchsorted(tests.split, split))
    if place < tests.split.size and tests.split[place] == split:
        holds, complement = np.array([[_LOWEST, tests.edge[place]]]), tests.swapped[place]
    else:
        holds, complement = set_intervals(forest, split), forest.comparison[split] == Comparison.NOT_EQUAL
    holds = _borders(holds)
    if complement:
        return np.concatenate([[_LOWEST], holds.reshape(-1), [BEYOND_INFINITY]]).reshape(-1, 2)
    return holds


def _borders(edge: Array) -> Array:
    """Edges, one for all that part the same values."""
    return np.where(edge == _NO_KEY, 0, edge)


def _groups(group: Array, depth: Array, splits: Array) -> list[Array]:
    """Splits by group, each from the top down."""
    order = splits[np.lexsort((depth[splits], group[splits]))]
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if order.size else []


def _without(forest: Forest, decided: Array, way: Array) -> Forest:
    """The forest in which rows go ``way`` at the splits that are decided."""

    def node(child: Array) -> Array:
        """The number that a child has as a node, beyond all that is decided."""
        while (passes := (child >= 0) & decided[np.maximum(child, 0)]).any():
            child = np.where(passes, way[np.maximum(child, 0)], child)
        return nodes_of(forest, child)

    no_children = np.full(forest.leaves, -1, np.int64)
    sides = [np.concatenate([np.where(decided, -1, node(side)), no_children]) for side in (forest.left, forest.right)]
    number = numbering(node(forest.roots), *sides)
    kept = number.leaves - forest.splits
    leaves = Leaves(forest.base, forest.target, forest.leaf[kept], forest.leaf_id[kept], forest.cover[kept])
    return selected(forest, number, leaves)
