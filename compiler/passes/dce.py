"""Erase nodes whose results nobody uses. All ops are pure, so nothing else is lost.

Before::

    %1 = exp(%0) : f32[4]
    %2 = neg(%0) : f32[4]
    return %2 "y"

After::

    %1 = neg(%0) : f32[4]
    return %1 "y"
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.graph import Graph
from compiler.ir.rewriter import Rewriter
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext


@dataclass(frozen=True)
class EliminateDeadCode(Pass):
    """Backwards once: the users of a node are seen before it."""

    name = "dce"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        rewriter = Rewriter(graph)
        before = len(graph)
        for node in reversed(graph):
            if node.is_dead:
                rewriter.erase(node)
        return {"erased": before - len(graph)}
