"""A depthwise convolution and the 1x1 convolution of its result in one kernel, on blocked activations.

Rows of the depthwise result, all channels of them, stay in scratch of one worker, from where the products read them::

    for image, step of rows:                                        # shared by threads
        for block of channels, row in step:
            middle[row, :, block] = epilogue(depthwise(x))          # see ``channelwise``
        for block of filters, row in step, tile of columns:
            for channel:
                for column in tile, vector in block:                # unrolled
                    acc[column, vector] += middle[row, column, channel] * w[block, channel, vector]
            y[row, tile] = epilogue(acc)

What a separate kernel would write to memory and the next one read again never leaves the caches. Weights are packed as
those of ``depthwise_blocked`` and ``conv_blocked`` are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.analytic.convolution import ConvShape, column_tiles
from compiler.codegen.analytic.windows import (
    divisors,
    has_even_blocks,
    middle_pitch,
    rows_per_step,
    window_shape,
    window_tiling,
)
from compiler.codegen.computes.interface import Index, Pointwise
from compiler.codegen.computes.positions import add, affine, unflatten
from compiler.codegen.schedules.blocks import blocked_output, reads_channels_at_blocks
from compiler.codegen.schedules.channelwise import ChannelwiseLoops, Row, result_shape
from compiler.codegen.schedules.depthwise_blocked import WeightedSum
from compiler.codegen.schedules.reduction import nodes_behind
from compiler.codegen.schedules.region import RegionReader, compute_of, input_sources, parameters
from compiler.codegen.schedules.register_tile import balanced_rows, most_rows, multiply_tile
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import KernelBuilder, lanes
from compiler.ir import DType, Graph, Layout, Node, Value
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.movement import Relayout
from compiler.targets import Target


class DepthwisePointwise:
    """A float32 depthwise convolution, pointwise ops, a 1x1 convolution of stride 1 and pointwise ops; all blocked."""

    name = "depthwise_pointwise"
    version = 3

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a pair, with operands that can be read at blocks of channels."""
        pair, vector = Pair.of(region), target.lanes(4)
        result = blocked_output(region, vector)
        if pair is None or result is None or result.type.shape != pair.product.result.type.shape:
            return False
        x, w = (operand.type for operand in pair.depthwise.operands)
        blocks = pair.product.operands[1].type.layout.blocks
        packed = len(blocks) == 2 and blocks[0] == (1, vector) and blocks[1][0] == 0 and blocks[1][1] % vector == 0
        return (
            x.dtype is DType.F32
            and packed
            and has_even_blocks(pair.filters, blocks[1][1], vector)
            and x.layout == Layout(((1, vector),))
            and w.layout == Layout(((0, vector),))
            and reads_channels_at_blocks(pair.middle, vector, up_to=pair.depthwise)
            and reads_channels_at_blocks(result, vector, up_to=pair.product)
        )

    def space(self, region: Graph, target: Target) -> Space:
        """``rows``: rows of a step; ``tile``: columns of the product in registers at once."""
        pair = _pair(region)
        shape, vectors = pair.shape, pair.block // target.lanes(4)
        rows = rows_per_step(shape, target)
        tile = balanced_rows(shape.columns, vectors, target)
        tiles = tuple(dict.fromkeys((tile, *range(min(shape.columns, most_rows(vectors, target)), 0, -1))))
        return Space((Knob("rows", tuple(divisors(shape.rows)), rows), Knob("tile", tiles, tile)))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loops of the module's docstring."""
        return _PairKernel(region, config, target, symbol).emit()


@dataclass(frozen=True)
class Pair:
    """The two convolutions of a region, and the value between them: what the second one reads."""

    depthwise: Node
    product: Node

    @staticmethod
    def of(region: Graph) -> Pair | None:
        """Those of a region of nothing else but pointwise ops, from each of which what follows reads at one place."""
        convolutions = [node for node in region if isinstance(node.op, Conv)]
        others = [n for n in region if n not in convolutions and not isinstance(n.op, Constant | Relayout)]
        if len(convolutions) != 2 or not all(isinstance(compute_of(node), Pointwise) for node in others):
            return None
        pair = Pair(*convolutions)
        behind, last = set(nodes_behind(pair.depthwise)), set(nodes_behind(pair.product))
        between = behind - last
        users = {user for node in (pair.depthwise, *(between - {pair.product})) for user in node.result.users}
        joined = pair.product in behind and users <= between
        inputs = (*pair.depthwise.operands, pair.product.operands[1])
        direct = all(value.producer is None for value in inputs)
        return pair if joined and direct and pair._is_pixelwise and window_shape(pair.depthwise) else None

    @property
    def _is_pixelwise(self) -> bool:
        op, w = self.product.op, self.product.operands[1].type.shape
        assert isinstance(op, Conv)
        return set(w[2:]) | set(op.strides) | {op.groups} == {1} and not any((*op.low, *op.high))

    @property
    def middle(self) -> Value:
        """What the product reads of the depthwise convolution."""
        return self.product.operands[0]

    @property
    def shape(self) -> ConvShape:
        """The depthwise convolution's."""
        shape = window_shape(self.depthwise)
        assert shape is not None, "a depthwise convolution has one"
        return shape

    @property
    def filters(self) -> int:
        """Filters of the product."""
        return self.product.result.type.shape[1]

    @property
    def block(self) -> int:
        """Filters of a block of the product's weights."""
        return self.product.operands[1].type.layout.blocks[1][1]


