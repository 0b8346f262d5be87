"""Winograd's algorithm as another form of a group: its region with a ``winograd_conv``, and the weights that it reads.

Before::

    graph "conv" (%0 "in0": f32[1,64,56,56], %1 "in1": f32[64,64,3,3], %2 "in2": f32[1,64,1,1]) {
      %3 = conv(%0, %1) {strides = [1, 1], low = [1, 1], high = [1, 1], ...} : f32[1,64,56,56]
      ...

After, for 4 x 4 outputs at once::

    graph "conv" (%0 "in0": f32[1,64,56,56], %1 "in1": f32[36,64,64], %2 "in2": f32[1,64,1,1]) {
      %3 = winograd_conv(%0, %1) {outputs = 4, low = [1, 1], high = [1, 1]} : f32[1,64,56,56]
      ...

Functions of the IR alone: whether a form is worth its weights, and how things lie in memory, is for the pass that asks.
"""

from __future__ import annotations

from compiler.ir.cook_toom import TAPS
from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Node, Value
from compiler.ir.literal import Literal
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.winograd import WinogradConv, transformed_weights
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import TensorType
from compiler.passes.layouts.regions import copy_nodes


def winograd_region(region: Graph, outputs: int) -> Graph | None:
    """The region with its only convolution computed in tiles of ``outputs x outputs`` results; None if it has none that
    can be: 3x3, stride 1, not dilated, not grouped, of float32, with weights that are an input of the region and used
    for nothing else. The inputs are the same but for the weights: ``winograd_weights``, row-major."""
    convolutions = [node for node in region if isinstance(node.op, Conv)]
    if len(convolutions) != 1 or not _fits(convolutions[0], region):
        return None
    (conv,) = convolutions
    op, w = conv.op, conv.operands[1]
    assert isinstance(op, Conv)
    filters, channels = w.type.shape[:2]
    copy = Graph(region.name)
    rewriter = Rewriter(copy)
    mapping: dict[Value, Value] = {}
    for name, value in zip(region.input_names, region.inputs, strict=True):
        packed = TensorType(DType.F32, ((outputs + TAPS - 1) ** 2, filters, channels))
        mapping[value] = rewriter.input(name, packed if value is w else value.type)
    copy_nodes(rewriter, region, mapping, {conv: WinogradConv(outputs, op.low, op.high)})
    for name, output in zip(region.output_names, region.outputs, strict=True):
        rewriter.output(name, mapping[output])
    return copy


def winograd_weights(weights: Literal, outputs: int) -> Literal:
    """What ``winograd_region`` reads in the place of a convolution's ``weights``."""
    return Literal(transformed_weights(weights.array, outputs))


def _fits(conv: Node, region: Graph) -> bool:
    op, (x, w) = conv.op, conv.operands
    assert isinstance(op, Conv)
    plain = op.strides == op.dilations == (1, 1) and op.groups == 1
    apart = w in region.inputs and len(w.uses) == 1
    return plain and apart and x.type.dtype is DType.F32 and w.type.shape[2:] == (TAPS, TAPS)
