"""Compute equal things once: nodes with the same op, attributes and operands become one.

Before::

    %1 = exp(%0) : f32[4]
    %2 = exp(%0) : f32[4]
    %3 = add(%1, %2) : f32[4]

After::

    %1 = exp(%0) : f32[4]
    %2 = add(%1, %1) : f32[4]

Attributes are compared as text, which tells 0.0 from -0.0. Nodes with regions are left alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable
from dataclasses import dataclass

from compiler.ir.graph import Graph, Node
from compiler.ir.literal import Literal
from compiler.ir.ops.constant import Constant
from compiler.ir.printer import print_attributes
from compiler.ir.rewriter import Rewriter
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext
from compiler.passes.op_kinds import is_commutative

_SAMPLED_BYTES = 256


@dataclass(frozen=True)
class EliminateCommonSubexpressions(Pass):
    """Forward once: when a node is seen, its operands are already the representatives of their kind."""

    name = "cse"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        rewriter = Rewriter(graph)
        seen: dict[Hashable, Node] = {}
        constants = _Constants()
        before = len(graph)
        for node in graph:
            if node.regions:
                continue
            first = constants.first_equal(node) if isinstance(node.op, Constant) else seen.setdefault(_key(node), node)
            if first is not node:
                rewriter.replace(node, *first.results)
        return {"merged": before - len(graph)}


def _key(node: Node) -> Hashable:
    operands = [id(operand) for operand in node.operands]
    if is_commutative(node.op):
        operands.sort()
    return (type(node.op), print_attributes(node.op), *operands)


class _Constants:
    """Finds equal constants; the bytes of large ones are read only where a sample of them agrees."""

    def __init__(self) -> None:
        self._by_sample: dict[Hashable, list[Node]] = {}

    def first_equal(self, node: Node) -> Node:
        """The first node seen with this value, which may be ``node``."""
        literal = _literal(node)
        alike = self._by_sample.setdefault((literal.type, _sample(literal)), [])
        for other in alike:
            if _literal(other) is literal or _literal(other) == literal:
                return other
        alike.append(node)
        return node


def _literal(node: Node) -> Literal:
    assert isinstance(node.op, Constant)
    return node.op.value


def _sample(literal: Literal) -> int:
    """A checksum of bytes spread over the literal."""
    data = literal.array.reshape(-1).view("u1")
    return zlib.crc32(data[:: max(1, data.size // _SAMPLED_BYTES)].tobytes())
