"""Winograd convolution on blocked activations: transforms vectorized over channels around matrix products of tiles.

Activations are ``[n, c / lanes, h, w, lanes]`` (layout ``{1:lanes}``), transformed weights are packed as
``[(outputs + 2)^2, o / block, c, block]`` (layout ``{1:block}``), in the order in which they are read::

    for image, share of the blocks of filters, run of tiles:   # shared by threads
        for tile in run, channels:                              # lanes are channels
            V[:, channels, tile] = B^T x[tile] B
        for point, block in share, some tiles of run:           # lanes are filters
            M[point, block, tiles] = sum over channels of V[point, channel, tiles] * u[point, block, channel]
        for block in share, tile in run:                        # lanes are filters
            y[tile] = epilogue(A^T M[:, block, tile] A)         # from registers, in whole vectors

``V`` and ``M`` are one worker's scratch; a run has as many tiles as keep them in its second-level cache. ``V`` lies by
channels, points and tiles, so that the transform of a tile writes near by, or by points, channels and tiles, so that a
matrix product reads all in order. What a tile reads outside the image is zero, without a padded copy. Tiles at the
right and bottom edge compute results that do not exist and are not stored.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.analytic.winograd import WinogradCut, WinogradTiling, even_pieces
from compiler.codegen.computes.filtering import product
from compiler.codegen.computes.interface import Index, Pointwise
from compiler.codegen.computes.positions import add, affine, unflatten
from compiler.codegen.schedules.anchors import anchored_region
from compiler.codegen.schedules.blocks import blocked_output, reads_whole_blocks
from compiler.codegen.schedules.region import RegionReader, input_sources, parameters, physical_position
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.codegen.schedules.winograd_space import winograd_space
from compiler.codegen.tir import Array, KernelBuilder, broadcast, lanes, literal, select
from compiler.ir import DType, Graph, Layout, Node
from compiler.ir.cook_toom import filtering
from compiler.ir.ops.winograd import WinogradConv
from compiler.targets import Target


class Winograd:
    """A ``winograd_conv`` with a pointwise epilogue; image and result are blocked."""

    name = "winograd"
    version = 3

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a convolution, with weights packed for it."""
        found = anchored_region(region, WinogradConv, Pointwise)
        vector = target.lanes(4)
        if found is None or blocked_output(region, vector) is None:
            return False
        x, u = (operand.type for operand in found.anchor.operands)
        blocks = u.layout.blocks
        if x.layout != Layout(((1, vector),)) or len(blocks) != 1 or blocks[0][0] != 1 or blocks[0][1] % vector:
            return False
        if u.shape[1] == 1:  # the result has no channels to be vectors of
            return False
        return reads_whole_blocks(region, found.anchor.result.type.shape, vector, except_for=found.anchor)

    def space(self, region: Graph, target: Target) -> Space:
        """``run``: tiles of an iteration; ``share``: blocks of filters of an iteration; ``tile``: tiles of a matrix
        product in registers at once, at most; ``channels``: channels that are written out in its innermost loop, at
        most; ``shares_last``: whether an iteration is followed by the next share for the same run of tiles, not by the
        next run; ``fetch``: whether the weights that are read next are asked for; ``points_first``: whether V lies by
        points, then channels, not by channels, then points."""
        return winograd_space(WinogradCut.of(_anchor(region), target))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loop nest of the module's docstring."""
        tiling = WinogradTiling(config["run"], config["share"], config["tile"])
        return _WinogradKernel(region, tiling, config, target, symbol).emit()


def _anchor(region: Graph) -> Node:
    found = anchored_region(region, WinogradConv, Pointwise)
    assert found is not None, "asked only where it matches"
    return found.anchor


@dataclass(frozen=True)
class Run:
    """The tiles of an iteration: ``count`` of them from number ``first`` of an image on."""

    image: Index
    first: Index
    count: int


