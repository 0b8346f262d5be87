"""The sums of a row, to which the leaves of trees are added one after the other."""

from __future__ import annotations

from tvm.ir import Expr

from compiler.codegen.computes.positions import safe_index
from compiler.codegen.tir import Array, KernelBuilder


class RowSums:
    """The sums of a row, in a register, or where there are several in the result.

    ``start[rows, outputs]``, ``leaf[trees, leaves, width]``, ``target i32[trees]``, ``result[rows, outputs]``.
    """

    def __init__(self, k: KernelBuilder, start: Array, leaf: Array, target: Array, result: Array, row: Expr) -> None:
        self.k, self.leaf, self.target, self.result, self.row = k, leaf, target, result, row
        self.total = k.registers("total", result.dtype, (1,))
        if result.shape[1] == 1:
            self.total[0] = start[row, 0]
            return
        with k.serial(result.shape[1], "output") as output:
            result[row, output] = start[row, output]

    def add(self, tree: Expr, reached: Expr) -> None:
        """The values of a tree's leaf."""
        if self.result.shape[1] == 1:
            self.total[0] = self.total[0] + self.leaf[tree, reached, 0]
            return
        k, width = self.k, self.leaf.shape[2]
        output = k.let(safe_index(k, self.target[tree], self.result.shape[1] - width + 1), "output")
        for value in range(width):
            there = output + value
            self.result[self.row, there] = self.result[self.row, there] + self.leaf[tree, reached, value]

    def end(self) -> None:
        """The result is in memory."""
        if self.result.shape[1] == 1:
            self.result[self.row, 0] = self.total[0]
