"""Store constant weights the way kernels read them: output channels in blocks, innermost.

Before::

    %1 = constant() {value = ...} : f32[64,32,3,3]
    %2 = conv(%0, %1) {...}
    %3 = constant() {value = ...} : f32[256,100]
    %4 = matmul(%x, %3)

After (for vectors of 64 bytes)::

    %1 = constant() {value = ...} : f32[64,32,3,3]
    %2 = relayout(%1) {layout = layout<{0:32}>} : f32[64,32,3,3]{0:32}
    %3 = conv(%0, %2) {...}
    %4 = constant() {value = ...} : f32[100,256]
    %5 = relayout(%4) {layout = layout<{0:32}>} : f32[100,256]{0:32}
    %6 = matmul(%x, %5) {transpose_b = true}

A ``relayout`` of a constant costs nothing: it is done once, when the artifact is written. Which blocks are
good is a rule over the target's vectors; nothing is packed when the target is unknown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Node, Value
from compiler.ir.literal import Literal
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.movement import Relayout
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import ROW_MAJOR, Layout
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext, TargetCapabilities
from compiler.passes.op_kinds import constant_of

FEW_CHANNELS = 64
"""Up to here a 1x1 convolution is limited by its stores, which are contiguous when lanes are pixels."""

MANY_VECTORS = 16
"""Vectors of pixels from which on an image fills lanes well."""

SOME_VECTORS = 2
"""Vectors of pixels from which on an image fills lanes better than channels that do not fill one vector."""

SMALLEST_BLOCK = 4
"""Below this many channels side by side, vectors along channels are mostly padding."""


@dataclass(frozen=True)
class PackWeights(Pass):
    """Packs the weights of float32 convolutions (not depthwise) and matrix products."""

    name = "pack-weights"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        target = context.target
        if target is None:
            return {}
        packed = 0
        rewriter = Rewriter(graph)
        for node in graph:
            if isinstance(node.op, Conv):
                packed += _pack_conv(rewriter, node, node.op, target)
            elif isinstance(node.op, MatMul):
                packed += _pack_matmul(rewriter, node, node.op, target)
        return {"packed": packed}


def _pack_conv(rewriter: Rewriter, node: Node, op: Conv, target: TargetCapabilities) -> bool:
    weights = node.operands[1]
    filters, per_group = weights.type.shape[0], weights.type.shape[0] // op.groups
    if not _is_packable(weights) or (op.groups > 1 and weights.type.shape[1] == 1 and per_group == 1):
        return False
    block = channel_block(filters, target)
    while op.groups > 1 and per_group % block:
        block //= 2
    if block < SMALLEST_BLOCK or _prefers_pixels(node, op, block, target):
        return False
    rewriter.before(node)
    rewriter.set_operands(node, (node.operands[0], rewriter.emit(Relayout(Layout(((0, block),))), weights)))
    return True


def _prefers_pixels(node: Node, op: Conv, block: int, target: TargetCapabilities) -> bool:
    """Whether pixels make better lanes than output channels in blocks: in a 1x1 convolution of few channels over many
    pixels, or of groups whose blocks do not fill a vector."""
    _, channels, *window = node.operands[1].type.shape
    if set(window) | set(op.strides) != {1} or any((*op.low, *op.high)) or (op.groups > 1 and channels == 1):
        return False
    lanes = target.vector_bytes // 4
    vectors = math.prod(node.operands[0].type.shape[2:]) / lanes
    return vectors >= (SOME_VECTORS if block < lanes else MANY_VECTORS) and (block < lanes or channels <= FEW_CHANNELS)


def _pack_matmul(rewriter: Rewriter, node: Node, op: MatMul, target: TargetCapabilities) -> bool:
    weights = node.operands[1]
    literal = constant_of(weights)
    if literal is None or not _is_packable(weights) or weights.type.rank != 2:
        return False
    columns = literal.array if op.transpose_b else np.ascontiguousarray(literal.array.T)
    block = channel_block(columns.shape[0], target)
    rewriter.before(node)
    turned = weights if op.transpose_b else rewriter.constant(Literal(columns))
    packed = rewriter.emit(Relayout(Layout(((0, block),))), turned)
    rewriter.replace(node, rewriter.emit(MatMul(transpose_b=True), node.operands[0], packed))
    return True


def _is_packable(weights: Value) -> bool:
    plain = weights.type.layout == ROW_MAJOR and weights.type.dtype is DType.F32
    return plain and constant_of(weights) is not None and weights.type.elements > 0


def channel_block(channels: int, target: TargetCapabilities) -> int:
    """Channels per block: two vectors, unless one vector, or for few channels half of one, wastes fewer
    lanes."""
    lanes = max(target.vector_bytes // 4, SMALLEST_BLOCK)
    candidates = [2 * lanes, lanes, *(lanes // 2 for _ in range(channels <= lanes // 2))]
    return min((block for block in candidates if block >= SMALLEST_BLOCK), key=lambda b: (-(-channels // b) * b, -b))
