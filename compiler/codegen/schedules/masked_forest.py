"""``masked_forest``: one row at a time, and of each group of trees the leaves that the row's features leave open.

::

    the line of each question, by ranks                     a few columns each
    for groups of trees:
        open = all leaves
        for every question:
            open &= its mask for the group                  a cache line
        for the trees of the group:
            the lowest bit of a word: a leaf, onto the sums

No load waits for another one but those of a mask, for its number. Sums are a chain of additions, which the masks of the
next groups fill.
"""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.positions import safe_index
from compiler.codegen.schedules.region import is_one_op, named_types, parameters
from compiler.codegen.schedules.row_keys import make_keys
from compiler.codegen.schedules.row_ranks import column_ranks
from compiler.codegen.schedules.row_sums import RowSums
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import Array, KernelBuilder, cast, intrinsic, lanes, literal
from compiler.ir import DType, Graph
from compiler.ir.ops.masked_forest import GROUP_BYTES, MaskedForest
from compiler.targets import Target

TOGETHER = (1, 2, 4)
"""Groups whose masks are combined at once."""

USUAL = 2

UNROLLED = 8
"""Trees in a turn of the loop that adds leaves."""


class MaskedForests:
    """A region of one ``masked_forest``."""

    name = "masked_forest"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op on its inputs in order."""
        return is_one_op(region, MaskedForest)

    def space(self, region: Graph, target: Target) -> Space:
        """``groups``: whose masks are combined at once."""
        (groups,) = named_types(region)["begin"].shape
        sizes = tuple(count for count in TOGETHER if count <= max(1, groups))
        return Space((Knob("groups", sizes, max(count for count in sizes if count <= USUAL)),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """An iteration of the parallel loop is a row."""
        k = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes, scalar=True)
        inputs, (result,) = parameters(k, region)
        tables = _Tables(*inputs)
        features, questions = tables.x.shape[1], tables.first.shape[0]
        # Vectors begin at cache lines.
        open_bytes = config["groups"] * GROUP_BYTES
        keys_bytes = -(-4 * 2 * features // GROUP_BYTES) * GROUP_BYTES
        scratch_bytes = open_bytes + keys_bytes + 4 * questions
        scratch = k.pointer("scratch", DType.U8, (scratch_bytes,))
        word = tables.mask.dtype
        open_leaves = k.view(scratch, word, 0, (open_bytes // word.bytes,))
        keys = k.view(scratch, DType.I32, open_bytes, (1, 2 * features))
        places = k.view(scratch, DType.I32, open_bytes + keys_bytes, (questions,))
        with k.parallel(tables.x.shape[0], "row") as row:
            make_keys(k, tables.x, row, keys, k.index(0), target.lanes(DType.I32.bytes))
            _answer(k, tables, keys, places, counts_bits=target.isa == "x86_64")
            sums = RowSums(k, tables.start, tables.leaf, tables.target, result, row)
            _Groups(k, tables, places, open_leaves, sums, target.lanes(word.bytes)).emit(config["groups"])
            sums.end()
        return Kernel(k.finish(), scratch_bytes)


@dataclass(frozen=True)
class _Tables:
    """The arrays of the op's operands, in its order."""

    x: Array
    start: Array
    column: Array
    edges: Array
    question: Array
    first: Array
    line: Array
    begin: Array
    mask: Array
    leaf: Array
    target: Array


def _answer(k: KernelBuilder, tables: _Tables, keys: Array, places: Array, *, counts_bits: bool) -> None:
    """Where the lines begin that answer the questions."""
    lines, groups = tables.line.shape
    with k.serial(places.shape[0], "asked") as asked:
        places[asked] = cast(safe_index(k, tables.first[asked], lines), "int32")
    for column, rank in column_ranks(k, tables.column, tables.edges, keys, counts_bits=counts_bits):
        asked = k.let(safe_index(k, tables.question[column], places.shape[0]), "asked")
        places[asked] = places[asked] + cast(rank, "int32")
    with k.serial(places.shape[0], "asked") as asked:
        places[asked] = tirx.Min(places[asked], literal(lines - 1, "int32")) * literal(groups, "int32")


class _Groups:
    """``open_leaves``: the words of the trees of some groups."""

    def __init__(
        self, k: KernelBuilder, tables: _Tables, places: Array, open_leaves: Array, sums: RowSums, width: int
    ) -> None:
        self.k, self.tables, self.places, self.open_leaves, self.sums = k, tables, places, open_leaves, sums
        self.words = tables.mask.shape[1]
        self.width = min(width, self.words)
        self.lines = tables.line.reshape((tables.line.shape[0] * tables.line.shape[1],))

    def emit(self, together: int) -> None:
        k, groups = self.k, self.tables.begin.shape[0]
        if groups // together:
            with k.serial(groups // together, "part") as part:
                self._add(k.let(part * together, "group"), together)
        if groups % together:
            self._add(k.index(groups - groups % together), groups % together)

    def _add(self, first: Expr, count: int) -> None:
        """The leaves of the trees of so many groups from ``first`` on."""
        k, words, trees = self.k, self.words, self.tables.leaf.shape[0]
        self._combine(first, count)
        tree = k.let(first * words, "tree")
        there = k.let(tirx.Min(k.index(trees) - tree, k.index(count * words)), "there")
        with k.serial(there // UNROLLED, "turn") as turn:
            for number in range(UNROLLED):
                self._add_tree(tree, turn * UNROLLED + number)
        with k.serial(there % UNROLLED, "rest") as rest:
            self._add_tree(tree, there - there % UNROLLED + rest)

    def _combine(self, first: Expr, count: int) -> None:
        """The leaves that all questions leave open in these groups."""
        k, mask = self.k, self.tables.mask
        last = k.index(mask.shape[0] - 1)
        begins = [
            k.let(safe_index(k, self.tables.begin[first + group], mask.shape[0]), "begin") for group in range(count)
        ]
        kept = k.registers("open", mask.dtype, (count * self.words,))
        parts = range(0, self.words, self.width)
        dtype = str(kept.buffer.dtype)
        for start in range(0, count * self.words, self.width):
            kept[lanes(start, self.width)] = ~literal(0, dtype)
        with k.serial(self.places.shape[0], "asked") as asked:
            place = k.let(cast(self.places[asked], k.index_type) + first, "place")
            for group, begin in enumerate(begins):
                number = begin + cast(self.lines[place + group], k.index_type)
                chosen = k.let(tirx.Min(number, last), "chosen")
                for start in parts:
                    own = lanes(group * self.words + start, self.width)
                    kept[own] = kept[own] & mask[chosen, lanes(start, self.width)]
        for start in range(0, count * self.words, self.width):
            self.open_leaves[lanes(start, self.width)] = kept[lanes(start, self.width)]

    def _add_tree(self, first: Expr, number: Expr) -> None:
        """The leaf of a tree of the groups that begin with tree ``first``."""
        k, leaves = self.k, self.tables.leaf.shape[1]
        word = self.open_leaves[number]
        wide = cast(word, "uint64" if self.tables.mask.dtype is DType.U64 else "uint32")
        # Of no bit at all it is the word's size, a multiple of the number of leaves.
        lowest = intrinsic("llvm.cttz", wide.ty.dtype, wide, tirx.IntImm("bool", 0))
        reached = k.let(cast(lowest, k.index_type) & (leaves - 1), "reached")
        self.sums.add(k.let(first + number, "own"), reached)
