"""An inverted bottleneck in one kernel, on blocked activations: a 1x1 convolution that adds channels, a depthwise one,
and a 1x1 convolution that takes them away, each with pointwise ops behind it.

The wide results between them stay in scratch of one worker::

    for image, step of rows:                                        # shared by threads
        for block of channels:
            for row of the image that the step is the first to read, tile of columns:
                for channel of x:
                    for column in tile:                             # unrolled
                        acc[column] += x[row, column, channel] * w1[block, channel]
                expanded[block, row % ring, tile] = epilogue(acc)
            for row in step:
                middle[row, :, block] = epilogue(depthwise(expanded))
        y[step] = epilogue(middle * w2)                             # see ``depthwise_pair``

Steps of a worker follow each other, so a ring of as many rows as a step reads keeps those that the next one reads
again; only the first step of a worker or an image computes all that it reads. Weights of the first convolution are
packed as those of ``conv_blocked`` with one vector of filters. After Sandler et al., MobileNetV2: Inverted Residuals
and Linear Bottlenecks (CVPR 2018), section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.analytic.windows import middle_pitch
from compiler.codegen.computes.interface import Index, Position
from compiler.codegen.computes.positions import add, affine, split_block, unflatten
from compiler.codegen.schedules.blocks import blocked_output, reads_channels_at_blocks
from compiler.codegen.schedules.depthwise_pair import Pair, PairLoops, convolutions_of, is_pixelwise, leads_to
from compiler.codegen.schedules.depthwise_pointwise import pair_space
from compiler.codegen.schedules.region import RegionReader, input_sources, parameters
from compiler.codegen.schedules.register_tile import K_STEP, balanced_rows, most_rows, multiply_tile
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import KernelBuilder, lanes, select
from compiler.ir import DType, Graph, Layout, Node
from compiler.targets import Target


class InvertedBottleneck:
    """Float32 convolutions, 1x1, depthwise and 1x1, the outer ones of stride 1, and pointwise ops; all blocked."""

    name = "inverted_bottleneck"
    version = 2

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a chain, with operands that can be read at blocks of channels."""
        chain, vector = Bottleneck.of(region), target.lanes(4)
        if chain is None or not chain.pair.is_blocked(region, vector):
            return False
        x, w = (operand.type for operand in chain.expansion.operands)
        return (
            x.dtype is DType.F32
            and x.layout == Layout(((1, vector),))
            and w.layout == Layout(((1, min(vector, x.shape[1])), (0, vector)))
            and reads_channels_at_blocks(chain.pair.depthwise.operands[0], vector, up_to=chain.expansion)
        )

    def space(self, region: Graph, target: Target) -> Space:
        """``wide_tile``: columns of the expansion in registers at once; for the others see ``pair_space``."""
        pair = _bottleneck(region).pair
        width = pair.shape.width
        # As if a tile had two vectors: in the other half of the registers the next tile begins, while the epilogue of
        # this one, which is long beside few channels, goes on.
        tile = balanced_rows(width, 2, target)
        tiles = tuple(dict.fromkeys((tile, *range(min(width, most_rows(1, target)), 0, -1))))
        return Space((*pair_space(pair, target).knobs, Knob("wide_tile", tiles, tile)))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loops of the module's docstring."""
        return _BottleneckKernel(region, config, target, symbol).emit()


@dataclass(frozen=True)
class Bottleneck:
    """The convolutions of a region: what comes first, and the pair behind it."""

    expansion: Node
    pair: Pair

    @staticmethod
    def of(region: Graph) -> Bottleneck | None:
        """Those of a region of nothing else but pointwise ops, each behind the one before alone."""
        found = convolutions_of(region)
        if len(found) != 3:
            return None
        expansion, depthwise, product = found
        pair = Pair.of(depthwise, product)
        direct = all(operand.producer is None for operand in expansion.operands)
        if pair is None or not direct or not is_pixelwise(expansion) or not leads_to(expansion, depthwise):
            return None
        return Bottleneck(expansion, pair)


def _bottleneck(region: Graph) -> Bottleneck:
    chain = Bottleneck.of(region)
    assert chain is not None, "emitted only where it matches"
    return chain


