"""The tables of ``bitsliced_forest`` for a forest: its distinct tests, and its trees as perfect ones over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.literal import Array
from compiler.ir.ops.tree_tables import FAN, MOST_EDGES, SETS_PER_GROUP
from compiler.passes.forests.columns import (
    Column,
    SetTests,
    edge_columns,
    edge_table,
    is_swapped,
    ordered_tests,
    set_tests,
)
from compiler.passes.forests.perfect import perfect_trees

MOST_TESTS = 1 << 16
"""A node's test is a number of 16 bits."""

FEWEST_EDGES = 32
"""Of a column: with fewer, comparing with each of them takes less time than ranks do."""


@dataclass(frozen=True)
class TestTables:
    """The operands of ``bitsliced_forest`` that say what its tests are."""

    column: Array
    edges: Array
    group: Array
    single: Array
    set_column: Array
    sets: Array

    @property
    def tests(self) -> int:
        """How many there are."""
        return FAN * self.group.size + len(self.single) + SETS_PER_GROUP * len(self.sets)

    @property
    def operands(self) -> tuple[Array, ...]:
        """The tables in the order of the op."""
        return (self.column, self.edges, self.group, self.single, self.set_column, self.sets)


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
        return (*self.tests.operands, self.node, self.leaf, self.target)


def bitsliced_tables(forest: Forest, depth: int) -> BitslicedTables | None:
    """The tables of a forest with splits whose trees are at most ``depth`` deep.

    None if the op cannot express it: more than ``MOST_TESTS`` tests.
    """
    tests = SplitTests.of(forest)
    if tests.tables.tests > MOST_TESTS:
        return None
    node, leaf = perfect_trees(forest, tests.test, tests.swapped, depth)
    return BitslicedTables(depth, tests.tables, node.astype(np.uint16), forest.leaf[leaf], forest.target)


@dataclass(frozen=True)
class SplitTests:
    """The tables of tests, and by split its test's number and whether rows for which it holds go right."""

    tables: TestTables
    test: Array
    swapped: Array

    @staticmethod
    def of(forest: Forest) -> SplitTests:
        """Those of a forest with splits."""
        ordered = ordered_tests(forest)
        columns, column_of, place = edge_columns(ordered.source, ordered.edge, forest.features)
        others = np.delete(np.arange(forest.splits), ordered.split)
        features = np.unique(forest.feature[others])
        of_sets = [set_tests(forest, int(feature)) for feature in features]
        is_ranked = np.array([column.edges.size >= FEWEST_EDGES for column in columns], np.bool_)
        ranked = [columns[number] for number in np.flatnonzero(is_ranked)]
        singles = [columns[number] for number in np.flatnonzero(~is_ranked)]
        # The tests of sets are made of ranks, however few edges there are.
        set_columns = [
            Column(int(feature), part) for feature, own in zip(features, of_sets, strict=True) for part in own.parts
        ]
        lines = np.array([-(-column.edges.size // FAN) for column in ranked], np.int64)
        first_line = np.cumsum(lines) - lines
        line_of = np.asarray(np.repeat(FAN * np.arange(len(ranked)) - first_line, lines), np.int64)
        group = line_of + np.arange(line_of.size)
        single = _single_table(singles)
        sizes = np.array([column.edges.size for column in singles], np.int64)
        first_test = np.zeros(len(columns), np.int64)
        first_test[is_ranked] = FAN * first_line
        first_test[~is_ranked] = FAN * group.size + np.cumsum(sizes) - sizes
        set_column, sets, numbers = set_tables(of_sets, len(ranked))
        test = np.zeros(forest.splits, np.int64)
        test[ordered.split] = first_test[column_of] + place
        for own, of_own in zip(of_sets, numbers, strict=True):
            test[own.split] = FAN * group.size + len(single) + of_own
        tables = TestTables(
            np.array([column.source for column in (*ranked, *set_columns)], np.int32),
            edge_table([*ranked, *set_columns]),
            group.astype(np.int32),
            single,
            set_column,
            sets,
        )
        return SplitTests(tables, test, is_swapped(forest))


def _single_table(columns: list[Column]) -> Array:
    """i32[tests, 2]: the source and the edge of each."""
    lines = [np.stack([np.full(column.edges.size, column.source), column.edges], axis=1) for column in columns]
    return np.concatenate([np.zeros((0, 2), np.int64), *lines]).astype(np.int32)


def set_tables(groups: list[SetTests], column: int) -> tuple[Array, Array, list[Array]]:
    """``set_column`` and ``sets``; and for each feature the number, of its splits' tests, among those of all sets.

    The columns of the features begin at ``column``, as many of each as it has parts.
    """
    columns: list[int] = []
    tables: list[Array] = []
    numbers: list[Array] = []
    for own in groups:
        distinct, inverse = np.unique(own.holds, axis=0, return_inverse=True)
        parts = [_ranks_of_part(distinct, first) for first in own.first_edges]
        # The answers to a group of sets are complete with its last part.
        group, place = np.divmod(inverse.reshape(-1), SETS_PER_GROUP)
        numbers.append(SETS_PER_GROUP * (len(tables) + len(parts) * (group + 1) - 1) + place)
        for first in range(0, len(distinct), SETS_PER_GROUP):
            for number, part in enumerate(parts):
                tables.append(_packed(part[first : first + SETS_PER_GROUP]))
                columns.append(~(column + number) if number else column)
        column += len(parts)
    return np.array(columns, np.int32), np.array(tables, np.uint8).reshape(-1, FAN * FAN), numbers


def _ranks_of_part(holds: Array, first: int) -> Array:
    """bool[n, 256]: where sets hold, by the ranks among the edges from ``first`` on that a part of a column has.

    Its lowest and its highest rank are those of all that is beyond, which other parts tell apart.
    """
    ranks = holds.shape[1]
    begin = first + 1 if first else 0
    end = ranks if first + MOST_EDGES + 1 >= ranks else first + MOST_EDGES
    table = np.zeros((len(holds), FAN * FAN), np.bool_)
    table[:, begin - first : end - first] = holds[:, begin:end]
    return table


def _packed(holds: Array) -> Array:
    """u8[256]: up to 8 sets as bits."""
    bits = np.zeros((SETS_PER_GROUP, FAN * FAN), np.bool_)
    bits[: len(holds)] = holds
    return np.packbits(bits, axis=0, bitorder="little")[0]
