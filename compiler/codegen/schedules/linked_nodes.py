"""Walks through linked nodes, which ``sparse_walk`` and ``deep_forest`` have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.positions import safe_index
from compiler.codegen.tir import Array, KernelBuilder, cast, literal
from compiler.ir import DType


@dataclass(frozen=True)
class LinkedTree:
    """One of the trees of ``nodes i32[nodes, 2]``: they begin at ``base``, and a row's place in there is a uint32, at
    most one more than ``last``."""

    k: KernelBuilder
    nodes: Array
    base: Expr
    last: Expr

    @staticmethod
    def of(k: KernelBuilder, nodes: Array, first: Expr) -> LinkedTree:
        """The tree whose nodes begin at ``first``, clamped."""
        end = nodes.shape[0] - 2
        base = k.let(safe_index(k, first, end + 1), "base")
        return LinkedTree(k, nodes, base, k.let(cast(k.index(end) - base, "uint32"), "last"))

    def limited(self, place: Expr) -> Expr:
        """A place such that there is another one behind it."""
        return tirx.Min(place, self.last)

    def step(self, place: Expr, keys: Array, row: Expr) -> Expr:
        """The place after a step of a row, whose keys are a line of ``keys``: 2**n of them, of which a link has n bits
        for the number of one."""
        k, bits = self.k, keys.shape[1].bit_length() - 1
        at = k.let(self.base + cast(place, k.index_type), "at")
        link = k.let(self.nodes[at, 1], "link")
        source = cast(link & literal((1 << bits) - 1, "int32"), k.index_type)
        holds = keys[row, source] < self.nodes[at, 0]
        child = self.limited(cast(link, "uint32") >> literal(bits, "uint32"))
        return k.let(child + cast(holds, "uint32"), "after")

    def content(self, place: Expr) -> Expr:
        """The edge of a node."""
        return self.nodes[self.base + cast(place, self.k.index_type), 0]


def take_steps(k: KernelBuilder, usual: int, most: int, step: Callable[[], Expr]) -> None:
    """As many steps as are usual, and further ones, up to ``most`` in all, for as long as the one before has moved
    something: ``step`` makes the code of one, and its result is not zero if a walk has left its place."""
    if usual:
        with k.serial(usual, "step"):
            step()
    if most > usual:
        moved, left = k.registers("moved", DType.U32, (1,)), k.registers("left", DType.I32, (1,))
        moved[0], left[0] = literal(1, "uint32"), literal(most - usual, "int32")
        with k.while_(tirx.And(tirx.NE(moved[0], literal(0, "uint32")), left[0] > 0)):
            moved[0] = step()
            left[0] = left[0] - 1
