"""A 1x1 convolution with weights that are not packed, as a matrix product: lanes are pixels.

``w[o, c] x [n, c, pixels]`` writes its results in the order in which they lie in memory. With few channels that beats
the direct template, whose channel lanes must be turned around at the store, after few multiplications. Groups are a
batch of such products: their filters need not fill blocks of lanes.
"""

from __future__ import annotations

import math

from compiler.codegen.computes.interface import Pointwise
from compiler.codegen.schedules.anchors import anchored_region
from compiler.codegen.schedules.matmul_tiled import MatMulTiled
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.ir import ROW_MAJOR, Graph, InferenceError, Node, Rewriter, Shape, TensorType, Value
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.targets import Target


class ConvPixels:
    """A float32 convolution that reads each pixel once per filter, with a pointwise epilogue."""

    name = "conv_pixels"
    version = 4

    def __init__(self) -> None:
        self._product = MatMulTiled()

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region can be written as a matrix product that the tiled template takes."""
        product = as_product(region)
        return product is not None and self._product.matches(product, target)

    def space(self, region: Graph, target: Target) -> Space:
        """That of the matrix product."""
        return self._product.space(_product(region), target)

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The matrix product's kernel, over the convolution's memory."""
        return self._product.emit(_product(region), config, target, symbol)


def _product(region: Graph) -> Graph:
    product = as_product(region)
    assert product is not None, "emitted only where it matches"
    return product


def as_product(region: Graph) -> Graph | None:
    """The region with its convolution as a matrix product and images as rows of pixels, or None."""
    found = anchored_region(region, Conv, Pointwise)
    if found is None or not _reads_pixels(found.anchor):
        return None
    anchor = found.anchor
    assert isinstance(anchor.op, Conv)
    image, groups = anchor.operands[0].type.shape[2:], anchor.op.groups
    product = Graph(region.name)
    rewriter = Rewriter(product)
    mapping: dict[Value, Value] = {}
    for name, value in zip(region.input_names, region.inputs, strict=True):
        is_weights = value is anchor.operands[1]
        shape = _matrices(value.type.shape, groups) if is_weights else _pixels(value.type.shape, image, groups)
        if shape is None or value.type.layout != ROW_MAJOR:
            return None
        mapping[value] = rewriter.input(name, TensorType(value.type.dtype, shape))
    try:
        for node in region:
            if isinstance(node.op, Constant) and node.result.type.elements != 1:
                return None
            operands = [mapping[operand] for operand in node.operands]
            made = rewriter.emit(MatMul(), operands[1], operands[0]) if node is anchor else None
            mapping[node.result] = made or rewriter.node(node.op, operands).result
    except InferenceError:
        return None  # an epilogue operand broadcasts along one image axis only
    for name, output in zip(region.output_names, region.outputs, strict=True):
        rewriter.output(name, mapping[output])
    return product


def _reads_pixels(anchor: Node) -> bool:
    """Whether each result is a sum over the channels of one pixel, and the weights are read by nobody else."""
    op = anchor.op
    return (
        isinstance(op, Conv)
        and (op.groups == 1 or anchor.operands[1].type.shape[1] > 1)
        and set(anchor.operands[1].type.shape[2:]) == {1}
        and set(op.strides) == {1}
        and not any((*op.low, *op.high))
        and len(anchor.operands[1].uses) == 1
    )


def _matrices(weights: Shape, groups: int) -> Shape:
    """The shape of the weights as one matrix per group."""
    filters, channels = weights[:2]
    return (filters, channels) if groups == 1 else (groups, filters // groups, channels)


def _pixels(shape: Shape, image: Shape, groups: int) -> Shape | None:
    """``shape`` with the image axes joined, where it spans all of them, none of them, or ends before them, and with
    channels split into groups."""
    axes = len(image)
    if len(shape) < axes:
        return shape if math.prod(shape) == 1 else None
    lead, own = shape[: len(shape) - axes], shape[len(shape) - axes :]
    if own not in (image, (1,) * axes):
        return None
    if groups > 1 and lead:
        *batch, channels = lead
        lead = (*batch, groups, channels // groups) if channels > 1 else (*batch, 1, 1)
    return (*lead, math.prod(own))
