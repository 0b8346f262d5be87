"""Direct convolution on blocked activations: lanes are output channels, a tile of neighbouring columns is in registers.

Activations are ``[n, c / lanes, h, w, lanes]`` (layout ``{1:lanes}``, NCHW16c with AVX-512); weights are packed as
``[o / block, c / inner, kh, kw, inner, block]`` (layout ``{1:inner,0:block}``), in the order in which they are read::

    for image, span of rows or columns, block:          # shared by threads; or image, block, span
        for row, tile of columns in span:               # or tile of columns, row
            for channels in blocks, kh, kw, channel:    # of some channels, in each of several passes
                for column in tile, vector in block:    # unrolled
                    acc[column, vector] += x[channel, row * s + kh, column * s + kw] * w[block, channel, kh, kw, vector]
            y[row, tile] = epilogue(acc)                # from registers, in whole vectors

Where the processor multiplies by an element of a register, the loop over the channels of a block is written out: one
load brings them all for a column. Elsewhere some are: ``channels`` of them.

Small tiles want weights faster than the second-level cache delivers them: then channels are taken in several passes
(``conv_passes``).

Nothing is padded in memory: taps that fall outside the image are left out, rows by the bounds of the ``kh`` loop,
columns by writing out ``kw`` for the tiles that touch an edge. Where images are narrow, a tile is several whole rows,
except at the upper and lower edge. While a block's weights are used for one tile after another, those of the next
block are fetched into the second-level cache, a little with every channel. The image may also be row-major, as the
pictures that a network reads are. After Georganas et al., Anatomy of High-Performance Deep Learning Convolutions on
SIMD Architectures (SC'18).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.analytic.convolution import (
    ConvShape,
    Tile,
    Tiling,
    column_tiles,
    joined_rows,
)
from compiler.codegen.computes.interface import Index, Pointwise
from compiler.codegen.computes.positions import add, affine, unflatten
from compiler.codegen.schedules.anchors import Anchored, anchored_region
from compiler.codegen.schedules.blocks import blocked_output, reads_whole_blocks
from compiler.codegen.schedules.conv_blocked_space import ALL_TAPS, BlockedWeights, conv_space, tiles_of_iteration
from compiler.codegen.schedules.conv_passes import Passes
from compiler.codegen.schedules.merging import flatten_image
from compiler.codegen.schedules.region import RegionReader, input_sources, parameters, physical_position
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.codegen.schedules.window_rows import limited, row_taps
from compiler.codegen.tir import Array, KernelBuilder, broadcast, lanes, repeated
from compiler.ir import ROW_MAJOR, DType, Graph
from compiler.ir.ops.contraction import Conv
from compiler.targets import Target


class ConvBlocked:
    """A float32 convolution over one or two spatial axes, with a pointwise epilogue, whose result is blocked."""

    name = "conv_blocked"
    version = 5

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a convolution, with weights packed for it."""
        found = anchored_region(region, Conv, Pointwise)
        if found is None:
            return False
        x, w = (operand.type for operand in found.anchor.operands)
        vector = target.lanes(4)
        if x.dtype is not DType.F32 or x.rank not in (3, 4) or blocked_output(region, vector) is None:
            return False
        blocks = dict(w.layout.blocks)
        if [axis for axis, _ in w.layout.blocks] != [1, 0] or blocks[0] % vector:
            return False
        shape = ConvShape.of(found.anchor)
        one_chunk = shape.groups == 1 and shape.channels <= min(blocks[1], vector)
        if x.layout != ROW_MAJOR and (x.layout.blocks != ((1, vector),) or (blocks[1] != vector and not one_chunk)):
            return False
        if shape.groups > 1 and (shape.filters_per_group % blocks[0] or shape.channels_per_group % vector):
            return False
        return reads_whole_blocks(region, found.anchor.result.type.shape, vector, except_for=found.anchor)

    def space(self, region: Graph, target: Target) -> Space:
        """``tile``: output columns in registers at once; ``rows``: rows of them, where a tile is a whole row and an
        iteration all of them; ``span``: rows of an iteration, or tiles of an image in which each pixel is read once.

        ``channels``: channels that are written out in the innermost loop, at most; ``unrolls_taps``: which taps of a
        row are too where none is outside the image: none (0), all (1), or some at a time (2 to 16); ``blocks_first``:
        whether an iteration is followed by the next span for the same block of filters, not the next block;
        ``columns_first``: whether a tile of columns is computed for all rows of a span before the next one; ``fetch``:
        whether the next block's weights are asked for; ``passes``: over all tiles of an iteration, each of which takes
        its part of the channels.
        """
        return conv_space(BlockedWeights.of(_anchored(flatten_image(region)), target), target)

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loop nest of the module's docstring."""
        region = flatten_image(region)
        return _ConvKernel(region, _anchored(region), config, target, symbol).emit()


