"""Which values a kernel that goes row by row has once per row.

A row is what a reduction over the last axes folds. Softmax and normalizations compute such reductions,
combine their results with each other, and with all elements of the row again.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.graph import Graph, Node
from compiler.ir.ops.reduction import Reduce
from compiler.ir.types import Shape
from compiler.passes.op_kinds import is_elementwise


@dataclass(frozen=True)
class RowSpace:
    """The shape that is reduced, and that of the result, whose last axes are 1."""

    full_shape: Shape
    row_shape: Shape


def row_spaces(graph: Graph) -> dict[Node, RowSpace]:
    """The row reductions, and the elementwise ops on their results, that fold rows of one shape."""
    spaces: dict[Node, RowSpace] = {}
    for node in graph:
        if is_row_reduction(node):
            spaces[node] = RowSpace(node.operands[0].type.shape, node.result.type.shape)
        elif is_elementwise(node.op):
            behind = {
                spaces[operand.producer]
                for operand in node.operands
                if operand.producer in spaces and operand.type.shape == node.result.type.shape
            }
            if len(behind) == 1:
                spaces[node] = behind.pop()
    return spaces


def is_row_reduction(node: Node) -> bool:
    """Whether a reduction keeps its axes, which are the last ones and hold more than one element."""
    if not isinstance(node.op, Reduce) or not node.op.keep or not node.op.axes:
        return False
    shape = node.operands[0].type.shape
    trailing = node.op.axes == tuple(range(len(shape) - len(node.op.axes), len(shape)))
    return trailing and node.result.type.shape != shape
