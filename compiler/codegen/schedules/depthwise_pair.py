"""A depthwise convolution and the 1x1 convolution of its result: the two in a region, and their loops for a few rows.

Rows of the depthwise result, all channels of them, go to scratch, from where the products read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.analytic.convolution import ConvShape, column_tiles
from compiler.codegen.analytic.windows import has_even_blocks, window_shape, window_tiling
from compiler.codegen.computes.interface import Index, Pointwise
from compiler.codegen.computes.positions import add, affine
from compiler.codegen.schedules.blocks import blocked_output, reads_channels_at_blocks
from compiler.codegen.schedules.channelwise import ChannelwiseLoops, Row, result_shape
from compiler.codegen.schedules.depthwise_blocked import WeightedSum
from compiler.codegen.schedules.reduction import nodes_behind
from compiler.codegen.schedules.region import RegionReader, compute_of
from compiler.codegen.schedules.register_tile import most_rows, multiply_tile, power_of_two_pieces
from compiler.codegen.tir import Array, doubled, lanes
from compiler.ir import DType, Graph, Layout, Node, Value
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.movement import Relayout
from compiler.targets import Target


def convolutions_of(region: Graph) -> list[Node]:
    """The convolutions of a region, in order; none if it has other ops that are not pointwise."""
    found = [node for node in region if isinstance(node.op, Conv)]
    others = [n for n in region if n not in found and not isinstance(n.op, Constant | Relayout)]
    return found if all(isinstance(compute_of(node), Pointwise) for node in others) else []


def leads_to(first: Node, second: Node) -> bool:
    """Whether ``second`` reads what is computed of the result of ``first``, and nothing else does."""
    behind, last = set(nodes_behind(first)), set(nodes_behind(second))
    between = behind - last
    users = {user for node in (first, *(between - {second})) for user in node.result.users}
    return second in behind and users <= between


def is_pixelwise(node: Node) -> bool:
    """Whether a convolution is a product of each pixel's channels with one matrix."""
    op, w = node.op, node.operands[1].type.shape
    assert isinstance(op, Conv)
    return set(w[2:]) | set(op.strides) | {op.groups} == {1} and not any((*op.low, *op.high))


@dataclass(frozen=True)
class Pair:
    """The two convolutions, and the value between them: what the second one reads."""

    depthwise: Node
    product: Node

    @staticmethod
    def of(depthwise: Node, product: Node) -> Pair | None:
        """The pair of two convolutions of a region whose other ops are pointwise; None where they are none."""
        weights = (depthwise.operands[1], product.operands[1])
        direct = all(value.producer is None for value in weights)
        fits = is_pixelwise(product) and window_shape(depthwise) is not None
        return Pair(depthwise, product) if direct and fits and leads_to(depthwise, product) else None

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

    def is_blocked(self, region: Graph, vector: int) -> bool:
        """Whether the region's result, the weights and what the ops behind both read can be read at blocks of
        channels."""
        result = blocked_output(region, vector)
        if result is None or result.type.shape != self.product.result.type.shape:
            return False
        x, taps = (operand.type for operand in self.depthwise.operands)
        blocks = self.product.operands[1].type.layout.blocks
        packed = len(blocks) == 2 and blocks[0] == (1, vector) and blocks[1][0] == 0 and blocks[1][1] % vector == 0
        return (
            x.dtype is DType.F32
            and packed
            and has_even_blocks(self.filters, blocks[1][1], vector)
            and taps.layout == Layout(((0, vector),))
            and reads_channels_at_blocks(self.middle, vector, up_to=self.depthwise)
            and reads_channels_at_blocks(result, vector, up_to=self.product)
        )


class _MiddleRows(ChannelwiseLoops):
    """The depthwise half, whose results go to ``array[row of the step, column, channel]``."""

    first_row: Index = 0

    def store(self, row: Row, column: Index, value: Expr) -> None:
        """Into scratch."""
        channels = lanes(affine(self.builder.index(row.block), self.vector, 0), self.vector)
        self.array[
            add(self.builder.index(row.number), affine(self.builder.index(self.first_row), -1, 0)), column, channels
        ] = value


