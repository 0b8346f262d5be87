"""The tests of a forest as ranks: columns of sorted edges, and for each split the edge or the set that it tests.

Every comparison with a threshold becomes ``key(x) < edge`` (``compiler.ir.forest.keys``), of which a split may want the
opposite: then its children change sides. A missing value has a key too, above or below all edges; so a feature has up
to two columns of edges, by where missing values go. Equality and sets are functions of the rank among the borders of
everything that a feature is asked about, missing values included: a third column of the feature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Comparison, Forest
from compiler.ir.forest.keys import BEYOND_INFINITY, NO_EDGE, keys_of
from compiler.ir.literal import Array
from compiler.ir.ops.tree_tables import FAN, MOST_EDGES

_NEXT = (Comparison.LESS_EQUAL, Comparison.GREATER)
"""Comparisons whose border lies behind the threshold."""
_SWAPPED = (Comparison.GREATER, Comparison.GREATER_EQUAL)
"""Comparisons that hold where ``key(x) < edge`` does not."""
_SETS = (Comparison.EQUAL, Comparison.NOT_EQUAL, Comparison.MEMBER)


@dataclass(frozen=True)
class OrderedTests:
    """The splits that compare ``key(x) < edge``, in the order of ``split``."""

    split: Array
    """i64[n]: which splits these are."""
    source: Array
    """i64[n]: the feature, plus the number of features where missing values count as lowest."""
    edge: Array
    """i64[n]: what the key is compared with."""
    swapped: Array
    """bool[n]: whether rows for which the test holds go right."""


def is_set_test(forest: Forest) -> Array:
    """bool[splits]: whether a split tests a set, or equality."""
    return np.isin(forest.comparison, _SETS)


def is_swapped(forest: Forest) -> Array:
    """bool[splits]: whether rows for which a split's test holds, as tables have it, go right."""
    return np.isin(forest.comparison, _SWAPPED)


def ordered_tests(forest: Forest) -> OrderedTests:
    """All splits but those of sets and of equality."""
    split = np.flatnonzero(~is_set_test(forest))
    comparison = forest.comparison[split]
    swapped = is_swapped(forest)[split]
    edge = keys_of(forest.threshold[split]).astype(np.int64) + np.isin(comparison, _NEXT)
    holds_for_missing = forest.default_left[split] != swapped
    source = forest.feature[split].astype(np.int64) + np.where(holds_for_missing, forest.features, 0)
    return OrderedTests(split, source, edge, swapped)


@dataclass(frozen=True)
class Column:
    """Some of the edges that the keys of one source are compared with."""

    source: int
    edges: Array
    """i64[n]: ascending, at most ``MOST_EDGES``."""


def edge_columns(source: Array, edge: Array, features: int) -> tuple[list[Column], Array, Array]:
    """The columns of all edges, in the order of their features; and by test its column, and its edge's place in there.

    A source with more edges than a column holds gets several of them.
    """
    if not source.size:
        return [], source, source
    by_feature = 2 * (source % features) + source // features
    pairs, inverse = np.unique((by_feature << 33) + (edge + 2**32), return_inverse=True)
    owner, edges = pairs >> 33, (pairs & (2**33 - 1)) - 2**32
    begins = np.flatnonzero(np.diff(owner, prepend=-1))
    within = np.arange(pairs.size) - np.repeat(begins, np.diff(np.append(begins, pairs.size)))
    starts = np.flatnonzero(within % MOST_EDGES == 0)
    sources = (owner >> 1) + features * (owner & 1)
    columns = [Column(int(sources[part[0]]), edges[part]) for part in np.split(np.arange(pairs.size), starts[1:])]
    column = np.cumsum(within % MOST_EDGES == 0) - 1
    return columns, column[inverse], (within % MOST_EDGES)[inverse]


def edge_table(columns: list[Column]) -> Array:
    """i32[columns, 17, 16]: the last edge of each line, then the lines; filled up."""
    table = np.full((len(columns), FAN * FAN), NO_EDGE, np.int32)
    for line, column in zip(table, columns, strict=True):
        line[: column.edges.size] = column.edges
    lines = table.reshape(-1, FAN, FAN)
    return np.concatenate([lines[:, None, :, -1], lines], axis=1)


@dataclass(frozen=True)
class SetTests:
    """The splits of one feature that are functions of its rank among ``edges``."""

    split: Array
    """i64[n]: which splits these are."""
    edges: Array
    """i64[m]: ascending borders; the last one parts missing values from all others."""
    holds: Array
    """bool[n, m + 1]: whether rows of a rank go left."""

    @property
    def first_edges(self) -> range:
        """Where parts of the edges begin that are columns of their own. A part's last edge is the next one's first: in
        between, the highest rank of the one is that of all values beyond, which the other tells apart."""
        return range(0, max(1, self.edges.size - 1), MOST_EDGES - 1)

    @property
    def parts(self) -> list[Array]:
        """The edges of these columns."""
        return [self.edges[first : first + MOST_EDGES] for first in self.first_edges]


def set_tests(forest: Forest, feature: int) -> SetTests:
    """The splits of a feature that test sets and equality."""
    split = np.flatnonzero(is_set_test(forest) & (forest.feature == feature))
    intervals = [set_intervals(forest, int(number)) for number in split]
    borders = [np.array([[BEYOND_INFINITY, BEYOND_INFINITY]]), *intervals]
    edges = np.unique(np.concatenate(borders))
    holds = np.zeros((split.size, edges.size + 1), np.bool_)
    for line, number, own in zip(holds, split, intervals, strict=True):
        for first, last in np.searchsorted(edges, own, "left"):
            line[1 + first : 1 + last] = True
        if forest.comparison[number] == Comparison.NOT_EQUAL:
            line[:] = ~line
        line[-1] = forest.default_left[number]
    return SetTests(split, edges, holds)


def set_intervals(forest: Forest, split: int) -> Array:
    """``i64[n, 2]``: the keys, ends excluded, of the members of a split's set, or of what is equal to its threshold."""
    if forest.comparison[split] != Comparison.MEMBER:
        key = int(keys_of(forest.threshold[split : split + 1])[0])
        return np.array([[key, key + 1]])
    member = forest.member_of[split]
    categories = forest.categories[forest.first_category[member] : forest.first_category[member + 1]].astype(np.int64)
    own = np.stack([_least_key(categories), _least_key(categories + 1)], axis=1)
    return own[own[:, 0] < own[:, 1]]


def _least_key(number: Array) -> Array:
    """The key of the least float that is not below an integer."""
    rounded = number.astype(np.float32)
    return keys_of(rounded).astype(np.int64) + (rounded.astype(np.float64) < number)
