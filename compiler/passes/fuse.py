"""Group nodes that one kernel computes into ``fused`` nodes.

Before::

    %3 = conv(%0, %1) {...} : f32[1,8,6,6] @"Conv_0"
    %4 = add(%3, %2) : f32[1,8,6,6] @"Conv_0"
    %5 = constant() {value = dense<f32[]: 0.0>} : f32[]
    %6 = maximum(%4, %5) : f32[1,8,6,6] @"Relu_1"

After::

    %3 = fused(%0, %1, %2) [
        graph "conv" (%0 "in0": f32[1,8,6,6], %1 "in1": f32[8,8,1,1], %2 "in2": f32[8,1,1]) {
          %3 = conv(%0, %1) {...} : f32[1,8,6,6] @"Conv_0"
          %4 = add(%3, %2) : f32[1,8,6,6] @"Conv_0"
          %5 = constant() {value = dense<f32[]: 0.0>} : f32[]
          %6 = maximum(%4, %5) : f32[1,8,6,6] @"Relu_1"
          return %6 "out0"
        }
      ] : f32[1,8,6,6] @"Conv_0+Relu_1"

What a kernel template may rely on, beyond the region being convex with one result:

* ``pointwise``: elementwise ops and index maps (slice, broadcast, transpose, pad, tile, gather), one result.
* named after an anchor (convolution, matmul, pool, reduction): one anchor; behind it elementwise ops of the
  shape of its result, at the same position; before a reduction elementwise ops and index maps, before a
  pool cheap elementwise ops.
* ``rows``: elementwise ops and reductions that keep their axes, all the same trailing ones, of operands of
  one shape; the result has this shape or that of the reductions.

Nothing expensive is computed twice. Reshapes, contiguous slices and concats stay outside, where a plan
makes them views; constants do too, unless they are one number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from compiler.ir.graph import Graph
from compiler.ir.ops.constant import Constant
from compiler.ir.rewriter import Rewriter
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext
from compiler.passes.fusion.grouping import Grouping
from compiler.passes.fusion.outline import is_inlined, outline


@dataclass(frozen=True)
class Fuse(Pass):
    """``max_ops`` bounds the number of ops in a group, constants not counted."""

    name = "fuse"

    max_ops: int = 32

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        position = {node: index for index, node in enumerate(graph)}
        rewriter = Rewriter(graph)
        kinds: Counter[str] = Counter()
        for group in Grouping(graph, self.max_ops).groups():
            members = sorted(group.places, key=position.__getitem__)
            inlines = any(is_inlined(node, operand) for node in members for operand in node.operands)
            if len(members) > 1 or inlines:
                outline(rewriter, members, group.kind)
                kinds[group.kind] += 1
        _erase_dead_constants(rewriter)
        return kinds


def _erase_dead_constants(rewriter: Rewriter) -> None:
    """Erase the constants that have gone into regions."""
    for node in rewriter.graph:
        if node.is_dead and isinstance(node.op, Constant):
            rewriter.erase(node)
