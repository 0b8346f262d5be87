"""Move the members of a group into the region of one ``fused`` node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from compiler.ir.graph import Graph, Node, Value
from compiler.ir.ops.movement import Pad
from compiler.ir.ops.region import Fused
from compiler.ir.rewriter import Rewriter
from compiler.passes.op_kinds import constant_of, is_elementwise

_NAMED_ORIGINS = 4


def outline(rewriter: Rewriter, members: Sequence[Node], kind: str) -> Node:
    """Replace ``members``, in execution order, the last of which alone is used outside, by one ``fused``
    node.

    The operands of the new node are the values that members read from outside, in order of first use.
    Constants that ``is_inlined`` accepts are copied into the region. ``kind`` names the region.
    """
    region = Graph(kind)
    inner = Rewriter(region)
    mapping: dict[Value, Value] = {}
    arguments: list[Value] = []
    for node in members:
        for operand in node.operands:
            if operand in mapping:
                continue
            literal = constant_of(operand)
            if literal is not None and is_inlined(node, operand):
                mapping[operand] = inner.constant(literal)
            else:
                mapping[operand] = inner.input(f"in{len(arguments)}", operand.type)
                arguments.append(operand)
        copy = inner.node(node.op, [mapping[operand] for operand in node.operands], origin=node.origin)
        mapping[node.result] = copy.result
    root = members[-1]
    inner.output("out0", mapping[root.result])
    fused = rewriter.before(root).node(Fused(), arguments, (region,), joined_origin(members))
    rewriter.replace(root, fused.result)
    for node in reversed(members[:-1]):
        rewriter.erase(node)
    return fused


def is_inlined(user: Node, operand: Value) -> bool:
    """Whether ``operand`` is a small constant with one value for all elements, which ``user`` can have as a
    literal.

    Others stay operands: a bias in the region would make a task, and a kernel, of every layer of a model.
    """
    literal = constant_of(operand)
    is_literal = literal is not None and literal.is_inline and literal.splat is not None
    return is_literal and (is_elementwise(user.op) or isinstance(user.op, Pad))


def joined_origin(members: Iterable[Node]) -> str:
    """The names of the source model's nodes, such as ``Conv_3+Relu_4``; of many, the first ones and the
    last."""
    names = list(dict.fromkeys(node.origin for node in members if node.origin))
    if len(names) > _NAMED_ORIGINS:
        names = [*names[: _NAMED_ORIGINS - 1], f"({len(names) - _NAMED_ORIGINS} more)", names[-1]]
    return "+".join(names)
