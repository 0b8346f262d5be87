"""``relayout`` alone: every stored element, padding lanes included, from wherever it lies in the other layout.

Between row-major activations and blocked ones, ``[n, c, pixels]`` and ``[n, c / block, pixels, block]``, squares of
channels and pixels are turned around in registers, so that loads and stores are contiguous on both sides; the last
square of a row of pixels overlaps the one before. Any other change of layout goes element by element.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Index
from compiler.codegen.computes.positions import add, affine, clamp, unflatten, within
from compiler.codegen.schedules.loops import parallel_rows
from compiler.codegen.schedules.region import load_from, parameters
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import (
    KernelBuilder,
    arithmetic_type,
    broadcast,
    lanes,
    literal,
    select,
    storage_type,
    transposed,
)
from compiler.ir import ROW_MAJOR, Graph
from compiler.ir.ops.movement import Relayout
from compiler.targets import Target

LARGEST_BLOCK = 64
"""Channels of a block that are turned around in registers."""


class RelayoutCopy:
    """A region of one ``relayout``."""

    name = "relayout"
    version = 2

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op."""
        return [type(node.op) for node in region] == [Relayout]

    def space(self, region: Graph, target: Target) -> Space:
        """``pixels``: pixels of an iteration, where blocks of channels are made or taken apart."""
        return Space((Knob("pixels", (128, 256, 512, 1024), 512),) if Turned.of(region) else ())

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """One of the two ways of the module's docstring."""
        builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        turned = Turned.of(region)
        if turned is None:
            _copy_elements(builder, region)
        else:
            _Turn(builder, region, turned, target).emit(config["pixels"])
        return Kernel(builder.finish())


def _copy_elements(builder: KernelBuilder, region: Graph) -> None:
    """Loops over the result's physical shape."""
    (source,), (result,) = parameters(builder, region)
    (value,) = region.inputs
    load = load_from(source, value)
    type_ = region.outputs[0].type
    zero = literal(0, arithmetic_type(type_.dtype))
    *outer, inner = type_.physical_shape or (1,)
    with parallel_rows(builder, tuple(outer)) as lead, builder.serial(inner) as last:
        physical = (*lead, last)
        logical: list[Index] = list(physical[: type_.rank])
        for (axis, size), lane in zip(type_.layout.blocks, physical[type_.rank :], strict=True):
            logical[axis] = logical[axis] * size + lane
        element = load(tuple(clamp(index, size) for index, size in zip(logical, type_.shape, strict=True)))
        for index, size in zip(logical, type_.shape, strict=True):
            inside = within(index, size)
            element = element if isinstance(inside, bool) else select(inside, element, zero)
        result[physical] = element


@dataclass(frozen=True)
class Turned:
    """A relayout between row-major activations and blocks of ``block`` channels, all pixels of an image in a row."""

    images: int
    channels: int
    pixels: int
    block: int
    makes_blocks: bool

    @staticmethod
    def of(region: Graph) -> Turned | None:
        """That of a region of one ``relayout``; None for one between other layouts."""
        before, after = region.inputs[0].type, region.outputs[0].type
        blocks = (*before.layout.blocks, *after.layout.blocks)
        if len(blocks) != 1 or after.elements == 0:
            return None
        ((axis, block),) = blocks
        if axis != 1 or block & (block - 1) or not 1 < block <= LARGEST_BLOCK:
            return None
        images, channels, *image = after.shape
        return Turned(images, channels, math.prod(image), block, after.layout != ROW_MAJOR)


