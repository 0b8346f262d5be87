"""``ranked_forest`` and ``ranked_leaves``: one row at a time, its features as ranks, of which all trees ask.

There are two ways. Where bytes are looked up in registers (``byte_tables``), the ranks stay there, and 64 trees take
their steps together::

    ranks of the row                                  a byte per column
    for groups of 64 trees:
        for each of the upper levels:
            the node that each tree has reached       one choice per place of the level, by the answers so far
            its test                                  a look-up and a compare for 64 trees
        for batches of these trees:
            the tests of the trees' blocks            a look-up and a compare for 8 trees
            the ways out of their blocks              a few operations
            their leaves onto the sums, or into the result

Elsewhere a row walks through several trees at once, a step of each in turn. Where leaves are not added, threads share
parts of the trees of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.analytic.forests import looks_up_bytes
from compiler.codegen.schedules.byte_tables import VECTOR, byte_tables
from compiler.codegen.schedules.region import is_one_op, parameters
from compiler.codegen.schedules.row_keys import make_keys
from compiler.codegen.schedules.row_ranks import make_ranks
from compiler.codegen.schedules.row_sums import RowSums
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.schedules.tree_parts import TreePart, part_count
from compiler.codegen.tir import (
    Array,
    KernelBuilder,
    bits_of,
    broadcast,
    cast,
    lanes,
    literal,
    reinterpret_vector,
    select,
    shuffled,
)
from compiler.ir import DType, Graph
from compiler.ir.ops.ranked_forest import BLOCK, GROUP, LOWER, RankedForest, columns_of_row
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.targets import Target

GROUP_BITS = GROUP.bit_length() - 1

CHAINS = (1, 2, 4, 8, 16)
"""Trees at once, of walks."""

USUAL = 8
"""As many as fill the time of their loads."""

BATCHES = (8, 16, 32)
"""Trees of a batch, where 64 take steps together."""

USUAL_BATCH = 16

FEWEST_TREES = 256
"""Of a part; a thread takes half a microsecond for them."""


class RankedForests:
    """A region of one ``ranked_forest`` or ``ranked_leaves``."""

    name = "ranked_forest"
    version = 4

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op on its inputs in order."""
        return is_one_op(region, RankedForest | RankedLeaves)

    def space(self, region: Graph, target: Target) -> Space:
        """``trees``: walked through at once; or, where 64 take steps together, those whose leaves are added after each
        other before other trees go on."""
        (node,) = region.nodes
        first = 1 if isinstance(node.op, RankedLeaves) else 2
        column, leaf = node.operands[first].type, node.operands[first + 4].type
        if looks_up_bytes(target, column.shape[0]):
            return Space((Knob("trees", BATCHES, USUAL_BATCH),))
        trees = leaf.shape[0]
        chains = tuple(count for count in CHAINS if count <= max(1, trees))
        return Space((Knob("trees", chains, max(count for count in chains if count <= USUAL)),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """An iteration of the parallel loop is a row, or a part of the trees for one."""
        (node,) = region.nodes
        k = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes, scalar=True)
        inputs, (result,) = parameters(k, region)
        if isinstance(node.op, RankedLeaves):
            tables = Tables(*inputs)
            parts = part_count(result.shape[0], result.shape[1] // FEWEST_TREES)
            taken = _Values(tables, result)
        else:
            x, start, *others, trees_target = inputs
            tables, parts = Tables(x, *others), 1
            taken = _Sums(k, tables, start, trees_target, result)
        x = tables.x
        keys, ranks = 4 * 2 * x.shape[1], columns_of_row(tables.column.shape[0])
        # Vectors of bytes begin at cache lines.
        ranks_at = -(-keys // VECTOR) * VECTOR
        scratch_bytes = ranks_at + ranks + 3 * GROUP
        scratch = k.pointer("scratch", DType.U8, (scratch_bytes,))
        row_keys = k.view(scratch, DType.I32, 0, (1, keys // 4))
        row_ranks = scratch.part(ranks_at, (ranks,))
        blocks = scratch.part(ranks_at + ranks, (GROUP,))
        with k.parallel(x.shape[0] * parts, "row") as number:
            part = TreePart(k, number, parts)
            with part.begins():
                make_keys(k, x, part.tile, row_keys, k.index(0), target.lanes(DType.I32.bytes))
                _make_ranks(k, tables, row_keys, row_ranks, counts_bits=target.isa == "x86_64")
            taken.begin(part.tile)
            if looks_up_bytes(target, tables.column.shape[0]):
                reached = k.view(scratch, DType.U16, ranks_at + ranks + GROUP, (config["trees"],))
                _Groups(k, tables, _RanksInRegisters(k, tables, row_ranks, target), blocks, reached, taken).emit(part)
            else:
                _Walks(k, tables, row_ranks, taken, config["trees"]).emit(part)
            taken.end()
        return Kernel(k.finish(), scratch_bytes)


@dataclass(frozen=True)
class Tables:
    """The operands that both ops have."""

    x: Array
    column: Array
    edges: Array
    upper: Array
    lower: Array
    leaf: Array


def _make_ranks(k: KernelBuilder, tables: Tables, keys: Array, ranks: Array, *, counts_bits: bool) -> None:
    """The ranks of a row; columns that do not exist have rank 0."""
    columns = tables.column.shape[0]
    for place, width in k.strips(ranks.shape[0] - columns, VECTOR):
        ranks[lanes(place + columns, width)] = literal(0, "uint8")
    make_ranks(k, tables.column, tables.edges, keys, ranks, counts_bits=counts_bits)


class _Taken(Protocol):
    """What becomes of the leaves that a row reaches."""

    def begin(self, row: Expr) -> None:
        """Before the first tree, or the first of a part of them."""
        ...

    def add(self, tree: Expr, reached: Expr) -> None:
        """The values of a tree's leaf, tree by tree."""
        ...

    def end(self) -> None:
        """The result is in memory."""
        ...


class _Values(_Taken):
    """They are the result."""

    def __init__(self, tables: Tables, result: Array) -> None:
        self.leaf, self.result = tables.leaf, result

    def begin(self, row: Expr) -> None:
        self.row = row

    def add(self, tree: Expr, reached: Expr) -> None:
        for value in range(self.leaf.shape[2]):
            self.result[self.row, tree, value] = self.leaf[tree, reached, value]

    def end(self) -> None:
        pass


class _Sums(_Taken):
    """They are added."""

    def __init__(self, k: KernelBuilder, tables: Tables, start: Array, target: Array, result: Array) -> None:
        self.k, self.leaf, self.start, self.target, self.result = k, tables.leaf, start, target, result

    def begin(self, row: Expr) -> None:
        self.sums = RowSums(self.k, self.start, self.leaf, self.target, self.result, row)

    def add(self, tree: Expr, reached: Expr) -> None:
        self.sums.add(tree, reached)

    def end(self) -> None:
        self.sums.end()


class _Walks:
    """Several trees at once, step by step."""

    def __init__(self, k: KernelBuilder, tables: Tables, ranks: Array, taken: _Taken, together: int) -> None:
        self.k, self.tables, self.ranks, self.taken, self.together = k, tables, ranks, taken, together

    def emit(self, part: TreePart) -> None:
        """The part's trees."""
        k, trees = self.k, self.tables.leaf.shape[0]
        full = trees // self.together
        if full:
            with part.share_of(full) as group:
                first = k.let(group * self.together, "first")
                self._walk([first + number for number in range(self.together)])
        if rest := range(full * self.together, trees):
            with part.ends():
                self._walk([k.index(tree) for tree in rest])

    def _walk(self, trees: Sequence[Expr]) -> None:
        k, upper, lower = self.k, self.tables.upper, self.tables.lower
        blocks = upper.shape[1]
        entered: list[Expr] = [k.index(1) for _ in trees]
        for _ in range(blocks.bit_length() - 1):
            for number, tree in enumerate(trees):
                group, lane = k.let(tree >> GROUP_BITS, "group"), k.let(tree & (GROUP - 1), "lane")
                place = entered[number]
                holds = self._holds(upper[group, place, 0, lane], upper[group, place, 1, lane])
                entered[number] = k.let(place * 2 + holds, "entered")
        entered = [k.let(place - blocks, "block") for place in entered]
        places: list[Expr] = [k.index(0) for _ in trees]
        for _ in range(LOWER):
            for number, (tree, block) in enumerate(zip(trees, entered, strict=True)):
                place = places[number]
                holds = self._holds(lower[tree, block, 0, place], lower[tree, block, 1, place])
                places[number] = k.let(place * 2 + 1 + holds, "place")
        for tree, block, place in zip(trees, entered, places, strict=True):
            self.taken.add(tree, k.let(block * BLOCK + place - (BLOCK - 1), "reached"))

    def _holds(self, column: Expr, edge: Expr) -> Expr:
        """Whether a test holds, as an index."""
        inside = column & literal(self.ranks.shape[0] - 1, "uint8")
        return cast(self.ranks[cast(inside, self.k.index_type)] <= edge, self.k.index_type)


class _RanksInRegisters:
    """The ranks of a row, of which 64 are looked up at once."""

    def __init__(self, k: KernelBuilder, tables: Tables, ranks: Array, target: Target) -> None:
        self.tables = byte_tables(target, tables.column.shape[0], ranks.shape[0])
        self.table = self.tables.table(k, lambda numbers: _repeated(ranks, numbers))

    def of(self, column: Expr) -> Expr:
        """The ranks in some columns, which are taken modulo the number of ranks."""
        (found,) = self.tables.look_up([self.table], column)
        return found


class _Groups:
    """64 trees at once. ``blocks u8[64]``: of the trees of the group. ``reached u16[batch]``: the leaves of a batch of
    trees, which are taken while the tests of the next batch wait for their loads."""

    def __init__(
        self,
        k: KernelBuilder,
        tables: Tables,
        ranks: _RanksInRegisters,
        blocks: Array,
        reached: Array,
        taken: _Taken,
    ) -> None:
        self.k, self.tables, self.ranks, self.taken = k, tables, ranks, taken
        self.blocks, self.reached, self.batch = blocks, reached, reached.shape[0]

    def emit(self, part: TreePart) -> None:
        """The part's groups in one loop: nodes at known places would be kept in registers for all rows, and those on
        the stack."""
        k, trees = self.k, self.tables.leaf.shape[0]
        last = k.index(trees - 1)
        with part.share_of(-(-trees // GROUP), opaque=True) as group:
            first = k.let(group * GROUP, "first")
            self.blocks[lanes(0, GROUP)] = self._enter(group)
            count = k.let(tirx.Min(k.index(trees) - first, k.index(GROUP)), "count")
            with k.serial(k.let(count // self.batch, "full"), "batch") as batch:
                slot = k.let(batch * self.batch, "slot")
                tree = k.let(first + slot, "tree")
                self._reach([tree + number for number in range(self.batch)], slot)
                for number in range(self.batch):
                    self.taken.add(tree + number, cast(self.reached[number], k.index_type))
            rest = k.let(count % self.batch, "rest")
            with k.if_(rest > 0):
                slot = k.let(count - rest, "slot")
                tree = k.let(first + slot, "tree")
                # In the place of trees that do not exist are some that do: nobody asks what they reach.
                self._reach([k.let(tirx.Min(tree + number, last), "safe") for number in range(self.batch)], slot)
                with k.serial(rest, "number") as number:
                    self.taken.add(k.let(tree + number, "own"), cast(self.reached[number], k.index_type))

    def _reach(self, trees: Sequence[Expr], slot: Expr) -> None:
        """The leaves of a batch of trees, of which the first one is number ``slot`` of its group."""
        k = self.k
        words = [self._answers(trees[part : part + 8], slot + part) for part in range(0, self.batch, 8)]
        way = cast(self._ways_out(k.let(_bytes_of(words), "answers")), "uint16")
        block = cast(self.blocks[lanes(slot, self.batch)], "uint16")
        self.reached[lanes(0, self.batch)] = block * literal(BLOCK, "uint16", like=block) + way

    def _answers(self, trees: Sequence[Expr], slot: Expr) -> Expr:
        """The answers to the tests of the blocks that eight trees enter, uint64: a byte for each."""
        k, lower = self.k, self.tables.lower
        flat = lower.reshape((lower.shape[0], lower.shape[1], 2 * BLOCK))
        nodes: list[Expr] = []
        for number, tree in enumerate(trees):
            block = cast(self.blocks[slot + number], k.index_type)
            nodes.append(k.let(reinterpret_vector(flat[tree, block, lanes(0, 2 * BLOCK)], "uint64", 2), "nodes"))
        columns, edges = (
            reinterpret_vector(shuffled(nodes, range(which, 2 * len(nodes), 2)), "uint8", VECTOR) for which in (0, 1)
        )
        return k.let(bits_of(self.ranks.of(k.let(columns, "columns")) <= edges), "answers")

    def _enter(self, group: Expr) -> Expr:
        """The block that each of 64 trees enters, uint8."""
        k, upper = self.k, self.tables.upper
        answers: list[Expr] = []
        blocks = broadcast(literal(0, "uint8"), GROUP)
        for level in range(upper.shape[1].bit_length() - 1):
            column, edge = (self._node(group, level, which, answers) for which in (0, 1))
            holds = k.let(self.ranks.of(column) <= edge, "holds")
            blocks = k.let(blocks + blocks + cast(holds, "uint8"), "blocks")
            answers.append(holds)
        return blocks

    def _node(self, group: Expr, level: int, which: int, answers: Sequence[Expr]) -> Expr:
        """The column (0) or the edge (1) of the node that each of 64 trees has reached on a level."""
        k, upper = self.k, self.tables.upper
        nodes = [k.let(upper[group, place, which, lanes(0, GROUP)], "node") for place in range(1 << level, 2 << level)]
        for holds in answers:
            half = len(nodes) // 2
            pairs = zip(nodes[:half], nodes[half:], strict=True)
            nodes = [k.let(select(holds, right, left), "node") for left, right in pairs]
        return nodes[0]

    def _ways_out(self, answers: Expr) -> Expr:
        """Which way out of its block each tree takes, by the answers to its seven tests."""
        k = self.k
        bits = [k.let(self._bit(answers, place), "bit") for place in range(BLOCK - 1)]
        first = bits[0]
        second = k.let(_selected(first, bits[2], bits[1]), "second")
        third = _selected(first, _selected(second, bits[6], bits[5]), _selected(second, bits[4], bits[3]))
        return (first + first + second) * literal(2, "uint8", like=first) + third

    def _bit(self, answers: Expr, place: int) -> Expr:
        shift, one = (literal(value, "uint8", like=answers) for value in (place, 1))
        return (answers >> shift) & one


def _repeated(ranks: Array, order: Sequence[int]) -> Expr:
    """Ranks with these numbers, which begin with the first of them and end with the last."""
    first, count = order[0], order[-1] + 1 - order[0]
    copies = [ranks[lanes(first, count)]] * (len(order) // count)  # TIR makes no vector longer than those that it takes
    return shuffled(copies, (number - first for number in order))


def _bytes_of(words: Sequence[Expr]) -> Expr:
    """The bytes of some uint64 as one vector."""
    return reinterpret_vector(
        tirx.Shuffle(list(words), [tirx.IntImm("int32", n) for n in range(len(words))]), "uint8", 8 * len(words)
    )


def _selected(condition: Expr, if_set: Expr, if_clear: Expr) -> Expr:
    """Of bytes that are 0 or 1."""
    return if_clear ^ (condition & (if_set ^ if_clear))
