"""Ranks of keys by a search in registers: where permutations go across a vector of 16 edges, or across two (AVX-512).

A column has at most 255 edges, in order, so that a rank is found by eight compares of a vector of 16 keys. The first
four are with the last edges of lines of 16. The others are with one that is in the same place of all lines, so a
permutation finds it by the number of the line; which place it is depends on the compares before, and is one of two
halves of what a permutation reaches, or is chosen. The answers to the compares are the bits of the ranks, 16 of each,
so that no rank is ever put together, and no bit taken out of one.
"""

from __future__ import annotations

from collections.abc import Sequence

from tvm.ir import Expr

from compiler.codegen.tir import Array, KernelBuilder, broadcast, intrinsic, lanes, literal, select, transposed
from compiler.ir.ops.tree_tables import FAN

MIDDLE = FAN // 2 - 1
"""Of the edges of a line: half of those that tell ranks apart are below it."""


class RankSearch:
    """Emits the search in a column of ``edges i32[columns, 17, 16]``: first the last edges of all lines, then these."""

    def __init__(self, k: KernelBuilder, edges: Array, column: Expr) -> None:
        self.k = k
        first, *lines = (k.let(edges[column, line, lanes(0, FAN)], "edges") for line in range(1 + FAN))
        self.last_of_lines = first
        self.places = transposed(k, lines)
        """Of all lines, the edges in one place each."""
        self.middle = k.let(broadcast(edges[column, 0, MIDDLE], FAN), "middle")

    def bits(self, keys: Expr) -> list[Expr]:
        """The bits of the ranks of ``keys i32[16]``, the highest first: eight conditions of 16 lanes."""
        k = self.k
        found = [k.let(self.middle <= keys, "bit")]
        line = k.let(select(found[0], self._number(MIDDLE + 4), self._number(MIDDLE - 4)), "line")
        for up, down in ((2, 2), (1, 1), (1, 0)):
            found.append(k.let(self._in_one(self.last_of_lines, line) <= keys, "bit"))
            # The next edge to compare with is in the middle of those above or below, and the last one is the line's.
            line = k.let(select(found[-1], line + self._number(up), line - self._number(down)), "line")
        within: list[Expr] = []
        for distance in (8, 4, 2, 1):
            edge = self._edge(line, self.places[distance - 1 :: 2 * distance], within)
            within.append(k.let(edge <= keys, "bit"))
        return found + within

    def _edge(self, line: Expr, places: Sequence[Expr], bits: Sequence[Expr]) -> Expr:
        """The edge in a line and in the place that the bits say, the highest first."""
        if not bits:
            return self._in_one(places[0], line)
        *upper, lowest = bits
        index = self.k.let(select(lowest, line + self._number(FAN), line), "index")
        edges = [self._in_two(low, index, high) for low, high in zip(places[::2], places[1::2], strict=True)]
        for bit in reversed(upper):
            pairs = zip(edges[::2], edges[1::2], strict=True)
            edges = [self.k.let(select(bit, high, low), "edge") for low, high in pairs]
        return edges[0]

    def _number(self, number: int) -> Expr:
        return broadcast(literal(number, "int32"), FAN)

    def _in_one(self, table: Expr, index: Expr) -> Expr:
        return intrinsic("llvm.x86.avx512.permvar.si.512", f"int32x{FAN}", table, index)

    def _in_two(self, low: Expr, index: Expr, high: Expr) -> Expr:
        return intrinsic("llvm.x86.avx512.vpermi2var.d.512", f"int32x{FAN}", low, index, high)
