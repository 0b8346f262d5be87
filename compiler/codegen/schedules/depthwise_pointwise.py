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
those of ``depthwise_blocked`` and ``conv_blocked`` are. Where a vector is multiplied in two halves, a last vector of
which no more than half has filters is multiplied as one half, in tiles of its own.
"""

from __future__ import annotations

import math

from compiler.codegen.analytic.windows import divisors, middle_pitch, rows_per_step
from compiler.codegen.computes.positions import unflatten
from compiler.codegen.schedules.blocks import blocked_output
from compiler.codegen.schedules.depthwise_pair import Pair, PairLoops, convolutions_of
from compiler.codegen.schedules.region import RegionReader, input_sources, parameters
from compiler.codegen.schedules.register_tile import balanced_rows, most_rows
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import KernelBuilder
from compiler.ir import DType, Graph, Layout
from compiler.targets import Target


class DepthwisePointwise:
    """A float32 depthwise convolution, pointwise ops, a 1x1 convolution of stride 1 and pointwise ops; all blocked."""

    name = "depthwise_pointwise"
    version = 4

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a pair, with operands that can be read at blocks of channels."""
        pair, vector = _pair_of(region), target.lanes(4)
        if pair is None or not pair.is_blocked(region, vector):
            return False
        return pair.depthwise.operands[0].type.layout == Layout(((1, vector),))

    def space(self, region: Graph, target: Target) -> Space:
        """See ``pair_space``."""
        return pair_space(_pair(region), target)

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loops of the module's docstring."""
        pair, vector = _pair(region), target.lanes(4)
        s, rows = pair.shape, config["rows"]
        k = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        inputs, (result,) = parameters(k, region)
        reader = RegionReader(k, input_sources(region, inputs))
        middle = k.pointer("scratch", DType.F32, (rows, s.columns, middle_pitch(s, target)))
        stored = blocked_output(region, vector)
        assert stored is not None, "emitted only where it matches"
        arrays = dict(zip(region.inputs, inputs, strict=True))
        loops = PairLoops(reader, pair, arrays, (stored, result), middle, config["tile"], target)
        outer = (s.images, s.rows // rows)
        with k.parallel(math.prod(outer)) as index:
            image, step = unflatten(index, outer)
            first = k.index(0) if isinstance(step, int) else k.let(step * rows, "first_row")
            with k.serial(loops.channels, "block") as block:
                loops.emit_depthwise(image, block, first)
            loops.emit_products(image, first)
        return Kernel(k.finish(), scratch_bytes=4 * math.prod(middle.shape))


def _pair_of(region: Graph) -> Pair | None:
    found = convolutions_of(region)
    pair = Pair.of(*found) if len(found) == 2 else None
    return pair if pair is not None and pair.depthwise.operands[0].producer is None else None


def _pair(region: Graph) -> Pair:
    pair = _pair_of(region)
    assert pair is not None, "emitted only where it matches"
    return pair


def pair_space(pair: Pair, target: Target) -> Space:
    """``rows``: rows of a step; ``tile``: columns of the product in registers at once."""
    shape, vectors = pair.shape, pair.block // target.lanes(4)
    rows = rows_per_step(shape, target)
    tile = balanced_rows(shape.columns, vectors, target)
    tiles = tuple(dict.fromkeys((tile, *range(min(shape.columns, most_rows(vectors, target)), 0, -1))))
    return Space((Knob("rows", tuple(divisors(shape.rows)), rows), Knob("tile", tiles, tile)))
