"""Convolutions as loops over rows and columns: their shape, their register tiles, and how they are cut for threads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from compiler.codegen.analytic.machine import far_bytes_per_cycle, near_bytes_per_cycle, streaming_cycles
from compiler.ir import Node
from compiler.ir.ops.contraction import Conv
from compiler.targets import Target

FEWEST_ITERATIONS = 16
"""Iterations of the parallel loop that let threads share a kernel evenly."""

MANY_TILES = 8
"""From this many widths of tiles on, only those are tried that differ enough (``TELLING``)."""

TELLING = 0.8
"""Widths differ enough when one is this much smaller than the next, or less."""

FEW_REGISTERS = 16
"""With no more vector registers than these, tiles are so small that they load nearly as often as they multiply."""

WIDEST_BY_ELEMENT = 12
"""Columns beyond which a tile of one vector of filters saves next to no loads, and spills."""


def two_axes(values: tuple[int, ...], fill: int) -> tuple[int, int]:
    """One or two values per spatial axis as two, with ``fill`` for the missing outer axis."""
    inner = values[-1]
    return (fill, inner) if len(values) == 1 else (values[0], inner)


@dataclass(frozen=True)
class ConvShape:
    """A convolution seen as two-dimensional: rows of columns."""

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
    def of(anchor: Node) -> ConvShape:
        """The shape of a ``conv`` node over one or two spatial axes."""
        op, x, w = anchor.op, anchor.operands[0].type.shape, anchor.operands[1].type.shape
        assert isinstance(op, Conv)
        out = anchor.result.type.shape
        (height, width), (rows, columns), window = two_axes(x[2:], 1), two_axes(out[2:], 1), two_axes(w[2:], 1)
        strides, dilations, low = two_axes(op.strides, 1), two_axes(op.dilations, 1), two_axes(op.low, 0)
        return ConvShape(x[0], x[1], height, width, out[1], rows, columns, window, strides, dilations, low, op.groups)

    @property
    def channels_per_group(self) -> int:
        """Channels that a filter reads."""
        return self.channels // self.groups

    @property
    def filters_per_group(self) -> int:
        """Filters that read one group of channels."""
        return self.filters // self.groups

    @property
    def is_padded(self) -> bool:
        """Whether some column is read outside the image."""
        return self.low[1] > 0 or self._reach - self.low[1] > self.width

    @property
    def kept(self) -> tuple[int, int]:
        """The columns of the image behind those that a negative pad crops: the first one, and how many."""
        first = max(0, -self.low[1])
        return first, self.width - first

    @property
    def padded_width(self) -> int:
        """Columns of a padded copy: all that any tap reads, and all of the image that is kept."""
        return max(self._reach, max(0, self.low[1]) + self.kept[1])

    @property
    def _reach(self) -> int:
        return (self.columns - 1) * self.strides[1] + (self.window[1] - 1) * self.dilations[1] + 1

    @property
    def image_bytes(self) -> int:
        """Bytes of one float32 image."""
        return 4 * self.channels * self.height * self.width

    def step_height(self, rows: int) -> int:
        """Input rows that ``rows`` rows of the result read."""
        return (rows - 1) * self.strides[0] + (self.window[0] - 1) * self.dilations[0] + 1

    def scratch_bytes(self, rows: int) -> int:
        """Size of a padded copy of the input of ``rows`` rows."""
        return 4 * self.channels_per_group * self.step_height(rows) * self.padded_width


def flat_shape(shape: ConvShape) -> ConvShape:
    """A convolution of single pixels as one of a single row, which is how kernels see it; any other as it is."""
    pixelwise = shape.window == shape.strides == (1, 1) and shape.low == (0, 0)
    if not pixelwise or (shape.rows, shape.columns) != (shape.height, shape.width):
        return shape
    pixels = shape.rows * shape.columns
    return replace(shape, height=1, width=pixels, rows=1, columns=pixels)


@dataclass(frozen=True)
class Tile:
    """Neighbouring columns of some rows of a result; ``taps`` says for each column of the window which of the tile's
    results, counted row by row, it has an element for."""

    first: int
    columns: int
    taps: tuple[tuple[int, ...], ...]
    rows: int = 1

    @staticmethod
    def at(shape: ConvShape, first: int, columns: int) -> Tile:
        """The tile of ``columns`` columns from ``first`` on."""
        stride, dilation, low = shape.strides[1], shape.dilations[1], shape.low[1]
        inside = [
            tuple(i for i in range(columns) if 0 <= (first + i) * stride - low + kw * dilation < shape.width)
            for kw in range(shape.window[1])
        ]
        return Tile(first, columns, tuple(inside))

    @staticmethod
    def inner(shape: ConvShape, columns: int) -> Tile:
        """A tile that touches no edge."""
        return Tile(0, columns, (tuple(range(columns)),) * shape.window[1])

    @property
    def cells(self) -> int:
        """Results of the tile."""
        return self.rows * self.columns

    @property
    def is_inner(self) -> bool:
        """Whether every tap has an element for every result."""
        return all(len(results) == self.cells for results in self.taps)

    def joined(self, rows: int) -> Tile:
        """The same columns of ``rows`` rows."""
        taps = tuple(tuple(row * self.columns + i for row in range(rows) for i in inside) for inside in self.taps)
        return replace(self, taps=taps, rows=rows)


def joined_rows(shape: ConvShape, rows: int) -> Iterator[tuple[int, int, int]]:
    """All rows of a result as (first row, rows of a tile, tiles of that kind that follow each other): single ones where
    taps fall outside the image, ``rows`` at a time between them."""
    low, stride, reach = shape.low[0], shape.strides[0], (shape.window[0] - 1) * shape.dilations[0]
    inside = [row for row in range(shape.rows) if row * stride - low >= 0 and row * stride - low + reach < shape.height]
    first, end = (inside[0], inside[-1] + 1) if inside else (shape.rows, shape.rows)
    full, rest = divmod(end - first, rows)
    yield from ((row, 1, 1) for row in range(first))
    if full:
        yield first, rows, full
    if rest:
        yield end - rest, rest, 1
    yield from ((row, 1, 1) for row in range(end, shape.rows))


def column_tiles(shape: ConvShape, width: int) -> Iterator[tuple[Tile, int]]:
    """The tiles of a row from left to right, each with how many of its kind follow each other, itself included."""
    run: Tile | None = None
    repeats = 0
    for first in range(0, shape.columns, width):
        tile = Tile.at(shape, first, min(width, shape.columns - first))
        if run is not None and run.is_inner and tile.is_inner and tile.columns == run.columns:
            repeats += 1
            continue
        if run is not None:
            yield run, repeats
        run, repeats = tile, 1
    if run is not None:
        yield run, repeats


@dataclass(frozen=True)
class Tiling:
    """``tile``: columns in registers at once; ``span``: rows (of a flat image: tiles) of one parallel iteration;
    ``rows``: rows in registers at once, where one tile is all of a row and one iteration all rows."""

    tile: int
    span: int
    rows: int = 1


def largest_tile(vectors: int, target: Target) -> int:
    """Columns that registers have room for beside ``vectors`` vectors of weights and one broadcast element; where
    elements are taken out of registers, beside a vector of elements per column and the weights of two channels, of
    which one is being loaded."""
    if target.multiplies_by_element:
        return max(1, min(WIDEST_BY_ELEMENT, (target.vector_registers - 2 * vectors - 1) // (vectors + 1)))
    return max(1, (target.vector_registers - vectors - 1) // vectors)


def default_tiling(shape: ConvShape, vectors: int, target: Target) -> Tiling:
    """Tiles of about equal width, as wide as registers allow, and spans whose input stays in the second-level cache
    while all blocks of filters use it, but enough of them for threads."""
    pieces = -(-shape.columns // min(shape.columns, largest_tile(vectors, target)))
    tile = -(-shape.columns // pieces)
    extent = pieces if shape.rows == 1 else shape.rows
    blocks = -(-shape.filters // (vectors * target.lanes(4)))
    cached = extent * target.l2_bytes // (2 * max(1, shape.image_bytes))
    shared = -(-extent * blocks * shape.images // FEWEST_ITERATIONS)
    span = max(1, min(extent, cached, shared))
    joins = 1 < shape.rows <= span and pieces == 1
    return Tiling(tile, span, min(shape.rows, largest_tile(vectors, target) // tile) if joins else 1)


@dataclass(frozen=True)
class TilingSpace:
    """The tilings worth trying: ``default``, and tiles of about equal width that keep multiply-adds busy, with spans of
    about equal length that leave as many iterations as threads need, if the default does."""

    shape: ConvShape
    vectors: int
    target: Target

    @property
    def default(self) -> Tiling:
        """That of the analytic rule."""
        return default_tiling(self.shape, self.vectors, self.target)

    @property
    def blocks(self) -> int:
        """Blocks of filters."""
        return -(-self.shape.filters // (self.vectors * self.target.lanes(4)))

    def __iter__(self) -> Iterator[Tiling]:
        """Each once, the default first."""
        default, s = self.default, self.shape
        yield default
        fewest = min(FEWEST_ITERATIONS, self.iterations(default))
        for tile in self.tiles():
            extent = -(-s.columns // tile) if s.rows == 1 else s.rows
            spans = {extent} if s.rows == 1 and s.is_padded else {default.span, *halvings(extent)}
            for span in sorted((span for span in spans if span <= extent), reverse=True):
                joins = s.rows > 1 and tile == s.columns and span == s.rows
                most = min(s.rows, largest_tile(self.vectors, self.target) // tile) if joins else 1
                for rows in range(most, 0, -1):
                    tiling = Tiling(tile, span, rows)
                    if tiling != default and self.iterations(tiling) >= fewest:
                        yield tiling

    def iterations(self, tiling: Tiling) -> int:
        """Iterations of the parallel loop."""
        s = self.shape
        extent = -(-s.columns // tiling.tile) if s.rows == 1 else s.rows
        return s.images * self.blocks * -(-extent // tiling.span)

    def tiles(self) -> list[int]:
        """Widths of tiles, falling."""
        s, target = self.shape, self.target
        fewest = -(-int(target.fma_latency * target.fma_ports) // self.vectors)
        largest = min(s.columns, largest_tile(self.vectors, target))
        even = {-(-s.columns // pieces) for pieces in range(1, s.columns + 1)}
        default = self.default.tile
        return graded((tile for tile in even if tile == default or fewest <= tile <= largest), keep=default)


def halvings(extent: int) -> list[int]:
    """``extent`` in equal pieces: one, two, four, and so on."""
    return list(dict.fromkeys(-(-extent // (1 << power)) for power in range(extent.bit_length() + 1)))


def graded(values: Iterable[int], keep: int) -> list[int]:
    """Falling values, of many those that differ enough; the largest and ``keep``, if it is a value, are among them."""
    falling = sorted(set(values), reverse=True)
    if len(falling) < MANY_TILES:
        return falling
    chosen: list[int] = []
    for value in falling:
        if not chosen or value == keep or value <= TELLING * chosen[-1]:
            chosen.append(value)
    return chosen


def multiply_adds(shape: ConvShape) -> int:
    """Multiply-adds of the direct algorithm, those of padding included."""
    results = shape.images * shape.filters * shape.rows * shape.columns
    return results * shape.channels_per_group * math.prod(shape.window)


def direct_cycles(shape: ConvShape, vectors: int, target: Target) -> float:
    """Cycles of one core for the direct algorithm over blocked images, ``vectors`` vectors of filters at a time."""
    tile = default_tiling(shape, vectors, target).tile
    full, rest = divmod(shape.columns, tile)
    filters = -(-shape.filters // target.lanes(4))
    whole, partial = divmod(filters, vectors)
    per_row = sum(
        blocks * tiles * _step_cycles(columns, width, target)
        for blocks, width in ((whole, vectors), (1, partial))
        for tiles, columns in ((full, tile), (1, rest))
        if width and columns
    )
    computing = per_row * shape.images * shape.rows * shape.channels_per_group * math.prod(shape.window)
    weights = 4 * shape.filters * shape.channels_per_group * math.prod(shape.window)
    results = 4 * shape.images * shape.filters * shape.rows * shape.columns
    fetching = weights / far_bytes_per_cycle(target)
    return max(computing, fetching) + (streaming_cycles(results, target) + min(computing, fetching)) / 4


def _step_cycles(columns: int, vectors: int, target: Target) -> float:
    """One channel and tap for a register tile: limited by multiply-adds, their latency, loads, or reading weights."""
    products = columns * vectors
    by_element = target.multiplies_by_element
    loading = ((columns / target.lanes(4) if by_element else columns) + vectors) / target.load_ports
    busiest = max(
        products / target.fma_ports,
        float(target.fma_latency),
        loading,
        vectors * target.vector_bytes / (2 * near_bytes_per_cycle(target)),
    )
    # Small tiles keep multiply-adds busy however they are cut: what tells them apart is how much they load, of which a
    # part shows.
    return busiest + loading / 4 if by_element or target.vector_registers <= FEW_REGISTERS else busiest