class _Turn:
    def __init__(self, builder: KernelBuilder, region: Graph, turned: Turned, target: Target) -> None:
        self.builder, self.turned = builder, turned
        (source,), (result,) = parameters(builder, region)
        rows, blocks = (source, result) if turned.makes_blocks else (result, source)
        self.outer = (turned.images, -(-turned.channels // turned.block))
        self.rows = rows.reshape((turned.images, turned.channels, turned.pixels))
        self.blocks = blocks.reshape((*self.outer, turned.pixels, turned.block))
        self.zero = literal(0, storage_type(source.dtype))
        self.square = min(turned.block, target.lanes(source.dtype.bytes))

    def emit(self, pixels: int) -> None:
        """Blocks of channels and chunks of pixels outside, squares inside."""
        t, k = self.turned, self.builder
        chunks = max(1, t.pixels // pixels)
        outer = (*self.outer, chunks)
        with k.parallel(math.prod(outer)) as index:
            image, block, chunk = unflatten(index, outer)
            place = (image, k.let(block, "block") if isinstance(block, Expr) else block)
            for channels in self.channels_of(block):
                if t.pixels == 1:
                    self.copy_block(place, channels)
                    continue
                for first, width in self.strips(chunk, chunks, pixels):
                    for channel in range(0, t.block, width):
                        self.turn(place, channel, channels, first, width)

    def channels_of(self, block: Index) -> Iterator[int]:
        """The channels of a block: all, but in a last one of which some do not exist."""
        full, rest = divmod(self.turned.channels, self.turned.block)
        if not rest or not full:
            yield rest or self.turned.block
            return
        assert isinstance(block, Expr), "there are several blocks"
        with self.builder.if_(tirx.LT(block, self.builder.index(full))):
            yield self.turned.block
        with self.builder.else_():
            yield rest

    def strips(self, chunk: Index, chunks: int, pixels: int) -> Iterator[tuple[Index, int]]:
        """The pixels of a chunk as ``(first, count)``, once per loop that is emitted; the last chunk takes what is
        left. Counts are powers of two, not larger than the side of a square."""
        k, total = self.builder, self.turned.pixels
        if isinstance(chunk, int):
            yield from k.strips(total, self.square, overlapping=True)
            return
        with k.if_(tirx.LT(chunk, k.index(chunks - 1))):
            for offset, width in k.strips(pixels, self.square):
                yield k.let(chunk * pixels + offset, "pixel"), width
        with k.else_():
            first = (chunks - 1) * pixels
            for offset, width in k.strips(total - first, self.square, overlapping=True):
                yield add(offset, first), width

    def turn(self, place: tuple[Index, Index], channel: int, channels: int, first: Index, side: int) -> None:
        """A square of ``side`` pixels from ``first`` on and as many channels of a block from ``channel`` on, of which
        block ``channels`` exist."""
        k, t = self.builder, self.turned
        first = k.let(first, "pixel") if isinstance(first, Expr) else first
        start = k.index(first) if isinstance(first, int) else first
        in_rows = [
            (place[0], affine(place[1], t.block, channel + i), lanes(start, side))
            for i in range(side)
            if channel + i < channels
        ]
        in_blocks = [(*place, add(start, i), lanes(k.index(channel), side)) for i in range(side)]
        if t.makes_blocks:
            columns = [k.let(self.rows.load_raw(where), "channel") for where in in_rows]
            columns += [broadcast(self.zero, side)] * (side - len(columns))
            for where, pixel in zip(in_blocks, transposed(k, columns), strict=True):
                self.blocks.store_raw(where, pixel)
        elif in_rows:
            pixels = [k.let(self.blocks.load_raw(where), "pixel") for where in in_blocks]
            for where, row in zip(in_rows, transposed(k, pixels), strict=False):
                self.rows.store_raw(where, row)

    def copy_block(self, place: tuple[Index, Index], channels: int) -> None:
        """A block of images of one pixel, whose channels lie side by side in both layouts."""
        k, t = self.builder, self.turned
        rows = self.rows.reshape((t.images, t.channels))
        for offset, width in k.strips(channels, self.square):
            there = (*place, 0, lanes(add(k.index(0), offset), width))
            here = (place[0], lanes(add(affine(place[1], t.block, 0), add(k.index(0), offset)), width))
            if t.makes_blocks:
                self.blocks.store_raw(there, rows.load_raw(here))
            else:
                rows.store_raw(here, self.blocks.load_raw(there))
        if t.makes_blocks:
            for lane in range(channels, t.block):
                self.blocks.store_raw((*place, 0, lane), self.zero)
