"""Attention: softmax(scale * q k' + mask) v, per head and block of queries, with never more than a tile of scores.

For each head the keys are packed as columns and the values as rows of lanes, both into scratch. Then, for one tile of
queries after the other, the scores are computed into scratch, the row passes turn them into weights in place, and the
product with the values gives the results. Heads may lie side by side in memory: transposes of operands and of the
result are absorbed into addresses. After Rabe and Staats, Self-attention Does Not Need O(n^2) Memory (2021), with whole
rows of scores, so that results do not depend on how the keys are cut.
"""

from __future__ import annotations

import math

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Index, Position
from compiler.codegen.computes.positions import affine, broadcast_position, unflatten
from compiler.codegen.schedules.attention_parts import AttentionParts, attention_parts
from compiler.codegen.schedules.packing import LanePanels
from compiler.codegen.schedules.region import RegionReader, input_sources, load_from, parameters
from compiler.codegen.schedules.register_tile import balanced_rows, most_rows, multiply_tile, power_of_two_pieces
from compiler.codegen.schedules.row_passes import RowPasses
from compiler.codegen.schedules.rows import Rows
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import KernelBuilder, lanes
from compiler.ir import ROW_MAJOR, DType, Graph
from compiler.targets import Target

VECTORS = 2
"""Vectors of the register tile, as in matrix products."""

ROW_VECTORS = 4
"""Vectors per step of a row pass."""

PIECES = 8
"""Pieces of work below which the queries of a head are split, so that threads have enough to share."""


