"""Reshape, transpose, relayout and broadcast: steps that do nothing, and pairs that are one step."""

from __future__ import annotations

import math

from compiler.ir.graph import Node, Value
from compiler.ir.op import Op
from compiler.ir.ops import movement, reduction
from compiler.ir.ops.quantization import Dequantize, Quantize
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import Shape
from compiler.passes.op_kinds import has_one_use, is_elementwise, scalar, splat_of


def no_movement(
    node: Node,
    op: movement.Reshape | movement.Transpose | movement.Broadcast | movement.Relayout,
    rewriter: Rewriter,
) -> bool:
    """A reshape or broadcast to the own shape, the identity permutation, the own layout -> the operand."""
    x = node.operands[0]
    permutes = isinstance(op, movement.Transpose) and op.permutation != tuple(range(x.type.rank))
    if x.type != node.result.type or permutes:
        return False
    rewriter.replace(node, x)
    return True


def reshape_of_reshape(node: Node, op: movement.Reshape, rewriter: Rewriter) -> bool:
    """reshape(reshape(x)) -> reshape(x)."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, movement.Reshape):
        return False
    rewriter.replace(node, rewriter.emit(op, inner.operands[0]))
    return True


def transpose_of_transpose(node: Node, op: movement.Transpose, rewriter: Rewriter) -> bool:
    """transpose(transpose(x)) -> transpose(x), by the composed permutation."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, movement.Transpose):
        return False
    composed = tuple(inner.op.permutation[axis] for axis in op.permutation)
    rewriter.replace(node, rewriter.emit(movement.Transpose(composed), inner.operands[0]))
    return True


def transpose_as_reshape(node: Node, op: movement.Transpose, rewriter: Rewriter) -> bool:
    """A transpose that only moves axes of size 1 -> a reshape, which costs nothing."""
    shape = node.operands[0].type.shape
    moved = [axis for axis in op.permutation if shape[axis] != 1]
    if moved != sorted(moved) or math.prod(shape) == 0:
        return False
    rewriter.replace(node, rewriter.emit(movement.Reshape(node.result.type.shape), node.operands[0]))
    return True


def relayout_of_relayout(node: Node, op: movement.Relayout, rewriter: Rewriter) -> bool:
    """relayout(relayout(x)) -> relayout(x)."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, movement.Relayout):
        return False
    rewriter.replace(node, rewriter.emit(op, inner.operands[0]))
    return True


def broadcast_of_broadcast(node: Node, op: movement.Broadcast, rewriter: Rewriter) -> bool:
    """broadcast(broadcast(x)) -> broadcast(x)."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, movement.Broadcast):
        return False
    rewriter.replace(node, rewriter.emit(op, inner.operands[0]))
    return True


def broadcast_as_reshape(node: Node, op: movement.Broadcast, rewriter: Rewriter) -> bool:
    """A broadcast that only adds axes of size 1 -> a reshape."""
    if node.result.type.elements != node.operands[0].type.elements:
        return False
    rewriter.replace(node, rewriter.emit(movement.Reshape(op.shape), node.operands[0]))
    return True


def move_a_splat(node: Node, op: movement.Reshape | movement.Transpose, rewriter: Rewriter) -> bool:
    """reshape(broadcast(scalar)) -> broadcast(scalar); the same for a transpose."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, movement.Broadcast) or inner.operands[0].type.rank != 0:
        return False
    rewriter.replace(node, rewriter.emit(movement.Broadcast(node.result.type.shape), inner.operands[0]))
    return True


def broadcast_into_elementwise(node: Node, op: Op, rewriter: Rewriter) -> bool:
    """add(broadcast(x), y) -> add(x, y) where y alone gives the result its shape; the same for constant
    splats."""
    if not is_elementwise(op) or len(node.operands) < 2:
        return False
    for index, operand in enumerate(node.operands):
        smaller = _unbroadcast_shape(operand)
        # The first operand of these two ops must have the shape of the result.
        if smaller is None or (index == 0 and isinstance(op, Quantize | Dequantize)):
            continue
        shapes = [smaller if i == index else other.type.shape for i, other in enumerate(node.operands)]
        if _gives_shape(node.result.type.shape, shapes):
            operands = list(node.operands)
            operands[index] = _unbroadcast(operand, rewriter)
            rewriter.set_operands(node, operands)
            return True
    return False


def _unbroadcast_shape(value: Value) -> Shape | None:
    """The shape of what was broadcast to make ``value``: () for a constant splat, None if nothing was."""
    producer = value.producer
    if producer is not None and isinstance(producer.op, movement.Broadcast):
        return producer.operands[0].type.shape
    return () if value.type.rank > 0 and splat_of(value) is not None else None


def _unbroadcast(value: Value, rewriter: Rewriter) -> Value:
    assert value.producer is not None
    if isinstance(value.producer.op, movement.Broadcast):
        return value.producer.operands[0]
    splat = splat_of(value)
    assert splat is not None
    return rewriter.constant(scalar(splat, value.type.dtype))


def _gives_shape(shape: Shape, operands: list[Shape]) -> bool:
    rank = max(map(len, operands))
    padded = [(1,) * (rank - len(operand)) + operand for operand in operands]
    # Size 0 against 1 broadcasts to 0, so the size that is not 1 is looked for, not the largest.
    return rank == len(shape) and all(
        next((size for size in sizes if size != 1), 1) == wanted
        for wanted, sizes in zip(shape, zip(*padded, strict=True), strict=True)
    )


def tile_as_broadcast(node: Node, op: movement.Tile, rewriter: Rewriter) -> bool:
    """A tile that repeats only axes of size 1 -> a broadcast (which a later rule may drop)."""
    x = node.operands[0]
    if any(size != 1 and count != 1 for size, count in zip(x.type.shape, op.repeats, strict=True)):
        return False
    rewriter.replace(node, rewriter.emit(movement.Broadcast(node.result.type.shape), x))
    return True


def reduce_nothing(node: Node, op: reduction.Reduce, rewriter: Rewriter) -> bool:
    """A reduction over axes of size 1 -> a reshape. Not for sums of floats: 0.0 + -0.0 is 0.0."""
    x = node.operands[0]
    if any(x.type.shape[axis] != 1 for axis in op.axes):
        return False
    if isinstance(op, reduction.ReduceSum) and x.type.dtype.is_float:
        return False
    rewriter.replace(node, rewriter.emit(movement.Reshape(node.result.type.shape), x))
    return True


def reshape_of_reduction(node: Node, op: movement.Reshape, rewriter: Rewriter) -> bool:
    """reshape(reduce(x)) that puts the reduced axes back as 1 -> reduce(x) that keeps them; the same
    reversed."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, reduction.Reduce) or not has_one_use(inner.result):
        return False
    other = type(inner.op)(inner.op.axes, keep=not inner.op.keep)
    x = inner.operands[0]
    if reduction.reduced_shape(x.type.shape, other.axes, other.keep) != op.shape:
        return False
    rewriter.replace(node, rewriter.emit(other, x))
    return True


RULES = (
    no_movement,
    reshape_of_reshape,
    transpose_as_reshape,
    transpose_of_transpose,
    relayout_of_relayout,
    broadcast_as_reshape,
    broadcast_of_broadcast,
    move_a_splat,
    broadcast_into_elementwise,
    tile_as_broadcast,
    reduce_nothing,
    reshape_of_reduction,
)
