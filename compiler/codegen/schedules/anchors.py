"""Recognizing regions of one anchor (a convolution, a matrix product, a pool) with an epilogue on its result."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.codegen.schedules.region import compute_of
from compiler.ir import Graph, Node, Op
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.movement import Relayout


@dataclass(frozen=True)
class Anchored:
    """A region around ``anchor``, whose operands are region inputs."""

    anchor: Node


def anchored_region(
    region: Graph, op: type[Op] | tuple[type[Op], ...], epilogue: type | tuple[type, ...]
) -> Anchored | None:
    """The anchor if the region has exactly one node of ``op``, directly on region inputs, every other node's compute is
    of kind ``epilogue`` (but a ``relayout`` at the end), and all outputs have the anchor's result shape; else None."""
    anchors = [node for node in region if isinstance(node.op, op)]
    if len(anchors) != 1:
        return None
    anchor = anchors[0]
    others = [node for node in region if node is not anchor and not isinstance(node.op, Constant | Relayout)]
    direct = all(operand.producer is None for operand in anchor.operands)
    relayouts = [node for node in region if isinstance(node.op, Relayout)]
    last = all(user is region.terminator for node in relayouts for user in node.result.users)
    follows = all(isinstance(compute_of(node), epilogue) for node in others)
    shaped = all(output.type.shape == anchor.result.type.shape for output in region.outputs)
    return Anchored(anchor) if direct and last and follows and shaped else None
