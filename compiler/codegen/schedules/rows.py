"""Regions with several reductions over the same trailing axes: softmax, layer normalization and their like.

One row at a time, in phases: each reduction is one pass over the row, with everything between reductions composed
into the next pass; the last pass writes the results. A row stays in the first-level cache between passes. What is
expensive and needed again (softmax's exponentials) is kept in a scratch row instead of being computed twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tvm.ir import Expr

from compiler.codegen.computes.interface import Pointwise, Position, Reduction
from compiler.codegen.computes.positions import unflatten
from compiler.codegen.cost import TRANSCENDENTAL
from compiler.codegen.schedules.accumulators import Accumulators
from compiler.codegen.schedules.merging import merge_aligned_axes
from compiler.codegen.schedules.reduction import compute_or_none, strip_pieces
from compiler.codegen.schedules.region import (
    RegionReader,
    as_result,
    compute_of,
    input_sources,
    parameters,
    reads_vectors,
)
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import Array, KernelBuilder, lanes
from compiler.ir import ROW_MAJOR, Graph, Node, Shape, Value
from compiler.ir.ops.broadcasting import broadcast_shapes
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
        return _RowKernel(merged, config["vectors"], target, symbol).emit()


def all_values(region: Graph) -> Iterator[Value]:
    """Inputs and all results of a region."""
    yield from region.inputs
    for node in region:
        yield from node.results


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


def domain_shape(region: Graph) -> Shape:
    """The shape that all values of the region broadcast to."""
    return broadcast_shapes(*(value.type.shape for value in all_values(region)))


def row_shape(domain: Shape, trailing: int) -> Shape:
    """``domain`` with its ``trailing`` last axes of size 1."""
    return (*domain[: len(domain) - trailing], *(1,) * trailing)


class _RowKernel:
    def __init__(self, region: Graph, vectors: int, target: Target, symbol: str) -> None:
        self.region = region
        self.builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.reductions = [node for node in region if isinstance(node.op, Reduce)]
        axes = self.reductions[0].op.axes  # pyright: ignore[reportAttributeAccessIssue]
        self.domain = domain_shape(region)
        self.lead = self.domain[: axes[0]]
        self.trailing = self.domain[axes[0] :]
        self.row = row_shape(self.domain, len(self.trailing))
        inputs, self.results = parameters(self.builder, region)
        self.kept = self.kept_rows()
        self.scratch_bytes = sum(math.prod(self.trailing) * value.type.dtype.bytes for value in self.kept)
        self.scratch = self.scratch_rows()
        self.reader = RegionReader(self.builder, input_sources(region, inputs))
        vectorizes = reads_vectors([node for node in region if node not in self.reductions])
        self.width = target.lanes(4) * vectors if vectorizes else 1

    def kept_rows(self) -> list[Value]:
        """Operands of reductions that are expensive and needed again."""
        return [
            value
            for value in dict.fromkeys(node.operands[0] for node in self.reductions)
            if len(value.uses) > 1 and value.producer is not None and is_expensive(value.producer)
        ]

    def scratch_rows(self) -> dict[Value, Array]:
        """One scratch row per kept value; all have one element type, or none is kept."""
        if len({value.type.dtype for value in self.kept}) > 1:
            self.kept, self.scratch_bytes = [], 0
        if not self.kept:
            return {}
        array = self.builder.pointer("scratch", self.kept[0].type.dtype, (len(self.kept), *self.trailing))
        return dict.fromkeys(self.kept, array)

    def emit(self) -> Kernel:
        with self.builder.parallel(math.prod(self.lead), "row") as index, self.reader.scope():
            lead = tuple(self.builder.let(i, "row") if isinstance(i, Expr) else i for i in unflatten(index, self.lead))
            place = (*lead, *(0 for _ in self.trailing))
            for node in self.region:
                if node in self.reductions:
                    self.reduce(node, lead)
                elif node.op.name != "constant" and node.result.type.shape == self.row:
                    self.reader.at(node.result, place)
            self.write(lead, place)
        return Kernel(self.builder.finish(), self.scratch_bytes)

    def reduce(self, node: Node, lead: Position) -> None:
        """One pass that folds ``node``'s operand over the row; its result is a scalar from then on."""
        compute = compute_of(node)
        assert isinstance(compute, Reduction) and compute.combine is not None
        operand = node.operands[0]
        types = [operand.type]
        total: tuple[Expr, ...] | None = None
        for start, width, count in strip_pieces(self.trailing[-1], self.width):
            accumulators = Accumulators(self.builder, compute, node.op, types, width)
            with self.pass_over(start, width, count) as tail:
                element = self.reader.at(operand, (*lead, *tail))
                if operand in self.scratch and operand not in self.reader.sources:
                    self.scratch[operand][(self.kept.index(operand), *tail)] = element
                place = (*lead, *(0 for _ in tail))
                accumulators.update(
                    lambda old, place=place, tail=tail: compute.step(
                        self.builder, node.op, [self.reader.operand(operand)], place, tail, old
                    )
                )
            partial = accumulators.combined()
            total = partial if total is None else compute.combine(self.builder, node.op, total, partial)
        assert total is not None
        finished = compute.finish(self.builder, node.op, types, total)
        value = self.builder.let(as_result(finished, node.result.type.dtype), node.op.name)
        self.reader.sources[node.result] = lambda _: value
        if operand in self.scratch and operand not in self.reader.sources:
            self.reader.sources[operand] = self.load_scratch(operand, len(lead))

    def load_scratch(self, value: Value, lead: int) -> Callable[[Position], Expr]:
        array, number = self.scratch[value], self.kept.index(value)
        return lambda position: array[(number, *position[lead:])]

    @contextmanager
    def pass_over(self, start: int, width: int, count: int) -> Iterator[Position]:
        """Loops over the row for one strip piece of its innermost axis; yields the position in the row."""
        *outer, _ = self.trailing
        with ExitStack() as loops:
            head = tuple(loops.enter_context(self.builder.serial(size, "r")) for size in outer)
            strip = loops.enter_context(self.builder.serial(count, "strip"))
            loops.enter_context(self.reader.scope())
            yield (*head, lanes(strip * width + start, width))

    def write(self, lead: Position, place: Position) -> None:
        """The last pass: all results."""
        outputs = list(zip(self.region.outputs, self.results, strict=True))
        for output, array in outputs:
            if output.type.shape == self.row:
                array[place] = self.reader.at(output, place)
        full = [(output, array) for output, array in outputs if output.type.shape != self.row]
        if not full:
            return
        for start, width, count in strip_pieces(self.trailing[-1], self.width):
            with self.pass_over(start, width, count) as tail:
                values = [self.reader.at(output, (*lead, *tail)) for output, _ in full]
                for (_, array), value in zip(full, values, strict=True):
                    array[(*lead, *tail)] = value


def is_expensive(node: Node) -> bool:
    """Whether computing a node's result again costs more than storing and loading it."""
    return node.op.name in TRANSCENDENTAL
