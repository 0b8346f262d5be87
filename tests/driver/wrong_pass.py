"""A pass from outside the tree that is wrong on purpose: it takes every tanh for a sigmoid."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir import Graph, Rewriter
from compiler.ir.ops.unary import Sigmoid, Tanh
from compiler.passes import Pass, PassContext, Statistics


@dataclass(frozen=True)
class TanhIsSigmoid(Pass):
    """Replace tanh by sigmoid."""

    name = "tanh-is-sigmoid"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        rewriter = Rewriter(graph)
        found = [node for node in graph if isinstance(node.op, Tanh)]
        for node in found:
            rewriter.replace(node, rewriter.before(node).emit(Sigmoid(), *node.operands))
        return {"tanh": len(found)}


PASSES = (TanhIsSigmoid,)