class _BottleneckKernel:
    def __init__(self, region: Graph, config: Config, target: Target, symbol: str) -> None:
        self.builder = k = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.chain, self.vector = _bottleneck(region), target.lanes(4)
        pair = self.chain.pair
        self.shape = s = pair.shape
        inputs, (result,) = parameters(k, region)
        self.reader = RegionReader(k, input_sources(region, inputs))
        self.rows = config["rows"]
        self.reach = s.step_height(self.rows)
        blocks = -(-s.channels // self.vector)
        expanded = (blocks, self.reach, s.width, self.vector)
        middle = (self.rows, s.columns, middle_pitch(s, target))
        self.scratch = k.pointer("scratch", DType.F32, (math.prod(expanded) + math.prod(middle),))
        self.expanded = self.scratch.part(0, expanded)
        arrays = dict(zip(region.inputs, inputs, strict=True))
        x, w = self.chain.expansion.operands
        self.channels = x.type.shape[1]
        depth = -(-self.channels // self.vector)
        self.x = arrays[x].reshape((s.images, depth, s.height, s.width, self.vector))
        self.weights = arrays[w].reshape((blocks, math.prod(arrays[w].shape) // (blocks * self.vector), self.vector))
        self.by_element = target.multiplies_by_element
        self.tile = config["wide_tile"]
        stored = blocked_output(region, self.vector)
        assert stored is not None, "emitted only where it matches"
        middle_rows = self.scratch.part(math.prod(expanded), middle)
        self.loops = PairLoops(self.reader, pair, arrays, (stored, result), middle_rows, config["tile"], target)

    def emit(self) -> Kernel:
        """Steps of rows: the expansion and the depthwise half block by block, then the products."""
        s, k = self.shape, self.builder
        outer = (s.images, s.rows // self.rows)
        with k.parallel(math.prod(outer)) as index:
            image, step = unflatten(index, outer)
            first = k.index(0) if isinstance(step, int) else k.let(step * self.rows, "first_row")
            start, count = self.new_rows(first, tirx.Or(tirx.EQ(first, k.index(0)), k.is_first(index)))
            with k.serial(self.loops.channels, "block") as block:
                with k.serial(count, "line", start=start) as line:
                    self.emit_expansion(image, block, line)
                with self.reader.override(self.chain.pair.depthwise.operands[0], self.from_ring):
                    self.loops.emit_depthwise(image, block, first)
            self.loops.emit_products(image, first)
        return Kernel(k.finish(), scratch_bytes=4 * math.prod(self.scratch.shape))

    def new_rows(self, first: Expr, alone: Expr) -> tuple[Expr, Expr]:
        """The first row of the image, and how many, that the step from row ``first`` of the result on reads and the
        one before did not, unless it is ``alone``."""
        s, k = self.shape, self.builder
        height, zero = k.index(s.height), k.index(0)
        top = k.let(tirx.Max(zero, k.index(affine(first, s.strides[0], -s.low[0]))), "top")
        end = k.let(tirx.Min(height, k.index(affine(first, s.strides[0], self.reach - s.low[0]))), "end")
        before = affine(first, s.strides[0], self.reach - s.low[0] - self.rows * s.strides[0])
        start = k.let(select(alone, top, tirx.Max(top, tirx.Min(height, k.index(before)))), "start")
        return start, k.let(tirx.Max(zero, end - start), "new_rows")

    def from_ring(self, position: Position) -> Expr:
        """A vector of the expansion's result."""
        block, lane = split_block(position[1], self.vector)
        line = position[2] if len(position) == 4 else 0
        return self.expanded[block, self.slot(line), position[-1], lane]

    def slot(self, line: Index) -> Index:
        """Where in the ring a row of the image is."""
        if isinstance(line, int):
            return line % self.reach
        return tirx.truncmod(line, self.builder.index(self.reach))

    def emit_expansion(self, image: Index, block: Expr, line: Expr) -> None:
        """A block of channels of one row: tiles of equal width, and one of what is left."""
        full, rest = divmod(self.shape.width, self.tile)
        slot = self.builder.bind(self.slot(line), "slot")
        where = (image, block, line, slot)
        with self.builder.serial(full, "tile") as number:
            self.emit_tile(where, number * self.tile, self.tile)
        if rest:
            self.emit_tile(where, self.builder.index(full * self.tile), rest)

    def emit_tile(self, where: tuple[Index, Expr, Expr, Index], column: Expr, columns: int) -> None:
        """Sums, epilogue and store of ``columns`` vectors."""
        k, (image, block, line, slot) = self.builder, where
        every = lanes(k.index(0), self.vector)

        def element(number: int, channel: Index) -> Expr:
            chunk, lane = split_block(channel, self.vector)
            return self.x[image, chunk, line, add(column, number), lane]

        sums = multiply_tile(
            k,
            (columns, self.vector, self.channels),
            element,
            lambda channel: self.weights[block, channel, every],
            by_element=self.by_element,
            steps_together=self.vector if self.by_element else K_STEP,
        )
        lines = (line,) if self.chain.expansion.result.type.rank == 4 else ()
        channels = lanes(affine(block, self.vector, 0), self.vector)
        expansion, result = self.chain.expansion.result, self.chain.pair.depthwise.operands[0]
        with self.reader.scope():
            for number, total in enumerate(sums):
                value = k.let(total[every], "sum")
                there = (image, channels, *lines, add(column, number))
                with self.reader.override(expansion, lambda _, value=value: value):
                    self.expanded[block, slot, add(column, number), every] = self.reader.at(result, there)
