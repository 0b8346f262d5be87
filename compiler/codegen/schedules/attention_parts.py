"""Recognizing attention in a region: what is multiplied, and the row-wise function between the two products."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.codegen.computes.interface import Position
from compiler.ir import Graph, Node, Rewriter, Value
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.movement import Transpose


@dataclass(frozen=True)
class AttentionParts:
    """``mixed = weighting(scores = query key') value``, its axes permuted in the result.

    ``weighting`` is a region of its own, whose inputs are the scores and then ``others``, inputs of the whole region.
    """

    query: Value
    key: Value
    value: Value
    scores: Value
    mixed: Value
    weighting: Graph
    others: tuple[Value, ...]
    permutation: tuple[int, ...] | None

    @property
    def keys_are_rows(self) -> bool:
        """Whether the keys are ``[keys, depth]``, and not transposed."""
        node = self.scores.producer
        assert node is not None and isinstance(node.op, MatMul)
        return node.op.transpose_b

    def in_result(self, position: Position) -> Position:
        """Where the result has an element of ``mixed``."""
        return position if self.permutation is None else tuple(position[axis] for axis in self.permutation)


def attention_parts(region: Graph) -> AttentionParts | None:
    """The parts of a region of one result, or None if it is no attention."""
    products = [node for node in region if isinstance(node.op, MatMul)]
    if len(products) != 2 or len(region.outputs) != 1:
        return None
    first, second = products
    weights, value = second.operands
    if not all(_is_moved_input(v) for v in (*first.operands, value)) or _op(second).transpose_b:
        return None
    if first.result.type.shape[:-2] != second.result.type.shape[:-2]:
        return None
    permutation = _permutation(second, region.outputs[0])
    weighting = _between(region, first.result, weights)
    if weighting is None or (permutation is None and region.outputs[0] is not second.result):
        return None
    query, key = first.operands
    return AttentionParts(query, key, value, first.result, second.result, *weighting, permutation)


def _op(node: Node) -> MatMul:
    assert isinstance(node.op, MatMul)
    return node.op


def _is_moved_input(value: Value) -> bool:
    """Whether a value is an input of the region, at most transposed, with its last axis in place."""
    node = value.producer
    return node is None or (_keeps_rows(node) and node.operands[0].producer is None)


def _keeps_rows(node: Node) -> bool:
    return isinstance(node.op, Transpose) and node.op.permutation[-1] == len(node.op.permutation) - 1


def _permutation(second: Node, output: Value) -> tuple[int, ...] | None:
    """That of the transpose between the second product and the output, if there is one that keeps rows."""
    node = output.producer
    if node is None or not _keeps_rows(node) or node.operands[0] is not second.result:
        return None
    assert isinstance(node.op, Transpose)
    return node.op.permutation


def _between(region: Graph, scores: Value, weights: Value) -> tuple[Graph, tuple[Value, ...]] | None:
    """What computes ``weights`` from ``scores`` as a region, and its other operands, all inputs of ``region``."""
    weighting = Graph("rows")
    rewriter = Rewriter(weighting)
    mapping = {scores: rewriter.input("scores", scores.type)}
    others: list[Value] = []
    needed = _needed_for(weights, scores)
    for node in region:
        if node not in needed:
            continue
        if isinstance(node.op, Constant):
            mapping[node.result] = rewriter.constant(node.op.value)
            continue
        for operand in node.operands:
            if operand not in mapping:
                if operand.producer is not None:
                    return None
                mapping[operand] = rewriter.input(f"other{len(others)}", operand.type)
                others.append(operand)
        made = rewriter.node(node.op, [mapping[operand] for operand in node.operands], node.regions)
        mapping.update(zip(node.results, made.results, strict=True))
    if weights not in mapping or weights is scores:
        return None
    rewriter.output("weights", mapping[weights])
    return weighting, tuple(others)


def _needed_for(value: Value, end: Value) -> set[Node]:
    """The nodes that compute ``value`` from ``end``."""
    found: set[Node] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        node = current.producer
        if node is None or current is end or node in found:
            continue
        found.add(node)
        pending += node.operands
    return found
