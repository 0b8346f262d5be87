"""The passes over one row that compute a region of reductions along it and pointwise ops: softmax, normalizations.

Each reduction is one pass over the row, with everything between reductions composed into the next pass; the last pass
gives the results. What is expensive and needed again (softmax's exponentials) is kept in a scratch row instead of being
computed twice. Knows nothing of where rows come from: templates say that, by the sources of the reader.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tvm.ir import Expr

from compiler.codegen.computes.interface import Position, Reduction
from compiler.codegen.schedules.accumulators import Accumulators
from compiler.codegen.schedules.reduction import strip_pieces
from compiler.codegen.schedules.region import RegionReader, as_result, compute_of, reads_vectors
from compiler.codegen.tir import Array, KernelBuilder, lanes
from compiler.codegen.work import TRANSCENDENTAL
from compiler.ir import DType, Graph, Node, Shape, Value
from compiler.ir.ops.broadcasting import broadcast_shapes
from compiler.ir.ops.reduction import Reduce

Store = Callable[[int, Position, Expr], None]
"""Takes the number of a result, a position and the element there."""


class RowPasses:
    """The passes of ``region``, whose reductions keep and fold all axes from one on.

    ``lane_count`` is how many elements a step of a pass takes, where the ops can do more than one.
    """

    def __init__(self, region: Graph, builder: KernelBuilder, lane_count: int) -> None:
        self.region = region
        self.builder = builder
        self.reductions = [node for node in region if isinstance(node.op, Reduce)]
        axes = self.reductions[0].op.axes  # pyright: ignore[reportAttributeAccessIssue]
        self.domain = domain_shape(region)
        self.lead = self.domain[: axes[0]]
        self.trailing = self.domain[axes[0] :]
        self.row = row_shape(self.domain, len(self.trailing))
        self.kept = self._kept_rows()
        vectorizes = reads_vectors([node for node in region if node not in self.reductions])
        self.width = lane_count if vectorizes else 1

    def _kept_rows(self) -> list[Value]:
        """Operands of reductions that are expensive and needed again, if they have one element type."""
        kept = [
            value
            for value in dict.fromkeys(node.operands[0] for node in self.reductions)
            if len(value.uses) > 1 and value.producer is not None and is_expensive(value.producer)
        ]
        return kept if len({value.type.dtype for value in kept}) == 1 else []

    @property
    def scratch_type(self) -> DType | None:
        """The element type of the scratch rows; None if none is needed."""
        return self.kept[0].type.dtype if self.kept else None

    @property
    def scratch_shape(self) -> Shape:
        """The kept rows."""
        return (len(self.kept), *self.trailing)

    @property
    def scratch_bytes(self) -> int:
        """Size of the kept rows."""
        return math.prod(self.scratch_shape) * self.kept[0].type.dtype.bytes if self.kept else 0

    def emit(self, reader: RegionReader, scratch: Array | None, lead: Position, store: Store) -> None:
        """All passes over the row at ``lead``; ``scratch`` has ``scratch_shape``."""
        before = dict(reader.sources)
        with reader.scope():
            place = (*lead, *(0 for _ in self.trailing))
            for node in self.region:
                if node in self.reductions:
                    self._reduce(reader, scratch, node, lead)
                elif node.op.name != "constant" and node.result.type.shape == self.row:
                    reader.at(node.result, place)
            self._write(reader, lead, place, store)
        reader.sources.clear()
        reader.sources.update(before)

    def _reduce(self, reader: RegionReader, scratch: Array | None, node: Node, lead: Position) -> None:
        """One pass that folds ``node``'s operand over the row; its result is a scalar from then on."""
        compute = compute_of(node)
        assert isinstance(compute, Reduction) and compute.combine is not None
        operand = node.operands[0]
        keeps = scratch is not None and operand in self.kept and operand not in reader.sources
        number = self.kept.index(operand) if keeps else 0
        total: tuple[Expr, ...] | None = None
        for start, width, count in strip_pieces(self.trailing[-1], self.width):
            accumulators = Accumulators(self.builder, compute, node.op, [operand.type], width)
            with self._pass_over(reader, start, width, count) as tail:
                element = reader.at(operand, (*lead, *tail))
                if keeps and scratch is not None:
                    scratch[(number, *tail)] = element
                place = (*lead, *(0 for _ in tail))
                accumulators.update(
                    lambda old, place=place, tail=tail: compute.step(
                        self.builder, node.op, [reader.operand(operand)], place, tail, old
                    )
                )
            partial = accumulators.combined()
            total = partial if total is None else compute.combine(self.builder, node.op, total, partial)
        assert total is not None
        finished = compute.finish(self.builder, node.op, [operand.type], total)
        value = self.builder.let(as_result(finished, node.result.type.dtype), node.op.name)
        reader.sources[node.result] = lambda _: value
        if keeps and scratch is not None:
            reader.sources[operand] = lambda position: scratch[(number, *position[len(lead) :])]

    @contextmanager
    def _pass_over(self, reader: RegionReader, start: int, width: int, count: int) -> Iterator[Position]:
        """Loops over the row for one strip piece of its innermost axis; yields the position in the row."""
        *outer, _ = self.trailing
        with ExitStack() as loops:
            head = tuple(loops.enter_context(self.builder.serial(size, "r")) for size in outer)
            strip = loops.enter_context(self.builder.serial(count, "strip"))
            loops.enter_context(reader.scope())
            yield (*head, lanes(strip * width + start, width))

    def _write(self, reader: RegionReader, lead: Position, place: Position, store: Store) -> None:
        """The last pass: all results."""
        full: list[tuple[int, Value]] = []
        for number, output in enumerate(self.region.outputs):
            if output.type.shape == self.row:
                store(number, place, reader.at(output, place))
            else:
                full.append((number, output))
        if not full:
            return
        for start, width, count in strip_pieces(self.trailing[-1], self.width):
            with self._pass_over(reader, start, width, count) as tail:
                values = [(number, reader.at(output, (*lead, *tail))) for number, output in full]
                for number, value in values:
                    store(number, (*lead, *tail), value)


def all_values(region: Graph) -> Iterator[Value]:
    """Inputs and all results of a region."""
    yield from region.inputs
    for node in region:
        yield from node.results


def domain_shape(region: Graph) -> Shape:
    """The shape that all values of the region broadcast to."""
    return broadcast_shapes(*(value.type.shape for value in all_values(region)))


def row_shape(domain: Shape, trailing: int) -> Shape:
    """``domain`` with its ``trailing`` last axes of size 1."""
    return (*domain[: len(domain) - trailing], *(1,) * trailing)


def is_expensive(node: Node) -> bool:
    """Whether computing a node's result again costs more than storing and loading it."""
    return node.op.name in TRANSCENDENTAL
