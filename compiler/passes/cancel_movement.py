"""Let transposes meet and cancel.

Before::

    %1 = transpose(%0) {permutation = [0, 3, 1, 2]} : f32[1,8,4,4]
    %2 = tanh(%1) : f32[1,8,4,4]
    %3 = transpose(%2) {permutation = [0, 2, 3, 1]} : f32[1,4,4,8]

After::

    %1 = tanh(%0) : f32[1,4,4,8]

Elementwise ops of one shape that feed each other form a web (``movement/web``). A web is computed in the
order of axes that some of its inputs had before they were transposed, if that moves fewer elements in all.
Besides, a transpose of a matmul's second operand becomes its ``transpose_b``, a reduction of a transpose a
transpose of the smaller reduction, and an elementwise op on a concat goes to where its parts are computed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from compiler.ir.graph import Graph, Node, Value
from compiler.ir.op import Op
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.movement import Concat, Transpose
from compiler.ir.ops.pooling import Pool
from compiler.ir.ops.reduction import Reduce
from compiler.ir.rewriter import Rewriter
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext
from compiler.passes.movement.flip import flip
from compiler.passes.movement.web import find_webs
from compiler.passes.op_kinds import has_one_use, is_elementwise, op_of
from compiler.passes.patterns import RuleSet
from compiler.passes.rules import views

_ROUNDS = 4


def transpose_into_matmul(node: Node, op: MatMul, rewriter: Rewriter) -> bool:
    """matmul(a, transpose(b)) -> matmul(a, b) with the other ``transpose_b``.

    A transpose that moves other axes too remains, but then moves whole rows: its last axis stays in place.
    """
    inner = node.operands[1].producer
    if inner is None or not isinstance(inner.op, Transpose):
        return False
    *lead, row, column = inner.op.permutation
    if row != len(lead) + 1:
        return False
    other = rewriter.emit(Transpose((*lead, column, row)), inner.operands[0], origin=inner.origin)
    matmul = MatMul(transpose_b=not op.transpose_b)
    rewriter.replace(node, rewriter.emit(matmul, node.operands[0], other))
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


def elementwise_of_concat(node: Node, op: Op, rewriter: Rewriter) -> bool:
    """f(concat(a, b)) -> concat(f(a), f(b)), where f has no other operand but numbers.

    A plan makes the parts of a concat in place, and each f then joins the kernel that computes its part; so all
    parts must be computed, and read here only.
    """
    if not is_elementwise(op) or any(value.type.elements != 1 for value in node.operands[1:]):
        return False
    concat = node.operands[0].producer
    if concat is None or not isinstance(concat.op, Concat) or not has_one_use(concat.result):
        return False
    if node.result.type.shape != concat.result.type.shape or not all(map(_is_computed_for_one, concat.operands)):
        return False
    parts = [rewriter.emit(op, part, *node.operands[1:]) for part in concat.operands]
    rewriter.replace(node, rewriter.emit(concat.op, *parts))
    return True


def _is_computed_for_one(value: Value) -> bool:
    op = op_of(value)
    return has_one_use(value) and op is not None and (is_elementwise(op) or isinstance(op, Conv | MatMul | Pool))


RULES = RuleSet(
    (
        views.no_movement,
        views.transpose_as_reshape,
        views.transpose_of_transpose,
        views.reshape_of_reshape,
        views.relayout_of_relayout,
        transpose_into_matmul,
        elementwise_of_concat,
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
