"""The tests of a bit-sliced forest: from a block of rows to a vector per test with a bit for each row.

Owns ranks and the table of tests; the op ``bitsliced_forest`` says what they are. A single test compares the keys of
all rows with its edge. The ranks of a block in a column are eight planes of bits, and a test of a rank's two halves is
one operation on what is known of each half: ``high < h or (high = h and low <= l)``. Where ``rank_search`` can, it
finds the planes. Elsewhere, and where sets are looked up by ranks, a rank takes two counts of 16 edges, which are
compares of vectors, and the ranks become planes afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.positions import safe_index
from compiler.codegen.schedules.bitsliced_keys import EIGHTHS, BlockKeys
from compiler.codegen.schedules.rank_search import RankSearch
from compiler.codegen.tir import (
    Array,
    Index,
    KernelBuilder,
    bits_of,
    broadcast,
    cast,
    exchanged,
    intrinsic,
    lanes,
    literal,
    select,
    shuffled,
    with_lanes,
)
from compiler.ir import DType
from compiler.ir.ops.tree_tables import FAN, SETS_PER_GROUP

BITS = 8
"""Of a rank, and of a byte."""

LANE_ROWS = 64
"""A lane of a vector of bits is uint64."""


@dataclass(frozen=True)
class TestTables:
    """The operands of the op that tests are made of."""

    column: Array
    edges: Array
    group: Array
    single: Array
    set_column: Array
    sets: Array


@dataclass(frozen=True)
class TestMemory:
    """Scratch. ``keys i32[features of a part + 1, rows of the block]``, ``ranks u8[columns, rows of the block]`` or, of
    the same size, the planes of their bits, ``u16[columns, 8, rows of the block / 16]``, ``answers u8[rows of the
    block]``, ``halves u64[3 * 16, lanes]``, ``tests u64[tests, lanes]``."""

    keys: Array
    ranks: Array
    answers: Array
    halves: Array
    tests: Array


class BlockTests:
    """Emits the tests of a block."""

    def __init__(self, k: KernelBuilder, tables: TestTables, memory: TestMemory, *, counts_bits: bool) -> None:
        self.k = k
        self.tables = tables
        self.memory = memory
        self.counts_bits = counts_bits
        self.has_planes = memory.ranks.dtype is DType.U16
        self.rows, self.lanes = memory.answers.shape[0], memory.tests.shape[1]
        self.columns, self.singles = tables.column.shape[0], tables.single.shape[0]
        self.next_single = k.registers("next_single", DType.I32, (1,))

    def emit(self, x: Array, row_at: Callable[[Expr], Expr]) -> None:
        """All tests into ``memory.tests``; ``row_at`` says which row of ``x`` is a row of the block."""
        self.make_ranks_and_singles(BlockKeys(self.k, x, row_at, self.memory.keys))
        self.make_column_tests()
        self.make_set_tests()

    # -- what compares keys -----------------------------------------------------------------------

    def make_ranks_and_singles(self, keys: BlockKeys) -> None:
        """The ranks of the columns and the single tests, side by side where both are in the order of their sources, so
        that no part of the rows becomes keys twice."""
        keys.begin()
        self.next_single[0] = literal(0, "int32")
        if self.columns:
            with self.k.serial(self.columns, "column") as column:
                source = self.k.let(keys.source(self.tables.column[column]), "source")
                self.make_singles(keys, keys.part_of(source))
                self.make_ranks(column, keys, keys.line(source))
        self.make_singles(keys, literal(keys.parts - 1, "int32"))

    def make_ranks(self, column: Expr, keys: BlockKeys, line: Expr) -> None:
        """The ranks of the block's rows in a column, whose keys are in a line."""
        if self.has_planes:
            search = RankSearch(self.k, self.tables.edges, column)
            with self.k.serial(self.rows // FAN, "part") as part:
                keys_of_part = self.k.let(keys.memory[line, lanes(part * FAN, FAN)], "keys")
                for number, holds in enumerate(reversed(search.bits(keys_of_part))):
                    self.memory.ranks[column, number, part] = bits_of(holds)
            return
        rank = Ranks(self.k, self.tables.edges, column, counts_bits=self.counts_bits)
        eighth_rows = self.rows // EIGHTHS
        with self.k.serial(EIGHTHS, "eighth") as eighth, self.k.serial(eighth_rows, "row") as row:
            key = self.k.let(keys.row_key(line, eighth, row), "key")
            self.memory.ranks[column, eighth * eighth_rows + row] = rank.of(key)

    def make_singles(self, keys: BlockKeys, last_part: Expr) -> None:
        """The next single tests, as long as their keys are in parts up to this one."""
        if not self.singles:
            return
        k, single = self.k, self.tables.single
        following = cast(tirx.Min(self.next_single[0], literal(self.singles - 1, "int32")), k.index_type)
        is_there = self.next_single[0] < literal(self.singles, "int32")
        with k.while_(tirx.And(is_there, keys.part_of(keys.source(single[following, 0])) <= last_part)):
            number = k.let(cast(self.next_single[0], k.index_type), "number")
            line = keys.line(k.let(keys.source(single[number, 0]), "source"))
            self._make_single(number, keys, line)
            self.next_single[0] = self.next_single[0] + 1

    def _make_single(self, number: Expr, keys: BlockKeys, line: Expr) -> None:
        edge = broadcast(self.k.let(self.tables.single[number, 1], "edge"), LANE_ROWS)
        place = self.k.let(number + FAN * self.tables.group.shape[0], "place")
        for lane in range(self.lanes):
            holds = keys.memory[line, lanes(lane * LANE_ROWS, LANE_ROWS)] < edge
            self.memory.tests[place, lane] = bits_of(holds)

    # -- the table of tests -----------------------------------------------------------------------

    def make_column_tests(self) -> None:
        """16 tests of each group; what is known of the halves of the ranks is made again when the column changes."""
        groups, k = self.tables.group.shape[0], self.k
        if not groups:
            return
        with k.serial(groups, "group") as group:
            value = k.let(self.tables.group[group], "value")
            column = k.let(safe_index(k, value >> 4, self.columns), "column")
            before = self.tables.group[tirx.Max(group - 1, k.index(0))] >> 4
            is_new = tirx.Or(tirx.EQ(group, k.index(0)), tirx.Not(tirx.EQ(before, value >> 4)))
            with k.if_(is_new):
                self._make_halves(column)
            high = k.let(cast(value & 15, k.index_type), "high")
            below, equal = (k.let(self._half(kind, high), "half") for kind in (0, 1))
            for low in range(FAN):
                test = below | (equal & self._half(2, low))
                self.memory.tests[group * FAN + low, lanes(0, self.lanes)] = test

    def _half(self, kind: int, number: Index) -> Expr:
        """Of the high half of ranks, 0: less than the number, 1: equal; of the low half, 2: at most."""
        place = number + kind * FAN
        return self.memory.halves[place, lanes(0, self.lanes)]

    def _make_halves(self, column: Expr) -> None:
        planes = self._planes(column)
        all_low, all_high = (_minterms(self.k, planes[start : start + 4]) for start in (0, 4))
        less = literal(0, "uint64", like=planes[0])
        at_most: Expr | None = None
        for number, (low, high) in enumerate(zip(all_low, all_high, strict=True)):
            at_most = low if at_most is None else self.k.let(at_most | low, "at_most")
            for kind, vector in enumerate((less, high, at_most)):
                self.memory.halves[kind * FAN + number, lanes(0, self.lanes)] = vector
            less = self.k.let(less | high, "less")

    def make_set_tests(self) -> None:
        """8 tests of each group of sets: a look-up per row, whose bits become planes."""
        groups, rows = self.tables.sets.shape[0], self.rows
        if not groups:
            return
        first = FAN * self.tables.group.shape[0] + self.singles
        kept = self.k.registers("kept", DType.U8, (1,))
        with self.k.serial(groups, "sets") as group:
            given = self.k.let(self.tables.set_column[group], "given")
            # Of a column that is given as its complement, the answers come onto those before.
            sign = self.k.let(given >> 31, "sign")
            first_of_all = tirx.EQ(group, self.k.index(0))
            kept[0] = select(first_of_all, literal(0, "uint8"), cast(sign & 255, "uint8"))
            column = self.k.let(safe_index(self.k, given ^ sign, self.columns), "column")
            with self.k.serial(rows, "row") as row:
                rank = cast(self.memory.ranks[column, row], self.k.index_type)
                answer = self.tables.sets[group, rank] | (self.memory.answers[row] & kept[0])
                self.memory.answers[row] = answer
            planes = exchanged(self.k, _bytes(self.memory.answers.reshape((1, rows)), self.k.index(0), self.lanes))
            for number, plane in enumerate(planes):
                place = group * SETS_PER_GROUP + (first + number)
                self.memory.tests[place, lanes(0, self.lanes)] = plane

    def _planes(self, column: Expr) -> list[Expr]:
        """The bits of a column's ranks, lowest first."""
        if self.has_planes:
            parts = self.rows // FAN
            planes = (self.memory.ranks[column, number, lanes(0, parts)] for number in range(BITS))
            return [self.k.let(tirx.reinterpret(with_lanes("uint64", self.lanes), plane), "plane") for plane in planes]
        return exchanged(self.k, [self.k.let(v, "ranks") for v in _bytes(self.memory.ranks, column, self.lanes)])


class Ranks:
    """Emits the ranks of keys in a column of ``edges i32[columns, 17, 16]``."""

    def __init__(self, k: KernelBuilder, edges: Array, column: Expr, *, counts_bits: bool) -> None:
        self.k, self.edges, self.column, self.counts_bits = k, edges, column, counts_bits
        self.first = k.let(edges[column, 0, lanes(0, FAN)], "first")

    def of(self, key: Expr) -> Expr:
        """The rank of a key, uint8."""
        within = self.k.let(self._count(self.first, key) & literal(FAN - 1, "int32"), "within")
        edges = self.edges[self.column, cast(within, self.k.index_type) + 1, lanes(0, FAN)]
        return cast(within * FAN + self._count(edges, key), "uint8")

    def _count(self, edges: Expr, key: Expr) -> Expr:
        """How many of the edges are not above the key, int32."""
        if self.counts_bits:
            holds = edges <= broadcast(key, FAN)
            return self.k.let(intrinsic("llvm.vector.reduce.add", "int32", cast(holds, "int32")), "count")
        parts = [shuffled([edges], range(first, first + 4)) for first in range(0, FAN, 4)]
        counts = [cast(part <= broadcast(key, 4), "int32") for part in parts]
        total = (counts[0] + counts[1]) + (counts[2] + counts[3])
        return self.k.let(intrinsic("llvm.vector.reduce.add", "int32", total), "count")


def _bytes(array: Array, line: Expr, count: int) -> list[Expr]:
    """A line of bytes as eight vectors of ``count`` uint64 lanes."""
    width = 8 * count
    return [
        tirx.reinterpret(with_lanes("uint64", count), array[line, lanes(number * width, width)])
        for number in range(BITS)
    ]


def _minterms(k: KernelBuilder, planes: Sequence[Expr]) -> list[Expr]:
    """For each number of as many bits as there are planes, where it is."""
    terms: list[Expr] = []
    for plane in reversed(planes):
        clear = k.let(~plane, "clear")
        sides = (clear, plane)
        terms = [k.let(term & side, "term") for term in terms for side in sides] if terms else list(sides)
    return terms