class PairLoops:
    """Emits both halves for a few rows of the result, as many as ``middle`` has, an array of rows, columns and channels
    to which the depthwise half goes. ``stored`` is what the region's result stores, and where; ``tile``: columns of the
    product in registers at once."""

    def __init__(
        self,
        reader: RegionReader,
        pair: Pair,
        arrays: Mapping[Value, Array],
        stored: tuple[Value, Array],
        middle: Array,
        tile: int,
        target: Target,
    ) -> None:
        self.reader, self.pair, self.middle, self.tile = reader, pair, middle, tile
        self.builder, self.vector, self.rows = reader.builder, target.lanes(4), middle.shape[0]
        self.target = target
        self.unit = self.vector // 2 if target.splits_vectors else self.vector
        self.by_element = target.multiplies_by_element
        self.shape = s = pair.shape
        self.blocks = -(-pair.filters // pair.block)
        self.channels = -(-s.channels // self.vector)
        images, _, *spatial = result_shape(s, self.vector)
        self.stored, result = stored
        self.result = result.reshape((images, -(-pair.filters // self.vector), *spatial))
        self.weights = arrays[pair.product.operands[1]].reshape((self.blocks, self.channels * self.vector, pair.block))
        taps = arrays[pair.depthwise.operands[1]].reshape((self.channels, *s.window, self.vector))
        fold = WeightedSum(self.builder, s, taps)
        self.loops = _MiddleRows(self.builder, reader, pair.depthwise, s, fold, pair.middle, middle, self.vector)
        self.runs = list(column_tiles(s, window_tiling(s, target, rows_first=False).tile))

    def emit_depthwise(self, image: Index, block: Index, first: Expr) -> None:
        """Rows from ``first`` on of the depthwise result, one block of channels."""
        self.loops.first_row = first
        with self.builder.serial(self.rows, "row", start=first) as row:
            self.loops.emit_row(Row(image, block, row), self.runs)

    def emit_products(self, image: Index, first: Expr) -> None:
        """The same rows of the product, all blocks of filters."""
        with self.builder.serial(self.blocks, "filters") as block:
            for filters in self.block_parts(block):
                for piece in power_of_two_pieces(filters):
                    with self.builder.serial(self.rows, "row") as row:
                        self.emit_row(Row(image, block, row), first, piece)

    def block_parts(self, block: Expr) -> Iterator[int]:
        """The filters of a block, in whole units: all of them, but for a last block of which some do not exist."""
        full, rest = divmod(-(-self.pair.filters // self.unit) * self.unit, self.pair.block)
        if not rest or not full:
            yield rest or self.pair.block
            return
        with self.builder.if_(tirx.LT(block, self.builder.index(full))):
            yield self.pair.block
        with self.builder.else_():
            yield rest

    def emit_row(self, row: Row, first: Expr, piece: tuple[int, int]) -> None:
        """A piece of a block of filters, as (start, width), of one row: tiles of equal width, and one of what is left.

        Half a vector is a piece of its own: beside a whole one in the same loop Zen 4 gains less of it.
        """
        tile = self.columns_of(-(-piece[1] // self.vector))
        full, rest = divmod(self.shape.columns, tile)
        with self.builder.serial(full, "tile") as number:
            self.emit_tile(row, first, number * tile, (tile, *piece))
        if rest:
            self.emit_tile(row, first, self.builder.index(full * tile), (rest, *piece))

    def columns_of(self, vectors: int) -> int:
        """Columns of a tile of so many vectors: as many sums as a tile of a whole block has, if registers suffice."""
        whole = self.pair.block // self.vector
        return min(self.tile * whole // vectors, most_rows(vectors, self.target), self.shape.columns)

    def emit_tile(self, row: Row, first: Expr, column: Index, size: tuple[int, int, int]) -> None:
        """Sums, epilogue and store of ``size``: columns, first filter of the block, filters."""
        k, (columns, start, width) = self.builder, size
        sums = multiply_tile(
            k,
            (columns, width, self.shape.channels),
            lambda number, channel: self.middle[row.number, add(column, number), channel],
            lambda channel: self.weights[row.block, channel, lanes(k.index(start), width)],
            by_element=self.by_element,
        )
        line = k.let(first + row.number, "line")
        lines = (line,) if self.pair.product.result.type.rank == 4 else ()
        for part in range(-(-width // self.vector)):
            vector = add(affine(row.block, self.pair.block // self.vector, 0), start // self.vector + part)
            filters = lanes(affine(vector, self.vector, 0), self.vector)
            with self.reader.scope():
                for number, total in enumerate(sums):
                    value = k.let(self.vector_of(total, part), "sum")
                    where = (row.image, filters, *lines, add(column, number))
                    with self.reader.override(self.pair.product.result, lambda _, value=value: value):
                        there = (row.image, vector, line, add(column, number), lanes(k.index(0), self.vector))
                        self.result[there] = self.reader.at(self.stored, where)

    def vector_of(self, total: Array, part: int) -> Expr:
        """A vector of a column's sums. Where half a one ends no filter exists, and what is stored does not matter."""
        zero = self.builder.index(0)
        if total.shape[0] < self.vector:
            return doubled(total[lanes(zero, total.shape[0])])
        return total[lanes(zero + part * self.vector, self.vector)]
