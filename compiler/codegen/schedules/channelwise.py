"""Window ops on blocked activations whose channels do not mix: lanes are channels, a tile of columns is in registers.

The loops that depthwise convolutions and pools share; what a tap does to a result is the template's::

    for image, block of channels, span of rows:                     # shared by threads
        for row in span, tile of columns:
            for kh inside the image:
                for column of the image that the tile reads:        # unrolled, each is loaded once
                    for kw, result that reads it: acc[result] = fold(acc[result], column, kw)
            y[row, tile] = epilogue(acc)

Nothing is padded in memory: rows outside the image are left out by the bounds of the ``kh`` loop, columns by the tiles
that touch an edge, which are spelled out on their own. A pool whose windows overlap has an accumulator for each column
of the image instead, folds the rows of the window into these, and then the columns of each window.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from tvm.ir import Expr

from compiler.codegen.analytic.convolution import ConvShape, Tile, column_tiles
from compiler.codegen.analytic.windows import folds_rows_first, window_tiling
from compiler.codegen.computes.interface import Index, Position
from compiler.codegen.computes.positions import add, affine, unflatten
from compiler.codegen.schedules.blocks import blocked_output
from compiler.codegen.schedules.region import RegionReader, input_sources, parameters
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.schedules.window_rows import limited, row_taps
from compiler.codegen.tir import Array, KernelBuilder, broadcast, lanes
from compiler.ir import DType, Graph, Node, Shape, Value
from compiler.targets import Target


class Fold(Protocol):
    """What one kind of window op does with its taps; every expression is a vector along a block of channels."""

    def start(self) -> Expr:
        """The result of no taps, one lane of it."""
        ...

    def weights(self, block: Index, kh: Index) -> Sequence[Expr | None]:
        """What ``step`` wants to know of each tap of a row of the window, bound to variables."""
        ...

    def step(self, old: Expr, element: Expr, weight: Expr | None) -> Expr:
        """The result with one tap more."""
        ...


Readers = dict[int, list[tuple[int, int]]]
"""For columns of the image, counted from where a tile begins: the accumulators that read them, and with which tap."""


@dataclass(frozen=True)
class Row:
    """A row of results of one block of channels."""

    image: Index
    block: Index
    number: Index


def result_shape(shape: ConvShape, vector: int) -> Shape:
    """The shape of a blocked result seen as two-dimensional: images, blocks, rows, columns, lanes."""
    return (shape.images, -(-shape.channels // vector), shape.rows, shape.columns, vector)


def window_space(anchor: Node, shape: ConvShape, target: Target) -> Space:
    """``tile``: columns of results in registers at once; ``span``: rows of an iteration."""
    tiling = window_tiling(shape, target, rows_first=folds_rows_first(anchor))
    most = min(shape.columns, target.vector_registers - 4)
    tiles = tuple(dict.fromkeys((tiling.tile, *range(most, 0, -1))))
    spans = tuple(dict.fromkeys((tiling.span, *(1 << power for power in range(shape.rows.bit_length())))))
    return Space((Knob("tile", tiles, tiling.tile), Knob("span", spans, tiling.span)))


@dataclass
class ChannelwiseLoops:
    """Emits the loops of the module's docstring for ``anchor`` and what follows it up to ``result``, which goes to
    ``array[image, block, row, column, lane]``, a vector of lanes at a time."""

    builder: KernelBuilder
    reader: RegionReader
    anchor: Node
    shape: ConvShape
    fold: Fold
    result: Value
    array: Array
    vector: int

    def emit(self, tile: int, span: int) -> None:
        """All of it, the parallel loop included."""
        s, k = self.shape, self.builder
        runs = list(column_tiles(s, tile))
        spans = -(-s.rows // span)
        outer = (s.images, -(-s.channels // self.vector), spans)
        with k.parallel(math.prod(outer)) as index:
            image, block, number = (
                self.builder.bind(i, n) for i, n in zip(unflatten(index, outer), "nbs", strict=True)
            )
            first = self.builder.bind(affine(number, span, 0), "first_row")
            count = limited(self.builder, span, s.rows, first)
            with ExitStack() as loops:
                row = loops.enter_context(k.serial(count, "row", start=first)) if count != 1 else first
                self.emit_row(Row(image, block, row), runs)

    def emit_row(self, row: Row, runs: Sequence[tuple[Tile, int]]) -> None:
        """All tiles of a row; ``runs`` says how many tiles of a kind follow each other."""
        for tile, repeats in runs:
            with ExitStack() as loops:
                step = loops.enter_context(self.builder.serial(repeats, "tile")) if repeats > 1 else 0
                column = self.builder.bind(affine(step, tile.columns, tile.first), "column")
                accumulators = self.accumulate(row, column, tile)
                self.write(accumulators, row, column)

    def accumulate(self, row: Row, column: Index, tile: Tile) -> list[Array]:
        """The folded taps of a tile's results."""
        s = self.shape
        readers: Readers = defaultdict(list)
        for kw, results in enumerate(tile.taps):
            for result in results:
                readers[result * s.strides[1] + kw * s.dilations[1] - s.low[1]].append((result, kw))
        if not folds_rows_first(self.anchor):
            accumulators = self.started(tile.columns)
            self.fold_rows(accumulators, row, column, readers)
            return accumulators
        columns = dict(zip(sorted(readers), self.started(len(readers)), strict=True))
        whole = {offset: [(number, 0)] for number, offset in enumerate(columns)}
        self.fold_rows(list(columns.values()), row, column, whole)
        accumulators = self.started(tile.columns)
        for offset, array in columns.items():
            element = self.builder.let(array[self.every], "column")
            for result, _ in readers[offset]:
                accumulators[result][self.every] = self.fold.step(accumulators[result][self.every], element, None)
        return accumulators

    def started(self, count: int) -> list[Array]:
        """Results of no taps yet."""
        arrays = [self.builder.registers(f"acc{i}", DType.F32, (self.vector,)) for i in range(count)]
        for array in arrays:
            array[self.every] = broadcast(self.fold.start(), self.vector)
        return arrays

    def fold_rows(self, accumulators: list[Array], row: Row, column: Index, readers: Readers) -> None:
        """The rows of the window, from top to bottom; in each, every column of the image that something reads."""
        k, s = self.builder, self.shape
        if not readers:
            return
        first, taps = row_taps(self.builder, self.shape, row.number)
        with ExitStack() as loops:
            kh = first if taps == 1 else loops.enter_context(k.serial(taps, "kh", start=first))
            loops.enter_context(self.reader.scope())
            line = self.builder.bind(
                add(affine(row.number, s.strides[0], -s.low[0]), affine(kh, s.dilations[0], 0)), "line"
            )
            weights = self.fold.weights(row.block, kh)
            for offset in sorted(readers):
                where = self.place(row, line, affine(column, s.strides[1], offset))
                element = k.let(self.reader.at(self.anchor.operands[0], where), "element")
                for result, kw in readers[offset]:
                    old = accumulators[result][self.every]
                    accumulators[result][self.every] = self.fold.step(old, element, weights[kw])

    def write(self, accumulators: list[Array], row: Row, column: Index) -> None:
        """Epilogue and store, column by column."""
        with self.reader.scope():
            for number, accumulator in enumerate(accumulators):
                result = self.builder.let(accumulator[self.every], "result")
                where = self.place(row, row.number, add(column, number))
                with self.reader.override(self.anchor.result, lambda _, result=result: result):
                    self.store(row, add(column, number), self.reader.at(self.result, where))

    def store(self, row: Row, column: Index, value: Expr) -> None:
        """Put one vector of results where it belongs."""
        self.array[row.image, row.block, row.number, column, self.every] = value

    def place(self, row: Row, line: Index, column: Index) -> Position:
        """The logical position of a block of channels."""
        first = affine(self.builder.index(row.block), self.vector, 0)
        lines = (self.builder.index(line),) if self.anchor.result.type.rank == 4 else ()
        return (row.image, lanes(first, self.vector), *lines, self.builder.index(column))

    @property
    def every(self) -> Index:
        return lanes(self.builder.index(0), self.vector)


def channelwise_kernel(
    region: Graph,
    window: tuple[Node, ConvShape],
    fold: Callable[[KernelBuilder, Sequence[Array]], Fold],
    config: Config,
    target: Target,
    symbol: str,
) -> Kernel:
    """The kernel of a region around one window op; ``fold`` makes what folds its taps, given the arrays of inputs."""
    (anchor, shape), vector = window, target.lanes(4)
    builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
    inputs, results = parameters(builder, region)
    stored = blocked_output(region, vector)
    assert stored is not None, "emitted only where it matches"
    reader = RegionReader(builder, input_sources(region, inputs))
    array = results[0].reshape(result_shape(shape, vector))
    loops = ChannelwiseLoops(builder, reader, anchor, shape, fold(builder, inputs), stored, array, vector)
    loops.emit(config["tile"], config["span"])
    return Kernel(builder.finish())
