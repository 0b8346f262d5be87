"""Compute a web in another order of axes."""

from __future__ import annotations

from compiler.ir.graph import Node, Value
from compiler.ir.literal import Literal
from compiler.ir.ops.movement import Reshape, Transpose
from compiler.ir.rewriter import Rewriter
from compiler.passes.movement.web import Permutation, Web, compose, inverse, permutation_of
from compiler.passes.op_kinds import constant_of


def flip(rewriter: Rewriter, web: Web) -> bool:
    """Rewrite ``web`` to run before the transpose of its inputs, if that moves fewer elements; whether it
    was."""
    permutation = web.best_permutation()
    if permutation is None:
        return False
    new: dict[Value, Value] = {}
    order = web.in_order()
    for node in order:
        rewriter.before(node)
        operands: list[Value] = []
        for operand in node.operands:
            if operand not in new:
                new[operand] = _reordered(operand, permutation, rewriter)
            operands.append(new[operand])
        new[node.result] = rewriter.emit(node.op, *operands, origin=node.origin)
    for node in reversed(order):
        if not node.is_dead:
            _hand_out(node, new[node.result], permutation, rewriter)
        rewriter.erase(node)
    return True


def _hand_out(node: Node, value: Value, permutation: Permutation, rewriter: Rewriter) -> None:
    """Let users outside the web read ``transpose(value, permutation)`` instead of the result of ``node``.

    Transposes among them are composed at once, so that the next web counts what is really left.
    """
    for user in node.result.users:
        if isinstance(user.op, Transpose):
            composed = compose(permutation, user.op.permutation)
            identity = composed == tuple(range(len(composed)))
            rewriter.replace(user, value if identity else rewriter.before(user).emit(Transpose(composed), value))
    if not node.is_dead:
        rewriter.replace_uses(node.result, rewriter.before(node).emit(Transpose(permutation), value))


def _reordered(value: Value, permutation: Permutation, rewriter: Rewriter) -> Value:
    """``value``, an operand of the web, with its axes as they are before ``transpose(permutation)``."""
    if value.type.rank == 0:
        return value
    if permutation_of(value) == permutation:
        assert value.producer is not None
        return value.producer.operands[0]
    shape = (1,) * (len(permutation) - value.type.rank) + value.type.shape
    literal = constant_of(value)
    if literal is not None:
        return rewriter.constant(Literal(literal.array.reshape(shape).transpose(inverse(permutation)), literal.dtype))
    full = value if shape == value.type.shape else rewriter.emit(Reshape(shape), value)
    return rewriter.emit(Transpose(inverse(permutation)), full)
