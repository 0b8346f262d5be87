"""Regions over blocked activations: channels in blocks of one vector, ``{1:lanes}``, as NCHW16c is.

The ops of a region see logical shapes, so its results are row-major until a ``relayout`` at its end says how they lie
in memory. A template that computes a whole block at once reads every operand at a vector along channels.
"""

from __future__ import annotations

from compiler.codegen.computes.interface import Pointwise
from compiler.codegen.computes.movement import runs_of_axes
from compiler.codegen.schedules.region import compute_of
from compiler.ir import Graph, Layout, Node, Op, Shape, Value
from compiler.ir.ops import movement
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.resampling import Resample


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


def reads_channels_at_blocks(result: Value, lanes: int, *, up_to: Node | None = None) -> bool:
    """Whether every region input that ``result`` depends on can be read at a block of channels of ``result``, through
    pointwise ops, index maps and resamplings that do not move elements between channels. What ``up_to`` reads is not
    asked."""
    pending: list[tuple[Value, int]] = [(result, 1)]
    seen: set[tuple[Value, int]] = set()
    while pending:
        value, axis = pending.pop()
        if (value, axis) in seen:
            continue
        seen.add((value, axis))
        node = value.producer
        if node is None:
            if not _reads_axis_at_blocks(value, axis, lanes):
                return False
        elif node is not up_to and not isinstance(node.op, Constant):
            axes = _channel_axes(node, axis, lanes)
            if axes is None:
                return False
            pending += zip(node.operands, axes, strict=True)
    return True


def _channel_axes(node: Node, axis: int, lanes: int) -> list[int] | None:
    """On which axis of each operand the channels of axis ``axis`` of the result are, negative for an operand that is
    read at one place for all channels; None where elements move between channels."""
    op, shapes = node.op, [operand.type.shape for operand in node.operands]
    none = [-1] * (len(shapes) - 1)
    if axis < 0:
        return [-1, *none]
    match op:
        case movement.Slice():
            return [axis] if op.step[axis] == 1 and op.start[axis] % lanes == 0 else None
        case movement.Pad():
            return [axis, *none] if op.low[axis] == op.high[axis] == 0 else None
        case movement.Tile():
            return [axis] if op.repeats[axis] == 1 else None
        case movement.Transpose():
            return [op.permutation[axis]]
        case movement.Concat():
            return [axis] * len(shapes) if axis != op.axis else None
        case movement.Reshape():
            return _reshaped_axis(shapes[0], node.result.type.shape, axis)
        case Gather():
            behind = op.axis + len(shapes[1])
            source = axis if axis < op.axis else axis - len(shapes[1]) + 1
            return [source, -1] if not op.axis <= axis < behind else None
        case Resample():
            return [axis, *none] if axis != op.axis else None
        case _ if isinstance(op, movement.Broadcast) or isinstance(compute_of(node), Pointwise):
            from_right = node.result.type.rank - axis
            return [max(len(shape) - from_right, -1) for shape in shapes]
        case _:
            return None


def _reshaped_axis(before: Shape, after: Shape, axis: int) -> list[int] | None:
    """The axis of ``before`` whose elements are those of one axis of ``after``, in their order."""
    for source, result in runs_of_axes(before, after):
        if result.start <= axis < result.stop:
            alone = result.stop - result.start == source.stop - source.start == 1
            return [source.start] if alone else None
    return None


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
    return _reads_axis_at_blocks(value, value.type.rank - (len(shape) - 1), lanes)


def _reads_axis_at_blocks(value: Value, axis: int, lanes: int) -> bool:
    """Whether a value can be read at a block along ``axis``; a negative one stands for one place for all."""
    size = value.type.shape[axis] if axis >= 0 else 1
    if size == 1:
        return not value.type.layout.blocks
    if value.type.layout.blocks:
        return value.type.layout.blocks == ((axis, lanes),)
    return size % lanes == 0
