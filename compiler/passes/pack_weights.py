"""Store the constant operands of matrix products the way kernels read them: columns in blocks, innermost.

Before::

    %1 = constant() {value = ...} : f32[256,100]
    %2 = matmul(%0, %1)

After (for vectors of 64 bytes)::

    %1 = constant() {value = ...} : f32[100,256]
    %2 = relayout(%1) {layout = layout<{0:32}>} : f32[100,256]{0:32}
    %3 = matmul(%0, %2) {transpose_b = true}

The weights of convolutions are packed by ``choose-layouts``, together with what they are applied to. A ``relayout`` of
a constant costs nothing: it is done once, when the artifact is written. Which blocks are good is a rule over the
target's vectors; nothing is packed when the target is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Node, Value
from compiler.ir.literal import Literal
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.movement import Relayout
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import ROW_MAJOR, Layout
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext, TargetCapabilities
from compiler.passes.op_kinds import constant_of

SMALLEST_BLOCK = 4
"""Below this many channels side by side, vectors along channels are mostly padding."""


@dataclass(frozen=True)
class PackWeights(Pass):
    """Packs the weights of float32 matrix products."""

    name = "pack-weights"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        target = context.target
        if target is None:
            return {}
        packed = 0
        rewriter = Rewriter(graph)
        for node in graph:
            if isinstance(node.op, MatMul):
                packed += _pack_matmul(rewriter, node, node.op, target)
        return {"packed": packed}


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
