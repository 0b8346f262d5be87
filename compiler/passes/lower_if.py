"""Replace ``if`` by both of its branches and a choice between their results.

Before::

    %2 = if(%0, %1) [
        graph "then" (%0 "x": f32[4]) { ... }
        graph "else" (%0 "x": f32[4]) { ... }
      ] : f32[4]

After::

    %2 = ... the first branch, of %1
    %3 = ... the second branch, of %1
    %4 = select(%0, %2, %3) : f32[4]

That is sound because ops have no side effects and are defined for every operand; it costs both branches. A plan is a
straight list of kernel calls, so nothing behind this pass knows ``if``.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.graph import Graph
from compiler.ir.ops.binary import Select
from compiler.ir.ops.region import If
from compiler.ir.rewriter import Rewriter
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext


@dataclass(frozen=True)
class LowerIf(Pass):
    """Inlines both regions of every ``if`` and selects; a known condition has been folded before."""

    name = "lower-if"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        rewriter = Rewriter(graph)
        lowered = 0
        for node in graph:
            if isinstance(node.op, If):
                condition, *arguments = node.operands
                rewriter.before(node)
                first, second = (rewriter.inline(region, arguments) for region in node.regions)
                chosen = [rewriter.emit(Select(), condition, a, b) for a, b in zip(first, second, strict=True)]
                rewriter.replace(node, *chosen)
                lowered += 1
        return {"lowered": lowered}
