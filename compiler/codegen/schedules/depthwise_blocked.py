"""Depthwise convolution on blocked activations: lanes are channels (see ``channelwise`` for the loops).

Weights are packed as ``[c / lanes, 1, kh, kw, lanes]`` (layout ``{0:lanes}``). A row of a window's weights is loaded
once per tile and row of the window, and then serves all columns of the tile from registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm.ir import Expr

from compiler.codegen.analytic.convolution import ConvShape
from compiler.codegen.analytic.windows import window_shape
from compiler.codegen.computes.interface import Index, Pointwise
from compiler.codegen.schedules.anchors import anchored_region
from compiler.codegen.schedules.blocks import blocked_output, reads_whole_blocks
from compiler.codegen.schedules.channelwise import channelwise_kernel, window_space
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.codegen.tir import Array, KernelBuilder, lanes, literal
from compiler.ir import DType, Graph, Layout, Node
from compiler.ir.ops.contraction import Conv
from compiler.targets import Target


class DepthwiseBlocked:
    """A float32 convolution of one filter per channel, with a pointwise epilogue, whose result is blocked."""

    name = "depthwise_blocked"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a convolution of blocked activations."""
        found = anchored_region(region, Conv, Pointwise)
        vector = target.lanes(4)
        if found is None or blocked_output(region, vector) is None or window_shape(found.anchor) is None:
            return False
        x, w = (operand.type for operand in found.anchor.operands)
        blocked = x.layout == Layout(((1, vector),)) and w.layout == Layout(((0, vector),))
        whole = reads_whole_blocks(region, found.anchor.result.type.shape, vector, except_for=found.anchor)
        return x.dtype is DType.F32 and blocked and whole

    def space(self, region: Graph, target: Target) -> Space:
        """See ``window_space``."""
        return window_space(*_anchor_and_shape(region), target)

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loops of ``channelwise``, each tap a product."""
        anchor, shape = _anchor_and_shape(region)

        def fold(builder: KernelBuilder, inputs: Sequence[Array]) -> WeightedSum:
            weights = inputs[region.inputs.index(anchor.operands[1])]
            return WeightedSum(builder, shape, weights.reshape((weights.shape[0], *shape.window, target.lanes(4))))

        return channelwise_kernel(region, (anchor, shape), fold, config, target, symbol)


def _anchor_and_shape(region: Graph) -> tuple[Node, ConvShape]:
    found = anchored_region(region, Conv, Pointwise)
    shape = window_shape(found.anchor) if found else None
    assert found is not None and shape is not None, "emitted only where it matches"
    return found.anchor, shape


@dataclass(frozen=True)
class WeightedSum:
    """A tap adds the product with its weight, an element of ``array[block, kh, kw, lane]``."""

    builder: KernelBuilder
    shape: ConvShape
    array: Array

    def start(self) -> Expr:
        """Zero."""
        return literal(0, "float32")

    def weights(self, block: Index, kh: Index) -> list[Expr]:
        """A row of the window, one vector of channels per tap."""
        every = lanes(self.builder.index(0), self.array.shape[-1])
        return [self.builder.let(self.array[block, kh, kw, every], "weight") for kw in range(self.shape.window[1])]

    def step(self, old: Expr, element: Expr, weight: Expr | None) -> Expr:
        """A multiply-add."""
        assert weight is not None, "every tap has a weight"
        return old + element * weight
