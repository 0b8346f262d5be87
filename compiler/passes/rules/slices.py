"""Slice, pad, concat and gather: parts and wholes."""

from __future__ import annotations

import numpy as np

from compiler.ir.graph import Node, Value
from compiler.ir.literal import Array
from compiler.ir.ops import indexing, movement
from compiler.ir.rewriter import Rewriter
from compiler.passes.op_kinds import constant_of, has_one_use


def slice_of_all(node: Node, op: movement.Slice, rewriter: Rewriter) -> bool:
    """A slice that takes everything, in order -> the operand."""
    x = node.operands[0]
    steps_matter = any(step != 1 and size > 1 for step, size in zip(op.step, op.size, strict=True))
    if x.type != node.result.type or steps_matter:
        return False
    rewriter.replace(node, x)
    return True


def slice_of_slice(node: Node, op: movement.Slice, rewriter: Rewriter) -> bool:
    """slice(slice(x)) -> slice(x)."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, movement.Slice) or 0 in op.size:
        return False
    first = inner.op
    start = tuple(a + b * step for a, step, b in zip(first.start, first.step, op.start, strict=True))
    step = tuple(a * b for a, b in zip(first.step, op.step, strict=True))
    rewriter.replace(node, rewriter.emit(movement.Slice(start, op.size, step), inner.operands[0]))
    return True


def slice_of_concat(node: Node, op: movement.Slice, rewriter: Rewriter) -> bool:
    """slice(concat(..., x, ...)) that reads x only -> slice(x)."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, movement.Concat) or 0 in op.size:
        return False
    axis, offset = inner.op.axis, 0
    last = op.start[axis] + (op.size[axis] - 1) * op.step[axis]
    for part in inner.operands:
        end = offset + part.type.shape[axis]
        if offset <= min(op.start[axis], last) and max(op.start[axis], last) < end:
            start = (*op.start[:axis], op.start[axis] - offset, *op.start[axis + 1 :])
            rewriter.replace(node, rewriter.emit(movement.Slice(start, op.size, op.step), part))
            return True
        offset = end
    return False


def pad_by_nothing(node: Node, op: movement.Pad, rewriter: Rewriter) -> bool:
    """A pad by no element -> the operand."""
    if any((*op.low, *op.high)):
        return False
    rewriter.replace(node, node.operands[0])
    return True


def pad_of_pad(node: Node, op: movement.Pad, rewriter: Rewriter) -> bool:
    """pad(pad(x)) with one constant value -> pad(x)."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, movement.Pad) or (op.mode, inner.op.mode) != ("constant",) * 2:
        return False
    value = constant_of(node.operands[1])
    if value is None or value != constant_of(inner.operands[1]):
        return False
    low = tuple(a + b for a, b in zip(op.low, inner.op.low, strict=True))
    high = tuple(a + b for a, b in zip(op.high, inner.op.high, strict=True))
    rewriter.replace(node, rewriter.emit(movement.Pad(low, high), inner.operands[0], node.operands[1]))
    return True


def concat_of_one(node: Node, op: movement.Concat, rewriter: Rewriter) -> bool:
    """A concat whose other operands are empty -> its operand, or a concat without them."""
    parts = [part for part in node.operands if part.type.shape[op.axis] > 0] or list(node.operands[:1])
    if len(parts) == len(node.operands) > 1:
        return False
    rewriter.replace(node, parts[0] if len(parts) == 1 else rewriter.emit(op, *parts))
    return True


def concat_of_concat(node: Node, op: movement.Concat, rewriter: Rewriter) -> bool:
    """concat(concat(a, b), c) -> concat(a, b, c) along one axis, if the inner one has no other use."""
    parts: list[Value] = []
    for operand in node.operands:
        inner = operand.producer
        flat = inner is not None and inner.op == op and has_one_use(operand)
        parts += inner.operands if flat and inner is not None else (operand,)
    if len(parts) == len(node.operands):
        return False
    rewriter.replace(node, rewriter.emit(op, *parts))
    return True


def gather_by_constant(node: Node, op: indexing.Gather, rewriter: Rewriter) -> bool:
    """gather(x, evenly spaced constant indices) -> reshape(slice(x)), which a plan may turn into a view."""
    x, literal = node.operands[0], constant_of(node.operands[1])
    if literal is None or literal.array.size == 0:
        return False
    indices = indexing.wrap_indices(literal.array.reshape(-1), x.type.shape[op.axis])
    step = _spacing(indices)
    if step is None:
        return False
    rank, axis = x.type.rank, op.axis
    start = tuple(int(indices[0]) if a == axis else 0 for a in range(rank))
    size = tuple(indices.size if a == axis else d for a, d in enumerate(x.type.shape))
    steps = tuple(step if a == axis else 1 for a in range(rank))
    part = rewriter.emit(movement.Slice(start, size, steps), x)
    rewriter.replace(node, rewriter.emit(movement.Reshape(node.result.type.shape), part))
    return True


def _spacing(indices: Array) -> int | None:
    """The distance between neighbours, if it is the same everywhere and not 0."""
    if indices.size == 1:
        return 1
    distances = np.diff(indices)
    return int(distances[0]) if distances[0] != 0 and (distances == distances[0]).all() else None


RULES = (
    slice_of_all,
    slice_of_slice,
    slice_of_concat,
    pad_by_nothing,
    pad_of_pad,
    concat_of_one,
    concat_of_concat,
    gather_by_constant,
)
