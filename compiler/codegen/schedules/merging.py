"""Merging neighbouring axes of a pointwise region that all operands treat alike.

``[1,64,56,56] * [1,64,1,1]`` becomes ``[64,3136] * [64,1]``: fewer, longer loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from compiler.codegen.computes.interface import Pointwise
from compiler.codegen.schedules.region import compute_of
from compiler.ir import ROW_MAJOR, Graph, Literal, Node, Op, Rewriter, Shape, TensorType, Value
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.reduction import Reduce


def merge_axes(region: Graph) -> Graph:
    """An equivalent region of lower rank over the same memory; the region itself if nothing can be merged."""
    shape = region.outputs[0].type.shape
    values = [*region.inputs, *(result for node in region for result in node.results)]
    pointwise = all(isinstance(n.op, Constant) or isinstance(compute_of(n), Pointwise) for n in region)
    if not pointwise or any(value.type.layout != ROW_MAJOR for value in values):
        return region
    groups = _axis_groups(shape, [value.type.shape for value in values])

    def reshaped(value: Value) -> TensorType:
        full = (1,) * (len(shape) - value.type.rank) + value.type.shape
        return value.type.with_shape(tuple(math.prod(full[axis] for axis in group) for group in groups))

    return _rebuilt(region, reshaped, {})


def _axis_groups(shape: Shape, shapes: list[Shape]) -> list[list[int]]:
    """Runs of axes in which every operand either spans all axes or none; axes of size 1 join any run."""
    groups: list[list[int]] = []
    previous: tuple[bool, ...] | None = None
    for axis, size in enumerate(shape):
        from_right = len(shape) - axis
        spans = tuple(len(s) >= from_right and s[-from_right] == size for s in shapes)
        if groups and (size == 1 or previous is None or spans == previous):
            groups[-1].append(axis)
        else:
            groups.append([axis])
        if size != 1:
            previous = spans
    return groups


def merge_reduction_axes(region: Graph) -> Graph:
    """The same for a region of pointwise ops around one ``Reduce``: neighbouring axes that are reduced, or kept, and
    treated alike by all operands become one. The region itself if it is of another form."""
    anchors = [node for node in region if isinstance(node.op, Reduce)]
    others = [node for node in region if node not in anchors and not isinstance(node.op, Constant)]
    values = [*region.inputs, *(result for node in region for result in node.results)]
    pointwise = all(isinstance(compute_of(node), Pointwise) for node in others)
    if len(anchors) != 1 or not pointwise or any(value.type.layout != ROW_MAJOR for value in values):
        return region
    anchor = anchors[0]
    reduce = anchor.op
    assert isinstance(reduce, Reduce)
    domain = anchor.operands[0].type.shape
    axes = reduce.axes
    behind = _values_behind(anchor.result)
    if any(v in behind and v.type.elements > 1 for node in _nodes_before(anchor) for v in node.operands):
        return region  # a value on both sides of the reduction has two roles

    def full_shape(value: Value) -> Shape:
        shape = list(value.type.shape)
        if value in behind and not reduce.keep:
            shape = [1] * (len(domain) - len(axes) - len(shape)) + shape
            for axis in axes:
                shape.insert(axis, 1)
        return (1,) * (len(domain) - len(shape)) + tuple(shape)

    kept = tuple(1 if axis in axes else size for axis, size in enumerate(domain))
    groups = _axis_groups(domain, [kept, *(full_shape(value) for value in values)])

    def reshaped(value: Value) -> TensorType:
        full = full_shape(value)
        return value.type.with_shape(tuple(math.prod(full[axis] for axis in group) for group in groups))

    return _rebuilt(region, reshaped, {anchor: _merged_reduce(reduce, domain, groups)})


def merge_aligned_axes(region: Graph, domain: Shape, lead: int) -> Graph:
    """The same for a region whose reductions keep and span all axes from number ``lead`` on, where every value's axes
    align with those of ``domain``."""
    values = [*region.inputs, *(result for node in region for result in node.results)]
    shapes = [value.type.shape for value in values]
    groups = _axis_groups(domain[:lead], [_aligned(s, domain)[:lead] for s in shapes])
    tail = _axis_groups(domain[lead:], [_aligned(s, domain)[lead:] for s in shapes])
    groups += [[axis + lead for axis in group] for group in tail]
    first_reduced = len(groups) - len(tail)

    def reshaped(value: Value) -> TensorType:
        full = _aligned(value.type.shape, domain)
        return value.type.with_shape(tuple(math.prod(full[axis] for axis in group) for group in groups))

    axes = tuple(range(first_reduced, len(groups)))
    ops = {node: replace(node.op, axes=axes) for node in region if isinstance(node.op, Reduce)}
    return _rebuilt(region, reshaped, ops)


def _aligned(shape: Shape, domain: Shape) -> Shape:
    return (1,) * (len(domain) - len(shape)) + shape


def flatten_image(region: Graph) -> Graph:
    """The same for a convolution that reads each pixel once (1x1, stride 1): the image becomes one row.

    The region itself if the convolution is of another kind, or some operand of its epilogue spans one image axis only.
    """
    anchor = next(node for node in region if isinstance(node.op, Conv))
    op, window = anchor.op, anchor.operands[1].type.shape[2:]
    assert isinstance(op, Conv)
    result = anchor.result.type.shape
    pixelwise = window == (1, 1) and op.strides == (1, 1) and not any((*op.low, *op.high))
    images = {anchor.operands[0].type.shape[2:], result[2:], (1, 1)}
    return _flattened(region, result, images) if pixelwise else region


def flatten_pixels(region: Graph) -> Graph:
    """The same for a region of pointwise ops over images of channels: all axes behind the channels become the last."""
    shape = region.outputs[0].type.shape
    flat = len(shape) > 3 and _is_pointwise(region)
    return _flattened(region, shape, {shape[2:], (1,) * len(shape[2:])}) if flat else region


def _is_pointwise(region: Graph) -> bool:
    """Whether nothing but a ``relayout`` is more than a function of elements at one position."""
    return all(isinstance(n.op, Constant | Relayout) or isinstance(compute_of(n), Pointwise) for n in region)


def _flattened(region: Graph, result: Shape, images: set[Shape]) -> Graph:
    """The region over images of one row of pixels; itself if the image of some value is not in ``images``."""
    values = [*region.inputs, *(value for node in region for value in node.results)]
    if any(_aligned(value.type.shape, result)[2:] not in images for value in values):
        return region

    def reshaped(value: Value) -> TensorType:
        lead, image = _aligned(value.type.shape, result)[:2], _aligned(value.type.shape, result)[2:]
        shape = (*lead, *(1 for _ in image[1:]), math.prod(image))
        return replace(value.type, shape=shape[len(shape) - value.type.rank :] if value.type.rank else ())

    return _rebuilt(region, reshaped, {})


def flatten_blocks(region: Graph) -> Graph | None:
    """A region of pointwise ops over one blocked layout as one over flat memory: its ``relayout`` goes. None if some
    value has neither the result's shape nor one element."""
    (output,) = region.outputs
    constants = {node.result for node in region if isinstance(node.op, Constant)}
    values = [*region.inputs, *(result for node in region for result in node.results)]
    large = [value for value in values if value.type.elements > 1]
    alike = all(value.type.shape == output.type.shape and value not in constants for value in large)
    blocked = all(value.type.layout == output.type.layout for value in region.inputs if value in large)
    if not alike or not blocked or not _is_pointwise(region):
        return None
    size = math.prod(output.type.physical_shape)

    def reshaped(value: Value) -> TensorType:
        return value.type.with_shape((size,) if value.type.elements > 1 else ())

    return _rebuilt(region, reshaped, {node: None for node in region if isinstance(node.op, Relayout)})


