"""The keys of a block of rows for a bit-sliced forest: a line for each feature, a part of the features at a time.

A part has as many features as a vector has lanes, which is a cache line of each row with the widest vectors. It is made
when a source in it is asked for; so rows are read once if sources come in order.

A line has the rows in the order of the bits of a test. Where bytes become planes of bits (``exchanged``), byte b of the
block's eighth number v becomes bit ``8 * b + v``; so at that place is row b of eighth v.
"""

from __future__ import annotations

from collections.abc import Callable

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.positions import clamp
from compiler.codegen.schedules.row_keys import key_above
from compiler.codegen.tir import (
    Array,
    KernelBuilder,
    cast,
    lane_count,
    lanes,
    literal,
    not_equal,
    reinterpret,
    select,
    transposed,
)
from compiler.ir import DType
from compiler.ir.forest.keys import MISSING_ABOVE, MISSING_BELOW

EIGHTHS = 8
"""Of a block."""

NONE = -1
"""In place of a part or a source."""


def part_features(features: int, most: int) -> int:
    """How many features a part has: a power of two, up to ``most``. The last part may begin within the one before."""
    return min(most, 1 << (features.bit_length() - 1))


class BlockKeys:
    """Emits the keys of a block; sources are as the op ``bitsliced_forest`` numbers them, int32.

    ``memory i32[features of a part + 1, rows]``: the keys of a part's features with missing values above, and last
    those of one feature with missing values below.
    """

    def __init__(self, k: KernelBuilder, x: Array, row_at: Callable[[Expr], Expr], memory: Array) -> None:
        self.k, self.x, self.row_at, self.memory = k, x, row_at, memory
        self.features, self.width, self.rows = x.shape[1], memory.shape[0] - 1, memory.shape[1]
        self.parts = -(-self.features // self.width)
        self._part = k.registers("part", DType.I32, (1,))
        self._lowest = k.registers("lowest", DType.I32, (1,))

    def begin(self) -> None:
        """A new block: nothing is made yet."""
        for state in (self._part, self._lowest):
            state[0] = literal(NONE, "int32")

    def source(self, number: Expr) -> Expr:
        """A source out of a table, clamped."""
        safe = clamp(number, 2 * self.features)
        assert isinstance(safe, Expr) and lane_count(safe) == 1
        return safe

    def part_of(self, source: Expr) -> Expr:
        """The number of the part that a source's feature is in."""
        return self._feature(source) >> literal(self.width.bit_length() - 1, "int32")

    def line(self, source: Expr) -> Expr:
        """The line of ``memory`` that holds the keys of a source, after code that makes them if they are not there."""
        k = self.k
        part = k.let(self.part_of(source), "part")
        start = k.let(tirx.Min(part * self.width, literal(self.features - self.width, "int32")), "start")
        with k.if_(not_equal(part, self._part[0])):
            self._part[0] = part
            self._make_part(k.let(cast(start, k.index_type), "first_feature"))
        place = k.let(cast(self._feature(source) - start, k.index_type), "place")
        is_lowest = source >= literal(self.features, "int32")
        with k.if_(tirx.And(is_lowest, not_equal(source, self._lowest[0]))):
            self._lowest[0] = source
            self._make_lowest(place)
        return k.let(select(is_lowest, k.index(self.width), place), "line")

    def row_key(self, line: Expr, eighth: Expr, row: Expr) -> Expr:
        """The key in a line of a row of an eighth of the block."""
        return self.memory[line, row * EIGHTHS + eighth]

    def _feature(self, source: Expr) -> Expr:
        features = literal(self.features, "int32")
        return select(source >= features, source - features, source)

    def _make_part(self, first_feature: Expr) -> None:
        """The features from one on, squares of a matrix at a time."""
        k, width = self.k, self.width
        places = max(width, EIGHTHS)
        ahead = k.let(tirx.Min(first_feature + (3 * width - 1), k.index(self.features - 1)), "ahead")
        with k.serial(self.rows // places, "strip") as strip:
            first, row = k.let(strip * places, "first"), k.let(strip * (places // EIGHTHS), "row")
            for square in range(0, places, width):
                vectors: list[Expr] = []
                for place in range(square, square + width):
                    within = (place % EIGHTHS) * (self.rows // EIGHTHS) + place // EIGHTHS
                    there = k.let(self.row_at(row + within), "there")
                    k.prefetch(self.x, (there, ahead))
                    values = self.x[there, lanes(first_feature, width)]
                    vectors.append(k.let(reinterpret(values, "int32"), "values"))
                for number, bits in enumerate(transposed(k, vectors)):
                    self.memory[number, lanes(first + square, width)] = key_above(k, k.let(bits, "bits"))

    def _make_lowest(self, place: Expr) -> None:
        """The last line: that of a feature with missing values below."""
        for row, width in self.k.strips(self.rows, self.width):
            key = self.k.let(self.memory[place, lanes(row, width)], "key")
            above, below = (literal(stand_in, "int32", like=key) for stand_in in (MISSING_ABOVE, MISSING_BELOW))
            self.memory[self.width, lanes(row, width)] = select(tirx.EQ(key, above), below, key)
