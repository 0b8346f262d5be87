"""Padding by a reduction's own unit becomes the padding of the window op that follows.

Before::

    %2 = constant() {value = dense<f32[]: 0.0>} : f32[]
    %3 = pad(%0, %2) {low = [0, 0, 1, 1], high = [0, 0, 1, 1]} : f32[1,3,10,10]
    %4 = conv(%3, %1) {strides = [1, 1], low = [0, 0], high = [0, 0], dilations = [1, 1]} : f32[1,8,8,8]

After::

    %2 = conv(%0, %1) {strides = [1, 1], low = [1, 1], high = [1, 1], dilations = [1, 1]} : f32[1,8,8,8]

Zero folds into ``conv`` and ``sum_pool``, the lowest value of the type into ``max_pool``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from compiler.ir.graph import Graph, Node
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.movement import Pad
from compiler.ir.ops.pooling import MaxPool, SumPool
from compiler.ir.ops.reduction import lowest
from compiler.ir.rewriter import Rewriter
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext
from compiler.passes.op_kinds import splat_of
from compiler.passes.patterns import RuleSet


def pad_into_window(node: Node, op: Conv | MaxPool | SumPool, rewriter: Rewriter) -> bool:
    """conv(pad(x)) -> conv(x) with larger ``low`` and ``high``, if only spatial axes are padded."""
    pad = node.operands[0].producer
    if pad is None or not isinstance(pad.op, Pad) or pad.op.mode != "constant":
        return False
    x = pad.operands[0]
    unit = lowest(x.type.dtype) if isinstance(op, MaxPool) else 0
    if any((*pad.op.low[:2], *pad.op.high[:2])) or splat_of(pad.operands[1]) != unit:
        return False
    low = tuple(a + b for a, b in zip(op.low, pad.op.low[2:], strict=True))
    high = tuple(a + b for a, b in zip(op.high, pad.op.high[2:], strict=True))
    wider = dataclasses.replace(op, low=low, high=high)
    rewriter.replace(node, rewriter.emit(wider, x, *node.operands[1:]))
    return True


RULES = RuleSet((pad_into_window,))


@dataclass(frozen=True)
class FoldPad(Pass):
    """Applies the one rule until it does not apply."""

    name = "fold-pad"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        return RULES.apply(graph)