def _values_behind(value: Value) -> set[Value]:
    """A value, all that depends on it, and the other operands of the nodes in between."""
    behind = {value}
    pending = [value]
    while pending:
        for user in pending.pop().users:
            new = [v for v in (*user.operands, *user.results) if v not in behind]
            behind.update(new)
            pending += [v for v in new if v in user.results]
    return behind


def _nodes_before(anchor: Node) -> list[Node]:
    """The anchor and the nodes that it depends on."""
    before: dict[Node, None] = {anchor: None}
    pending = [anchor]
    while pending:
        for operand in pending.pop().operands:
            producer = operand.producer
            if producer is not None and producer not in before:
                before[producer] = None
                pending.append(producer)
    return list(before)


def _merged_reduce(op: Reduce, domain: Shape, groups: list[list[int]]) -> Reduce:
    axes = tuple(n for n, group in enumerate(groups) if any(axis in op.axes and domain[axis] != 1 for axis in group))
    return replace(op, axes=axes, keep=True)


def _rebuilt(region: Graph, reshaped: Callable[[Value], TensorType], ops: Mapping[Node, Op | None]) -> Graph:
    """The region over reshaped inputs and constants, with some nodes' ops replaced, or left out (None)."""
    merged = Graph(region.name)
    rewriter = Rewriter(merged)
    mapping: dict[Value, Value] = {
        value: rewriter.input(name, reshaped(value))
        for name, value in zip(region.input_names, region.inputs, strict=True)
    }
    for node in region:
        if isinstance(node.op, Constant):
            array = node.op.value.array.reshape(reshaped(node.result).shape)
            mapping[node.result] = rewriter.constant(Literal(array, node.op.value.dtype))
            continue
        op = ops.get(node, node.op)
        if op is None:
            mapping[node.result] = mapping[node.operands[0]]
            continue
        made = rewriter.node(op, [mapping[operand] for operand in node.operands])
        mapping.update(zip(node.results, made.results, strict=True))
    for name, output in zip(region.output_names, region.outputs, strict=True):
        rewriter.output(name, mapping[output])
    return merged
