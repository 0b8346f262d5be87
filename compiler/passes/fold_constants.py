"""Compute at build time what does not depend on the inputs, by the reference semantics of the ops.

Before::

    %1 = shape_of(%0) : i64[4]
    %2 = constant() {value = dense<i64[]: 2>} : i64[]
    %3 = gather(%1, %2) {axis = 0} : i64[]
    return %3 "height"

After::

    %1 = constant() {value = dense<i64[]: 224>} : i64[]
    return %1 "height"

``shape_of`` needs only the type of its operand, so that chains of shape arithmetic vanish. A result with
more than ``max_elements`` elements, and more than the operands have, is computed only where weights are
needed: a broadcast scalar stays one, unless a convolution or a matmul reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Node, Value
from compiler.ir.interpreter import evaluate_node
from compiler.ir.literal import Array, Literal
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.movement import ShapeOf
from compiler.ir.ops.region import Fused
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import ROW_MAJOR
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext
from compiler.passes.op_kinds import constant_of


@dataclass(frozen=True)
class FoldConstants(Pass):
    """Forward once: when a node is seen, its constant operands are folded already."""

    name = "fold-constants"

    max_elements: int = 16384

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        rewriter = Rewriter(graph)
        weights = _values_read_as_weights(graph)
        folded = 0
        for node in graph:
            if self._is_foldable(node, weights):
                results = [
                    rewriter.before(node).constant(Literal(array, value.type.dtype))
                    for array, value in zip(_evaluate(node), node.results, strict=True)
                ]
                operands = node.operands
                rewriter.replace(node, *results)
                _erase_dead(rewriter, operands)
                folded += 1
        return {"folded": folded}

    def _is_foldable(self, node: Node, weights: set[Value]) -> bool:
        if isinstance(node.op, ShapeOf):
            return True
        if isinstance(node.op, Constant | Fused) or not all(map(constant_of, node.operands)):
            return False
        types = [value.type for value in (*node.operands, *node.results)]
        if any(type_.dtype is DType.BF16 or type_.layout != ROW_MAJOR for type_ in types):
            return False
        elements = sum(value.type.elements for value in node.results)
        known = sum(operand.type.elements for operand in node.operands)
        return elements <= max(self.max_elements, known) or any(value in weights for value in node.results)


def _evaluate(node: Node) -> list[Array]:
    if isinstance(node.op, ShapeOf):
        return [np.array(node.operands[0].type.shape, np.int64)]
    literals = [constant_of(operand) for operand in node.operands]
    return evaluate_node(node, [literal.array for literal in literals if literal is not None])


def _values_read_as_weights(graph: Graph) -> set[Value]:
    """The values that contractions read as their second operand, and those from which they are computed."""
    found: set[Value] = set()
    for node in reversed(graph):
        if isinstance(node.op, Conv | MatMul):
            found.add(node.operands[1])
        elif any(value in found for value in node.results):
            found.update(node.operands)
    return found


def _erase_dead(rewriter: Rewriter, operands: tuple[Value, ...]) -> None:
    for operand in dict.fromkeys(operands):
        if operand.producer is not None and not operand.producer.erased and operand.producer.is_dead:
            rewriter.erase(operand.producer)