class Attention:
    """Two float32 matrix products with a row-wise function, such as softmax, between them."""

    name = "attention"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is products around such a function, all in row-major float32."""
        parts = attention_parts(region)
        if parts is None or not Rows().matches(parts.weighting, target):
            return False
        values = [*region.inputs, *(result for node in region for result in node.results)]
        products = (parts.query, parts.key, parts.value, parts.scores, parts.mixed)
        return all(value.type.layout == ROW_MAJOR for value in values) and all(
            value.type.dtype is DType.F32 for value in products
        )

    def space(self, region: Graph, target: Target) -> Space:
        """``rows``: queries of the register tile."""
        parts = attention_parts(region)
        assert parts is not None
        rows = parts.scores.type.shape[-2]
        choices = tuple(range(1, min(most_rows(VECTORS, target), rows) + 1))
        return Space((Knob("rows", choices, balanced_rows(rows, VECTORS, target)),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """Heads and blocks of queries outside, tiles of queries inside."""
        parts = attention_parts(region)
        assert parts is not None
        return _AttentionKernel(region, parts, config["rows"], target, symbol).emit()


class _AttentionKernel:
    def __init__(self, region: Graph, parts: AttentionParts, rows: int, target: Target, symbol: str) -> None:
        self.parts = parts
        self.builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        inputs, (self.result,) = parameters(self.builder, region)
        self.reader = RegionReader(self.builder, input_sources(region, inputs))
        *self.batch, self.queries, self.keys = parts.scores.type.shape
        self.depth, self.features = parts.query.type.shape[-1], parts.mixed.type.shape[-1]
        self.rows = rows
        self.tiles = -(-self.queries // rows)
        lane_count = target.lanes(4)
        self.key_panels = LanePanels(self.builder, self.depth, self.keys, lane_count, VECTORS)
        self.value_panels = LanePanels(self.builder, self.keys, self.features, lane_count, VECTORS)
        self.passes = RowPasses(parts.weighting, self.builder, ROW_VECTORS * lane_count)
        self.scratch_floats = 0
        self.declare_scratch()
        arrays = dict(zip(region.inputs, inputs, strict=True))
        scores, *others = parts.weighting.inputs
        sources = {inner: load_from(arrays[outer], inner) for inner, outer in zip(others, parts.others, strict=True)}
        self.row_reader = RegionReader(
            self.builder, {scores: lambda position: self.scores[self.row_in_tile, position[-1]], **sources}
        )
        self.row_in_tile: Index = 0

    def declare_scratch(self) -> None:
        """One pointer, cut into packed keys, packed values, the tile of scores and what its rows keep."""
        tile = self.rows * self.key_panels.padded
        kept = math.prod(self.passes.scratch_shape)
        sizes = (self.key_panels.size, self.value_panels.size, tile, kept)
        self.scratch_floats = sum(sizes)
        scratch = self.builder.pointer("scratch", DType.F32, (self.scratch_floats,))
        starts = [sum(sizes[:number]) for number in range(len(sizes))]
        self.packed_keys, self.packed_values = (
            scratch.part(start, (size,)) for start, size in zip(starts[:2], sizes[:2], strict=True)
        )
        self.scores = scratch.part(starts[2], (self.rows, self.key_panels.padded))
        self.kept = scratch.part(starts[3], self.passes.scratch_shape)

    def emit(self) -> Kernel:
        heads = math.prod(self.batch)
        per_block = -(-self.tiles // min(self.tiles, -(-PIECES // heads)))
        blocks = -(-self.tiles // per_block)
        with self.builder.parallel(heads * blocks) as index:
            head, block = (self.builder.bind(i, "at") for i in unflatten(index, (heads, blocks)))
            place = tuple(self.builder.bind(i, "at") for i in unflatten(head, self.batch))
            if isinstance(block, int):
                self.pack(place)
            else:
                starts_head = tirx.EQ(block, self.builder.index(0))
                with self.builder.if_(tirx.Or(starts_head, self.builder.is_first(index))):
                    self.pack(place)
            self.emit_block(place, block, per_block)
        return Kernel(self.builder.finish(), 4 * self.scratch_floats)

    def pack(self, batch: Position) -> None:
        """One head's keys and values into scratch."""
        key, value = self.parts.key, self.parts.value
        where = broadcast_position(batch, key.type.shape[:-2])
        read_key = self.reader.operand(key)
        if self.parts.keys_are_rows:
            self.key_panels.pack_columns(self.packed_keys, lambda k, n: read_key.at((*where, n, k)), self.reader)
        else:
            self.key_panels.pack_rows(self.packed_keys, lambda k, n: read_key.at((*where, k, n)), self.reader)
        there = broadcast_position(batch, value.type.shape[:-2])
        read_value = self.reader.operand(value)
        self.value_panels.pack_rows(self.packed_values, lambda k, n: read_value.at((*there, k, n)), self.reader)

    def emit_block(self, batch: Position, block: Index, per_block: int) -> None:
        full, rest = divmod(self.queries, self.rows)
        if full:
            start = affine(block, per_block, 0)
            if isinstance(block, int):
                extent: Index = full
            else:
                extent = tirx.Min(self.builder.index(per_block), self.builder.index(full) - start)
            with self.builder.serial(extent, "tile", start=start) as tile:
                self.emit_tile(batch, affine(tile, self.rows, 0), self.rows)
        if rest:
            if isinstance(block, int):
                self.emit_tile(batch, full * self.rows, rest)
            else:
                with self.builder.if_(tirx.EQ(block, self.builder.index(full // per_block))):
                    self.emit_tile(batch, full * self.rows, rest)

    def emit_tile(self, batch: Position, row: Index, count: int) -> None:
        """Scores, weights and results of ``count`` queries from ``row`` on."""
        where = broadcast_position(batch, self.parts.query.type.shape[:-2])

        def query(number: int, k: Index) -> Expr:
            return self.reader.at(self.parts.query, (*where, affine(row, 1, number), k))

        for panel in self.key_panels.panels():
            with self.reader.scope():
                sums = multiply_tile(
                    self.builder,
                    (count, panel.width, self.depth),
                    query,
                    lambda k, panel=panel: panel.load(self.packed_keys, k),
                )
            for number, total in enumerate(sums):
                self.scores[number, lanes(panel.first, panel.width)] = total[lanes(0, panel.width)]
        with self.builder.serial(self.builder.opaque(count), "row") as number:
            self.row_in_tile = number
            lead = (*batch, self.builder.let(affine(row, 1, 0) + number, "query"))
            self.passes.emit(self.row_reader, self.kept, lead, self.store_weight)
        for panel in self.value_panels.panels():
            sums = multiply_tile(
                self.builder,
                (count, panel.width, self.keys),
                lambda number, k: self.scores[number, k],
                lambda k, panel=panel: panel.load(self.packed_values, k),
            )
            for number, total in enumerate(sums):
                for start, width in power_of_two_pieces(panel.columns):
                    column = lanes(affine(panel.first, 1, start), width)
                    place = (*batch, affine(row, 1, number), column)
                    self.result[self.parts.in_result(place)] = total[lanes(start, width)]

    def store_weight(self, _: int, place: Position, value: Expr) -> None:
        self.scores[self.row_in_tile, place[-1]] = value
