"""Which movements of elements move nothing: results that lie inside their operand, or operands inside their result.

Passes ask here to know what is free, a plan to make it so. Blocked layouts are arrays of their physical shape: a slice
or a concat along a blocked axis is one along the axis of blocks, if it cuts no block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from compiler.ir.graph import Node
from compiler.ir.ops.movement import Concat, Relayout, Slice
from compiler.ir.ops.region import Fused
from compiler.ir.types import ROW_MAJOR, Shape, TensorType


def movement_of(node: Node) -> Node:
    """The slice or concat that a ``fused`` node consists of, but for the ``relayout`` that gives its result the layout
    of its operands; the node itself if it is anything else."""
    if not isinstance(node.op, Fused):
        return node
    region = node.regions[0]
    inner = [each for each in region if not isinstance(each.op, Relayout)]
    if len(inner) != 1 or not isinstance(inner[0].op, Slice | Concat) or inner[0].operands != region.inputs:
        return node
    return inner[0] if len(region.outputs) == 1 and _is_relayout_of(region.outputs[0].producer, inner[0]) else node


def _is_relayout_of(node: Node | None, inner: Node) -> bool:
    return node is not None and isinstance(node.op, Relayout) and node.operands[0] is inner.result


def slice_offset(op: Slice, source: TensorType) -> int | None:
    """Elements before a slice whose elements are adjacent and in order in memory; None for any other slice."""
    start, size = list(op.start), list(op.size)
    if any(step != 1 and count > 1 for step, count in zip(op.step, op.size, strict=True)):
        return None
    for axis, block in source.layout.blocks:
        ends_block = size[axis] % block == 0 or start[axis] + size[axis] == source.shape[axis]
        if start[axis] % block or not ends_block:
            return None
        start[axis] //= block
        size[axis] = -(-size[axis] // block)
    inner = [block for _, block in source.layout.blocks]
    return _offset((*start, *(0 for _ in inner)), (*size, *inner), source.physical_shape)


def _offset(start: Sequence[int], size: Sequence[int], shape: Shape) -> int | None:
    cut = [axis for axis, (count, dim) in enumerate(zip(size, shape, strict=True)) if count < dim]
    if not cut or 0 in size:
        return 0
    # Before the last axis that is cut, only single rows: [1, 1, part, all, all].
    if any(count != 1 for count in size[: cut[-1]]):
        return None
    return sum(first * math.prod(shape[axis + 1 :]) for axis, first in enumerate(start))


def concat_rows(op: Concat, operands: Sequence[TensorType], result: TensorType) -> int | None:
    """How many rows of the result each operand has a contiguous part of; None if operands cannot lie inside it."""
    if any(operand.layout != result.layout for operand in operands):
        return None
    block = dict(result.layout.blocks).get(op.axis, 1)
    if any(operand.shape[op.axis] % block for operand in operands[:-1]):
        return None
    return math.prod(result.physical_shape[: op.axis])


def same_order(first: TensorType, second: TensorType) -> bool:
    """Whether the elements of two types of one shape lie in memory in the same order, without padding between them."""
    if first.layout == second.layout:
        return True
    if ROW_MAJOR not in (first.layout, second.layout):
        return False
    blocks = first.layout.blocks or second.layout.blocks
    if len(blocks) != 1:
        return False
    ((axis, size),) = blocks
    return first.shape[axis] % size == 0 and all(dim == 1 for dim in first.shape[axis + 1 :])
