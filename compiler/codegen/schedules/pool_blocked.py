"""Max and sum pools on blocked activations: lanes are channels (see ``channelwise`` for the loops)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm.ir import Expr

from compiler.codegen.analytic.convolution import ConvShape
from compiler.codegen.analytic.windows import window_shape
from compiler.codegen.computes.interface import Index, Reduction
from compiler.codegen.schedules.blocks import around_anchor, blocked_output, reads_whole_blocks
from compiler.codegen.schedules.channelwise import channelwise_kernel, window_space
from compiler.codegen.schedules.region import compute_of
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.codegen.tir import KernelBuilder
from compiler.ir import DType, Graph, Node
from compiler.ir.ops.pooling import MaxPool, SumPool
from compiler.targets import Target

ANCHORS = (MaxPool, SumPool)


class PoolBlocked:
    """A float32 pool over one or two spatial axes, with pointwise ops before and behind it, whose result is blocked.

    An average is a sum and a product with one number, or one per pixel, behind it.
    """

    name = "pool_blocked"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a pool of blocked activations."""
        anchor, vector = around_anchor(region, ANCHORS), target.lanes(4)
        result = blocked_output(region, vector)
        if anchor is None or result is None or window_shape(anchor) is None:
            return False
        shape = anchor.result.type.shape
        return (
            anchor.operands[0].type.dtype is DType.F32
            and result.type.shape == shape
            and reads_whole_blocks(region, shape, vector)
        )

    def space(self, region: Graph, target: Target) -> Space:
        """See ``window_space``."""
        return window_space(*_anchor_and_shape(region), target)

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loops of ``channelwise``, each tap folded as the op says."""
        anchor, shape = _anchor_and_shape(region)
        return channelwise_kernel(
            region, (anchor, shape), lambda builder, _: PoolFold(builder, anchor, shape), config, target, symbol
        )


def _anchor_and_shape(region: Graph) -> tuple[Node, ConvShape]:
    anchor = around_anchor(region, ANCHORS)
    shape = window_shape(anchor) if anchor else None
    assert anchor is not None and shape is not None, "emitted only where it matches"
    return anchor, shape


@dataclass(frozen=True)
class PoolFold:
    """A tap is combined with the others as the row of the pool in the computes table says."""

    builder: KernelBuilder
    anchor: Node
    shape: ConvShape

    def start(self) -> Expr:
        """The unit, which padding stands for."""
        (unit,) = self._compute.start(self.anchor.op, [self.anchor.operands[0].type])
        return unit

    def weights(self, block: Index, kh: Index) -> Sequence[None]:
        """None."""
        return [None] * self.shape.window[1]

    def step(self, old: Expr, element: Expr, weight: Expr | None) -> Expr:
        """The larger one, or the sum."""
        assert self._compute.combine is not None, "pools combine"
        (folded,) = self._compute.combine(self.builder, self.anchor.op, (old,), (element,))
        return folded

    @property
    def _compute(self) -> Reduction:
        compute = compute_of(self.anchor)
        assert isinstance(compute, Reduction)
        return compute
