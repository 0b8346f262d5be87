"""Compute a web in another order of axes."""

from __future__ import annotations

from compiler.ir.graph import Value
from compiler.ir.literal import Literal
from compiler.ir.ops.movement import Reshape, Transpose
from compiler.ir.rewriter import Rewriter
from compiler.passes.movement.web import Permutation, Web, inverse, permutation_of
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
            back = rewriter.before(node).emit(Transpose(permutation), new[node.result])
            rewriter.replace(node, back)
        else:
            rewriter.erase(node)
    return True


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
        return rewriter.constant(
            Literal(literal.array.reshape(shape).transpose(inverse(permutation)), literal.dtype)
        )
    full = value if shape == value.type.shape else rewriter.emit(Reshape(shape), value)
    return rewriter.emit(Transpose(inverse(permutation)), full)
