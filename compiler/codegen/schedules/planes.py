"""Window ops that treat each channel plane on its own: depthwise convolution and pooling.

A step of output rows of one plane is computed in three moves, all within the first-level cache::

    copy the input rows of the step into scratch: padded, and split into phases of the strides
    fold all taps for all positions of the step, rows joined end to end         (taps unrolled, vectors contiguous)
    epilogue and store, row by row

Phase ``(p, q)`` holds the padded elements whose row is ``p`` modulo the row stride and whose column is ``q`` modulo the
column stride. Within a phase neighbouring results read neighbouring elements whatever the stride, and because all
phases have one width, so do the last result of a row and the first of the next: vectors run across the ends of rows,
where they compute a few results that nobody stores. That is what makes planes of 7 or 14 columns fast.

A pool with a large window folds its rows for all columns first, then its columns.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Index, Pointwise, Reduction
from compiler.codegen.computes.positions import add, affine, unflatten, within
from compiler.codegen.schedules.anchors import anchored_region
from compiler.codegen.schedules.region import (
    RegionReader,
    as_result,
    compute_of,
    input_sources,
    parameters,
    reads_vectors,
)
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import KernelBuilder, arithmetic_type, broadcast, cast, every, lanes, literal
from compiler.ir import ROW_MAJOR, DType, Graph, Node
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.pooling import MaxPool, Pool, SumPool
from compiler.targets import Target

MAX_READS = 128
"""Reads per result that the body may spell out; a global pool is a reduction, and larger windows take the generic
template."""

ANCHORS = (Conv, MaxPool, SumPool)


class Planes:
    """Depthwise convolution, max and sum pooling over one or two spatial axes, with a pointwise epilogue."""

    name = "planes"
    version = 3

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such an op with a window of moderate size."""
        found = anchored_region(region, ANCHORS, Pointwise)
        if found is None or found.anchor.operands[0].type.rank not in (3, 4):
            return False
        window = PlaneWindow.of(found.anchor)
        half_conv = found.anchor.operands[0].type.dtype is DType.F16 and isinstance(found.anchor.op, Conv)
        return (
            window is not None
            and PlaneShape.of(found.anchor).reads <= MAX_READS
            and min((*window.low, *window.high)) >= 0
            and not half_conv
            and all(value.type.layout == ROW_MAJOR for value in (*region.inputs, *region.outputs))
        )

    def space(self, region: Graph, target: Target) -> Space:
        """``vectors``: SIMD vectors of results at once; ``rows``: rows of results per step."""
        found = anchored_region(region, ANCHORS, Pointwise)
        assert found is not None
        shape = PlaneShape.of(found.anchor)
        fitting = [rows for rows in range(1, shape.rows + 1) if shape.scratch_elements(rows) * 8 <= target.l1d_bytes]
        steps = -(-shape.rows // max(fitting, default=1))
        rows = -(-shape.rows // steps)
        return Space((Knob("vectors", (1, 2, 4), 2), Knob("rows", tuple(dict.fromkeys((1, rows, shape.rows))), rows)))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """Steps of planes outside; the three moves of the module's docstring inside."""
        found = anchored_region(region, ANCHORS, Pointwise)
        assert found is not None
        return _PlaneKernel(region, found.anchor, config, target, symbol).emit()


@dataclass(frozen=True)
class PlaneWindow:
    """The window attributes that depthwise convolutions and pools share."""

    window: tuple[int, ...]
    strides: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    dilations: tuple[int, ...]

    @staticmethod
    def of(node: Node) -> PlaneWindow | None:
        """Those of a pool, or of a convolution in which each filter sees one channel; else None."""
        op = node.op
        if isinstance(op, Pool):
            return PlaneWindow(op.window, op.strides, op.low, op.high, op.dilations)
        weights = node.operands[1].type.shape
        if isinstance(op, Conv) and weights[1] == 1 and op.groups > 1:
            return PlaneWindow(weights[2:], op.strides, op.low, op.high, op.dilations)
        return None


@dataclass(frozen=True)
class PlaneShape:
    """A window op seen as two-dimensional, and the sizes of its scratch phases."""

    images: int
    channels: int
    filters: int
    height: int
    width: int
    rows: int
    columns: int
    window: tuple[int, int]
    strides: tuple[int, int]
    low: tuple[int, int]
    dilations: tuple[int, int]
    is_pool: bool

    @staticmethod
    def of(anchor: Node) -> PlaneShape:
        """The shape of a region's anchor."""
        window = PlaneWindow.of(anchor)
        assert window is not None
        x, out = anchor.operands[0].type.shape, anchor.result.type.shape
        fill = (1,) * (4 - len(x))
        none = (0,) * (4 - len(x))
        height, width = (*fill, *x[2:])
        rows, columns = (*fill, *out[2:])
        return PlaneShape(
            x[0],
            x[1],
            out[1],
            height,
            width,
            rows,
            columns,
            _pair((*fill, *window.window)),
            _pair((*fill, *window.strides)),
            _pair((*none, *window.low)),
            _pair((*fill, *window.dilations)),
            isinstance(anchor.op, Pool),
        )

    @property
    def folds_rows_first(self) -> bool:
        """Whether fewer reads are needed when the rows of the window are folded for all columns first."""
        return self.is_pool and self._separate_reads < math.prod(self.window)

    @property
    def reads(self) -> int:
        """Reads of scratch per result."""
        return self._separate_reads if self.folds_rows_first else math.prod(self.window)

    @property
    def _separate_reads(self) -> int:
        return self.window[0] * self.strides[1] + self.window[1]

    @property
    def pitch(self) -> int:
        """Columns of a phase: what the last result of a row reads, in the phase that reaches farthest."""
        return self.columns + (self.window[1] - 1) * self.dilations[1] // self.strides[1]

    def phase_rows(self, rows: int) -> int:
        """Rows of a phase that a step of ``rows`` rows reads."""
        return rows + (self.window[0] - 1) * self.dilations[0] // self.strides[0]

    def phase_elements(self, rows: int) -> int:
        """Elements of one phase."""
        return self.phase_rows(rows) * self.pitch

    def scratch_elements(self, rows: int) -> int:
        """Elements of all phases, of the joined rows of results, and of the phases with rows folded."""
        folded = self.strides[1] if self.folds_rows_first else 0
        return math.prod(self.strides) * self.phase_elements(rows) + (1 + folded) * rows * self.pitch


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    first, second = values
    return first, second


@dataclass(frozen=True)
class Tap:
    """An element that each result reads: its place in scratch for the first result, and its weight in a convolution."""

    offset: int
    weight: Expr | None = None


class _PlaneKernel:
    def __init__(self, region: Graph, anchor: Node, config: Config, target: Target, symbol: str) -> None:
        self.builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.region = region
        self.anchor = anchor
        self.shape = PlaneShape.of(anchor)
        self.rows = config["rows"]
        inputs, self.results = parameters(self.builder, region)
        arrays = dict(zip(region.inputs, inputs, strict=True))
        self.reader = RegionReader(self.builder, input_sources(region, inputs))
        s, x = self.shape, anchor.operands[0].type
        self.x = arrays[anchor.operands[0]].reshape((s.images, s.channels, s.height, s.width))
        self.weights = arrays[anchor.operands[1]].reshape((s.filters, *s.window)) if len(anchor.operands) > 1 else None
        self.kind = arithmetic_type(x.dtype)
        self.vector = target.lanes(4)
        self.width = self.vector * config["vectors"]
        vectorizes = reads_vectors([node for node in region if node is not anchor])
        self.epilogue_width = self.vector if vectorizes else 1
        dtype = DType.F32 if x.dtype is DType.F16 else x.dtype
        elements = s.scratch_elements(self.rows)
        self.scratch_bytes = elements * dtype.bytes
        self.scratch = self.builder.pointer("scratch", dtype, (elements,))
        self.joined = math.prod(s.strides) * s.phase_elements(self.rows)

    def emit(self) -> Kernel:
        s, k = self.shape, self.builder
        steps = -(-s.rows // self.rows)
        outer = (s.images, s.channels, steps)
        with k.parallel(math.prod(outer)) as index:
            image, channel, step = (
                self.builder.bind(i, name) for i, name in zip(unflatten(index, outer), ("n", "c", "h"), strict=True)
            )
            first = self.builder.bind(affine(step, self.rows, 0), "first_row")
            self.copy_phases(image, channel, first)
            multiplier = s.filters // s.channels
            for number in range(multiplier):
                filter_ = self.builder.bind(affine(channel, multiplier, number), "filter")
                self.fold_step(filter_)
                self.write_step(image, filter_, first)
        return Kernel(k.finish(), self.scratch_bytes)

    def at(self, offset: Index, width: int) -> Index:
        """Indices of ``width`` neighbours in the scratch array."""
        return lanes(self.builder.index(offset) if isinstance(offset, int) else offset, width)

    # -- the first move -----------------------------------------------------------------------------

    def copy_phases(self, image: Index, channel: Index, first: Index) -> None:
        s, k = self.shape, self.builder
        top = affine(first, s.strides[0], -s.low[0])
        unit = self.unit()
        for p, q in itertools.product(range(s.strides[0]), range(s.strides[1])):
            start = (p * s.strides[1] + q) * s.phase_elements(self.rows)
            with k.serial(s.phase_rows(self.rows), "line") as line:
                row = self.builder.bind(add(affine(line, s.strides[0], p), top), "source")
                target = self.builder.bind(affine(line, s.pitch, start), "target")
                inside = within(row, s.height)
                assert isinstance(inside, Expr)
                with k.if_(inside):
                    self.copy_line(image, channel, row, target, q, unit)
                with k.else_():
                    self.fill(target, 0, s.pitch, unit)

    def copy_line(self, image: Index, channel: Index, row: Index, target: Index, phase: int, unit: Expr) -> None:
        """One row of one phase: padding, every stride-th element, padding."""
        s = self.shape
        stride, low = s.strides[1], s.low[1]
        begin = min(s.pitch, max(0, -(-(low - phase) // stride)))
        end = min(s.pitch, max(begin, -(-(s.width + low - phase) // stride)))
        self.fill(target, 0, begin, unit)
        # A contiguous load spans the elements between, also behind the last: those of the image's last column may not.
        first = phase + begin * stride - low
        spanned = max(0, min(end - begin, (s.width - first) // stride))
        for start, count, load in ((0, spanned, self.load_spanned), (spanned, end - begin - spanned, self.load_one)):
            for offset, width in self.builder.strips(count, self.vector if load == self.load_spanned else 1):
                column = affine(offset, stride, first + start * stride)
                element = cast(load((image, channel, row), column, width), self.kind)
                self.scratch[self.at(add(target, affine(offset, 1, begin + start)), width)] = element
        self.fill(target, end, s.pitch, unit)

    def load_spanned(self, lead: tuple[Index, ...], column: Index, width: int) -> Expr:
        """``width`` elements, a column stride apart."""
        stride = self.shape.strides[1]
        span = self.x[(*lead, self.at(column, width * stride))]
        return every(span, stride) if stride > 1 else span

    def load_one(self, lead: tuple[Index, ...], column: Index, width: int) -> Expr:
        return self.x[(*lead, column)]

    def fill(self, target: Index, begin: int, end: int, unit: Expr) -> None:
        for offset, width in self.builder.strips(max(0, end - begin), self.vector):
            self.scratch[self.at(add(target, affine(offset, 1, begin)), width)] = broadcast(unit, width)

    def unit(self) -> Expr:
        """The reduction's unit, which padding holds."""
        if isinstance(self.anchor.op, Conv):
            return literal(0, self.kind)
        compute = self.compute()
        (unit,) = compute.start(self.anchor.op, [operand.type for operand in self.anchor.operands])
        return unit

    def compute(self) -> Reduction:
        compute = compute_of(self.anchor)
        assert isinstance(compute, Reduction)
        return compute

    # -- the second move ----------------------------------------------------------------------------

    def fold_step(self, filter_: Index) -> None:
        """All results of a step, the rows joined end to end."""
        s = self.shape
        results = (self.rows - 1) * s.pitch + s.columns
        if not s.folds_rows_first:
            taps = itertools.product(range(s.window[0]), range(s.window[1]))
            self.fold(results, self.joined, [Tap(self.tap_offset(tap), self.weight(filter_, tap)) for tap in taps])
            return
        phase = self.rows * s.pitch
        folded = self.joined + phase
        for q in range(s.strides[1]):
            first = q * s.phase_elements(self.rows)
            rows = [Tap(first + self.tap_offset((row, 0))) for row in range(s.window[0])]
            self.fold(phase, folded + q * phase, rows)
        columns = [divmod(column * s.dilations[1], s.strides[1]) for column in range(s.window[1])]
        self.fold(results, self.joined, [Tap(folded + q * phase + column) for column, q in columns])

    def weight(self, filter_: Index, tap: tuple[int, int]) -> Expr | None:
        """The weight of a tap, read once per step; None for pools."""
        return None if self.weights is None else self.builder.let(self.weights[(filter_, *tap)], "weight")

    def fold(self, size: int, target: int, taps: list[Tap]) -> None:
        """Element ``target + i`` of scratch, for each i below ``size``: its taps, summed or combined as a pool does."""
        for offset, width in self.builder.strips(size, self.width):
            total: Expr | None = None
            for tap in taps:
                element = self.scratch[self.at(affine(offset, 1, tap.offset), width)]
                term = element if tap.weight is None else element * broadcast(tap.weight, width)
                total = term if total is None else self.combined(total, term)
            assert total is not None
            self.scratch[self.at(affine(offset, 1, target), width)] = total

    def combined(self, total: Expr, term: Expr) -> Expr:
        """One more tap of a convolution's sum, or of what the pool computes."""
        if self.weights is not None:
            return total + term
        combine = self.compute().combine
        assert combine is not None
        (folded,) = combine(self.builder, self.anchor.op, (total,), (term,))
        return self.builder.let(folded, "fold")

    def tap_offset(self, tap: tuple[int, int]) -> int:
        """Where a tap of the first result lies in the scratch array."""
        s = self.shape
        row, column = tap[0] * s.dilations[0], tap[1] * s.dilations[1]
        phase = row % s.strides[0] * s.strides[1] + column % s.strides[1]
        return phase * s.phase_elements(self.rows) + row // s.strides[0] * s.pitch + column // s.strides[1]

    # -- the third move -----------------------------------------------------------------------------

    def write_step(self, image: Index, filter_: Index, first: Index) -> None:
        """Epilogue and store of the rows that exist."""
        s, k = self.shape, self.builder
        rows: Index = self.rows
        if s.rows % self.rows:
            left = s.rows - first
            rows = min(self.rows, left) if isinstance(left, int) else tirx.Min(k.index(self.rows), left)
        with k.serial(rows, "row") as row:
            source = self.builder.bind(affine(row, s.pitch, self.joined), "joined")
            place = self.builder.bind(add(row, first), "place")
            for offset, width in k.strips(s.columns, self.epilogue_width):
                with self.reader.scope():
                    folded = self.scratch[self.at(add(source, offset), width)]
                    value = k.let(as_result(folded, self.anchor.result.type.dtype), "sum")
                    self.store(value, (image, filter_), place, self.at(offset, width))

    def store(self, value: Expr, lead: tuple[Index, Index], row: Index, columns: Index) -> None:
        where = (*lead, row, columns) if self.anchor.result.type.rank == 4 else (*lead, columns)
        with self.reader.override(self.anchor.result, lambda _: value):
            for array, output in zip(self.results, self.region.outputs, strict=True):
                array[where] = self.reader.at(output, where)
