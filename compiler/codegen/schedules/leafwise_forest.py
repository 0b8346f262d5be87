"""``leafwise_forest``: a block of rows at a time, a bit for each of them in a vector.

Blocks, their tests and the sums of leaves are those of ``bitsliced_forest``. Of a tree, each leaf has a vector of the
rows that are in it, and so that leaves grow into others by two operations for all rows of the block::

    leaf[new] = leaf[origin] & ~test
    leaf[origin] = leaf[origin] & test

In the end a row's bit is set in one leaf. Bit b of the leaf's number is set for the rows that are in a leaf whose
number has it, which is one more operation for most leaves: pairs of leaves become one for the next higher bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.positions import safe_index
from compiler.codegen.schedules.bitsliced_forest import ForestKernel, Operands, block_space
from compiler.codegen.schedules.region import is_one_op, named_types, parameters
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.codegen.tir import Array, KernelBuilder, cast, lanes, literal
from compiler.ir import DType, Graph
from compiler.ir.ops.leafwise_forest import LINE, LeafwiseForest
from compiler.targets import Target

LINE_BITS = LINE.bit_length() - 1


class LeafwiseForests:
    """A region of one ``leafwise_forest``."""

    name = "leafwise_forest"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op on its inputs in order."""
        return is_one_op(region, LeafwiseForest)

    def space(self, region: Graph, target: Target) -> Space:
        """``trees``: of a tile; ``bytes``: whether leaves are looked up byte by byte."""
        return block_space(named_types(region)["leaf"], target)

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """An iteration of the parallel loop is a block of rows."""
        builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes, scalar=True)
        inputs, (result,) = parameters(builder, region)
        *shared, origin, first, leaf, trees_target = inputs
        operands = Operands(*[*shared, leaf, trees_target])
        return _LeafwiseKernel(builder, operands, result, origin, first, config, target).emit()


class _LeafwiseKernel(ForestKernel):
    def __init__(
        self,
        builder: KernelBuilder,
        operands: Operands,
        result: Array,
        origin: Array,
        first: Array,
        config: Config,
        target: Target,
    ) -> None:
        self.origin, self.first, self.most = origin, first, operands.leaf.shape[1]
        super().__init__(builder, operands, result, 2 * self.most, config, target)
        self.origins = self.nodes.part(self.most, (self.most,))

    def declare_scratch(self, sizes: Sequence[tuple[DType, tuple[int, ...]]]) -> list[Array]:
        """With a vector for each leaf of a tree, and then one for each line of leaves."""
        vectors = self.most + self.most // LINE
        *others, self.reach = super().declare_scratch([*sizes, (DType.U64, (vectors * self.lanes,))])
        return others

    def find_leaves(self, tree: Expr, slot: Expr) -> None:
        """The numbers of the leaves that all rows reach in a tree, into line ``slot``."""
        k, lines, most = self.k, self.origin.shape[0], self.most // LINE
        begin = k.let(safe_index(k, self.first[tree], lines), "begin")
        end = k.let(safe_index(k, self.first[tree + 1], lines + 1), "end")
        room = tirx.Min(lines - begin, k.index(most))
        count = k.let(tirx.Min(tirx.Max(end - begin, k.index(1)), room), "count")
        with k.serial(count, "line") as line:
            self._place_line(k.let(begin + line, "there"), line)
        self._grow(count)
        self.store_numbers(slot, [*self._bits_within_lines(count), *_bits(k, self._lines(count))])

    def _place_line(self, there: Expr, line: Expr) -> None:
        """The tests and the origins of a line as places of their vectors, clamped."""
        own = lanes(line * LINE, LINE)
        self.nodes[own] = self.scaled_tests(self.operands.node[there, lanes(0, LINE)])
        origin = cast(self.origin[there, lanes(0, LINE)], "int32")
        youngest = lanes(cast(line * LINE - 1, "int32"), LINE)
        assert isinstance(youngest, Expr)
        self.origins[own] = tirx.Min(origin, youngest) * literal(self.lanes, "int32", like=origin)

    def _grow(self, count: Expr) -> None:
        """The rows of each leaf of a tree of so many lines."""
        self._store(self.k.index(0), ~literal(0, "uint64"))
        for number in range(1, LINE):
            self._split(self.k.index(number))
        with self.k.serial(count - 1, "line") as line:
            first = self.k.let((line + 1) * LINE, "first")
            for number in range(LINE):
                self._split(first + number)

    def _split(self, number: Expr) -> None:
        k = self.k
        test = k.let(self.test_at(self.nodes[number]), "test")
        origin = k.let(cast(self.origins[number], k.index_type), "origin")
        rows = k.let(self.reach[lanes(origin, self.lanes)], "rows")
        self.reach[lanes(origin, self.lanes)] = rows & test
        self._store(number, rows & ~test)

    def _bits_within_lines(self, count: Expr) -> list[Expr]:
        """The lowest bits of the numbers of leaves; and the rows of each line, into the vectors behind the leaves."""
        k = self.k
        planes = k.registers("planes", DType.U64, (LINE_BITS * self.lanes,))
        places = [lanes(bit * self.lanes, self.lanes) for bit in range(LINE_BITS)]
        for place in places:
            planes[place] = literal(0, "uint64")
        with k.serial(count, "line") as line:
            first = k.let(line * LINE, "first")
            leaves = [k.let(self._load(first + number), "rows") for number in range(LINE)]
            *bits, rows = _paired(k, leaves)
            for place, bit in zip(places, bits, strict=True):
                planes[place] = planes[place] | bit
            self._store(line + self.most, rows)
        return [planes[place] for place in places]

    def _lines(self, count: Expr) -> list[Expr]:
        """The rows of each line: none where a tree has no such line."""
        k, most = self.k, self.most // LINE
        with k.serial(most - count, "line") as line:
            self._store(line + count + self.most, literal(0, "uint64"))
        return [k.let(self._load(k.index(self.most + line)), "rows") for line in range(most)]

    def _load(self, number: Expr) -> Expr:
        return self.reach[lanes(number * self.lanes, self.lanes)]

    def _store(self, number: Expr, rows: Expr) -> None:
        self.reach[lanes(number * self.lanes, self.lanes)] = rows


def _bits(k: KernelBuilder, vectors: Sequence[Expr]) -> list[Expr]:
    """The bits of the number of the vector in which each row's bit is set, lowest first."""
    return _paired(k, vectors)[:-1]


def _paired(k: KernelBuilder, vectors: Sequence[Expr]) -> list[Expr]:
    """The same, and last which bits are set in any of them; there are 2**n vectors."""
    bits: list[Expr] = []
    while len(vectors) > 1:
        bits.append(_any_of(k, vectors[1::2]))
        vectors = [k.let(low | high, "pair") for low, high in zip(vectors[::2], vectors[1::2], strict=True)]
    return [*bits, vectors[0]]


def _any_of(k: KernelBuilder, vectors: Sequence[Expr]) -> Expr:
    result = vectors[0]
    for vector in vectors[1:]:
        result = k.let(result | vector, "bit")
    return result
