"""How templates cut a sum of products into register tiles: what the static model needs to know of their loop nests.

A template that has no row here is taken to be one kind of tile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from compiler.codegen.analytic.cache_sets import crowded_out
from compiler.codegen.analytic.convolution import ConvShape, Tile, column_tiles, flat_shape, joined_rows
from compiler.codegen.analytic.winograd import WinogradCut, even_pieces
from compiler.ir import Node
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.winograd import WinogradConv
from compiler.targets import Target

Knobs = Mapping[str, int]


@dataclass(frozen=True)
class TileRun:
    """Register tiles of one kind: ``sums`` accumulators, of ``vectors`` vectors of filters each column or row;
    ``count`` of them in the whole kernel do ``products`` multiply-adds of vectors together. Their innermost loop is
    entered ``entries`` times in each. ``crowded`` of the lines with a tile's elements, which lie in one set of the
    first-level cache, find no place there."""

    sums: int
    vectors: int
    count: float
    products: float
    entries: float = 1.0
    crowded: int = 0


def tile_runs(node: Node, template: str, config: Knobs, target: Target) -> list[TileRun]:
    """The tiles of a convolution or matrix product; none where nothing is known of the template."""
    return [run for run in _KNOWN.get(template, _no_tiles)(node, config, target) if run.products > 0]


def multiply_adds(node: Node, target: Target) -> float:
    """Vectors that are multiplied and added, those of padding left out; of Winograd's algorithm, of transformed
    tiles."""
    if isinstance(node.op, WinogradConv):
        cut = WinogradCut.of(node, target)
        products = cut.shape.images * cut.tiles * cut.points * cut.shape.channels * cut.shape.filters
    elif isinstance(node.op, MatMul):
        products = node.result.type.elements * node.operands[0].type.shape[-1]
    else:
        s = ConvShape.of(node)
        products = s.images * s.filters * s.channels_per_group * math.prod(_taps_inside(s))
    return products / target.lanes(4)


def _taps_inside(s: ConvShape) -> list[int]:
    """For rows and for columns, how many taps of all results lie inside the image."""
    return [
        sum(
            0 <= at * s.strides[axis] - s.low[axis] + tap * s.dilations[axis] < size
            for at in range(count)
            for tap in range(s.window[axis])
        )
        for axis, (count, size) in enumerate(((s.rows, s.height), (s.columns, s.width)))
    ]


def _no_tiles(node: Node, config: Knobs, target: Target) -> Iterator[TileRun]:
    yield from ()


def _convolution(node: Node, config: Knobs, target: Target) -> Iterator[TileRun]:
    shape = flat_shape(ConvShape.of(node))
    (_, inner), (_, block) = node.operands[1].type.layout.blocks
    vectors = block // target.lanes(4)
    whole, rest = divmod(-(-shape.filters // target.lanes(4)), vectors)
    chunks = -(-shape.channels_per_group // inner)
    for width, blocks in ((vectors, whole), (rest, 1)):
        for columns, repeats in _tiles_of(shape, config["tile"], config["rows"]) if width else ():
            tile, row_taps = columns
            taps = row_taps * sum(map(len, tile.taps)) / tile.rows
            count = blocks * repeats * shape.images
            products = count * width * shape.channels_per_group * taps
            entries = _entries(shape, chunks, row_taps / tile.rows, target)
            yield TileRun(width * tile.cells, width, count, products, entries)


def _entries(shape: ConvShape, chunks: int, row_taps: float, target: Target) -> float:
    """How often a tile enters the loop over the channels of a block; where a multiply-add takes an element of a
    register, that one is always written out, and it is the one around it."""
    if not target.multiplies_by_element:
        return chunks * row_taps * shape.window[1]
    return 1.0 if shape.window == (1, 1) else chunks * row_taps


def _tiles_of(shape: ConvShape, width: int, rows: int) -> Iterator[tuple[tuple[Tile, float], float]]:
    """The tiles of an image, each with the rows of the window that it has elements for, summed over its rows."""
    mean = _taps_inside(shape)[0] / shape.rows
    if rows == 1:
        for tile, repeats in column_tiles(shape, width):
            yield (tile, mean), repeats * shape.rows
        return
    whole_row = Tile.at(shape, 0, shape.columns)
    for _, joined, repeats in joined_rows(shape, rows):
        yield (whole_row.joined(joined), joined * mean), repeats


def _windows(node: Node, config: Knobs, target: Target) -> Iterator[TileRun]:
    shape = ConvShape.of(node)
    planes = shape.images * -(-shape.channels // target.lanes(4))
    mean = _taps_inside(shape)[0] / shape.rows
    for tile, repeats in column_tiles(shape, config["tile"]):
        count = planes * shape.rows * repeats
        yield TileRun(tile.columns, 1, count, count * mean * sum(map(len, tile.taps)))


def _product(node: Node, config: Knobs, target: Target) -> Iterator[TileRun]:
    layout, shape = node.operands[1].type.layout, node.result.type.shape
    width = layout.blocks[0][1] if layout.blocks else config["vectors"] * target.lanes(4)
    vectors = max(1, width // target.lanes(4))
    panels = math.prod(shape[:-2]) * -(-shape[-1] // width)
    depth = node.operands[0].type.shape[-1]
    whole, rest = divmod(shape[-2], config["rows"])
    for rows, tiles in ((config["rows"], whole), (rest, 1)):
        count = panels * tiles
        crowded = crowded_out(rows, 4 * depth, target)
        yield TileRun(rows * vectors, vectors, count, count * rows * vectors * depth, crowded=crowded)


def _transformed(node: Node, config: Knobs, target: Target) -> Iterator[TileRun]:
    cut = WinogradCut.of(node, target)
    whole, rest = divmod(cut.tiles, config["run"])
    each = cut.shape.images * cut.blocks * cut.points
    for run, repeats in ((config["run"], whole), (rest, 1)):
        for tiles, pieces in even_pieces(run, config["tile"]) if run else ():
            count = each * pieces * repeats
            sums = tiles * cut.vectors
            yield TileRun(sums, cut.vectors, count, count * sums * cut.shape.channels, cut.chunks)


_KNOWN: Mapping[str, Callable[[Node, Knobs, Target], Iterator[TileRun]]] = {
    "conv_blocked": _convolution,
    "depthwise_blocked": _windows,
    "matmul_tiled": _product,
    "winograd": _transformed,
}
