"""``perfect_walk`` and ``sparse_walk``: a row through several trees at once, and with them all rows of a tile in turn.

A step waits for two or three loads, one after the other, and a compare; several trees, a step of each in turn, fill the
time. What a step costs then is the loads that a core can make. The rows of a tile pass the same trees one after the
other, so that these come from a near cache however many trees there are. There is no branch that depends on data but
one: behind the usual steps of a ``sparse_walk``, whether one of the trees is not through.

Threads share the tiles, and where there are few rows parts of the trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast as as_type

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.schedules.linked_nodes import LinkedTree, take_steps
from compiler.codegen.schedules.region import is_one_op, parameters
from compiler.codegen.schedules.row_keys import make_keys
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.schedules.tree_parts import FEW_ROWS, TreePart, part_count
from compiler.codegen.tir import Array, KernelBuilder, cast, lanes, literal
from compiler.ir import DType, Graph, Node
from compiler.ir.ops.perfect_walk import BLOCK, PerfectWalk, block_levels, keys_of_row
from compiler.ir.ops.sparse_walk import LEAF_KEY, SparseWalk, source_bits
from compiler.targets import Target

CHAINS = (1, 2, 4, 6, 8, 12, 16)
"""Trees at once."""

USUAL = 12
"""As many as fill the time of a load from the second-level cache."""

TILES = (1, 4, 16, 64)
"""Rows of a tile."""

KEYS_SHARE = 0.5
"""What the keys of a tile may take of the first-level cache."""

FEWEST_STEPS = 256
"""Of a row through a part of the trees; a thread takes a quarter of a microsecond for them, or more if nodes are far
away."""


class Walks:
    """A region of one walk."""

    name = "walks"
    version = 5

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op on its inputs in order."""
        return is_one_op(region, PerfectWalk | SparseWalk)

    def space(self, region: Graph, target: Target) -> Space:
        """``trees``: walked through at once; ``rows``: of a tile."""
        (node,) = region.nodes
        rows, trees = node.result.type.shape
        chains = tuple(count for count in CHAINS if count <= max(1, trees))
        tiles = tuple(count for count in TILES if count == 1 or FEW_ROWS * count <= rows)
        row_bytes = 4 * keys_of_row(node.operands[0].type.shape[1])
        usual = trees if trees in chains else max(count for count in chains if count <= USUAL)
        near = [count for count in tiles if count == 1 or count * row_bytes <= KEYS_SHARE * target.l1d_bytes]
        # Where a row passes all trees at once, there is nothing that the next row would find in a cache.
        return Space((Knob("trees", chains, usual), Knob("rows", tiles, near[-1] if trees > usual else 1)))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """An iteration of the parallel loop is a tile of rows, or a part of the trees for one."""
        (node,) = region.nodes
        k = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes, scalar=True)
        (x, *tables), (result,) = parameters(k, region)
        (rows, features), trees, tile = x.shape, result.shape[1], config["rows"]
        together, parts = config["trees"], part_count(rows, trees * _steps_of(node) // FEWEST_STEPS)
        is_perfect = isinstance(node.op, PerfectWalk)
        size, filler = (keys_of_row(features), 0) if is_perfect else (1 << source_bits(features), LEAF_KEY)
        keys = k.pointer("scratch", DType.I32, (tile, size))
        if isinstance(node.op, PerfectWalk):
            walk = _PerfectTrees(k, tables[0], keys, node.op.depth)
        else:
            walk = _SparseTrees(k, tables[0], tables[1], keys, as_type(SparseWalk, node.op))
        with k.parallel(-(-rows // tile) * parts, "tile") as number:
            part = TreePart(k, number, parts)
            first = k.let(part.tile * tile, "first_row")
            count = k.let(tirx.Min(k.index(rows) - first, k.index(tile)), "rows")
            with part.begins(), k.serial(count, "line") as line:
                make_keys(k, x, first + line, keys, line, target.lanes(4))
                for place, width in k.strips(size - 2 * features, target.lanes(4)):
                    keys[line, lanes(place + 2 * features, width)] = literal(filler, "int32")
            if groups := trees // together:
                with part.share_of(groups) as group, k.serial(count, "line") as line:
                    tree = k.let(group * together, "tree")
                    walk.emit([tree + other for other in range(together)], result, first, line)
            if rest := range(trees // together * together, trees):
                with part.ends(), k.serial(count, "line") as line:
                    walk.emit([k.index(tree) for tree in rest], result, first, line)
        return Kernel(k.finish(), 4 * tile * size)


def _steps_of(node: Node) -> int:
    """Of a walk through one tree, usually."""
    return node.op.depth if isinstance(node.op, PerfectWalk) else as_type(SparseWalk, node.op).usual


class _PerfectTrees:
    def __init__(self, k: KernelBuilder, node: Array, keys: Array, depth: int) -> None:
        self.k, self.keys, self.depth = k, keys, depth
        self.blocks = node.shape[1]
        self.node = node.reshape((node.shape[0] * self.blocks * BLOCK, 2))

    def emit(self, trees: Sequence[Expr], result: Array, begin: Expr, line: Expr) -> None:
        """Some trees at once for row ``line`` of the tile whose rows begin at ``begin``."""
        k = self.k
        roots = [k.let(tree * (self.blocks * BLOCK), "root") for tree in trees]
        blocks: list[Expr] = [k.index(0) for _ in trees]
        for first, levels in block_levels(self.depth):
            bases = [
                k.let(root + block * BLOCK + first * BLOCK, "base") for root, block in zip(roots, blocks, strict=True)
            ]
            places: list[Expr] = [k.index(1) for _ in trees]
            for _ in range(levels):
                for number, base in enumerate(bases):
                    at = k.let(base + places[number], "at")
                    holds = key_of(k, self.keys, line, self.node[at, 1]) < self.node[at, 0]
                    places[number] = k.let(places[number] * 2 + cast(holds, k.index_type), "place")
            blocks = [
                k.let(block * (1 << levels) + place - (1 << levels), "block")
                for block, place in zip(blocks, places, strict=True)
            ]
        for tree, block in zip(trees, blocks, strict=True):
            result[begin + line, tree] = cast(tree * (1 << self.depth) + block, "int32")


class _SparseTrees:
    def __init__(self, k: KernelBuilder, first: Array, node: Array, keys: Array, op: SparseWalk) -> None:
        self.k, self.first, self.node, self.keys, self.op = k, first, node, keys, op

    def emit(self, trees: Sequence[Expr], result: Array, begin: Expr, line: Expr) -> None:
        """Some trees at once for row ``line`` of the tile whose rows begin at ``begin``."""
        k = self.k
        nodes = [LinkedTree.of(k, self.node, self.first[tree]) for tree in trees]
        places = k.registers("place", DType.U32, (max(1, len(trees)),))
        for number in range(len(trees)):
            places[number] = literal(0, "uint32")
        if trees:
            take_steps(k, self.op.usual, self.op.most, lambda: self._step(nodes, places, line))
        for number, tree in enumerate(trees):
            result[begin + line, tree] = nodes[number].content(places[number])

    def _step(self, nodes: Sequence[LinkedTree], places: Array, line: Expr) -> Expr:
        """A step through each tree. The result is not zero if one of them leads elsewhere."""
        moved: Expr = literal(0, "uint32")
        for number, tree in enumerate(nodes):
            place = self.k.let(places[number], "before")
            after = tree.step(place, self.keys, line)
            places[number] = after
            moved = moved | (after ^ place)
        return moved


def key_of(k: KernelBuilder, keys: Array, line: Expr, source: Expr) -> Expr:
    """A key of a row, by its number modulo how many there are."""
    return keys[line, cast(source & literal(keys.shape[1] - 1, "int32"), k.index_type)]
