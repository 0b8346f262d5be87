"""Which nodes cost nothing at run time, because their result lies inside memory that exists already.

Owns the rules of contiguity. Knows nothing of lifetimes or buffers.
"""

from __future__ import annotations

import math

from compiler.ir import Node, Shape, Value
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.movement import Broadcast, Concat, Relayout, Reshape, Slice, Transpose


def view_offset(node: Node) -> int | None:
    """Bytes from the start of operand 0 to the result when the result is contiguous inside it, else None."""
    if not node.operands or not _row_major(*node.operands, *node.results):
        identical = isinstance(node.op, Relayout) and node.operands[0].type == node.result.type
        return 0 if identical else None
    source = node.operands[0].type
    match node.op:
        case Reshape():
            return 0
        case Transpose(permutation=permutation):
            return 0 if _keeps_order(permutation, source.shape) else None
        case Broadcast():
            return 0 if node.result.type.elements == source.elements else None
        case Slice():
            elements = _slice_offset(node.op, source.shape)
            return None if elements is None else elements * source.dtype.bytes
        case Relayout():
            return 0  # both sides are row-major
        case _:
            return None


def packed_constant(value: Value) -> Constant | None:
    """The constant that ``value`` is, possibly in another layout: it is packed when the model is built."""
    node = value.producer
    while node is not None and isinstance(node.op, Relayout):
        node = node.operands[0].producer
    return node.op if node is not None and isinstance(node.op, Constant) else None


def is_joined(node: Node) -> bool:
    """Whether the node is a concat that needs no kernel: operands are made in place, or copied."""
    return isinstance(node.op, Concat) and _row_major(*node.operands, *node.results)


def needs_kernel(node: Node) -> bool:
    """Whether the node is computed at run time by a kernel, and so has a task."""
    return (
        any(result.type.elements for result in node.results)
        and view_offset(node) is None
        and not is_joined(node)
        and not (isinstance(node.op, Constant | Relayout) and packed_constant(node.result) is not None)
    )


def _row_major(*values: Value) -> bool:
    return not any(value.type.layout.blocks for value in values)


def _keeps_order(permutation: tuple[int, ...], shape: Shape) -> bool:
    """Whether a transpose moves only axes of size 1, so that no element moves."""
    moved = [axis for axis in permutation if shape[axis] != 1]
    return moved == sorted(moved)


def _slice_offset(op: Slice, shape: Shape) -> int | None:
    """Elements before a slice whose elements are adjacent and in order; None for any other slice."""
    if any(step != 1 and size > 1 for step, size in zip(op.step, op.size, strict=True)):
        return None
    cut = [axis for axis, (size, dim) in enumerate(zip(op.size, shape, strict=True)) if size < dim]
    if not cut or 0 in op.size:
        return 0
    # Before the last axis that is cut, only single rows: [1, 1, part, all, all].
    if any(size != 1 for size in op.size[: cut[-1]]):
        return None
    return sum(start * math.prod(shape[axis + 1 :]) for axis, start in enumerate(op.start))
