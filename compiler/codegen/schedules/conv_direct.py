"""Direct convolution with packed weights: lanes are output channels, a tile of neighbouring columns is in registers.

Activations are ``[n, c, h, w]``; weights are packed as ``[o / block, c, kh, kw, block]`` (layout ``{0:block}``). For every
output row and block of channels, each tile of columns is one block of accumulators::

    for image, block, row:                      # shared by threads
        for tile of columns:
            for channel, kh:
                for kw, column in tile:         # unrolled
                    acc[column] += x[image, channel, row * s + kh, column * s + kw] * w[block, channel, kh, kw, :]
            y = epilogue(acc)

Zero padding costs nothing: rows shorten the ``kh`` loop, and columns next to the border are tiles of their own, in
which the taps that fall outside are left out when the code is generated. After Georganas et al., Anatomy of
High-Performance Deep Learning Convolutions on SIMD Architectures (SC'18).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Index, Pointwise
from compiler.codegen.computes.positions import affine, unflatten
from compiler.codegen.schedules.anchors import Anchored, anchored_region
from compiler.codegen.schedules.region import RegionReader, input_sources, parameters
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import Array, KernelBuilder, broadcast, lanes, literal
from compiler.ir import ROW_MAJOR, DType, Graph, Layout
from compiler.ir.ops.contraction import Conv
from compiler.targets import Target

MAX_UNROLLED_TAPS = 600
"""Multiply-adds that the body of a tile may spell out; wider kernels take the generic template."""


class ConvDirect:
    """A float32 convolution over one or two spatial axes with packed weights, and a pointwise epilogue."""

    name = "conv_direct"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a convolution; depthwise ones are not packed and do not match."""
        found = anchored_region(region, Conv, Pointwise)
        if found is None:
            return False
        x, w = (operand.type for operand in found.anchor.operands)
        if x.dtype is not DType.F32 or x.rank not in (3, 4) or _block_of(w.layout) is None:
            return False
        row_major = all(value.type.layout == ROW_MAJOR for value in region.outputs)
        tile = self.space(region, target).default["tile"]
        return row_major and x.layout == ROW_MAJOR and w.shape[-1] * tile <= MAX_UNROLLED_TAPS

    def space(self, region: Graph, target: Target) -> Space:
        """``tile``: output columns that are in registers at once."""
        found = anchored_region(region, Conv, Pointwise)
        assert found is not None
        block = _block_of(found.anchor.operands[1].type.layout) or target.lanes(4)
        columns = ConvShape.of(found).columns
        return Space((Knob("tile", *_tiles(columns, block, target)),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loop nest of the module's docstring."""
        found = anchored_region(region, Conv, Pointwise)
        assert found is not None
        return _ConvKernel(region, found, config["tile"], target, symbol).emit()


def _block_of(layout: Layout) -> int | None:
    """The channel block of packed weights."""
    if len(layout.blocks) == 1 and layout.blocks[0][0] == 0:
        return layout.blocks[0][1]
    return None


def _tiles(columns: int, block: int, target: Target) -> tuple[tuple[int, ...], int]:
    """Legal tiles and the default: as many accumulators as registers allow, in tiles of about equal width.

    The registers hold the accumulators, one vector of weights per accumulator row and a broadcast element.
    """
    vectors = max(1, block // target.lanes(4))
    most = max(1, (target.vector_registers - vectors - 1) // vectors)
    largest = min(most, columns)
    pieces = -(-columns // largest)
    default = -(-columns // pieces)
    return (tuple(dict.fromkeys((default, *range(largest, 0, -1)))), default)


@dataclass(frozen=True)
class ConvShape:
    """A convolution seen as two-dimensional: rows of columns. 1x1 windows that touch every element once have one row."""

    images: int
    channels: int
    height: int
    width: int
    filters: int
    rows: int
    columns: int
    window: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    low: tuple[int, int]
    groups: int

    @staticmethod
    def of(found: Anchored) -> ConvShape:
        """The shape of an anchored region's convolution."""
        op, x, w = found.anchor.op, found.anchor.operands[0].type.shape, found.anchor.operands[1].type.shape
        assert isinstance(op, Conv)
        out = found.anchor.result.type.shape
        two = (lambda values, fill: (fill, *values) if len(values) == 1 else tuple(values))
        (height, width), (rows, columns), window = two(x[2:], 1), two(out[2:], 1), two(w[2:], 1)
        strides, dilations, low = two(op.strides, 1), two(op.dilations, 1), two(op.low, 0)
        if window == (1, 1) and strides == (1, 1) and (rows, columns) == (height, width) and low == (0, 0):
            (height, width), (rows, columns) = (1, height * width), (1, rows * columns)
        return ConvShape(
            x[0], x[1], height, width, out[1], rows, columns, window, strides, dilations, low, op.groups
        )


class _ConvKernel:
    def __init__(self, region: Graph, found: Anchored, tile: int, target: Target, symbol: str) -> None:
        self.builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.region = region
        self.anchor = found.anchor
        self.shape = ConvShape.of(found)
        self.tile = tile
        inputs, self.results = parameters(self.builder, region)
        sources = input_sources(region, inputs)
        self.reader = RegionReader(self.builder, sources)
        arrays = dict(zip(region.inputs, inputs, strict=True))
        x, w = found.anchor.operands
        s = self.shape
        self.x = arrays[x].reshape((s.images, s.channels, s.height, s.width))
        self.block = w.type.layout.blocks[0][1]
        self.blocks = -(-s.filters // self.block)
        self.w = arrays[w].reshape((self.blocks, s.channels // s.groups, *s.window, self.block))
        self.out_shape = found.anchor.result.type.shape

    def emit(self) -> Kernel:
        s = self.shape
        outer = (s.images, self.blocks, s.rows)
        with self.builder.parallel(s.images * self.blocks * s.rows) as index:
            image, block, row = (self.bind(i, name) for i, name in zip(unflatten(index, outer), ("n", "o", "h"), strict=True))
            for column, count in self.column_tiles():
                self.emit_tile(image, block, row, column, count)
        return Kernel(self.builder.finish())

    def bind(self, index: Index, name: str) -> Index:
        return self.builder.let(index, name) if isinstance(index, Expr) else index

    def column_tiles(self) -> Iterator[tuple[Index, int]]:
        """Cover the row: tiles at known columns next to the borders, one loop over the tiles between them."""
        starts = list(range(0, self.shape.columns, self.tile))
        inside = [start for start in starts if self.is_inside(start)]
        if len(inside) < 2:
            inside = []
        for start in starts:
            if start not in inside:
                yield start, min(self.tile, self.shape.columns - start)
        if inside:
            with self.builder.serial(len(inside), "tile") as number:
                yield affine(number, self.tile, inside[0]), self.tile

    def is_inside(self, start: int) -> bool:
        """Whether a full tile at ``start`` reads no padding."""
        s = self.shape
        first = start * s.strides[1] - s.low[1]
        last = (start + self.tile - 1) * s.strides[1] - s.low[1] + (s.window[1] - 1) * s.dilations[1]
        return start + self.tile <= s.columns and first >= 0 and last < s.width

    def emit_tile(self, image: Index, block: Index, row: Index, column: Index, count: int) -> None:
        zero = broadcast(literal(0, "float32"), self.block)
        accumulators = [self.builder.registers(f"acc{i}", DType.F32, (self.block,)) for i in range(count)]
        every = lanes(self.builder.index(0), self.block)
        for accumulator in accumulators:
            accumulator[every] = zero
        with self.reader.scope():
            self.accumulate(accumulators, image, block, row, column)
        self.write(accumulators, image, block, row, column)

    def accumulate(self, accumulators: list[Array], image: Index, block: Index, row: Index, column: Index) -> None:
        s, k = self.shape, self.builder
        per_group = s.channels // s.groups
        group = block // (self.blocks // s.groups) if s.groups > 1 else 0
        every = lanes(k.index(0), self.block)
        with ExitStack() as loops:
            channel = loops.enter_context(k.serial(per_group, "c"))
            source = channel if s.groups == 1 else group * per_group + channel
            first, taps = self.row_taps(row)
            tap = loops.enter_context(k.serial(taps, "kh", start=first)) if s.window[0] > 1 else 0
            line = self.bind(row * s.strides[0] - s.low[0] + tap * s.dilations[0], "line")
            for kw in range(s.window[1]):
                weights = k.let(self.w[block, channel, tap, kw, every], "weights")
                for number, accumulator in enumerate(accumulators):
                    place = affine(column, s.strides[1], number * s.strides[1] + kw * s.dilations[1] - s.low[1])
                    if isinstance(place, int) and not 0 <= place < s.width:
                        continue
                    element = broadcast(self.x[image, source, line, place], self.block)
                    accumulator[every] = accumulator[every] + element * weights

    def row_taps(self, row: Index) -> tuple[Index, Index]:
        """The first row of the window that lies inside the image, and how many do."""
        s, k = self.shape, self.builder
        taps, dilation = s.window[0], s.dilations[0]
        padded_high = (s.rows - 1) * s.strides[0] - s.low[0] + (taps - 1) * dilation >= s.height
        if s.low[0] <= 0 and not padded_high:
            return 0, taps
        top = row * s.strides[0] - s.low[0]
        if isinstance(top, int):
            valid = [tap for tap in range(taps) if 0 <= top + tap * dilation < s.height]
            return (valid[0], len(valid)) if valid else (0, 0)
        zero, all_taps = k.index(0), k.index(taps)
        first = k.let(tirx.Max(zero, tirx.truncdiv((dilation - 1) - top, k.index(dilation))), "first_tap")
        end = k.let(tirx.Min(all_taps, tirx.truncdiv((s.height - 1 + dilation) - top, k.index(dilation))), "end_tap")
        return first, k.let(tirx.Max(zero, end - first), "taps")

    def write(self, accumulators: list[Array], image: Index, block: Index, row: Index, column: Index) -> None:
        """Epilogue and store, channel lanes at a time; the last block may have fewer channels than lanes."""
        rest = self.shape.filters % self.block
        if rest == 0:
            self.write_lanes(accumulators, image, block, row, column, 0, self.block)
        elif self.blocks == 1:
            self.write_pieces(accumulators, image, block, row, column, rest)
        else:
            with self.builder.if_(tirx.LT(self.expr(block), self.builder.index(self.blocks - 1))):
                self.write_lanes(accumulators, image, block, row, column, 0, self.block)
            with self.builder.else_():
                self.write_pieces(accumulators, image, block, row, column, rest)

    def expr(self, index: Index) -> Expr:
        return self.builder.index(index) if isinstance(index, int) else index

    def write_pieces(
        self, accumulators: list[Array], image: Index, block: Index, row: Index, column: Index, rest: int
    ) -> None:
        start = 0
        while start < rest:
            width = 1 << ((rest - start).bit_length() - 1)
            self.write_lanes(accumulators, image, block, row, column, start, width)
            start += width

    def write_lanes(
        self, accumulators: list[Array], image: Index, block: Index, row: Index, column: Index, start: int, width: int
    ) -> None:
        filters = lanes(self.expr(affine(block, self.block, start)), width)
        for number, accumulator in enumerate(accumulators):
            value = self.builder.let(accumulator[lanes(self.builder.index(start), width)], "sum")
            place = (image, filters, *self.spatial(row, affine(column, 1, number)))
            with self.reader.scope(), self.reader.override(self.anchor.result, lambda _, value=value: value):
                for array, output in zip(self.results, self.region.outputs, strict=True):
                    array[place] = self.reader.at(output, place)

    def spatial(self, row: Index, column: Index) -> tuple[Index, ...]:
        """The position on the result's own spatial axes."""
        axes = self.out_shape[2:]
        if len(axes) == 1:
            return (column,)
        if axes == (self.shape.rows, self.shape.columns):
            return row, column
        return unflatten(column, axes)
