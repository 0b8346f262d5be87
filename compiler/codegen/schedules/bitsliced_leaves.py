"""The leaves' values onto the sums of a block of rows, for a bit-sliced forest.

There are two ways. In general each row loads the number of its leaf and then the value, for several trees in a row
while its sum stays in a register. Where that is faster, the four bytes of 64 rows' values come from tables in registers
(``byte_tables``), and are interleaved afterwards; rows then lie within their block in the order that interleaving
makes. Each row's sums are made in the order of the trees in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.schedules.byte_tables import VECTOR, byte_tables
from compiler.codegen.tir import (
    Array,
    KernelBuilder,
    cast,
    lanes,
    shuffled,
)
from compiler.targets import Target


@dataclass(frozen=True)
class LeafMemory:
    """``number u8[tile of trees, rows of the block]``: the leaves reached. ``sums[outputs, rows of the block]``."""

    number: Array
    sums: Array


class ScalarLeaves:
    """One row and tree at a time."""

    def __init__(self, k: KernelBuilder, leaf: Array, memory: LeafMemory) -> None:
        self.k, self.leaf, self.memory = k, leaf, memory
        self.rows = memory.number.shape[1]

    def place(self, row: Expr) -> Expr:
        """Where the sums of a row of the block are."""
        return row

    def add(self, first_tree: Expr, targets: Sequence[Expr]) -> None:
        """The leaves of a tile of trees; ``targets`` are the trees' first outputs."""
        sums = self.memory.sums
        if sums.shape[0] == 1:
            with self.k.serial(self.rows, "row") as row:
                total = sums[0, row]
                for number in range(len(targets)):
                    total = self.k.let(total + self._value(first_tree, number, row, 0), "total")
                sums[0, row] = total
            return
        for number, target in enumerate(targets):
            for part in range(self.leaf.shape[2]):
                with self.k.serial(self.rows, "row") as row:
                    sums[target + part, row] = sums[target + part, row] + self._value(first_tree, number, row, part)

    def _value(self, first_tree: Expr, number: int, row: Expr, part: int) -> Expr:
        reached = cast(self.memory.number[number, row], self.k.index_type)
        return self.leaf[first_tree + number, reached, part]


class ByteLeaves:
    """64 rows at a time; see the module's docstring."""

    def __init__(self, k: KernelBuilder, leaf: Array, memory: LeafMemory, target: Target) -> None:
        self.k, self.leaf, self.memory = k, leaf, memory
        self.rows = memory.number.shape[1]
        self.tables = byte_tables(target, leaf.shape[1])

    def place(self, row: Expr) -> Expr:
        """Where the sums of a row of the block are: interleaving bytes within lanes of 16 takes four rows from each of
        the four lanes at a time."""
        lane, within = (row >> 4) & 3, row & 15
        return (row & -VECTOR) + (within >> 2) * 16 + lane * 4 + (within & 3)

    def add(self, first_tree: Expr, targets: Sequence[Expr]) -> None:
        """The leaves of a tile of trees; ``targets`` are the trees' first outputs."""
        for number, target in enumerate(targets):
            for part in range(self.leaf.shape[2]):
                tables = [self._table(first_tree + number, part, byte) for byte in range(4)]
                with self.k.serial(self.rows // VECTOR, "vector") as vector:
                    self._add_vector(tables, number, target + part, self.k.let(vector * VECTOR, "row"))

    def _table(self, tree: Expr, part: int, byte: int) -> list[Expr]:
        """One byte of each leaf's value."""

        def of(leaves: Sequence[int]) -> Expr:
            first, count = leaves[0], max(leaves) + 1 - leaves[0]
            values = self.leaf[tree, lanes(first, count), part]
            octets = tirx.reinterpret(f"uint8x{4 * count}", values)
            return shuffled([octets], (4 * (leaf - first) + byte for leaf in leaves))

        return self.tables.table(self.k, of)

    def _add_vector(self, tables: Sequence[Sequence[Expr]], number: int, output: Expr, row: Expr) -> None:
        reached = self.k.let(self.memory.number[number, lanes(row, VECTOR)], "reached")
        octets = [self.k.let(found, "octets") for found in self.tables.look_up(tables, reached)]
        halves = [_interleaved(self.k, octets[start], octets[start + 1], 1) for start in (0, 2)]
        for side in range(2):
            pair = _interleaved(self.k, halves[0][side], halves[1][side], 2)
            for step, values in enumerate(pair):
                place = lanes(row + (2 * side + step) * 16, 16)
                total = self.memory.sums[output, place] + tirx.reinterpret("float32x16", values)
                self.memory.sums[output, place] = total


def _interleaved(k: KernelBuilder, first: Expr, second: Expr, size: int) -> tuple[Expr, Expr]:
    """Units of ``size`` bytes of two vectors of 64 bytes, alternating, within each lane of 16 bytes: of the lower half
    of the lane, and of the upper one."""
    sides: list[Expr] = []
    for side in (0, 8):
        order: list[int] = []
        for lane in range(0, VECTOR, 16):
            for unit in range(lane + side, lane + side + 8, size):
                order += [*range(unit, unit + size), *range(VECTOR + unit, VECTOR + unit + size)]
        sides.append(k.let(shuffled([first, second], order), "interleaved"))
    return sides[0], sides[1]
