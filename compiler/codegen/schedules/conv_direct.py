"""Direct convolution with packed weights: lanes are output channels, a tile of neighbouring columns is in registers.

Activations are ``[n, c, h, w]``; weights are packed as ``[o / block, c, kh, kw, block]`` (layout ``{0:block}``)::

    for image, block, step of rows:             # shared by threads
        copy the input rows of the step into scratch, columns padded    (only with padding)
        for row in step, span of columns:
            for tile in span:
                for channel, kh, kw:
                    for column in tile:         # unrolled
                        acc[column] += x[channel, row * s + kh, column * s + kw] * w[block, channel, kh, kw, :]
                sums[tile] = acc
            for channel, vector of columns in span:
                y = epilogue(sums)

Padded rows shorten the ``kh`` loop. Padded columns are zeros in the scratch copy: testing for them in the inner loop
would take registers from the accumulators. After Georganas et al., Anatomy of High-Performance Deep Learning
Convolutions on SIMD Architectures (SC'18).

Spans let the epilogue, whose lanes are columns, work on whole vectors whatever the width of a tile. Without padding
they are shared by threads too: then a row may be a whole image.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.analytic.convolution import ConvShape
from compiler.codegen.computes.interface import Index, Pointwise
from compiler.codegen.computes.positions import add, affine, unflatten, within
from compiler.codegen.schedules.anchors import Anchored, anchored_region
from compiler.codegen.schedules.merging import flatten_image
from compiler.codegen.schedules.region import RegionReader, input_sources, parameters
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.schedules.window_rows import row_taps
from compiler.codegen.tir import Array, KernelBuilder, broadcast, lanes, literal, transposed
from compiler.ir import ROW_MAJOR, DType, Graph, Layout
from compiler.ir.ops.contraction import Conv
from compiler.targets import Target

ROWS_PER_STEP = (1, 2, 4)

SPAN_ELEMENTS = 4096
"""Sums that a span keeps, so that they and what the next step reads stay in the first-level cache."""


class ConvDirect:
    """A float32 convolution over one or two spatial axes with packed weights, and a pointwise epilogue."""

    name = "conv_direct"
    version = 2

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a convolution; depthwise ones are not packed and do not match."""
        found = anchored_region(region, Conv, Pointwise)
        if found is None:
            return False
        x, w = (operand.type for operand in found.anchor.operands)
        if x.dtype is not DType.F32 or x.rank not in (3, 4) or _block_of(w.layout) is None:
            return False
        row_major = all(value.type.layout == ROW_MAJOR for value in region.outputs)
        return row_major and x.layout == ROW_MAJOR

    def space(self, region: Graph, target: Target) -> Space:
        """``tile``: output columns that are in registers at once; ``rows``: rows per step."""
        found = anchored_region(flatten_image(region), Conv, Pointwise)
        assert found is not None
        block = _block_of(found.anchor.operands[1].type.layout) or target.lanes(4)
        shape = ConvShape.of(found.anchor)
        return Space((Knob("tile", *_tiles(shape.columns, block, target)), _row_knob(shape, target)))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loop nest of the module's docstring."""
        region = flatten_image(region)
        found = anchored_region(region, Conv, Pointwise)
        assert found is not None
        return _ConvKernel(region, found, config, target, symbol).emit()


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