@dataclass(frozen=True)
class Share:
    """The blocks of filters of an iteration: ``count`` of them from number ``first`` on."""

    first: Index
    count: Index


@dataclass(frozen=True)
class TilePlace:
    """A tile by its number in the run and its place among the tiles of the image."""

    number: Index
    row: Index
    column: Index


@dataclass(frozen=True)
class Piece:
    """Tiles of a matrix product in registers: ``count`` of them from ``first`` of the run on; ``number`` counts the
    pieces of a run."""

    number: Index
    first: Index
    count: int


class _WinogradKernel:
    def __init__(self, region: Graph, tiling: WinogradTiling, config: Config, target: Target, symbol: str) -> None:
        self.builder = k = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.region = region
        self.anchor = _anchor(region)
        self.cut = cut = WinogradCut.of(self.anchor, target)
        self.shape, self.vectors, self.outputs = cut.shape, cut.vectors, cut.outputs
        self.tiling, self.channels, self.fetches = tiling, config["channels"], bool(config["fetch"])
        self.way_bytes, self.shares_last = target.l1d_way_bytes, bool(config["shares_last"])
        self.points_first = bool(config["points_first"])
        self.lanes = target.lanes(4)
        self.line_elements = target.cache_line_bytes // 4
        self.matrices = filtering(self.outputs)
        self.size = self.matrices.size
        inputs, self.results = parameters(k, region)
        self.reader = RegionReader(k, input_sources(region, inputs))
        arrays = dict(zip(region.inputs, inputs, strict=True))
        self.x, self.u = (arrays[operand] for operand in self.anchor.operands)
        self.declare_scratch()

    def declare_scratch(self) -> None:
        """``inputs`` is V of the module's docstring, ``sums`` is M; ``half`` is a tile between the transforms of its
        rows and of its columns, ``line`` a row of a tile that is partly outside the image."""
        tiling, points = self.tiling, self.cut.points
        outer, inner = (points, self.cut.chunks) if self.points_first else (self.cut.chunks, points)
        # One point of neighbouring channels, which a matrix product reads together, is to lie in neighbouring sets; or
        # neighbouring points of some channels, which a transform writes together.
        gap = (tiling.run * (1 - inner)) % (self.way_bytes // (4 * self.lanes))
        shapes = (
            (outer, inner * tiling.run + gap, self.lanes),
            (tiling.share, points, tiling.run, self.vectors * self.lanes),
            (self.size, self.size, self.lanes),
            (self.size, self.lanes),
        )
        starts = [0, *itertools.accumulate(map(math.prod, shapes))]
        scratch = self.builder.pointer("scratch", DType.F32, (starts[-1],))
        self.scratch_bytes = 4 * starts[-1]
        parts = [scratch.part(start, shape) for start, shape in zip(starts, shapes, strict=False)]
        self.inputs, self.sums, self.half, self.line = parts

    def emit(self) -> Kernel:
        k, cut = self.builder, self.cut
        run, share = self.tiling.run, self.tiling.share
        extents = {"n": self.shape.images, "o": -(-cut.blocks // share), "r": -(-cut.tiles // run)}
        names = "nro" if self.shares_last else "nor"
        outer = tuple(extents[name] for name in names)
        with k.parallel(math.prod(outer)) as index:
            at = {name: k.bind(i, name) for i, name in zip(unflatten(index, outer), names, strict=True)}
            image, part, number = at["n"], at["o"], at["r"]
            first = self.builder.bind(affine(part, share, 0), "first_block")
            filters = Share(first, self.at_most(share, cut.blocks, first))
            first_tile = self.builder.bind(affine(number, run, 0), "first_tile")
            for count in self.counts(number, cut.tiles, run):
                tiles = Run(image, first_tile, count)
                self.transform_inputs(tiles)
                self.multiply(filters, count)
                self.transform_sums(tiles, filters)
        return Kernel(k.finish(), self.scratch_bytes)

    def counts(self, number: Index, extent: int, step: int) -> Iterator[int]:
        """How many of ``extent`` things piece ``number`` of ``step`` has: the code for all pieces but the last, and for
        the last one if it has fewer."""
        full, rest = divmod(extent, step)
        if not rest or isinstance(number, int):
            yield step if full else rest
            return
        with self.builder.if_(tirx.LT(number, self.builder.index(full))):
            yield step
        with self.builder.else_():
            yield rest

    def at_most(self, step: int, extent: int, first: Index) -> Index:
        """How many of ``step`` positions from ``first`` on are below ``extent``."""
        if extent % step == 0:
            return step
        if isinstance(first, int):
            return min(step, extent - first)
        return self.builder.bind(tirx.Min(self.builder.index(step), self.builder.index(extent) - first), "count")

    def place(self, tiles: Run, number: Index) -> TilePlace:
        row, column = unflatten(add(tiles.first, number), self.cut.grid)
        return TilePlace(number, self.builder.bind(row, "tile_row"), self.builder.bind(column, "tile_column"))

    # -- images to V ----------------------------------------------------------------------------------

    def transform_inputs(self, tiles: Run) -> None:
        k, s = self.builder, self.shape
        with k.serial(tiles.count, "tile") as number:
            place = self.place(tiles, number)
            top = self.builder.bind(affine(place.row, self.outputs, -s.low[0]), "top")
            left = self.builder.bind(affine(place.column, self.outputs, -s.low[1]), "left")
            rows, columns = self.inside(top, s.height), self.inside(left, s.width)
            self.clear_outside(rows)
            for column in range(self.size):
                self.line[column, self.every] = self.zero
            with k.serial(self.cut.chunks, "c") as chunk:
                with k.serial(rows[1] - rows[0], "row", start=rows[0]) as row:
                    line = k.let(self.builder.index(add(top, row)), "line")
                    self.transform_row(
                        lambda j, line=line, chunk=chunk: self.x[tiles.image, chunk, line, add(left, j), self.every],
                        row,
                        columns,
                    )
                with k.serial(self.size, "column") as column:
                    self.transform_column(chunk, number, column)

    def inside(self, start: Index, extent: int) -> tuple[Index, Index]:
        """The rows or columns of a tile from ``start`` on that lie inside an image: the first one and the end."""
        k, size = self.builder, self.size
        if isinstance(start, int):
            first = min(size, max(0, -start))
            return first, max(first, min(size, extent - start))
        first = k.let(tirx.Min(k.index(size), tirx.Max(k.index(0), k.index(0) - start)), "first_inside")
        return first, k.let(tirx.Max(first, tirx.Min(k.index(size), k.index(extent) - start)), "end_inside")

    def clear_outside(self, rows: tuple[Index, Index]) -> None:
        """Rows outside the image are zero for all channels of a tile: nothing overwrites them."""
        first, end = rows
        for start, count in ((0, first), (end, self.size - end)):
            with self.builder.serial(count, "row", start=start) as row:
                for column in range(self.size):
                    self.half[row, column, self.every] = self.zero

    def transform_row(self, pixel: Callable[[Index], Expr], row: Index, columns: tuple[Index, Index]) -> None:
        """One row of a tile, whose ``columns`` from the first to the end lie inside the image, into ``half``."""
        k, (first, end) = self.builder, columns
        with k.if_(tirx.EQ(self.builder.index(end - first), k.index(self.size))):
            self.keep_row(row, [pixel(j) for j in range(self.size)])
        with k.else_():
            with k.serial(end - first, "column", start=first) as column:
                self.line[column, self.every] = pixel(column)
            self.keep_row(row, [self.line[j, self.every] for j in range(self.size)])

    def keep_row(self, row: Index, pixels: list[Expr]) -> None:
        values = [self.builder.let(pixel, "x") for pixel in pixels]
        for column, value in enumerate(product(self.builder, self.matrices.input, values)):
            self.half[row, column, self.every] = value

    def transform_column(self, chunk: Index, number: Index, column: Index) -> None:
        values = [self.builder.let(self.half[j, column, self.every], "half") for j in range(self.size)]
        for row, value in enumerate(product(self.builder, self.matrices.input, values)):
            self.inputs[(*self.spot(chunk, affine(column, 1, row * self.size), number), self.every)] = value

    def spot(self, chunk: Index, point: Index, number: Index) -> tuple[Index, Index]:
        """Where V has a vector of channels at a point of tile ``number``."""
        outer, inner = (point, chunk) if self.points_first else (chunk, point)
        return outer, add(affine(inner, self.tiling.run, 0), number)

    # -- V and weights to M ---------------------------------------------------------------------------

    def multiply(self, filters: Share, count: int) -> None:
        k, sizes = self.builder, list(even_pieces(count, self.tiling.tile))
        pieces = sum(repeats for _, repeats in sizes)
        with k.serial(self.cut.points, "point") as point, k.serial(filters.count, "block") as block:
            panel = self.builder.bind(add(affine(point, self.cut.blocks, 0), add(filters.first, block)), "panel")
            ahead = self.builder.bind(self.panel_behind(panel, block, filters), "next_panel")
            first = number = 0
            for size, repeats in sizes:
                with ExitStack() as loops:
                    step = loops.enter_context(k.serial(repeats, "piece")) if repeats > 1 else 0
                    start = self.builder.bind(affine(step, size, first), "first")
                    piece = Piece(add(number, step), start, size)
                    self.multiply_piece(piece, (point, block), panel, (ahead, pieces))
                first, number = first + size * repeats, number + repeats

    def panel_behind(self, panel: Index, block: Index, filters: Share) -> Index:
        """The panel of weights that is read after ``panel``: the next block's, or the next point's first one."""
        if self.tiling.share >= self.cut.blocks:
            return add(panel, 1)
        last = tirx.EQ(self.builder.index(add(block, 1)), self.builder.index(filters.count))
        skipped = self.builder.index(self.cut.blocks + 1 - filters.count)
        return select(last, self.builder.index(panel) + skipped, self.builder.index(add(panel, 1)))

    def multiply_piece(self, piece: Piece, place: tuple[Index, Index], panel: Index, ahead: tuple[Index, int]) -> None:
        """The sums over channels at one point for the tiles of a piece and one block of filters, in registers."""
        k, (point, block) = self.builder, place
        shape = (self.vectors, self.lanes)
        accumulators = [k.registers(f"acc{i}", DType.F32, shape) for i in range(piece.count)]
        places = list(itertools.product(range(piece.count), range(self.vectors)))
        for number, part in places:
            accumulators[number][part, self.every] = self.zero
        full, rest = divmod(self.shape.channels, self.lanes)
        for start, chunks, channels in ((0, full, self.lanes), (full, int(rest > 0), rest)):
            if chunks:
                with k.serial(chunks, "c", start=start) as chunk:
                    if self.fetches:
                        self.fetch_ahead(piece, chunk, *ahead)
                    together = math.gcd(channels, self.channels)
                    with k.serial(k.opaque(channels // together), "channel") as step:
                        for number in range(together):
                            channel = affine(step, together, number)
                            self.step(accumulators, piece, point, panel, (chunk, channel))
        for number, part in places:
            where = (block, point, add(piece.first, number), self.part(part))
            self.sums[where] = accumulators[number][part, self.every]

    def fetch_ahead(self, piece: Piece, chunk: Index, panel: Index, pieces: int) -> None:
        """Fetch a share of the next panel of weights, while those of this one are used."""
        k, elements = self.builder, self.shape.channels * self.vectors * self.lanes
        steps = pieces * self.cut.chunks
        lines = -(-elements // (self.line_elements * steps))
        flat = self.u.reshape((math.prod(self.u.shape[:2]), elements))
        step = add(affine(chunk, pieces, 0), piece.number)
        first = self.builder.bind(affine(step, lines * self.line_elements, 0), "ahead")
        for line in range(lines):
            k.prefetch(flat, (panel, add(first, line * self.line_elements)))

    def step(self, accumulators: list[Array], piece: Piece, point: Index, panel: Index, source) -> None:
        """The products of one channel."""
        k, every, (chunk, channel) = self.builder, self.every, source
        u = self.u.reshape((math.prod(self.u.shape[:2]), *self.u.shape[2:]))
        row = add(affine(chunk, self.lanes, 0), channel)
        weights = [k.let(u[panel, row, self.part(part)], "weights") for part in range(self.vectors)]
        for number, accumulator in enumerate(accumulators):
            spot = self.spot(chunk, point, add(piece.first, number))
            wide = broadcast(k.let(self.inputs[(*spot, channel)], "v"), self.lanes)
            for part, vector in enumerate(weights):
                accumulator[part, every] = accumulator[part, every] + wide * vector

    # -- M to results ---------------------------------------------------------------------------------

    def transform_sums(self, tiles: Run, filters: Share) -> None:
        k, cut = self.builder, self.cut
        with k.serial(filters.count, "block") as block, k.serial(tiles.count, "tile") as number:
            place = self.place(tiles, number)
            source = add(filters.first, block)
            for part in range(self.vectors):
                vector = self.builder.bind(affine(source, self.vectors, part), "vector")
                with ExitStack() as exists:
                    if (cut.blocks - 1) * self.vectors + part >= cut.filter_vectors:
                        exists.enter_context(k.if_(tirx.LT(self.builder.index(vector), k.index(cut.filter_vectors))))
                    self.transform_vector(tiles.image, place, block, part, vector)

    def transform_vector(self, image: Index, place: TilePlace, block: Index, part: int, vector: Index) -> None:
        """The results of a vector of filters in one tile."""
        k, size = self.builder, self.size
        with k.serial(size, "column") as column:
            points = [affine(column, 1, row * size) for row in range(size)]
            values = [k.let(self.sums[block, point, place.number, self.part(part)], "m") for point in points]
            for row, value in enumerate(product(k, self.matrices.output, values)):
                self.half[row, column, self.every] = value
        first = self.builder.bind(affine(place.row, self.outputs, 0), "first_row")
        with k.serial(self.at_most(self.outputs, self.shape.rows, first), "row") as row:
            values = [k.let(self.half[row, column, self.every], "half") for column in range(size)]
            pixels = product(k, self.matrices.output, values)
            line = k.let(self.builder.index(add(first, row)), "line")
            for count in self.counts(place.column, self.shape.columns, self.outputs):
                self.write((image, vector, line), place.column, pixels[:count])

    def write(self, row: tuple[Index, Index, Index], tile: Index, pixels: list[Expr]) -> None:
        """Epilogue and store of neighbouring pixels of a row, a vector of filters each."""
        image, vector, line = row
        filters = lanes(self.builder.index(affine(vector, self.lanes, 0)), self.lanes)
        first = self.builder.bind(affine(tile, self.outputs, 0), "first_column")
        with self.reader.scope():
            for number, value in enumerate(pixels):
                where = (image, filters, line, self.builder.index(add(first, number)))
                with self.reader.override(self.anchor.result, lambda _, value=value: value):
                    for array, output in zip(self.results, self.region.outputs, strict=True):
                        assert output.producer is not None
                        (result,) = output.producer.operands
                        array[physical_position(where, output.type.layout)] = self.reader.at(result, where)

    # -- small things ---------------------------------------------------------------------------------

    @property
    def every(self) -> Index:
        return lanes(self.builder.index(0), self.lanes)

    @property
    def zero(self) -> Expr:
        return broadcast(literal(0, "float32"), self.lanes)

    def part(self, number: int) -> Index:
        return lanes(self.builder.index(number * self.lanes), self.lanes)
