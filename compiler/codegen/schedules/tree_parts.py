"""Parts of the trees of a forest, which threads share where there are few rows.

How many there are is no knob: what a part costs one thread, which is next to nothing, tells nothing of what several
threads gain.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir import KernelBuilder

FEW_ROWS = 8
"""Threads share these, however many trees there are."""

MOST_PARTS = 64


def part_count(rows: int, worth: int) -> int:
    """Into how many parts the trees of a forest are cut for so many rows, of which each is ``worth`` so many."""
    return 1 if rows >= FEW_ROWS else max(1, min(worth, MOST_PARTS))


class TreePart:
    """Iteration ``number`` of a loop over all parts of the trees for the first tile of rows, then for the next one.

    A thread computes some iterations in order: what a tile needs before it sees its first tree is made in the first of
    them.
    """

    def __init__(self, k: KernelBuilder, number: Expr, parts: int) -> None:
        self.k, self.number, self.parts = k, number, parts
        self.tile = k.let(number // parts, "tile") if parts > 1 else number
        self.part = k.let(number % parts, "part") if parts > 1 else k.index(0)

    def begins(self) -> AbstractContextManager[None]:
        """What a tile needs before its first tree."""
        if self.parts == 1:
            return nullcontext()
        return self.k.if_(tirx.Or(tirx.EQ(self.part, self.k.index(0)), self.k.is_first(self.number)))

    def share_of(self, groups: int, *, opaque: bool = False) -> AbstractContextManager[Expr]:
        """A loop over the part's groups of trees; ``opaque``: as in ``KernelBuilder``."""
        k = self.k
        if self.parts == 1:
            return k.serial(k.opaque(groups) if opaque else groups, "group")
        first = k.let(self.part * groups // self.parts, "first_group")
        return k.serial(k.let((self.part + 1) * groups // self.parts - first, "groups"), "group", start=first)

    def ends(self) -> AbstractContextManager[None]:
        """What is left when all groups are done."""
        return nullcontext() if self.parts == 1 else self.k.if_(tirx.EQ(self.part, self.k.index(self.parts - 1)))
