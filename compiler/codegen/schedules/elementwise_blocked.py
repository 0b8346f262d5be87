"""Pointwise ops, index maps and resamplings on blocked activations: lanes are channels, one pass over the result.

Where all that is read has the result's shape and layout, or is one number, memory is flat and the template for
row-major values does the rest. Else the loops go over blocks of channels and pixels::

    for image, block of channels, outer axes, chunk of the last axis:      # shared by threads
        for pixels in steps: for pixel in step: y[block, pixel] = ...      # unrolled

so that what is known per channel stays in a register, and an upsampling, a slice or a padding of the image costs no
more than its reads: no op here moves elements between channels. A resampling is read as the sum of its few taps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Index, Pointwise, Position, Reduction
from compiler.codegen.computes.positions import add, affine, position_lanes, unflatten
from compiler.codegen.schedules.blocks import blocked_output, reads_channels_at_blocks
from compiler.codegen.schedules.elementwise import Elementwise, in_place_operands, is_elementwise
from compiler.codegen.schedules.merging import flatten_blocks, flatten_pixels
from compiler.codegen.schedules.region import (
    ElementAt,
    RegionReader,
    as_result,
    compute_of,
    input_sources,
    parameters,
    physical_position,
)
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import KernelBuilder, broadcast, lanes
from compiler.ir import Graph, Node
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.resampling import Resample
from compiler.targets import Target

MOST_TAPS = 16
"""Taps of a resampling that are spelled out."""

CHUNK_PIXELS = 256
"""Pixels of one iteration of the parallel loop."""


class ElementwiseBlocked:
    """A region of pointwise ops, index maps and resamplings with one result, which is blocked."""

    name = "elementwise_blocked"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether nothing is folded or moved between channels and all operands can be read at blocks of channels."""
        result = blocked_output(region, target.lanes(4))
        return (
            result is not None
            and result.type.elements > 0
            and all(is_elementwise(node) or _is_resampling(node) for node in region)
            and all(not _needs_scalars(node) for node in region)
            and reads_channels_at_blocks(result, target.lanes(4))
        )

    def space(self, region: Graph, target: Target) -> Space:
        """``vectors``: vectors per step."""
        return Space((Knob("vectors", (1, 2, 4, 8), 4),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """One of the two ways of the module's docstring."""
        flat = flatten_blocks(region)
        if flat is not None:
            return Elementwise().emit(flat, config, target, symbol)
        return _emit_pixels(region, config["vectors"], target, symbol)


def _is_resampling(node: Node) -> bool:
    return isinstance(node.op, Resample) and node.operands[1].type.shape[1] <= MOST_TAPS


def _needs_scalars(node: Node) -> bool:
    """Whether a function of the node is called one element at a time."""
    if isinstance(node.op, Constant):
        return False
    compute = compute_of(node)
    return isinstance(compute, Pointwise) and compute.scalar_only(node.op, [o.type for o in node.operands])


def _emit_pixels(region: Graph, step: int, target: Target, symbol: str) -> Kernel:
    """The loops of the module's docstring."""
    in_place, vector = in_place_operands(region), target.lanes(4)
    region = flatten_pixels(region)
    k = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
    inputs, (array,) = parameters(k, region)
    reader = RegionReader(k, input_sources(region, inputs))
    reader.sources.update({node.result: _taps(reader, node) for node in region if isinstance(node.op, Resample)})
    value, layout = blocked_output(region, vector), region.outputs[0].type.layout
    assert value is not None, "emitted only where it matches"
    images, channels, *image = value.type.shape
    *lines, width = image or [1]
    outer = (images, -(-channels // vector), *lines, -(-width // CHUNK_PIXELS))
    with k.parallel(math.prod(outer)) as index:
        number, block, *line, chunk = unflatten(index, outer)
        first_channel = k.index(block * vector) if isinstance(block, int) else affine(block, vector, 0)
        lead = (number, lanes(first_channel, vector), *line)
        for start, count in _steps(k, width, chunk, step):
            with reader.scope():
                for pixel in range(count):
                    where = (*lead, add(start, pixel)) if image else lead
                    array[physical_position(where, layout)] = reader.at(value, where)
    return Kernel(k.finish(), in_place=in_place)


def _steps(k: KernelBuilder, width: int, chunk: Index, step: int) -> Iterator[tuple[Index, int]]:
    """The pixels of one chunk of a row as ``(first, count)``, once per loop that is emitted."""
    whole, rest = divmod(width, CHUNK_PIXELS)
    if not isinstance(chunk, int):
        first = k.let(chunk * CHUNK_PIXELS, "first")
        full = tirx.LT(chunk, k.index(whole)) if rest else None
        with k.if_(full) if full is not None else nullcontext(), k.serial(CHUNK_PIXELS // step) as number:
            yield k.let(number * step + first, "pixel"), step
        if full is None:
            return
        with k.else_():
            yield from _row_steps(k, whole * CHUNK_PIXELS, rest, step)
    else:
        yield from _row_steps(k, 0, width, step)


def _row_steps(k: KernelBuilder, first: int, width: int, step: int) -> Iterator[tuple[Index, int]]:
    """The same for pixels of known number."""
    if width >= step:
        with k.serial(width // step) as number:
            yield k.let(number * step + first, "pixel"), step
    if width % step:
        yield first + width - width % step, width % step


def _taps(reader: RegionReader, node: Node) -> ElementAt:
    """Reads the result of a resampling: the sum of its taps, spelled out."""
    compute, types = compute_of(node), [operand.type for operand in node.operands]
    assert isinstance(compute, Reduction)
    operands = [reader.operand(operand) for operand in node.operands]
    (taps,) = compute.domain(node.op, types)

    def source(position: Position) -> Expr:
        width = position_lanes(position)
        total = tuple(broadcast(start, width) for start in compute.start(node.op, types))
        for tap in range(taps):
            total = compute.step(reader.builder, node.op, operands, position, (tap,), total)
        return as_result(compute.finish(reader.builder, node.op, types, total), node.result.type.dtype)

    return source
