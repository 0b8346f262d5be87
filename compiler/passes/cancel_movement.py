"""Let transposes meet and cancel.

Before::

    %1 = transpose(%0) {permutation = [0, 3, 1, 2]} : f32[1,8,4,4]
    %2 = tanh(%1) : f32[1,8,4,4]
    %3 = transpose(%2) {permutation = [0, 2, 3, 1]} : f32[1,4,4,8]

After::

    %1 = tanh(%0) : f32[1,4,4,8]

Elementwise ops of one shape that feed each other form a web (``movement/web``). A web is computed in the
order of axes that some of its inputs had before they were transposed, if that moves fewer elements in all.
Besides, a transpose of a matmul's second operand becomes its ``transpose_b``, and a reduction of a
transpose a transpose of the smaller reduction.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from compiler.ir.graph import Graph, Node
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.movement import Transpose
from compiler.ir.ops.reduction import Reduce
from compiler.ir.rewriter import Rewriter
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext
from compiler.passes.movement.flip import flip
from compiler.passes.movement.web import find_webs
from compiler.passes.op_kinds import has_one_use
from compiler.passes.patterns import RuleSet
from compiler.passes.rules import views

_ROUNDS = 4


def transpose_into_matmul(node: Node, op: MatMul, rewriter: Rewriter) -> bool:
    """matmul(a, transpose(b)) -> matmul(a, b) with the other ``transpose_b``, if the last two axes change
    places."""
    inner = node.operands[1].producer
    if inner is None or not isinstance(inner.op, Transpose):
        return False
    rank = len(inner.op.permutation)
    if inner.op.permutation != (*range(rank - 2), rank - 1, rank - 2):
        return False
    other = MatMul(transpose_b=not op.transpose_b)
    rewriter.replace(node, rewriter.emit(other, node.operands[0], inner.operands[0]))
    return True


def reduction_of_transpose(node: Node, op: Reduce, rewriter: Rewriter) -> bool:
    """reduce(transpose(x)) -> transpose(reduce(x)): the transpose has fewer elements to move, or none."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, Transpose) or not op.axes or not op.keep:
        return False
    if not has_one_use(inner.result):
        return False
    permutation = inner.op.permutation
    axes = tuple(sorted(permutation[axis] for axis in op.axes))
    reduced = rewriter.emit(type(op)(axes, keep=True), inner.operands[0])
    rewriter.replace(node, rewriter.emit(Transpose(permutation), reduced))
    return True


RULES = RuleSet(
    (
        views.no_movement,
        views.transpose_as_reshape,
        views.transpose_of_transpose,
        views.reshape_of_reshape,
        views.relayout_of_relayout,
        transpose_into_matmul,
        reduction_of_transpose,
    )
)


@dataclass(frozen=True)
class CancelMovement(Pass):
    """Alternates between local rules and webs until no web changes: what one web lets go may meet another."""

    name = "cancel-movement"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        done: Counter[str] = Counter(RULES.apply(graph))
        for _ in range(_ROUNDS):
            flipped = sum(flip(Rewriter(graph), web) for web in find_webs(graph))
            if not flipped:
                break
            done["flip-web"] += flipped
            done.update(RULES.apply(graph))
        return done
