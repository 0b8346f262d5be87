"""Regions of pointwise ops and index maps: one pass over the result, no reduction.

When everything is pointwise, neighbouring axes that all operands treat alike are merged, so that most regions become a
flat loop. The innermost axis is covered by vectors; what remains is cut into chunks that threads can share. Where the
innermost axis has a few elements only (the phases of an upsampling), vectors go along the next one, a vector for each
of the few, and are interleaved when they are stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.codegen.computes.interface import IndexMap, Pointwise
from compiler.codegen.computes.positions import affine
from compiler.codegen.schedules.loops import outer_loop
from compiler.codegen.schedules.merging import merge_axes
from compiler.codegen.schedules.region import RegionReader, compute_of, input_sources, parameters, reads_vectors
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import Array, KernelBuilder, broadcast, interleaved, lane_count, lanes
from compiler.ir import ROW_MAJOR, DType, Graph, Node, Shape, Value
from compiler.ir.graph import Use
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.movement import Broadcast, Relayout, Slice, Transpose
from compiler.targets import Target

MOST_INTERLEAVED = 4
"""Vectors that are interleaved at once."""


class Elementwise:
    """Any region of pointwise ops and index maps whose results have one shape."""

    name = "elementwise"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether all nodes are pointwise or index maps and all results have one shape."""
        shapes = {output.type.shape for output in region.outputs}
        row_major = all(output.type.layout == ROW_MAJOR for output in region.outputs)
        return row_major and len(shapes) == 1 and all(is_elementwise(node) for node in region)

    def space(self, region: Graph, target: Target) -> Space:
        """``vectors``: SIMD vectors per step."""
        return Space((Knob("vectors", (1, 2, 4), 2),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """Loops over the merged result axes."""
        in_place = in_place_operands(region)
        region = merge_axes(region)
        builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        inputs, outputs = parameters(builder, region)
        shape = region.outputs[0].type.shape
        width = config["vectors"] * target.lanes(4) if reads_vectors(region.nodes) else 1
        reader = RegionReader(builder, input_sources(region, inputs))
        if takes_interleaving(region):
            store_interleaved(builder, reader, region.outputs, outputs, width)
            return Kernel(builder.finish(), in_place=in_place)
        with outer_loop(builder, shape, width) as (position, strips):
            for offset, count in strips:
                with reader.scope():
                    place = (*position, lanes(offset, count)) if shape else ()
                    values = [reader.at(output, place) for output in region.outputs]
                    for array, value in zip(outputs, values, strict=True):
                        array[place] = value
        return Kernel(builder.finish(), in_place=in_place)


def takes_interleaving(region: Graph) -> bool:
    """Whether the last axis is short, the one before is not, and all ops can be read with a vector on that one."""
    shape = region.outputs[0].type.shape
    if len(shape) < 2 or shape[-1] > MOST_INTERLEAVED or shape[-2] <= shape[-1]:
        return False
    movable = all(
        isinstance(node.op, Constant | Broadcast | Slice | Transpose) or isinstance(compute_of(node), Pointwise)
        for node in region
    )
    return movable and reads_vectors(region.nodes) and all(o.type.dtype is not DType.BOOL for o in region.outputs)


def store_interleaved(
    builder: KernelBuilder, reader: RegionReader, values: Sequence[Value], arrays: Sequence[Array], width: int
) -> None:
    """Loops over all axes but the last, whose elements are computed as a vector each along the one before."""
    *outer, inner, few = values[0].type.shape
    flat = [array.reshape((*outer, inner * few)) for array in arrays]
    with outer_loop(builder, (*outer, inner), width) as (position, strips):
        for offset, count in strips:
            with reader.scope():
                place = (*position, lanes(offset, count))
                for value, array in zip(values, flat, strict=True):
                    elements = [reader.at(value, (*place, number)) for number in range(few)]
                    vectors = [e if lane_count(e) == count else broadcast(e, count) for e in elements]
                    array[(*position, lanes(affine(offset, few, 0), count * few))] = interleaved(vectors)


def is_elementwise(node: Node) -> bool:
    """Whether a node's elements can be computed one by one from its operands'."""
    return isinstance(node.op, Constant) or isinstance(compute_of(node), Pointwise | IndexMap)


def in_place_operands(region: Graph) -> tuple[int, ...]:
    """Inputs that the single result may overwrite: of its type and read at the result's own position only."""
    if len(region.outputs) != 1:
        return ()
    result = region.outputs[0].type
    return tuple(
        index
        for index, value in enumerate(region.inputs)
        if value.type == result and all(_reads_own_position(use.node, result.shape) for use in _all_uses(value))
    )


def _all_uses(value: Value) -> Iterator[Use]:
    """The uses of a value and of everything computed from it."""
    seen: set[Value] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        for use in current.uses:
            yield use
            pending += use.node.results


def _reads_own_position(node: Node, shape: Shape) -> bool:
    if not node.results or isinstance(node.op, Relayout):  # the return, or the same elements in another order
        return True
    return isinstance(compute_of(node), Pointwise) and all(result.type.shape == shape for result in node.results)
