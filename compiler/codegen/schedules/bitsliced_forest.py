"""``bitsliced_forest``: a block of rows at a time, a bit for each of them in a vector.

A block has as many rows as eight vectors have bytes, so that a vector has a bit for each. Vectors are the target's
widest, or narrower where there are few rows::

    for parts of the features:
        keys of the block's rows                                  rows x features of the part
        ranks of the rows in the columns of these features        a byte each
        single tests of these features                            a vector each
    the tests of the ranks                                        a vector each
    for tiles of trees:
        the bits of the numbers of the leaves that the rows reach
        the leaves' values onto the sums

The table of tests is what must stay in the second-level cache; a tree reads from it as many vectors as it has nodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast as as_type

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.analytic.forests import block_rows, finds_bytes, searches_ranks
from compiler.codegen.computes.positions import safe_index
from compiler.codegen.schedules.bitsliced_keys import part_features
from compiler.codegen.schedules.bitsliced_leaves import ByteLeaves, LeafMemory, ScalarLeaves
from compiler.codegen.schedules.bitsliced_tests import BITS, BlockTests, TestMemory, TestTables
from compiler.codegen.schedules.region import is_one_op, named_types, parameters
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import Array, KernelBuilder, cast, either, exchanged, lanes, literal
from compiler.ir import DType, Graph, TensorType
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.tree_tables import FAN, tests_of
from compiler.targets import Target

ALIGNMENT = 64
"""Of the parts of scratch."""

MOST_TREES = 8
"""Of a tile: their chain of sums is as long as what else a row takes hides."""

USUAL_BY_BYTES = 4
"""Of a tile where leaves are looked up by bytes, and a row's sums are loaded and stored for each tree anyway."""


class BitslicedForests:
    """A region of one ``bitsliced_forest``."""

    name = "bitsliced_forest"
    version = 3

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op on its inputs in order."""
        return is_one_op(region, BitslicedForest)

    def space(self, region: Graph, target: Target) -> Space:
        """``trees``: of a tile; ``bytes``: whether leaves are looked up byte by byte."""
        return block_space(named_types(region)["leaf"], target)

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """An iteration of the parallel loop is a block of rows."""
        (node,) = region.nodes
        builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes, scalar=True)
        inputs, (result,) = parameters(builder, region)
        operands = Operands(*inputs)
        depth = as_type(BitslicedForest, node.op).depth
        return ForestKernel(builder, operands, result, 1 << depth, config, target).emit()


def block_space(leaf: TensorType, target: Target) -> Space:
    """The space of a kernel that adds leaves, ``leaf[trees, leaves, width]``, to the sums of blocks."""
    sizes = tile_sizes(leaf.shape[0])
    by_bytes = finds_bytes(target, leaf)
    return Space(
        (
            Knob("trees", sizes, min(sizes[-1], USUAL_BY_BYTES) if by_bytes else sizes[-1]),
            Knob("bytes", (0, 1) if by_bytes else (0,), int(by_bytes)),
        )
    )


def tile_sizes(trees: int) -> tuple[int, ...]:
    """How many trees a tile may have."""
    return tuple(size for size in (1, 2, 4, MOST_TREES) if size <= max(1, trees))


@dataclass(frozen=True)
class Operands:
    """The arrays of the op's operands, in its order."""

    x: Array
    start: Array
    column: Array
    edges: Array
    group: Array
    single: Array
    set_column: Array
    sets: Array
    node: Array
    leaf: Array
    target: Array


