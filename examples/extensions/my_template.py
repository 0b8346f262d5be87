"""A schedule template from outside the tree: elementwise regions with a matrix transpose, in square tiles.

    python -m compiler.build model.onnx --load my_template.py

The general template writes one row of the result after the other, and so reads the operand by columns: of every
cache line that it fetches it uses one element, and by the time that it needs the next one the line is gone. Here a
tile of the operand, whose lines all fit in the first-level cache, is used up before the next one.
"""

from __future__ import annotations

import math

from compiler.codegen.computes.positions import unflatten
from compiler.codegen.schedules import Config, Kernel, Knob, Space
from compiler.codegen.schedules.elementwise import Elementwise
from compiler.codegen.schedules.region import RegionReader, input_sources, parameters, reads_vectors
from compiler.codegen.tir import KernelBuilder, lanes
from compiler.ir import Graph
from compiler.ir.ops.movement import Transpose
from compiler.targets import Target

TILES = (64, 32, 16, 8)


class TiledTranspose:
    """Regions of pointwise ops and index maps, one of which is a transpose that swaps the last two axes."""

    name = "my-tiled-transpose"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether this is such a region, and some tile divides both axes of the result.

        Templates from outside the tree are asked before those of the table, so this one goes before
        ``elementwise``, which computes the same regions.
        """
        transposes = [node.op for node in region if isinstance(node.op, Transpose)]
        return (
            len(transposes) == 1
            and _swaps_last_two(transposes[0])
            and Elementwise().matches(region, target)
            and bool(_tiles(region))
        )

    def space(self, region: Graph, target: Target) -> Space:
        """``tile``: rows and columns of a tile, of those that divide the axes. By default the largest of which
        operand and result fill no more than half of the first-level cache."""
        tiles = _tiles(region)
        bytes_per_element = 2 * region.outputs[0].type.dtype.bytes
        fitting = [tile for tile in tiles if bytes_per_element * tile**2 <= target.l1d_bytes // 2]
        return Space((Knob("tile", tiles, fitting[0] if fitting else tiles[-1]),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """An iteration of the parallel loop computes a row of tiles; threads share these."""
        tile = config["tile"]
        *lead, height, width = region.outputs[0].type.shape
        builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        inputs, outputs = parameters(builder, region)
        reader = RegionReader(builder, input_sources(region, inputs))
        vector = min(target.lanes(4), tile) if reads_vectors(region.nodes) else 1
        with builder.parallel(math.prod(lead) * (height // tile)) as step:
            *outer, tile_row = unflatten(step, [*lead, height // tile])
            with builder.serial(width // tile) as tile_column, builder.serial(tile) as row:
                for column, count in builder.strips(tile, vector):
                    position = (*outer, tile_row * tile + row, lanes(tile_column * tile + column, count))
                    with reader.scope():
                        values = [reader.at(output, position) for output in region.outputs]
                        for array, value in zip(outputs, values, strict=True):
                            array[position] = value
        return Kernel(builder.finish())


def _swaps_last_two(op: Transpose) -> bool:
    rank = len(op.permutation)
    return rank >= 2 and op.permutation == (*range(rank - 2), rank - 1, rank - 2)


def _tiles(region: Graph) -> tuple[int, ...]:
    height, width = region.outputs[0].type.shape[-2:]
    return tuple(tile for tile in TILES if height % tile == 0 and width % tile == 0)


SCHEDULES = (TiledTranspose,)