def _pair(region: Graph) -> Pair:
    pair = Pair.of(region)
    assert pair is not None, "emitted only where it matches"
    return pair


class _MiddleRows(ChannelwiseLoops):
    """The depthwise half, whose results go to ``array[row of the step, column, channel]``."""

    first_row: Index = 0

    def store(self, row: Row, column: Index, value: Expr) -> None:
        """Into scratch."""
        channels = lanes(affine(self.builder.index(row.block), self.vector, 0), self.vector)
        self.array[
            add(self.builder.index(row.number), affine(self.builder.index(self.first_row), -1, 0)), column, channels
        ] = value


class _PairKernel:
    def __init__(self, region: Graph, config: Config, target: Target, symbol: str) -> None:
        self.builder = k = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.pair, self.vector = _pair(region), target.lanes(4)
        self.shape = s = self.pair.shape
        self.rows, self.tile = config["rows"], config["tile"]
        self.by_element = target.multiplies_by_element
        inputs, (result,) = parameters(k, region)
        arrays = dict(zip(region.inputs, inputs, strict=True))
        self.reader = RegionReader(k, input_sources(region, inputs))
        self.blocks = -(-self.pair.filters // self.pair.block)
        self.channels = -(-s.channels // self.vector)
        images, _, *spatial = result_shape(s, self.vector)
        self.result = result.reshape((images, -(-self.pair.filters // self.vector), *spatial))
        w = arrays[self.pair.product.operands[1]]
        self.weights = w.reshape((self.blocks, self.channels * self.vector, self.pair.block))
        self.middle = k.pointer("scratch", DType.F32, (self.rows, s.columns, middle_pitch(s, target)))
        taps = arrays[self.pair.depthwise.operands[1]].reshape((self.channels, *s.window, self.vector))
        stored = blocked_output(region, self.vector)
        assert stored is not None, "emitted only where it matches"
        self.stored = stored
        depthwise, middle = self.pair.depthwise, self.pair.middle
        self.loops = _MiddleRows(
            k, self.reader, depthwise, s, WeightedSum(k, s, taps), middle, self.middle, self.vector
        )
        self.runs = list(column_tiles(s, window_tiling(s, target, rows_first=False).tile))

    def emit(self) -> Kernel:
        """Steps of rows: the depthwise half, then the products."""
        s, k = self.shape, self.builder
        outer = (s.images, s.rows // self.rows)
        with k.parallel(math.prod(outer)) as index:
            image, step = unflatten(index, outer)
            first = k.index(0) if isinstance(step, int) else k.let(step * self.rows, "first_row")
            self.loops.first_row = first
            with k.serial(self.channels, "block") as block, k.serial(self.rows, "row", start=first) as row:
                self.loops.emit_row(Row(image, block, row), self.runs)
            with k.serial(self.blocks, "filters") as block:
                for vectors in self.block_parts(block):
                    with k.serial(self.rows, "row") as row:
                        self.emit_products(Row(image, block, row), first, vectors)
        return Kernel(k.finish(), scratch_bytes=4 * math.prod(self.middle.shape))

    def block_parts(self, block: Expr) -> Iterator[int]:
        """The vectors of a block of filters: all of them, but for a last block of which some do not exist."""
        full, rest = divmod(-(-self.pair.filters // self.vector), self.pair.block // self.vector)
        if not rest or not full:
            yield rest or self.pair.block // self.vector
            return
        with self.builder.if_(tirx.LT(block, self.builder.index(full))):
            yield self.pair.block // self.vector
        with self.builder.else_():
            yield rest

    def emit_products(self, row: Row, first: Expr, vectors: int) -> None:
        """A block of filters of one row: tiles of equal width, and one of what is left."""
        full, rest = divmod(self.shape.columns, self.tile)
        with self.builder.serial(full, "tile") as number:
            self.emit_tile(row, first, number * self.tile, (self.tile, vectors))
        if rest:
            self.emit_tile(row, first, self.builder.index(full * self.tile), (rest, vectors))

    def emit_tile(self, row: Row, first: Expr, column: Index, size: tuple[int, int]) -> None:
        """Sums, epilogue and store of ``size`` columns times vectors."""
        k, (columns, vectors) = self.builder, size
        width = vectors * self.vector
        sums = multiply_tile(
            k,
            (columns, width, self.shape.channels),
            lambda number, channel: self.middle[row.number, add(column, number), channel],
            lambda channel: self.weights[row.block, channel, lanes(k.index(0), width)],
            by_element=self.by_element,
        )
        line = k.let(first + row.number, "line")
        lines = (line,) if self.pair.product.result.type.rank == 4 else ()
        for part in range(vectors):
            vector = add(affine(row.block, self.pair.block // self.vector, 0), part)
            filters = lanes(affine(vector, self.vector, 0), self.vector)
            with self.reader.scope():
                for number, total in enumerate(sums):
                    value = k.let(total[lanes(k.index(part * self.vector), self.vector)], "sum")
                    where = (row.image, filters, *lines, add(column, number))
                    with self.reader.override(self.pair.product.result, lambda _, value=value: value):
                        there = (row.image, vector, line, add(column, number), lanes(k.index(0), self.vector))
                        self.result[there] = self.reader.at(self.stored, where)
