"""Splits of forests that the splits above them have decided give way to the child that they lead to.

Before::

    tree 0 {
      s0: x1 < 0.5 ? s1 : v2, missing right
      s1: x1 < 2.0 ? v0 : v1, missing right
      ...

After, since whatever is below 0.5 is below 2, and missing values go right at ``s0``::

    tree 0 {
      s0: x1 < 0.5 ? v0 : v1, missing right
      ...

Trees stay, also those of one leaf, and so does the order of the sums.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.graph import Graph
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.rewriter import Rewriter
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext
from compiler.passes.forests.pruning import pruned


@dataclass(frozen=True)
class PruneForests(Pass):
    """Counts the splits that go."""

    name = "prune-forests"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        rewriter = Rewriter(graph)
        splits = 0
        for node in graph:
            match node.op:
                case ForestSums(forest) | ForestLeaves(forest):
                    smaller = pruned(forest)
                case _:
                    continue
            if smaller is not forest:
                splits += forest.splits - smaller.splits
                rewriter.before(node)
                rewriter.replace(node, rewriter.emit(type(node.op)(smaller), *node.operands))
        return {"splits": splits}
