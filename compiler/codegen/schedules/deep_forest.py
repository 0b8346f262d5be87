"""``deep_forest``: a block of rows at a time, the upper levels of trees bit by bit and the lower ones row by row.

Blocks and upper levels are those of ``bitsliced_forest``; in the place of leaves are nodes, from which rows walk::

    for every block of rows:
        keys, ranks and tests
        for tiles of trees:
            the bits of the numbers of the nodes that the rows enter
            for parts of the block:
                for every tree:
                    rows walk, several at once, and add their leaves

A step of a row waits for two loads and a compare, so that several rows take theirs in turn. The keys of a part of the
block stay in the first-level cache for a tile of trees; with tiles of one tree, its nodes do. After the steps that most
rows need, those rows that have not reached their leaves decide whether there is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast as as_type

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.positions import safe_index
from compiler.codegen.schedules.bitsliced_forest import ForestKernel, Operands, tile_sizes
from compiler.codegen.schedules.linked_nodes import LinkedTree, take_steps
from compiler.codegen.schedules.region import is_one_op, named_types, parameters
from compiler.codegen.schedules.row_keys import make_keys
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import Array, KernelBuilder, cast, lanes, literal
from compiler.ir import DType, Graph
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.sparse_walk import LEAF_KEY, source_bits
from compiler.targets import Target

ROWS_AT_ONCE = (1, 2, 4, 8, 16)
USUAL_ROWS = 8
"""As many as fill the time of a load from the second-level cache, and have registers."""

FAR_ROWS = 16
"""As many where the nodes of all trees do not stay in that cache."""

PART = 64
"""Rows whose keys stay in the first-level cache."""


class DeepForests:
    """A region of one ``deep_forest``."""

    name = "deep_forest"
    version = 2

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op on its inputs in order."""
        return is_one_op(region, DeepForest)

    def space(self, region: Graph, target: Target) -> Space:
        """``trees``: of a tile; ``rows``: that walk at once."""
        types = named_types(region)
        trees = types["node"].shape[0]
        far = types["lower"].bytes > target.l2_bytes
        return Space((Knob("trees", tile_sizes(trees), 1), Knob("rows", ROWS_AT_ONCE, FAR_ROWS if far else USUAL_ROWS)))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """An iteration of the parallel loop is a block of rows."""
        (node,) = region.nodes
        builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes, scalar=True)
        inputs, (result,) = parameters(builder, region)
        *upper, entry, first, lower, leaf, trees_target = inputs
        own = [*upper, leaf, trees_target]
        operands = Operands(*own)
        walk = _Walk(builder, as_type(DeepForest, node.op), entry, first, lower, config["rows"])
        return _DeepKernel(builder, operands, result, walk, config, target).emit()


class _DeepKernel(ForestKernel):
    def __init__(
        self,
        builder: KernelBuilder,
        operands: Operands,
        result: Array,
        walk: _Walk,
        config: Config,
        target: Target,
    ) -> None:
        self.walk = walk
        super().__init__(builder, operands, result, 1 << walk.op.depth, {**config, "bytes": 0}, target)

    def declare_scratch(self, sizes: Sequence[tuple[DType, tuple[int, ...]]]) -> list[Array]:
        """With the keys of all rows of the block."""
        keys = (self.rows, 1 << source_bits(self.operands.x.shape[1]))
        *others, self.keys = super().declare_scratch([*sizes, (DType.I32, keys)])
        return others

    def begin_sums(self, source: Callable[[Expr], Expr]) -> None:
        """And the keys of the rows."""
        super().begin_sums(source)
        k, x, own = self.k, self.operands.x, 2 * self.operands.x.shape[1]
        with k.serial(self.rows, "row") as row:
            make_keys(k, x, k.let(source(row), "source"), self.keys, row, self.key_lanes)
            for place, width in k.strips(self.keys.shape[1] - own, self.key_lanes):
                self.keys[row, lanes(place + own, width)] = literal(LEAF_KEY, "int32")

    def add_trees(self, first: Expr, trees: int) -> None:
        """A tile of trees from ``first`` on; of the last tile those that there are."""
        k = self.k
        count = k.let(tirx.Min(k.index(trees) - first, k.index(self.tile)), "count")
        with k.serial(count, "slot") as slot:
            self.find_leaves(first + slot, slot)
        with k.serial(self.rows // PART, "part") as part, k.serial(count, "slot") as slot:
            tree = k.let(first + slot, "tree")
            nodes = self.walk.nodes_of(tree)
            with k.serial(PART // self.walk.count, "group") as group:
                row = k.let(part * PART + group * self.walk.count, "row")
                entered = [self.number[slot, row + number] for number in range(self.walk.count)]
                self.add_leaves_of(tree, row, self.walk.emit(nodes, tree, entered, self.keys, row))

    def add_leaves_of(self, tree: Expr, row: Expr, leaves: Sequence[Expr]) -> None:
        """The leaves to which rows from ``row`` on have walked, onto their sums."""
        k, leaf, sums = self.k, self.operands.leaf, self.sums
        output = safe_index(k, self.operands.target[tree], sums.shape[0] - leaf.shape[1] + 1)
        output = k.let(output, "output")
        for number, reached in enumerate(leaves):
            there = k.let(safe_index(k, reached, leaf.shape[0]), "there")
            for value in range(leaf.shape[1]):
                total = sums[output + value, row + number] + leaf[there, value]
                sums[output + value, row + number] = total


class _Walk:
    """The steps of ``count`` rows at once through one tree."""

    def __init__(self, k: KernelBuilder, op: DeepForest, entry: Array, first: Array, lower: Array, count: int) -> None:
        self.k, self.op, self.count = k, op, count
        self.entry, self.first, self.lower = entry, first, lower

    def nodes_of(self, tree: Expr) -> LinkedTree:
        """Where the tree's nodes are."""
        return LinkedTree.of(self.k, self.lower, self.first[tree])

    def emit(self, nodes: LinkedTree, tree: Expr, entered: Sequence[Expr], keys: Array, row: Expr) -> list[Expr]:
        """The leaves that the rows from ``row`` on reach in all steps, from the places of the tree's last upper level
        that they enter."""
        k = self.k
        places = k.registers("places", DType.U32, (self.count,))
        for number, place in enumerate(entered):
            places[number] = nodes.limited(cast(self.entry[tree, cast(place, k.index_type)], "uint32"))
        take_steps(k, self.op.usual, self.op.most, lambda: self._step(nodes, places, keys, row))
        return [nodes.content(places[number]) for number in range(self.count)]

    def _step(self, nodes: LinkedTree, places: Array, keys: Array, row: Expr) -> Expr:
        """A step of each row. The result is not zero if one of them has left its place."""
        moved: Expr = literal(0, "uint32")
        for number in range(self.count):
            place = self.k.let(places[number], "place")
            after = nodes.step(place, keys, row + number)
            places[number] = after
            moved = moved | (after ^ place)
        return moved
