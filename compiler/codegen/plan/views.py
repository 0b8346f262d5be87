"""Which nodes cost nothing at run time, because their result lies inside memory that exists already.

Owns the rules of contiguity. Knows nothing of lifetimes or buffers.
"""

from __future__ import annotations

from compiler.ir import Node, Shape, Value
from compiler.ir.contiguity import concat_rows, movement_of, same_order, slice_offset
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.movement import Broadcast, Concat, Relayout, Reshape, Slice, Transpose


def view_offset(node: Node) -> int | None:
    """Bytes from the start of operand 0 to the result when the result is contiguous inside it, else None."""
    if not node.operands:
        return None
    source, moved = node.operands[0].type, movement_of(node)
    if isinstance(moved.op, Slice) and source.layout == node.result.type.layout:
        elements = slice_offset(moved.op, source)
        return None if elements is None else elements * source.dtype.bytes
    if isinstance(node.op, Relayout):
        return 0 if same_order(source, node.result.type) else None
    if not _row_major(*node.operands, *node.results):
        return None
    match node.op:
        case Reshape():
            return 0
        case Transpose(permutation=permutation):
            return 0 if _keeps_order(permutation, source.shape) else None
        case Broadcast():
            return 0 if node.result.type.elements == source.elements else None
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
    return joined_rows(node) is not None


def joined_rows(node: Node) -> int | None:
    """In how many rows the operands of a concat that needs no kernel are made; None for any other node."""
    op = movement_of(node).op
    if not isinstance(op, Concat):
        return None
    return concat_rows(op, [operand.type for operand in node.operands], node.result.type)


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
