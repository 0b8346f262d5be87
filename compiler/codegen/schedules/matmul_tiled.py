"""Matrix products with a register tile: lanes are columns of the result, a tile of rows is in registers.

``b`` is read as rows of lanes: packed panels ``[n / block, k, block]`` (a constant ``[n, k]`` in layout ``{0:block}``),
or as it lies in memory when it is ``[k, n]``. A ``[n, k]`` operand that is not packed, such as the keys of an
attention, is transposed panel by panel into scratch, once for all rows. After Goto and van de Geijn, Anatomy of
High-Performance Matrix Multiplication (ACM TOMS 2008).

Packed panels are weights, which come from memory anew in every run. While one panel is used the next one is asked for,
so that its way into the second-level cache costs no time; a product of one tile of rows asks for them a fixed distance
ahead, which is what memory bandwidth needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Index, Pointwise, Position
from compiler.codegen.computes.positions import affine, broadcast_position, unflatten
from compiler.codegen.schedules.anchors import anchored_region
from compiler.codegen.schedules.matmul_space import NEXT_PANEL, Product, product_space
from compiler.codegen.schedules.packing import LanePanels, Panel
from compiler.codegen.schedules.region import RegionReader, input_sources, parameters
from compiler.codegen.schedules.register_tile import (
    multiply_tile,
    power_of_two_pieces,
)
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.codegen.tir import Array, KernelBuilder, lanes
from compiler.codegen.work import TRANSCENDENTAL
from compiler.ir import ROW_MAJOR, DType, Graph, Node
from compiler.ir.ops.contraction import MatMul
from compiler.targets import Target


class MatMulTiled:
    """A float32 matrix product, batched or not, with a pointwise epilogue."""

    name = "matmul_tiled"
    version = 5

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a product and b is row-major or packed in column blocks."""
        found = anchored_region(region, MatMul, Pointwise)
        if found is None:
            return False
        a, b = (operand.type for operand in found.anchor.operands)
        packed = b.rank == 2 and len(b.layout.blocks) == 1 and b.layout.blocks[0][0] == 0
        return (
            a.dtype is DType.F32
            and a.layout == ROW_MAJOR
            and (b.layout == ROW_MAJOR or (packed and _op(found.anchor).transpose_b))
            and all(output.type.layout == ROW_MAJOR for output in region.outputs)
        )

    def space(self, region: Graph, target: Target) -> Space:
        """``rows``: rows of the register tile; ``vectors``: its width in SIMD vectors (fixed by packed panels);
        ``steps``: steps along k that are written out in the innermost loop; ``span``: row tiles of one iteration;
        ``panels_last``: whether an iteration is followed by the next panel for the same rows, not by the next rows;
        ``fetch``: packed weights that are asked for ahead: none (0), the next panel (1), or what lies so many bytes
        ahead in memory."""
        found = anchored_region(region, MatMul, Pointwise)
        assert found is not None
        return product_space(Product.of(found.anchor, target), target)

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loop nest of the module's docstring."""
        found = anchored_region(region, MatMul, Pointwise)
        assert found is not None
        return _MatMulKernel(region, found.anchor, config, target, symbol).emit()


def _op(node: Node) -> MatMul:
    assert isinstance(node.op, MatMul)
    return node.op


