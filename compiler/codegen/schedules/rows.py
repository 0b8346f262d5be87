"""Regions with several reductions over the same trailing axes: softmax, layer normalization and their like.

One row at a time, in the passes of ``row_passes``. A row stays in the first-level cache between passes.
"""

from __future__ import annotations

import math

from tvm.ir import Expr

from compiler.codegen.computes.interface import Pointwise
from compiler.codegen.computes.positions import unflatten
from compiler.codegen.schedules.merging import merge_aligned_axes
from compiler.codegen.schedules.reduction import compute_or_none
from compiler.codegen.schedules.region import RegionReader, input_sources, parameters
from compiler.codegen.schedules.row_passes import RowPasses, all_values, domain_shape, row_shape
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import KernelBuilder
from compiler.ir import ROW_MAJOR, Graph, Shape
from compiler.ir.ops.reduction import Reduce
from compiler.targets import Target


class Rows:
    """Pointwise ops and kept reductions over one set of trailing axes."""

    name = "rows"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether all reductions keep their axes, share one trailing set of them, and the rest is pointwise."""
        reductions = [(node, node.op) for node in region if isinstance(node.op, Reduce)]
        others = [node for node in region if not isinstance(node.op, Reduce)]
        if not reductions or not all(isinstance(compute_or_none(n), Pointwise | None) for n in others):
            return False
        domain = reductions[0][0].operands[0].type.shape
        aligned = all(broadcasts_to(value.type.shape, domain) for value in all_values(region))
        row_major = all(value.type.layout == ROW_MAJOR for value in all_values(region))
        first = first_reduced_axis(reductions[0][1], domain)
        if first is None or any(first_reduced_axis(op, domain) != first for _, op in reductions):
            return False
        alike = all(op.keep and node.operands[0].type.shape == domain for node, op in reductions)
        shapes = (domain, row_shape(domain, len(domain) - first))
        return aligned and row_major and alike and all(output.type.shape in shapes for output in region.outputs)

    def space(self, region: Graph, target: Target) -> Space:
        """``vectors``: SIMD vectors per step of a pass."""
        return Space((Knob("vectors", (1, 2, 4), 4),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """Rows outside, passes inside."""
        domain = domain_shape(region)
        first = next(first_reduced_axis(node.op, domain) for node in region if isinstance(node.op, Reduce))
        assert first is not None
        merged = merge_aligned_axes(region, domain, first)
        return _emit_rows(merged, config["vectors"] * target.lanes(4), target, symbol)


def first_reduced_axis(op: Reduce, domain: Shape) -> int | None:
    """The axis from which on ``op`` folds all there is of ``domain``, axes of size 1 aside; None if it folds others."""
    wide = [axis for axis, size in enumerate(domain) if size != 1]
    folded = [axis for axis in wide if axis in op.axes]
    if not folded:
        return len(domain) - 1 if op.axes and domain[-1] == 1 else None
    return folded[0] if folded == wide[-len(folded) :] else None


def broadcasts_to(shape: Shape, domain: Shape) -> bool:
    """Whether an array of ``shape`` has an element for every position of ``domain``, by numpy's rules."""
    fits = all(size in (1, wanted) for size, wanted in zip(reversed(shape), reversed(domain), strict=False))
    return len(shape) <= len(domain) and fits


def _emit_rows(region: Graph, lane_count: int, target: Target, symbol: str) -> Kernel:
    builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
    passes = RowPasses(region, builder, lane_count)
    inputs, results = parameters(builder, region)
    dtype = passes.scratch_type
    scratch = None if dtype is None else builder.pointer("scratch", dtype, passes.scratch_shape)
    reader = RegionReader(builder, input_sources(region, inputs))
    with builder.parallel(math.prod(passes.lead), "row") as index:
        lead = tuple(builder.let(i, "row") if isinstance(i, Expr) else i for i in unflatten(index, passes.lead))
        passes.emit(reader, scratch, lead, lambda number, place, value: results[number].__setitem__(place, value))
    return Kernel(builder.finish(), passes.scratch_bytes)