def _anchored(region: Graph) -> Anchored:
    found = anchored_region(region, Conv, Pointwise)
    assert found is not None, "emitted only where it matches"
    return found


@dataclass(frozen=True)
class Place:
    """Where a tile of the result begins, how many columns wide it is, the number of its block of filters, and its own
    among the tiles that use that block's weights in one iteration."""

    image: Index
    block: Index
    row: Index
    column: Index = 0
    columns: int = 1
    number: Index = 0

    def cell(self, number: int) -> tuple[Index, Index]:
        """The row and the column of a result of the tile."""
        row, column = divmod(number, self.columns)
        return add(self.row, row), add(self.column, column)


Runs = list[tuple[Tile, int]]
"""The tiles of a row from left to right, each with how many of its kind follow each other."""

Tap = tuple[Index, Index, Index]
"""A block of channels, and a row and a column of the window."""


class _ConvKernel:
    def __init__(self, region: Graph, found: Anchored, config: Config, target: Target, symbol: str) -> None:
        self.builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.region = region
        self.anchor = found.anchor
        weights = BlockedWeights.of(found, target)
        self.shape = s = weights.shape
        self.tile, self.span, self.rows = config["tile"], config["span"], config["rows"]
        self.channels, self.unrolls_taps = config["channels"], config["unrolls_taps"]
        self.blocks_first, self.columns_first = bool(config["blocks_first"]), bool(config["columns_first"])
        self.lanes = target.lanes(4)
        inputs, self.results = parameters(self.builder, region)
        self.reader = RegionReader(self.builder, input_sources(region, inputs))
        arrays = dict(zip(region.inputs, inputs, strict=True))
        x, w = found.anchor.operands
        (_, self.inner), (_, self.block) = w.type.layout.blocks
        self.vectors, self.blocks, self.by_element = weights.vectors, weights.blocks, weights.by_element
        self.x_layout = x.type.layout
        self.x = arrays[x].reshape(replace(x.type, shape=(s.images, s.channels, s.height, s.width)).physical_shape)
        channel_blocks = -(-s.channels_per_group // self.inner)
        self.w = arrays[w].reshape((self.blocks, channel_blocks, *s.window, self.inner, self.block))
        self.by_column = s.rows == 1 and not s.is_padded
        tiles = tiles_of_iteration(s, Tiling(self.tile, self.span, self.rows))
        self.passes = Passes(self.builder, config["passes"], tiles, self.tile * self.rows, self.block, self.lanes)
        self.share = weights.share(tiles, self.lanes) if config["fetch"] else 0
        self.line = target.cache_line_bytes // 4

    def emit(self) -> Kernel:
        s, k = self.shape, self.builder
        spans = -(-s.columns // (self.span * self.tile)) if self.by_column else -(-s.rows // self.span)
        extents = {"n": s.images, "s": spans, "o": self.blocks}
        names = "nos" if self.blocks_first else "nso"
        outer = tuple(extents[name] for name in names)
        with k.parallel(math.prod(outer)) as index:
            at = {name: k.bind(i, name) for i, name in zip(unflatten(index, outer), names, strict=True)}
            image, span, block = at["n"], at["s"], at["o"]
            for vectors in self.block_parts(block):
                with self.passes.loop():
                    self.emit_iteration(Place(image, block, 0), span, spans, vectors)
        return Kernel(k.finish(), self.passes.scratch_bytes)

    def emit_iteration(self, place: Place, span: Index, spans: int, vectors: int) -> None:
        """All tiles of one of ``spans`` spans."""
        if self.by_column and spans > 1:
            self.emit_columns(place, span, vectors)
            return
        if self.rows > 1:
            self.emit_joined_rows(place, vectors)
            return
        first = self.builder.bind(affine(span, self.span, 0), "first_row") if not self.by_column else 0
        count = limited(self.builder, self.span, self.shape.rows, first) if not self.by_column else 1
        self.emit_rows(replace(place, row=first), count, list(column_tiles(self.shape, self.tile)), vectors)

    def block_parts(self, block: Index) -> Iterator[int]:
        """The vectors of a block of filters: all of them, but for a last block of which some do not exist."""
        full, rest = divmod(-(-self.shape.filters // self.lanes), self.vectors)
        if not rest:
            yield self.vectors
        elif isinstance(block, int):
            yield rest if full == 0 else self.vectors
        else:
            with self.builder.if_(tirx.LT(block, self.builder.index(full))):
                yield self.vectors
            with self.builder.else_():
                yield rest

    def emit_rows(self, place: Place, count: Index, runs: Runs, vectors: int) -> None:
        """All tiles of ``count`` rows from the place's on; ``runs`` says how many tiles of a kind follow each other."""
        numbers = itertools.accumulate((repeats for _, repeats in runs), initial=0)
        if self.columns_first:
            for (tile, repeats), number in zip(runs, numbers, strict=False):
                with self.loop(repeats, "tile") as step, self.loop(count, "row", place.row) as row:
                    self.emit_step(replace(place, row=row), tile, step, vectors, number)
            return
        with self.loop(count, "row", place.row) as row:
            for (tile, repeats), number in zip(runs, numbers, strict=False):
                with self.loop(repeats, "tile") as step:
                    self.emit_step(replace(place, row=row), tile, step, vectors, number)

    def emit_step(self, place: Place, tile: Tile, step: Index, vectors: int, number: int) -> None:
        """The tile ``step`` steps of its width behind ``tile``, which has that number in its row."""
        column = affine(step, tile.columns, tile.first)
        self.emit_tile(replace(place, column=column), tile, vectors, add(number, step))

    @contextmanager
    def loop(self, count: Index, name: str, start: Index = 0) -> Iterator[Index]:
        """A loop of ``count`` steps from ``start`` on, or what it would run once."""
        if isinstance(count, int) and count == 1:
            yield start
            return
        with self.builder.serial(count, name, start=start) as index:
            yield index

    def emit_joined_rows(self, place: Place, vectors: int) -> None:
        """All rows, several at once where none of them touches an edge of the image."""
        tile, number = Tile.at(self.shape, 0, self.shape.columns), 0
        for first, rows, repeats in joined_rows(self.shape, self.rows):
            with self.loop(repeats, "rows") as step:
                row = self.builder.bind(affine(step, rows, first), "row")
                self.emit_tile(replace(place, row=row), tile.joined(rows), vectors, add(number, step))
            number += repeats

    def emit_columns(self, place: Place, span: Index, vectors: int) -> None:
        """The tiles of a span of an image without rows, none of which touches an edge."""
        k = self.builder
        full, rest = divmod(self.shape.columns, self.tile)
        first = self.builder.bind(affine(span, self.span, 0), "first_tile")
        count = tirx.Min(k.index(self.span), k.index(full) - self.builder.index(first))
        with k.serial(count, "tile", start=first) as number:
            tile = Tile.inner(self.shape, self.tile)
            self.emit_tile(replace(place, column=affine(number, self.tile, 0)), tile, vectors, number - first)
        if rest:
            with k.if_(tirx.EQ(self.builder.index(span), k.index(full // self.span))):
                last = replace(place, column=full * self.tile)
                self.emit_tile(last, Tile.inner(self.shape, rest), vectors, self.span - 1)

    def emit_tile(self, place: Place, tile: Tile, vectors: int, number: Index) -> None:
        """Sums and stores of one tile, number ``number`` of those that use the block's weights in this iteration."""
        if self.shape.rows > 1 and self.rows == 1:
            number = add(affine(self.row_in_span(place.row), -(-self.shape.columns // self.tile), 0), number)
        column, number = (
            self.builder.bind(index, name) for index, name in ((place.column, "column"), (number, "turn"))
        )
        place = replace(place, column=column, columns=tile.columns, number=number)
        accumulators = [self.builder.registers(f"acc{i}", DType.F32, (vectors, self.lanes)) for i in range(tile.cells)]
        with self.reader.scope():
            self.passes.begin(accumulators, number)
            self.accumulate(accumulators, place, tile)
        with self.passes.last(accumulators, number):
            self.write(accumulators, place)

    def row_in_span(self, row: Index) -> Index:
        """The number of a row among those of an iteration."""
        return row % self.span if isinstance(row, int) else tirx.truncmod(row, self.builder.index(self.span))

    def accumulate(self, accumulators: list[Array], place: Place, tile: Tile) -> None:
        k, s = self.builder, self.shape
        if not any(tile.taps):
            return
        full, rest = divmod(s.channels_per_group, self.inner)
        begin, blocks = self.passes.share(full)
        first, taps = row_taps(k, s, place.row) if tile.rows == 1 else (0, s.window[0])
        for start, count, channels in ((begin, blocks, self.inner), (full, int(rest > 0), rest)):
            if not count:
                continue
            with ExitStack() as loops:
                chunk = loops.enter_context(k.serial(count, "c", start=start)) if count > 1 else start
                kh = first if taps == 1 else loops.enter_context(k.serial(taps, "kh", start=first))
                for kw, columns in self.column_taps(tile, loops):
                    self.multiply(accumulators, place, (chunk, kh, kw), columns, channels)

    def column_taps(self, tile: Tile, loops: ExitStack) -> Iterator[tuple[Index, tuple[int, ...]]]:
        """The taps of a row, each with the results of the tile that it has an element for."""
        k, width = self.builder, self.shape.window[1]
        everywhere = tuple(range(tile.cells))
        if width > 1 and tile.is_inner and self.unrolls_taps != ALL_TAPS:
            together = self.unrolls_taps or 1
            step = loops.enter_context(k.serial(k.opaque(width // together), "kw"))
            yield from ((affine(step, together, number), everywhere) for number in range(together))
            return
        yield from ((kw, columns) for kw, columns in enumerate(tile.taps) if columns)

    def multiply(self, accumulators, place: Place, tap: Tap, columns: tuple[int, ...], channels: int) -> None:
        """One tap: the products of ``channels`` channels of a block."""
        k = self.builder
        if self.by_element:
            self.multiply_by_element(accumulators, place, tap, columns, channels)
            return
        together = math.gcd(channels, self.channels)
        with ExitStack() as loops:
            steps = channels // together
            step = loops.enter_context(k.serial(k.opaque(steps), "channel")) if steps > 1 else 0
            first = affine(step, together, 0)
            self.fetch_ahead(place, tap, first, together)
            for channel in (add(first, number) for number in range(together)):
                weights = self.weights(accumulators[0], place, tap, channel)
                for number in columns:
                    element = k.let(self.element(place, tap, channel, number), "x")
                    self.add_products(accumulators[number], broadcast(element, self.lanes), weights)

    def multiply_by_element(
        self, accumulators, place: Place, tap: Tap, columns: tuple[int, ...], channels: int
    ) -> None:
        """The same with a vector along the channels of every pixel in registers.

        Tiles that touch an edge have their taps written out one after the other; that these read the same pixels is
        hidden from LLVM, which would hold them in registers that the sums need.
        """
        k, (chunk, kh, kw) = self.builder, tap
        if isinstance(kw, int) and self.shape.window[1] > 1:
            tap = (chunk, kh, k.let(k.opaque(kw, salt=kw), "kw"))
        self.fetch_ahead(place, tap, 0, channels)
        pixels = [k.let(self.element(place, tap, self.every, number), "x") for number in columns]
        for channel in range(channels):
            weights = self.weights(accumulators[0], place, tap, channel)
            for number, pixel in zip(columns, pixels, strict=True):
                self.add_products(accumulators[number], repeated(pixel, channel, self.lanes), weights)

    def weights(self, accumulator: Array, place: Place, tap: Tap, channel: Index) -> list[Expr]:
        """Those of one channel, a vector for each of an accumulator."""
        parts = range(accumulator.shape[0])
        return [self.builder.let(self.w[place.block, *tap, channel, self.part(part)], "weights") for part in parts]

    def add_products(self, accumulator: Array, element: Expr, weights: Sequence[Expr]) -> None:
        """One element's."""
        for part, weight in enumerate(weights):
            accumulator[part, self.every] = accumulator[part, self.every] + element * weight

    @property
    def every(self) -> Index:
        return lanes(self.builder.index(0), self.lanes)

    def part(self, number: int) -> Index:
        return lanes(self.builder.index(number * self.lanes), self.lanes)

    def element(self, place: Place, tap: Tap, channel: Index, number: int) -> Expr:
        """The input element of result ``number`` of a tile for one tap and channel, or several channels of a block."""
        s = self.shape
        chunk, kh, kw = tap
        row, column = place.cell(number)
        column = add(affine(column, s.strides[1], -s.low[1]), affine(kw, s.dilations[1], 0))
        line = add(affine(row, s.strides[0], -s.low[0]), affine(kh, s.dilations[0], 0))
        if self.x_layout == ROW_MAJOR:
            source = add(add(affine(chunk, self.inner, 0), channel), self.group_start(place.block, 1))
            return self.x[place.image, source, line, column]
        # The inner block of the weights is that of the image, or all of the few channels there are.
        return self.x[place.image, add(chunk, self.group_start(place.block, self.lanes)), line, column, channel]

    def group_start(self, block: Index, unit: int) -> Index:
        """The first channel of the group that a block of filters is in, in units of ``unit`` channels."""
        s = self.shape
        if s.groups == 1:
            return 0
        return affine(block // (self.blocks // s.groups), s.channels_per_group // unit, 0)

    def fetch_ahead(self, place: Place, tap: Tap, channel: Index, channels: int) -> None:
        """Fetch a share of the next block's weights, which follow this block's in memory, with ``channels`` channels.

        Weights that are few stay in the cache anyway. Each of the tiles that use a block fetches its part of the next
        one, a little with every channel: several lines at once would take the buffers that this block's weights come
        through.
        """
        if not self.share:
            return
        chunks, kh, kw, inner, _ = self.w.shape[1:]
        turn: Index = place.number
        for index, extent in zip((*tap, channel), (chunks, kh, kw, inner), strict=True):
            turn = add(affine(turn, extent, 0), index)
        flat = self.w.reshape((self.blocks, math.prod(self.w.shape[1:])))
        for line in range(max(1, channels * self.share // self.line)):
            self.builder.prefetch(flat, (add(place.block, 1), affine(turn, self.share, line * self.line)))

    def write(self, accumulators: list[Array], place: Place) -> None:
        """Epilogue and store, column by column, a vector of filters at a time."""
        k, rank = self.builder, self.anchor.result.type.rank
        first = self.builder.bind(affine(place.block, self.block, 0), "first_filter")
        for part in range(accumulators[0].shape[0]):
            filters = lanes(k.index(part * self.lanes) + first if part else self.builder.index(first), self.lanes)
            with self.reader.scope():
                for number, accumulator in enumerate(accumulators):
                    value = k.let(accumulator[part, self.every], "sum")
                    row, column = place.cell(number)
                    where = (place.image, filters, *((row,) if rank == 4 else ()), k.index(column))
                    with self.reader.override(self.anchor.result, lambda _, value=value: value):
                        for array, output in zip(self.results, self.region.outputs, strict=True):
                            assert output.producer is not None
                            array[physical_position(where, output.type.layout)] = self.reader.at(
                                output.producer.operands[0], where
                            )
