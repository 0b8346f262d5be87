"""Arithmetic and memory traffic of a region: exact counts, no model of a machine."""

from __future__ import annotations

import math

from compiler.ir import Graph, Node
from compiler.ir.cook_toom import TAPS
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.pooling import Pool
from compiler.ir.ops.reduction import Reduce
from compiler.ir.ops.winograd import WinogradConv

TRANSCENDENTAL = frozenset(
    (
        *("exp", "library_exp", "log", "library_log1p", "pow", "erf", "sigmoid", "tanh", "sin", "cos", "tan"),
        *("asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh"),
    )
)
"""Names of the ops whose elements take a polynomial or more."""
TRANSCENDENTAL_FLOPS = 20
"""Multiplications or additions that an element of a transcendental function counts as."""


def region_flops(region: Graph) -> float:
    """Floating-point operations: a multiply-add counts as two."""
    return float(sum(node_flops(node) for node in region))


def region_bytes(region: Graph) -> float:
    """Bytes of all operands and results: what must move if everything else stays in registers."""
    return float(sum(value.type.bytes for value in (*region.inputs, *region.outputs)))


def padding_flops(node: Node) -> int:
    """Operations of a convolution that are products with padding. Kernels leave them out: if they counted, small images
    could exceed a machine's peak."""
    if not isinstance(node.op, Conv):
        return 0
    op, window = node.op, node.operands[1].type.shape[2:]
    image, results = node.operands[0].type.shape[2:], node.result.type.shape[2:]
    inside = math.prod(
        sum(
            0 <= at * op.strides[axis] - op.low[axis] + tap * op.dilations[axis] < image[axis]
            for at in range(results[axis])
            for tap in range(window[axis])
        )
        for axis in range(len(image))
    )
    everywhere = math.prod(window) * math.prod(results)
    return node_flops(node) * (everywhere - inside) // everywhere if everywhere else 0


def node_flops(node: Node) -> int:
    """Operations of one node."""
    elements = sum(result.type.elements for result in node.results)
    match node.op:
        case Constant():
            return 0
        case MatMul():
            return 2 * elements * node.operands[0].type.shape[-1]
        case Conv():
            return 2 * elements * math.prod(node.operands[1].type.shape[1:])
        case WinogradConv():
            # What the direct algorithm takes, so that rates compare: that a kernel does less is its merit.
            return 2 * elements * node.operands[1].type.shape[2] * TAPS**2
        case Pool():
            return elements * math.prod(node.op.window)
        case Reduce():
            return node.operands[0].type.elements
        case _ if node.regions:
            return int(sum(region_flops(region) for region in node.regions))
        case _:
            return elements * (TRANSCENDENTAL_FLOPS if node.op.name in TRANSCENDENTAL else 1)
