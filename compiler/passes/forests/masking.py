"""The tables of ``masked_forest`` for a forest: what it asks of a row, and the leaves that each answer leaves open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.forest.profile import node_depths
from compiler.ir.literal import Array
from compiler.ir.ops.masked_forest import GROUP_BYTES, MOST_LEAVES, word_of
from compiler.ir.ops.tree_tables import MOST_EDGES
from compiler.passes.forests.columns import Column, edge_table, is_set_test, is_swapped, ordered_tests, set_tests
from compiler.passes.forests.growth import Growth
from compiler.passes.forests.selection import nodes_of

MOST_NUMBERS = 1 << 22
"""Of masks, in all lines: 8 MiB."""

_ALL = ~np.uint64(0)


def masked_tables(forest: Forest) -> tuple[Array, ...] | None:
    """The operands of ``masked_forest`` behind ``x`` and ``start``, of a forest with splits.

    None if the op cannot express it, or the tables would be far larger than the forest: trees of too many leaves, or
    too many different answers.
    """
    most = int(np.diff(forest.first_leaf).max())
    if most > MOST_LEAVES:
        return None
    word = word_of(most)
    size = GROUP_BYTES // word.bytes
    groups = -(-forest.trees // size)
    questions = _questions(forest)
    answers = np.array([question.edges.size + 1 for question in questions], np.int64)
    if int(answers.sum()) * groups > MOST_NUMBERS:
        return None
    first = np.cumsum(answers) - answers
    columns = [part for question in questions for part in question.columns]
    owner = np.repeat(np.arange(len(questions)), [len(question.columns) for question in questions])
    growth = Growth.of(forest, is_swapped(forest))
    closed = _Closed.of(forest, growth.leaf)
    tree_of = np.repeat(np.arange(forest.trees), np.diff(forest.first_split))
    line = np.zeros((int(answers.sum()), groups), np.uint16)
    masks: list[Array] = []
    for group in range(groups):
        trees = range(group * size, min(forest.trees, (group + 1) * size))
        open_leaves = [question.open_leaves(closed, tree_of, trees, size) for question in questions]
        own, number = np.unique(np.concatenate(open_leaves), axis=0, return_inverse=True)
        masks.append(own)
        line[:, group] = number.reshape(-1)
    counts = np.array([len(own) for own in masks])
    return (
        np.array([column.source for column in columns], np.int32),
        edge_table(columns),
        owner.astype(np.int32),
        first.astype(np.int32),
        line,
        (np.cumsum(counts) - counts).astype(np.int32),
        np.concatenate(masks).astype(word.numpy),
        growth.leaf_table(forest),
        forest.target,
    )


@dataclass(frozen=True)
class _Closed:
    """For each split the leaves of its tree, a bit each, that are closed to rows."""

    if_holds: Array
    """u64[splits]: for which its test holds."""
    if_fails: Array

    @staticmethod
    def of(forest: Forest, number: Array) -> _Closed:
        """``number``: i64[leaves], by leaf its bit."""
        children = [nodes_of(forest, side) for side in (forest.left, forest.right)]
        below = np.zeros(forest.splits + forest.leaves, np.uint64)
        below[forest.splits :] = np.uint64(1) << number.astype(np.uint64)
        level = node_depths(forest)[: forest.splits]
        deepest_first = np.argsort(-level, kind="stable")
        for here in np.split(deepest_first, np.flatnonzero(np.diff(level[deepest_first])) + 1):
            below[here] = below[children[0][here]] | below[children[1][here]]
        left, right = (below[side] for side in children)
        return _Closed(right, left)


@dataclass(frozen=True)
class _Question(ABC):
    """Some splits that one rank decides, among ``edges``."""

    source: int
    edges: Array
    """i64[n]: ascending."""
    split: Array
    """i64[m]: which splits these are, tree by tree."""

    @property
    def columns(self) -> list[Column]:
        """The edges in parts that fit in columns; the sum of their ranks is the rank among all."""
        return [
            Column(self.source, self.edges[first : first + MOST_EDGES])
            for first in range(0, self.edges.size, MOST_EDGES)
        ]

    @abstractmethod
    def goes_left(self, chosen: slice) -> Array:
        """bool[n + 1, splits]: for which ranks rows go left at some of the splits."""

    def open_leaves(self, closed: _Closed, tree_of: Array, trees: range, size: int) -> Array:
        """u64[n + 1, size]: by rank, the leaves that are open in each tree of a group; all where there is no tree."""
        trees_of_splits = tree_of[self.split]
        first, last = np.searchsorted(trees_of_splits, [trees.start, trees.stop])
        result = np.full((self.edges.size + 1, size), _ALL)
        if first == last:
            return result
        split = self.split[first:last]
        goes_left = self.goes_left(slice(first, last))
        kept = np.where(goes_left, ~closed.if_holds[split], ~closed.if_fails[split])
        begins = np.flatnonzero(np.diff(trees_of_splits[first:last], prepend=-1))
        result[:, tree_of[split[begins]] - trees.start] = np.bitwise_and.reduceat(kept, begins, axis=1)
        return result


@dataclass(frozen=True)
class _OrderedQuestion(_Question):
    """Of comparisons ``key < edge``."""

    place: Array
    """i64[m]: which edge each split compares with."""
    swapped: Array
    """bool[m]: whether rows for which that holds go right."""

    def goes_left(self, chosen: slice) -> Array:
        rank = np.arange(self.edges.size + 1)[:, None]
        return (rank <= self.place[chosen]) != self.swapped[chosen]


@dataclass(frozen=True)
class _SetQuestion(_Question):
    """Of sets and equality."""

    holds: Array
    """bool[m, n + 1]: for which ranks rows go left."""

    def goes_left(self, chosen: slice) -> Array:
        return self.holds[chosen].T


def _questions(forest: Forest) -> list[_Question]:
    """What the splits ask about, in the order of the features."""
    tests = ordered_tests(forest)
    found: list[_Question] = []
    for source in np.unique(tests.source):
        own = np.flatnonzero(tests.source == source)
        edges, place = np.unique(tests.edge[own], return_inverse=True)
        found.append(_OrderedQuestion(int(source), edges, tests.split[own], place.reshape(-1), tests.swapped[own]))
    for feature in np.unique(forest.feature[is_set_test(forest)]):
        sets = set_tests(forest, int(feature))
        found.append(_SetQuestion(int(feature), sets.edges, sets.split, sets.holds))
    return sorted(found, key=lambda question: question.source % forest.features)
