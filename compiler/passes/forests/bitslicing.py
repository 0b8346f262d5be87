"""The tables of ``bitsliced_forest`` for a forest: its distinct tests, and its trees as perfect ones over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.forest.keys import NO_EDGE
from compiler.ir.literal import Array
from compiler.ir.ops.bitsliced_forest import FAN, MOST_EDGES, NARROW_EDGES, SETS_PER_GROUP
from compiler.passes.forests.columns import SetTests, ordered_tests, set_tests
from compiler.passes.forests.perfect import perfect_trees

MOST_TESTS = 1 << 16
"""A node's test is a number of 16 bits."""


@dataclass(frozen=True)
class TestTables:
    """The operands of ``bitsliced_forest`` that say what its tests are."""

    column: Array
    wide: Array
    narrow: Array
    group: Array
    set_column: Array
    sets: Array

    @property
    def tests(self) -> int:
        """How many there are."""
        return FAN * (self.group.size + len(self.narrow)) + SETS_PER_GROUP * len(self.sets)


@dataclass(frozen=True)
class BitslicedTables:
    """The operands of ``bitsliced_forest`` behind ``x`` and ``start``, and its depth."""

    depth: int
    tests: TestTables
    node: Array
    leaf: Array
    target: Array

    @property
    def operands(self) -> tuple[Array, ...]:
        """The tables in the order of the op."""
        t = self.tests
        return (t.column, t.wide, t.narrow, t.group, t.set_column, t.sets, self.node, self.leaf, self.target)


def bitsliced_tables(forest: Forest, depth: int) -> BitslicedTables | None:
    """The tables of a forest with splits whose trees are at most ``depth`` deep.

    None if the op cannot express it: more than ``MOST_TESTS`` tests, or more borders between the sets of one feature
    than a rank has values.
    """
    tests = _Tests.of(forest)
    if tests is None or tests.tables.tests > MOST_TESTS:
        return None
    node, leaf = perfect_trees(forest, tests.test, tests.swapped, depth)
    return BitslicedTables(depth, tests.tables, node.astype(np.uint16), forest.leaf[leaf], forest.target)


@dataclass(frozen=True)
class _Column:
    source: int
    edges: Array


@dataclass(frozen=True)
class _Tests:
    """The tables of tests, and by split its test's number and whether rows for which it holds go right."""

    tables: TestTables
    test: Array
    swapped: Array

    @staticmethod
    def of(forest: Forest) -> _Tests | None:
        ordered = ordered_tests(forest)
        columns, column_of, place = _columns(ordered.source, ordered.edge)
        others = np.delete(np.arange(forest.splits), ordered.split)
        features = np.unique(forest.feature[others])
        of_sets = [set_tests(forest, int(feature)) for feature in features]
        if any(own.edges.size > MOST_EDGES for own in of_sets):
            return None
        is_wide = np.array([column.edges.size > NARROW_EDGES for column in columns], np.bool_)
        wide = [columns[number] for number in np.flatnonzero(is_wide)]
        narrow = [columns[number] for number in np.flatnonzero(~is_wide)]
        # Columns of sets are wide, whatever their size.
        set_columns = [_Column(int(feature), own.edges) for feature, own in zip(features, of_sets, strict=True)]
        lines = np.array([-(-column.edges.size // FAN) for column in wide], np.int64)
        first_line = np.cumsum(lines) - lines
        line_of = np.asarray(np.repeat(FAN * np.arange(len(wide)) - first_line, lines), np.int64)
        group = line_of + np.arange(line_of.size)
        first_test = np.zeros(len(columns), np.int64)
        first_test[is_wide] = FAN * first_line
        first_test[~is_wide] = FAN * (group.size + np.arange(len(narrow)))
        set_column, sets, numbers = _set_tables(of_sets, len(wide))
        test, swapped = np.zeros(forest.splits, np.int64), np.zeros(forest.splits, np.bool_)
        test[ordered.split], swapped[ordered.split] = first_test[column_of] + place, ordered.swapped
        for own, of_own in zip(of_sets, numbers, strict=True):
            test[own.split] = FAN * (group.size + len(narrow)) + of_own
        sources = [column.source for column in (*wide, *set_columns, *narrow)]
        tables = TestTables(
            np.array(sources, np.int32),
            _wide_table([*wide, *set_columns]),
            _edge_table(narrow, FAN),
            group.astype(np.int32),
            set_column,
            sets,
        )
        return _Tests(tables, test, swapped)


def _columns(source: Array, edge: Array) -> tuple[list[_Column], Array, Array]:
    """The columns of all edges; and by test its column, and its edge's place in there.

    A source with more edges than a column holds gets several of them.
    """
    if not source.size:
        return [], source, source
    pairs, inverse = np.unique((source << 33) + (edge + 2**32), return_inverse=True)
    owner, edges = pairs >> 33, (pairs & (2**33 - 1)) - 2**32
    begins = np.flatnonzero(np.diff(owner, prepend=-1))
    within = np.arange(pairs.size) - np.repeat(begins, np.diff(np.append(begins, pairs.size)))
    starts = np.flatnonzero(within % MOST_EDGES == 0)
    columns = [_Column(int(owner[part[0]]), edges[part]) for part in np.split(np.arange(pairs.size), starts[1:])]
    column = np.cumsum(within % MOST_EDGES == 0) - 1
    return columns, column[inverse], (within % MOST_EDGES)[inverse]


def _edge_table(columns: list[_Column], size: int) -> Array:
    """i32[columns, size]: the edges of each, filled up."""
    table = np.full((len(columns), size), NO_EDGE, np.int32)
    for line, column in zip(table, columns, strict=True):
        line[: column.edges.size] = column.edges
    return table


def _wide_table(columns: list[_Column]) -> Array:
    """i32[columns, 17, 16]: the last edge of each line, then the lines."""
    lines = _edge_table(columns, FAN * FAN).reshape(-1, FAN, FAN)
    return np.concatenate([lines[:, None, :, -1], lines], axis=1)


def _set_tables(groups: list[SetTests], first_column: int) -> tuple[Array, Array, list[Array]]:
    """``set_column`` and ``sets``; and for each feature the number, of its splits' tests, among those of all sets."""
    columns: list[int] = []
    tables: list[Array] = []
    numbers: list[Array] = []
    for column, own in enumerate(groups, start=first_column):
        distinct, inverse = np.unique(own.holds, axis=0, return_inverse=True)
        numbers.append(SETS_PER_GROUP * len(tables) + inverse.reshape(-1))
        for first in range(0, len(distinct), SETS_PER_GROUP):
            bits = np.zeros((SETS_PER_GROUP, FAN * FAN), np.uint8)
            part = distinct[first : first + SETS_PER_GROUP]
            bits[: len(part), : part.shape[1]] = part
            tables.append(np.packbits(bits, axis=0, bitorder="little")[0])
            columns.append(column)
    return np.array(columns, np.int32), np.array(tables, np.uint8).reshape(-1, FAN * FAN), numbers
