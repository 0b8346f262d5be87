"""Regions over blocked activations: channels in blocks of one vector, ``{1:lanes}``, as NCHW16c is.

The ops of a region see logical shapes, so its results are row-major until a ``relayout`` at its end says how they lie
in memory. A template that computes a whole block at once reads every operand at a vector along channels.
"""

from __future__ import annotations

from compiler.codegen.computes.interface import Pointwise
from compiler.codegen.schedules.region import compute_of
from compiler.ir import Graph, Layout, Node, Op, Shape, Value
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.movement import Relayout


def blocked_output(region: Graph, lanes: int) -> Value | None:
    """The value that the only result of a region stores in blocks of ``lanes`` channels; None for another region.

    A single channel makes no block: its position is the constant 0.
    """
    if len(region.outputs) != 1:
        return None
    (output,) = region.outputs
    producer = output.producer
    blocked = output.type.layout == Layout(((1, lanes),)) and output.type.rank >= 2 and output.type.shape[1] > 1
    if not blocked or producer is None or not isinstance(producer.op, Relayout):
        return None
    (value,) = producer.operands
    alone = sum(isinstance(node.op, Relayout) for node in region) == 1 and len(value.uses) == 1
    return value if alone else None


def around_anchor(region: Graph, ops: tuple[type[Op], ...]) -> Node | None:
    """The only node of ``ops`` if all others are pointwise, before it or behind it; else None."""
    anchors = [node for node in region if isinstance(node.op, ops)]
    others = [node for node in region if node not in anchors and not isinstance(node.op, Constant | Relayout)]
    pointwise = all(isinstance(compute_of(node), Pointwise) for node in others)
    return anchors[0] if len(anchors) == 1 and pointwise else None


def reads_whole_blocks(region: Graph, shape: Shape, lanes: int, *, except_for: Node | None = None) -> bool:
    """Whether every operand can be read at a block of channels of a result of ``shape``: it has blocks itself, or one
    channel for all, or, lying row-major, only whole blocks of neighbours. What ``except_for`` alone reads is not
    asked."""
    return all(
        reads_at_blocks(value, shape, lanes)
        for value in region.inputs
        if any(use.node is not except_for for use in value.uses)
    )


def reads_at_blocks(value: Value, shape: Shape, lanes: int) -> bool:
    """The same for one operand."""
    axis = value.type.rank - (len(shape) - 1)
    channels = value.type.shape[axis] if axis >= 0 else 1
    if channels == 1:
        return not value.type.layout.blocks
    if value.type.layout.blocks:
        return value.type.layout.blocks == ((axis, lanes),)
    return channels % lanes == 0
