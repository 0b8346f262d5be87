"""Regions with one reduction: a pointwise or index-map prologue, the fold, and an epilogue on its result.

The lanes of a vector are either neighbouring results (each folds its own domain) or neighbouring elements of the
innermost reduction axis, whose partial results are combined at the end; the compute says which reads memory
contiguously.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from tvm.ir import Expr

from compiler.codegen.computes.interface import Index, Pointwise, Position, Reduction
from compiler.codegen.schedules.accumulators import Accumulators
from compiler.codegen.schedules.elementwise import is_elementwise
from compiler.codegen.schedules.loops import outer_loop, parallel_rows
from compiler.codegen.schedules.merging import merge_reduction_axes
from compiler.codegen.schedules.region import (
    RegionReader,
    as_result,
    compute_of,
    input_sources,
    parameters,
    reads_vectors,
)
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import KernelBuilder, lanes
from compiler.ir import ROW_MAJOR, Graph, Node
from compiler.targets import Target


class OneReduction:
    """Any region with exactly one reduction whose outputs all have the reduction's result shape."""

    name = "reduction"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether there is one reduction, everything before it is elementwise, and what follows is pointwise."""
        anchors = [node for node in region if isinstance(compute_or_none(node), Reduction)]
        rest = [node for node in region if node not in anchors]
        if len(anchors) != 1 or not all(is_elementwise(node) for node in rest):
            return False
        shape = anchors[0].result.type.shape
        outputs = all(o.type.shape == shape and o.type.layout == ROW_MAJOR for o in region.outputs)
        return outputs and all(isinstance(compute_of(node), Pointwise) for node in nodes_behind(anchors[0]))

    def space(self, region: Graph, target: Target) -> Space:
        """``vectors``: SIMD vectors per step, which is also the number of independent chains."""
        return Space((Knob("vectors", (1, 2, 4), 4),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """Result loops outside, reduction loops inside, epilogue at the store."""
        region = merge_reduction_axes(region)
        return _ReductionKernel(region, config["vectors"], target, symbol).emit()


def nodes_behind(anchor: Node) -> list[Node]:
    """The nodes that depend on the anchor, the region's ``return`` aside."""
    behind: dict[Node, None] = {}
    pending = [anchor]
    while pending:
        users = [user for result in pending.pop().results for user in result.users if user.results]
        pending += [user for user in users if user not in behind]
        behind.update(dict.fromkeys(users))
    return list(behind)


def compute_or_none(node: Node) -> object:
    """The node's compute, None for a constant."""
    return None if node.op.name == "constant" else compute_of(node)


class _ReductionKernel:
    def __init__(self, region: Graph, vectors: int, target: Target, symbol: str) -> None:
        self.builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        inputs, self.results = parameters(self.builder, region)
        self.region = region
        self.reader = RegionReader(self.builder, input_sources(region, inputs))
        self.anchor = next(node for node in region if isinstance(compute_or_none(node), Reduction))
        compute = compute_of(self.anchor)
        assert isinstance(compute, Reduction)
        self.compute = compute
        self.types = [operand.type for operand in self.anchor.operands]
        self.operands = [self.reader.operand(operand) for operand in self.anchor.operands]
        self.domain = compute.domain(self.anchor.op, self.types)
        others = [node for node in region if node is not self.anchor]
        vectorizes = reads_vectors(others)
        self.lane_axis = compute.lane_axis(self.anchor.op, self.types) if vectorizes else "none"
        self.width = target.lanes(4) * vectors
        self.vector = target.lanes(4)

    def emit(self) -> Kernel:
        shape = self.anchor.result.type.shape
        if self.lane_axis == "domain" and self.compute.combine is not None and self.domain:
            with parallel_rows(self.builder, shape) as position, self.reader.scope():
                self.store(position, self.fold_across_domain(position))
        else:
            width = self.vector if self.lane_axis == "result" else 1
            with outer_loop(self.builder, shape, width) as (position, strips):
                for offset, count in strips:
                    with self.reader.scope():
                        place = (*position, lanes(offset, count)) if shape else ()
                        self.store(place, self.fold_in_lanes(place, count))
        return Kernel(self.builder.finish())

    def fold_in_lanes(self, place: Position, count: int) -> tuple[Expr, ...]:
        """Each lane folds the domain of its own result."""
        accumulators = Accumulators(self.builder, self.compute, self.anchor.op, self.types, count)
        with ExitStack() as loops:
            inner = tuple(loops.enter_context(self.builder.serial(size, "r")) for size in self.domain)
            loops.enter_context(self.reader.scope())
            accumulators.update(lambda old: self.step(place, inner, old))
        return tuple(self.builder.let(value, "total") for value in accumulators.values)

    def fold_across_domain(self, place: Position) -> tuple[Expr, ...]:
        """Lanes share one result: wide strips of the innermost axis first, then narrower ones for what remains."""
        *outer, inner = self.domain
        total: tuple[Expr, ...] | None = None
        for start, width, count in strip_pieces(inner, self.width):
            accumulators = Accumulators(self.builder, self.compute, self.anchor.op, self.types, width)
            with ExitStack() as loops:
                lead = tuple(loops.enter_context(self.builder.serial(size, "r")) for size in outer)
                strip = loops.enter_context(self.builder.serial(count, "strip"))
                loops.enter_context(self.reader.scope())
                where = (*lead, lanes(strip * width + start, width))
                accumulators.update(lambda old, where=where: self.step(place, where, old))
            partial = accumulators.combined()
            assert self.compute.combine is not None
            total = partial if total is None else self.compute.combine(self.builder, self.anchor.op, total, partial)
        assert total is not None
        return total

    def step(self, place: Position, domain: tuple[Index, ...], old: tuple[Expr, ...]) -> tuple[Expr, ...]:
        return self.compute.step(self.builder, self.anchor.op, self.operands, place, domain, old)

    def store(self, place: Position, total: tuple[Expr, ...]) -> None:
        finished = self.compute.finish(self.builder, self.anchor.op, self.types, total)
        value = self.builder.let(as_result(finished, self.anchor.result.type.dtype), "result")
        with self.reader.override(self.anchor.result, lambda _: value):
            for array, output in zip(self.results, self.region.outputs, strict=True):
                array[place] = self.reader.at(output, place)


def strip_pieces(extent: int, widest: int) -> Iterator[tuple[int, int, int]]:
    """Cover ``extent`` by (start, width, count) with widths that are falling powers of two."""
    start, width = 0, widest
    while start < extent:
        count = (extent - start) // width
        if count:
            yield start, width, count
            start += count * width
        width //= 2