class ForestKernel:
    """Emits the kernel: what a block of rows needs, and then tiles of trees, which a subclass may go on from.

    ``places``: of a tree's nodes; a perfect tree has ``2**depth``.
    """

    def __init__(
        self,
        builder: KernelBuilder,
        operands: Operands,
        result: Array,
        places: int,
        config: Config,
        target: Target,
    ) -> None:
        self.k, self.operands, self.result = builder, operands, result
        self.tile = config["trees"]
        self.rows = block_rows(operands.x.shape[0], target)
        self.lanes = self.rows // 64
        self.key_lanes = target.lanes(DType.I32.bytes)
        self.scratch_bytes = 0
        o = operands
        self.test_count = tests_of(o.group, o.single, o.sets)
        tables = TestTables(o.column, o.edges, o.group, o.single, o.set_column, o.sets)
        sizes = (
            (DType.U64, (self.test_count, self.lanes)),
            (DType.U64, (3 * FAN, self.lanes)),
            self._ranks(searches_ranks(target) and not o.sets.shape[0]),
            (DType.U8, (self.tile, self.rows)),
            (DType.I32, (part_features(o.x.shape[1], self.key_lanes) + 1, self.rows)),
            (DType.I32, (places,)),
            (o.leaf.dtype, (o.start.shape[1], self.rows)),
        )
        test, halves, ranks, self.number, keys, self.nodes, self.sums = self.declare_scratch(sizes)
        answers = self.number.part(0, (self.rows,))
        memory = TestMemory(keys, ranks, answers, halves, test)
        self.tests = BlockTests(builder, tables, memory, counts_bits=target.isa == "x86_64")
        reached = LeafMemory(self.number, self.sums)
        self.leaves = (
            ByteLeaves(builder, o.leaf, reached, target) if config["bytes"] else ScalarLeaves(builder, o.leaf, reached)
        )

    def declare_scratch(self, sizes: Sequence[tuple[DType, tuple[int, ...]]]) -> list[Array]:
        """One pointer, cut into arrays that begin at cache lines."""
        starts = [0]
        for dtype, shape in sizes:
            starts.append(starts[-1] + -(-dtype.bytes * math.prod(shape) // ALIGNMENT) * ALIGNMENT)
        self.scratch_bytes = starts[-1]
        scratch = self.k.pointer("scratch", DType.U8, (self.scratch_bytes,))
        return [self.k.view(scratch, dtype, start, shape) for start, (dtype, shape) in zip(starts, sizes, strict=False)]

    def _ranks(self, as_planes: bool) -> tuple[DType, tuple[int, ...]]:
        columns = self.operands.column.shape[0]
        return (DType.U16, (columns, BITS, self.rows // FAN)) if as_planes else (DType.U8, (columns, self.rows))

    def emit(self) -> Kernel:
        rows, trees = self.operands.x.shape[0], self.operands.target.shape[0]
        last = self.k.index(rows - 1)
        with self.k.parallel(-(-rows // self.rows), "block") as block:
            first = self.k.let(block * self.rows, "first_row")

            def source(row: Expr) -> Expr:
                """The row itself; in a block that is not full, the last one in place of those that are missing."""
                return first + row if rows % self.rows == 0 else tirx.Min(first + row, last)

            self.tests.emit(self.operands.x, source)
            self.begin_sums(source)
            with self.k.serial(-(-trees // self.tile), "tile") as tile:
                self.add_trees(self.k.let(tile * self.tile, "tree"), trees)
            self.end_sums(first, self.k.let(tirx.Min(self.k.index(rows) - first, self.k.index(self.rows)), "rows"))
        return Kernel(self.k.finish(), self.scratch_bytes)

    def begin_sums(self, source: Callable[[Expr], Expr]) -> None:
        """The sums of all rows of the block at their start."""
        start = self.operands.start
        with self.k.serial(self.rows, "row") as row:
            place, there = self.k.let(self.leaves.place(row), "place"), self.k.let(source(row), "there")
            with self.k.serial(start.shape[1], "output") as output:
                self.sums[output, place] = start[there, output]

    def end_sums(self, first: Expr, count: Expr) -> None:
        """The sums of the rows that there are, to the result."""
        with self.k.serial(count, "row") as row:
            place = self.k.let(self.leaves.place(row), "place")
            with self.k.serial(self.result.shape[1], "output") as output:
                self.result[first + row, output] = self.sums[output, place]

    def add_trees(self, first: Expr, trees: int) -> None:
        """A tile of trees from ``first`` on; of the last tile those that there are."""
        left = self.k.let(self.k.index(trees) - first, "left")
        with self.k.serial(tirx.Min(left, self.k.index(self.tile)), "slot") as slot:
            self.find_leaves(first + slot, slot)
        full, rest = self.k.index(self.tile), trees % self.tile
        if not rest:
            self.add_leaves(first, self.tile)
            return
        with self.k.if_(left >= full):
            self.add_leaves(first, self.tile)
        with self.k.else_():
            self.add_leaves(first, rest)

    def add_leaves(self, first: Expr, count: int) -> None:
        """The leaves that rows reach in the trees ``first`` to ``first + count``, onto the sums."""
        most = self.sums.shape[0] - self.operands.leaf.shape[2]
        targets = [
            self.k.let(safe_index(self.k, self.operands.target[first + number], most + 1), "target")
            for number in range(count)
        ]
        self.leaves.add(first, targets)

    def find_leaves(self, tree: Expr, slot: Expr) -> None:
        """The numbers of the leaves that all rows reach in a tree, into line ``slot``."""
        self.place_nodes(tree)
        bits: list[Expr] = []
        for _ in range(self.nodes.shape[0].bit_length() - 1):
            bits.append(self.k.let(self._chosen(1, bits), "bit"))
        self.store_numbers(slot, bits[::-1])

    def store_numbers(self, slot: Expr, planes: Sequence[Expr]) -> None:
        """The numbers of leaves into line ``slot``: up to eight planes of their bits are given, the lowest first."""
        zero, width = literal(0, "uint64", like=planes[0]), 8 * self.lanes
        for number, vector in enumerate(exchanged(self.k, [*planes, *(zero for _ in range(BITS - len(planes)))])):
            self.number[slot, lanes(number * width, width)] = tirx.reinterpret(f"uint8x{width}", vector)

    def place_nodes(self, tree: Expr) -> None:
        """The tests of a tree's nodes as places in the table: clamped, and scaled once for all rows."""
        for place, width in self.k.strips(self.nodes.shape[0], 2 * self.lanes):
            self.nodes[lanes(place, width)] = self.scaled_tests(self.operands.node[tree, lanes(place, width)])

    def scaled_tests(self, node: Expr) -> Expr:
        """Tests by their numbers as places in the table."""
        test = cast(node, "int32")
        last = literal(self.test_count - 1, "int32", like=test)
        return tirx.Min(test, last) * literal(self.lanes, "int32", like=test)

    def test_at(self, place: Expr) -> Expr:
        """The vector of a test."""
        table = self.tests.memory.tests.reshape((self.test_count * self.lanes,))
        return table[lanes(cast(place, self.k.index_type), self.lanes)]

    def _chosen(self, node: int, bits: Sequence[Expr]) -> Expr:
        """The test that each row makes below ``node``, as many levels down as there are ``bits``, which choose."""
        if not bits:
            return self.test_at(self.nodes[node])
        holds, fails = (self._chosen(2 * node + side, bits[1:]) for side in (1, 0))
        return self.k.let(either(bits[0], holds, fails), "chosen")
