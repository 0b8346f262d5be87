"""Window ops that treat each channel plane on its own: depthwise convolution and pooling.

One plane at a time: it is copied once into a padded scratch plane, so that no tap needs a bounds check, then every row
of the result is computed in vectors of neighbouring columns, the taps unrolled. A plane of a real network fits the
first- or second-level cache.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tvm.ir import Expr

from compiler.codegen.computes.interface import Index, Pointwise, Position, Reduction
from compiler.codegen.computes.positions import affine, unflatten
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
from compiler.codegen.tir import KernelBuilder, arithmetic_type, broadcast, cast, lanes, literal
from compiler.ir import ROW_MAJOR, DType, Graph, Node
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.pooling import MaxPool, Pool, SumPool
from compiler.targets import Target

MAX_TAPS = 128
"""Taps that the body may spell out; a global pool is a reduction, and larger windows take the generic template."""


class Planes:
    """Depthwise convolution, max and sum pooling over one to three spatial axes, with a pointwise epilogue."""

    name = "planes"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such an op with a window of moderate size."""
        found = anchored_region(region, (Conv, MaxPool, SumPool), Pointwise)
        if found is None:
            return False
        window = PlaneWindow.of(found.anchor)
        types = [operand.type for operand in found.anchor.operands]
        return (
            window is not None
            and math.prod(window.window) <= MAX_TAPS
            and min((*window.low, *window.high)) >= 0
            and (types[0].dtype is not DType.F16 or not isinstance(found.anchor.op, Conv))
            and all(value.type.layout == ROW_MAJOR for value in (*region.inputs, *region.outputs))
        )

    def space(self, region: Graph, target: Target) -> Space:
        """``vectors``: SIMD vectors of columns per step."""
        return Space((Knob("vectors", (1, 2, 4), 1),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """Planes outside, rows and strips of columns inside."""
        found = anchored_region(region, (Conv, MaxPool, SumPool), Pointwise)
        assert found is not None
        return _PlaneKernel(region, found.anchor, config["vectors"], target, symbol).emit()


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


class _PlaneKernel:
    def __init__(self, region: Graph, anchor: Node, vectors: int, target: Target, symbol: str) -> None:
        self.builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.region = region
        self.anchor = anchor
        window = PlaneWindow.of(anchor)
        assert window is not None
        self.window = window
        inputs, self.results = parameters(self.builder, region)
        arrays = dict(zip(region.inputs, inputs, strict=True))
        self.operands = [arrays[operand] for operand in anchor.operands]
        self.reader = RegionReader(self.builder, input_sources(region, inputs))
        x = anchor.operands[0].type
        self.spatial = x.shape[2:]
        self.channels = x.shape[1]
        self.padded = tuple(
            max(lo + size + hi, self.last_read(axis))
            for axis, (lo, size, hi) in enumerate(zip(window.low, self.spatial, window.high, strict=True))
        )
        self.has_padding = self.padded != self.spatial
        self.dtype = DType.F32 if x.dtype is DType.F16 else x.dtype
        self.kind = arithmetic_type(x.dtype)
        others = [node for node in region if node is not anchor]
        self.width = target.lanes(4) * vectors if reads_vectors(others) else 1
        self.scratch_bytes = math.prod(self.padded) * self.dtype.bytes if self.has_padding else 0
        if self.has_padding:
            self.scratch = self.builder.pointer("scratch", self.dtype, self.padded)

    def last_read(self, axis: int) -> int:
        """One past the last padded position that a window reads."""
        w = self.window
        out = self.anchor.result.type.shape[2 + axis]
        return (out - 1) * w.strides[axis] + (w.window[axis] - 1) * w.dilations[axis] + 1

    def emit(self) -> Kernel:
        images, filters, *out = self.anchor.result.type.shape
        per_channel = filters // self.channels
        with self.builder.parallel(images * self.channels) as index:
            image, channel = (
                self.builder.let(i, "plane") if isinstance(i, Expr) else i
                for i in unflatten(index, (images, self.channels))
            )
            if self.has_padding:
                self.copy_plane(image, channel)
            for number in range(per_channel):
                self.rows(image, channel, affine(channel, per_channel, number), tuple(out))
        return Kernel(self.builder.finish(), self.scratch_bytes)

    def copy_plane(self, image: Index, channel: Index) -> None:
        """Fill the padded scratch plane: padding first, then the rows of the operand."""
        unit = self.unit()
        flat = self.scratch.reshape((math.prod(self.padded),))
        for offset, count in self.builder.strips(math.prod(self.padded), self.width):
            flat[lanes(offset, count)] = broadcast(unit, count)
        *outer, inner = self.spatial
        with self.builder.serial(math.prod(outer), "row") as row:
            lead = unflatten(row, outer)
            target = [affine(i, 1, low) for i, low in zip(lead, self.window.low, strict=False)]
            for offset, count in self.builder.strips(inner, self.width):
                element = self.operands[0][(image, channel, *lead, lanes(offset, count))]
                place = lanes(affine(offset, 1, self.window.low[-1]), count)
                self.scratch[(*target, place)] = cast(element, self.kind)

    def unit(self) -> Expr:
        """The reduction's unit, which padding holds."""
        if isinstance(self.anchor.op, Conv):
            return literal(0, self.kind)
        compute = compute_of(self.anchor)
        assert isinstance(compute, Reduction)
        (unit,) = compute.start(self.anchor.op, [operand.type for operand in self.anchor.operands])
        return unit

    def rows(self, image: Index, channel: Index, filter_: Index, out: tuple[int, ...]) -> None:
        *outer, inner = out
        weights = self.load_weights(filter_)
        with self.builder.serial(math.prod(outer), "row") as row:
            lead = unflatten(row, outer)
            for offset, count in self.builder.strips(inner, self.width):
                with self.reader.scope():
                    place = (image, filter_, *lead, lanes(offset, count))
                    folded = self.fold(image, channel, (*lead, offset), count, weights)
                    value = self.builder.let(as_result(folded, self.anchor.result.type.dtype), "sum")
                    with self.reader.override(self.anchor.result, lambda _, value=value: value):
                        for array, output in zip(self.results, self.region.outputs, strict=True):
                            array[place] = self.reader.at(output, place)

    def load_weights(self, filter_: Index) -> dict[tuple[int, ...], Expr]:
        """The taps of one filter, read once per plane; nothing for pools."""
        if not isinstance(self.anchor.op, Conv):
            return {}
        weights = self.operands[1]
        return {tap: self.builder.let(weights[(filter_, 0, *tap)], "weight") for tap in self.taps()}

    def taps(self) -> list[tuple[int, ...]]:
        return list(itertools.product(*map(range, self.window.window)))

    def fold(
        self, image: Index, channel: Index, first: Position, count: int, weights: dict[tuple[int, ...], Expr]
    ) -> Expr:
        """All taps of ``count`` neighbouring results that begin at ``first``."""
        total: Expr | None = None
        compute = compute_of(self.anchor)
        assert isinstance(compute, Reduction)
        for tap in self.taps():
            element = self.load(image, channel, self.tap_position(first, tap, count))
            if weights:
                product = element * broadcast(weights[tap], count)
                total = product if total is None else total + product
            elif total is None:
                total = element
            else:
                assert compute.combine is not None
                (total,) = compute.combine(self.builder, self.anchor.op, (total,), (element,))
                total = self.builder.let(total, "fold")
        assert total is not None
        return total

    def tap_position(self, first: Position, tap: Sequence[int], count: int) -> Position:
        w = self.window
        *outer, column = (
            affine(index, stride, t * dilation)
            for index, stride, t, dilation in zip(first, w.strides, tap, w.dilations, strict=True)
        )
        return (*outer, lanes(column, count, w.strides[-1]))

    def load(self, image: Index, channel: Index, position: Position) -> Expr:
        if self.has_padding:
            return self.scratch[tuple(position)]
        return self.operands[0][(image, channel, *position)]