def _row_knob(shape: ConvShape, target: Target) -> Knob:
    """Rows per step: several, so that rows are copied less often, but not so many that the copy leaves the cache."""
    fitting = [r for r in ROWS_PER_STEP if shape.scratch_bytes(r) <= target.l2_bytes // 4 and r <= shape.rows]
    return Knob("rows", ROWS_PER_STEP, max(fitting, default=1) if shape.is_padded else 1)


def _span(columns: int, tile: int, block: int, vector: int) -> int:
    """Columns per span: whole tiles, and whole vectors where that is possible."""
    most = max(1, SPAN_ELEMENTS // block)
    unit = math.lcm(tile, vector) if math.lcm(tile, vector) <= most else tile
    return columns if columns <= most else max(unit, most // unit * unit)


@dataclass(frozen=True)
class Place:
    """Where a tile or span of the result begins; ``first_row`` is that of its step."""

    image: Index
    block: Index
    group: Index
    first_row: Index
    row: Index
    column: Index


class _ConvKernel:
    def __init__(self, region: Graph, found: Anchored, config: Config, target: Target, symbol: str) -> None:
        self.builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.region = region
        self.anchor = found.anchor
        self.shape = ConvShape.of(found.anchor)
        self.tile, self.rows = config["tile"], config["rows"]
        self.vector = target.lanes(4)
        self.block = found.anchor.operands[1].type.layout.blocks[0][1]
        self.lanes = min(self.vector, self.block)
        self.span = _span(self.shape.columns, self.tile, self.block, self.vector)
        inputs, self.results = parameters(self.builder, region)
        sources = input_sources(region, inputs)
        self.reader = RegionReader(self.builder, sources)
        arrays = dict(zip(region.inputs, inputs, strict=True))
        x, w = found.anchor.operands
        s = self.shape
        self.x = arrays[x].reshape((s.images, s.channels, s.height, s.width))
        self.blocks = -(-s.filters // self.block)
        self.w = arrays[w].reshape(
            (self.blocks, s.channels // s.groups, *s.window, self.block // self.lanes, self.lanes)
        )
        self.rank = found.anchor.result.type.rank
        self.scratch_bytes = s.scratch_bytes(self.rows) if s.is_padded else 0
        if s.is_padded:
            scratch = (s.channels // s.groups, s.step_height(self.rows), s.padded_width)
            self.scratch = self.builder.pointer("scratch", DType.F32, scratch)

    def emit(self) -> Kernel:
        s, k = self.shape, self.builder
        steps, spans = -(-s.rows // self.rows), 1 if s.is_padded else -(-s.columns // self.span)
        outer = (s.images, self.blocks, steps, spans)
        with k.parallel(math.prod(outer)) as index:
            image, block, step, span = (
                self.builder.bind(i, name)
                for i, name in zip(unflatten(index, outer), ("n", "o", "h", "w"), strict=True)
            )
            first = self.builder.bind(affine(step, self.rows, 0), "first_row")
            group = self.builder.bind(block // (self.blocks // s.groups) if s.groups > 1 else 0, "group")
            if s.is_padded:
                self.copy_rows(image, group, first)
            extent = tirx.Min(k.index(self.rows), k.index(s.rows - first)) if s.rows % self.rows else self.rows
            with ExitStack() as loops:
                # One row needs no loop, whose variable would only hide that the row is known.
                row = loops.enter_context(k.serial(extent, "row", start=first)) if self.rows > 1 else first
                for column, count in self.row_spans() if spans == 1 else self.one_span(span):
                    self.emit_span(Place(image, block, group, first, row, column), count)
        return Kernel(k.finish(), self.scratch_bytes)

    def row_spans(self) -> Iterator[tuple[Index, int]]:
        """All spans of a row, by (first column, number of columns)."""
        yield from self.pieces(self.shape.columns, self.span, "span")

    def one_span(self, number: Index) -> Iterator[tuple[Index, int]]:
        """Span ``number`` of a row that has several; the last one may be narrower."""
        full, rest = divmod(self.shape.columns, self.span)
        if not rest:
            yield affine(number, self.span, 0), self.span
            return
        with self.builder.if_(tirx.LT(self.builder.index(number), self.builder.index(full))):
            yield affine(number, self.span, 0), self.span
        with self.builder.else_():
            yield full * self.span, rest

    def pieces(self, extent: int, size: int, name: str) -> Iterator[tuple[Index, int]]:
        """Cover ``extent`` by (first, count): a loop over pieces of ``size``, then what remains."""
        full, rest = divmod(extent, size)
        if full == 1:
            yield 0, size
        elif full:
            with self.builder.serial(full, name) as number:
                yield affine(number, size, 0), size
        if rest:
            yield full * size, rest

    def copy_rows(self, image: Index, group: Index, first: Index) -> None:
        """Copy the rows of a step that exist, with zeros on both sides."""
        s, k = self.shape, self.builder
        per_group = s.channels // s.groups
        top = self.builder.bind(affine(first, s.strides[0], -s.low[0]), "top")
        left, (kept, width_kept) = max(0, s.low[1]), s.kept
        right = left + width_kept
        with k.serial(per_group, "c") as channel, k.serial(s.step_height(self.rows), "line") as line:
            source = k.let(line + top, "source")
            inside = within(source, s.height)
            assert isinstance(inside, Expr)
            with k.if_(inside):
                for start, size in ((0, left), (right, s.padded_width - right)):
                    for offset, width in k.strips(size, self.vector):
                        place = lanes(self.builder.index(affine(offset, 1, start)), width)
                        self.scratch[channel, line, place] = broadcast(literal(0, "float32"), width)
                for offset, width in k.strips(width_kept, self.vector):
                    columns = lanes(self.builder.index(affine(offset, 1, kept)), width)
                    element = self.x[image, group * per_group + channel, source, columns]
                    self.scratch[channel, line, lanes(self.builder.index(affine(offset, 1, left)), width)] = element

    def emit_span(self, place: Place, columns: int) -> None:
        # Tiles are stored in whole vectors, beyond their last column too, which the next tile overwrites.
        sums = self.builder.registers("sums", DType.F32, (self.block, columns + self.lanes))
        for first, count in self.pieces(columns, self.tile, "tile"):
            shape = (self.block // self.lanes, self.lanes)
            accumulators = [self.builder.registers(f"acc{i}", DType.F32, shape) for i in range(count)]
            with self.reader.scope():
                self.accumulate(accumulators, replace(place, column=add(place.column, first)))
            self.keep(accumulators, first, sums)
        self.write(place, columns, sums)

    def accumulate(self, accumulators: list[Array], place: Place) -> None:
        """The sums of a tile: for each column the channels of a block, as vectors."""
        s, k = self.shape, self.builder
        every = lanes(k.index(0), self.lanes)
        parts = range(self.block // self.lanes)
        for accumulator, part in itertools.product(accumulators, parts):
            accumulator[part, every] = broadcast(literal(0, "float32"), self.lanes)
        with ExitStack() as loops:
            channel = loops.enter_context(k.serial(s.channels // s.groups, "c"))
            first, taps = row_taps(self.builder, self.shape, place.row)
            kh = first if taps == 1 else loops.enter_context(k.serial(taps, "kh", start=first))
            kw = loops.enter_context(k.serial(k.opaque(s.window[1]), "kw")) if s.window[1] > 1 else 0
            weights = [k.let(self.w[place.block, channel, kh, kw, part, every], "weights") for part in parts]
            for number, accumulator in enumerate(accumulators):
                element = broadcast(self.element(place, channel, kh, kw, number), self.lanes)
                for part in parts:
                    accumulator[part, every] = accumulator[part, every] + element * weights[part]

    def keep(self, accumulators: list[Array], first: Index, sums: Array) -> None:
        """Store the sums of a tile, whose first column is number ``first`` of the span, by channel."""
        k, count = self.builder, self.lanes
        every = lanes(k.index(0), count)
        zero = broadcast(literal(0, "float32"), count)
        for start, part in itertools.product(range(0, len(accumulators), count), range(self.block // count)):
            columns = [accumulator[part, every] for accumulator in accumulators[start : start + count]]
            columns += [zero] * ((1 << (len(columns) - 1).bit_length()) - len(columns))
            place = lanes(self.builder.index(affine(first, 1, start)), len(columns))
            for number, row in enumerate(transposed(k, columns)):
                sums[part * count + number, place] = row

    def element(self, place: Place, channel: Index, kh: Index, kw: Index, number: int) -> Expr:
        """The input element of column ``number`` of a tile for one tap."""
        s = self.shape
        column = add(affine(place.column, s.strides[1], number * s.strides[1]), affine(kw, s.dilations[1], 0))
        if s.is_padded:
            line = add(affine(place.row - place.first_row, s.strides[0], 0), affine(kh, s.dilations[0], 0))
            return self.scratch[channel, line, column]
        line = add(affine(place.row, s.strides[0], -s.low[0]), affine(kh, s.dilations[0], 0))
        source = add(affine(place.group, s.channels // s.groups, 0), channel)
        return self.x[place.image, source, line, affine(column, 1, -s.low[1])]

    def write(self, place: Place, columns: int, sums: Array) -> None:
        """Epilogue and store, one channel's columns at a time: neighbours in memory, which channels are not."""
        k = self.builder
        first = self.builder.bind(affine(place.block, self.block, 0), "first_filter")
        with k.serial(self.filters_from(first), "lane") as lane:
            for offset, width in k.strips(columns, self.vector, overlapping=True):
                value = k.let(sums[lane, lanes(self.builder.index(offset), width)], "sum")
                place_columns = lanes(self.builder.index(add(place.column, offset)), width)
                where = (place.image, lane + first, *((place.row,) if self.rank == 4 else ()), place_columns)
                with self.reader.scope(), self.reader.override(self.anchor.result, lambda _, value=value: value):
                    for array, output in zip(self.results, self.region.outputs, strict=True):
                        array[where] = self.reader.at(output, where)

    def filters_from(self, first: Index) -> Index:
        """How many of a block's channels exist: the last block may be partial."""
        filters = self.shape.filters
        if filters % self.block == 0:
            return self.block
        if isinstance(first, int):
            return min(self.block, filters - first)
        return tirx.Min(self.builder.index(self.block), filters - first)