class _MatMulKernel:
    def __init__(self, region: Graph, anchor: Node, config: Config, target: Target, symbol: str) -> None:
        self.builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.region = region
        self.anchor = anchor
        inputs, self.results = parameters(self.builder, region)
        self.reader = RegionReader(self.builder, input_sources(region, inputs))
        arrays = dict(zip(region.inputs, inputs, strict=True))
        self.a, self.b = (arrays[operand] for operand in anchor.operands)
        self.a_type, self.b_type = (operand.type for operand in anchor.operands)
        product = Product.of(anchor, target)
        *self.batch, self.m, self.n = anchor.result.type.shape
        self.k, self.packed, self.transposes = product.depth, product.packed, product.transposes
        self.lane_count = target.lanes(4)
        self.width = config["vectors"] * self.lane_count if not self.packed else self.packed
        self.tile, self.step, self.span = config["rows"], config["steps"], config["span"]
        self.panels_last, self.fetch = bool(config["panels_last"]), config["fetch"]
        self.tiles = -(-self.m // self.tile)
        self.panels = -(-self.n // self.width)
        self.line = target.cache_line_bytes // 4
        self.by_element = target.multiplies_by_element
        self.has_long_epilogue = any(node.op.name in TRANSCENDENTAL for node in region)
        self.scratch_bytes = 4 * self.k * self.width if self.transposes else 0
        if self.transposes:
            self.panel = self.builder.pointer("scratch", DType.F32, (self.k * self.width,))

    def emit(self) -> Kernel:
        per_block = self.span
        blocks = -(-self.tiles // per_block)
        names = "brp" if self.panels_last else "bpr"
        extents = {"b": math.prod(self.batch), "p": self.panels, "r": blocks}
        outer = tuple(extents[name] for name in names)
        with self.builder.parallel(math.prod(outer)) as index:
            at = {name: self.builder.bind(i, name) for i, name in zip(unflatten(index, outer), names, strict=True)}
            batch, panel, block = at["b"], at["p"], at["r"]
            place = tuple(self.builder.bind(i, "b") for i in unflatten(batch, self.batch))
            for first, width in self.column_pieces(panel):
                self.emit_panel(place, panel, first, width, block, per_block)
        return Kernel(self.builder.finish(), self.scratch_bytes)

    def column_pieces(self, panel: Index) -> Iterator[tuple[Index, int]]:
        """The columns of a panel as (first, lanes): all at once, except for the last panel if it is narrower."""
        rest = self.n % self.width
        if rest == 0 or isinstance(panel, int):
            if rest == 0:
                yield affine(panel, self.width, 0), self.width
            else:
                yield from self.narrow_pieces(rest)
            return
        with self.builder.if_(tirx.LT(panel, self.builder.index(self.panels - 1))):
            yield affine(panel, self.width, 0), self.width
        with self.builder.else_():
            yield from self.narrow_pieces(rest)

    def narrow_pieces(self, rest: int) -> Iterator[tuple[Index, int]]:
        last = (self.panels - 1) * self.width
        if self.packed:
            # Lanes beyond the last column are zeros in memory: computing them costs nothing, storing is narrowed.
            yield last, self.width
            return
        for start, width in power_of_two_pieces(rest):
            yield last + start, width

    def emit_panel(self, batch: Position, panel: Index, first: Index, width: int, block: Index, per_block: int) -> None:
        if self.transposes:
            self.transpose_panel(batch, first, width)
        full, rest = divmod(self.m, self.tile)
        if full:
            start = affine(block, per_block, 0)
            count = tirx.Min(self.builder.index(per_block), self.builder.index(full) - start)
            single = isinstance(block, int)
            extent: Index = min(per_block, full) if single else count
            with self.builder.serial(extent, "tile", start=start) as tile:
                self.emit_tile(batch, panel, first, width, tile, self.tile)
        if rest:
            if isinstance(block, int):
                self.emit_tile(batch, panel, first, width, full, rest)
            else:
                with self.builder.if_(tirx.EQ(block, self.builder.index(full // per_block))):
                    self.emit_tile(batch, panel, first, width, full, rest)

    def transpose_panel(self, batch: Position, first: Index, width: int) -> None:
        """Copy ``width`` rows of b into scratch as columns."""
        where = broadcast_position(batch, self.b_type.shape[:-2])
        panel = Panel(start=0, first=first, width=width, columns=width)
        panels = LanePanels(self.builder, self.k, self.n, self.lane_count, self.width // self.lane_count)
        panels.pack_panel_columns(self.panel, panel, lambda k, n: self.b[(*where, n, k)], self.reader)

    def load_b(self, batch: Position, panel: Index, first: Index, width: int, k: Index) -> Expr:
        own = lanes(self.builder.index(0), width)
        if self.packed:
            return self.b[panel, k, own]
        if self.transposes:
            return self.panel[lanes(self.builder.index(affine(k, width, 0)), width)]
        return self.b[(*broadcast_position(batch, self.b_type.shape[:-2]), k, lanes(self.builder.index(first), width))]

    def emit_tile(self, batch: Position, panel: Index, first: Index, width: int, tile: Index, count: int) -> None:
        row = affine(tile, self.tile, 0)
        where = broadcast_position(batch, self.a_type.shape[:-2])
        sums = multiply_tile(
            self.builder,
            (count, width, self.k),
            lambda number, k: self.a[(*where, affine(row, 1, number), k)],
            lambda k: self.load_b(batch, panel, first, width, k),
            lambda step: self.prefetch(panel, tile, step),
            by_element=self.by_element,
            steps_together=self.step,
        )
        self.write_tile(sums, batch, first, row, width)

    def prefetch(self, panel: Index, tile: Index, step: Expr) -> None:
        """Ask for weights that will be needed next, for one of ``k // self.step`` steps of a tile."""
        if self.fetch == NEXT_PANEL:
            self.prefetch_next_panel(panel, tile, step)
        elif self.fetch:
            self.prefetch_ahead(panel, step)

    def prefetch_ahead(self, panel: Index, step: Expr) -> None:
        """Panels that are read once, or too large to wait in the cache: what lies a little way ahead in memory."""
        assert self.packed, "only packed panels are fetched"
        of_step, size = self.step * self.packed, self.panels * self.k * self.packed
        here = self.builder.index(affine(panel, self.k * self.packed, 0)) + affine(step, of_step, 0)
        ahead = tirx.Min(here + self.fetch // 4, self.builder.index(size - of_step))
        for start in range(0, of_step, self.line):
            self.builder.prefetch(self.b.reshape((size,)), (ahead + start,), level=1)

    def prefetch_next_panel(self, panel: Index, tile: Index, step: Expr) -> None:
        """Every tile of rows asks for a part of it, every step for a few lines."""
        assert self.packed, "only packed panels are fetched"
        steps = self.k // self.step
        lines = self.k * self.packed // self.line
        of_tile = -(-lines // self.tiles)
        of_step = min(-(-of_tile // steps), lines // steps)
        last = self.builder.index(lines - of_step * steps)
        start = tirx.Min(self.builder.index(affine(tile, of_tile, 0)), last)
        following = tirx.Min(self.builder.index(affine(panel, 1, 1)), self.builder.index(self.panels - 1))
        flat = self.b.reshape((self.panels, self.k * self.packed))
        for number in range(of_step):
            line = start + affine(step, of_step, number)
            self.builder.prefetch(flat, (following, line * self.line), level=2)

    def write_tile(self, accumulators: list[Array], batch: Position, first: Index, row: Index, width: int) -> None:
        every = lanes(self.builder.index(0), width)
        if not self.has_long_epilogue:
            for number, accumulator in enumerate(accumulators):
                self.write(lambda piece, sums=accumulator: sums[piece], batch, first, affine(row, 1, number), width)
            return
        sums = self.builder.registers("sums", DType.F32, (len(accumulators), width))
        for number, accumulator in enumerate(accumulators):
            sums[number, every] = accumulator[every]
        with self.builder.serial(self.builder.opaque(len(accumulators)), "row") as number:
            self.write(lambda piece: sums[number, piece], batch, first, row + number, width)

    def write(self, sums: Callable[[Index], Expr], batch: Position, first: Index, row: Index, width: int) -> None:
        """Epilogue and store; of a padded last panel only the lanes that exist."""
        padded = self.packed and isinstance(first, int) and first + width > self.n
        for start, piece in power_of_two_pieces(self.n - first) if padded else [(0, width)]:
            value = self.builder.let(sums(lanes(self.builder.index(start), piece)), "sum")
            place = (*batch, row, lanes(self.builder.index(affine(first, 1, start)), piece))
            with self.reader.scope(), self.reader.override(self.anchor.result, lambda _, value=value: value):
                for array, output in zip(self.results, self.region.outputs, strict=True):
                    array[place] = self.reader.at(output, place)
