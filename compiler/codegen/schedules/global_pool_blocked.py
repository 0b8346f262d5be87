"""Global pools of blocked activations: one reduction over all spatial axes, lanes are channels.

A few accumulators of one block of channels take the pixels in turn, so that their folds do not wait for each other::

    for image, block of channels:                              # shared by threads
        for pixels in steps: for i in step: acc[i] = fold(acc[i], x[block, pixels + i])
        y[block] = epilogue(fold of all acc)

The result is blocked as well, or row-major, which for one pixel is the same memory but for a last block of which some
channels do not exist: then only the others are stored.
"""

from __future__ import annotations

import math
from contextlib import ExitStack

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Index, Position, Reduction
from compiler.codegen.computes.positions import add, affine, unflatten
from compiler.codegen.schedules.blocks import around_anchor, blocked_output, reads_at_blocks
from compiler.codegen.schedules.reduction import nodes_behind
from compiler.codegen.schedules.region import RegionReader, compute_of, input_sources, parameters, physical_position
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space
from compiler.codegen.tir import Array, KernelBuilder, broadcast, lanes
from compiler.ir import ROW_MAJOR, DType, Graph, Layout, Node, Value
from compiler.ir.ops.reduction import Reduce
from compiler.targets import Target


class GlobalPoolBlocked:
    """A float32 reduction of blocked activations over all axes but images and channels, with pointwise ops before and
    behind it."""

    name = "global_pool_blocked"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is such a reduction, with operands that can be read at a block of channels."""
        anchor, vector = around_anchor(region, (Reduce,)), target.lanes(4)
        stored = _stored(region, vector)
        if anchor is None or stored is None or stored.type.shape != anchor.result.type.shape:
            return False
        op, x = anchor.op, anchor.operands[0].type
        assert isinstance(op, Reduce)
        spatial = x.rank > 2 and op.axes == tuple(range(2, x.rank)) and x.elements > 0
        return spatial and x.dtype is DType.F32 and _reads_blocks(region, anchor, vector)

    def space(self, region: Graph, target: Target) -> Space:
        """``chains``: accumulators."""
        return Space((Knob("chains", (1, 2, 4, 8, 16), 8),))

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The loops of the module's docstring."""
        return _GlobalPool(region, config["chains"], target, symbol).emit()


def _stored(region: Graph, vector: int) -> Value | None:
    """The value that the only result stores, blocked or row-major; None for a region of another form."""
    if len(region.outputs) != 1:
        return None
    (output,) = region.outputs
    return output if output.type.layout == ROW_MAJOR else blocked_output(region, vector)


def _reads_blocks(region: Graph, anchor: Node, vector: int) -> bool:
    """Whether a block of channels of every operand can be read at once, on the side of the reduction that it is on;
    one that reads pixels is blocked."""
    behind = set(nodes_behind(anchor))
    before, after = anchor.operands[0].type.shape, anchor.result.type.shape
    roles = [(value, use.node in behind) for value in region.inputs for use in value.uses]
    partial = region.outputs[0].type.layout == ROW_MAJOR
    readable = all(
        reads_at_blocks(value, after if follows else before, vector)
        or (partial and follows and value.type.layout == ROW_MAJOR)
        for value, follows in roles
    )
    blocked = Layout(((1, vector),))
    return readable and any(value.type.layout == blocked for value, follows in roles if not follows)


class _GlobalPool:
    def __init__(self, region: Graph, chains: int, target: Target, symbol: str) -> None:
        self.builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        self.vector = target.lanes(4)
        inputs, (self.array,) = parameters(self.builder, region)
        self.reader = RegionReader(self.builder, input_sources(region, inputs))
        anchor, stored = around_anchor(region, (Reduce,)), _stored(region, self.vector)
        assert anchor is not None and stored is not None, "emitted only where it matches"
        self.anchor, self.stored = anchor, stored
        self.layout = region.outputs[0].type.layout
        compute = compute_of(anchor)
        assert isinstance(compute, Reduction)
        self.compute = compute
        self.shape = anchor.operands[0].type.shape
        self.chains = min(chains, self.shape[-1])

    def emit(self) -> Kernel:
        k = self.builder
        images, channels = self.shape[:2]
        outer = (images, -(-channels // self.vector))
        with k.parallel(math.prod(outer)) as index:
            image, number = unflatten(index, outer)
            block = k.index(number) if isinstance(number, int) else k.let(number, "block")
            total = k.registers("total", DType.F32, (self.vector,))
            total[self.every] = self.fold(image, affine(block, self.vector, 0))
            self.store(image, block, total)
        return Kernel(k.finish())

    @property
    def every(self) -> Index:
        return lanes(self.builder.index(0), self.vector)

    def fold(self, image: Index, channel: Index) -> Expr:
        """All pixels of a block of channels, folded."""
        k, (*outer, width) = self.builder, self.shape[2:]
        (unit,) = self.compute.start(self.anchor.op, [self.anchor.operands[0].type])
        accumulators = [k.registers(f"acc{i}", DType.F32, (self.vector,)) for i in range(self.chains)]
        for accumulator in accumulators:
            accumulator[self.every] = broadcast(unit, self.vector)
        full, rest = divmod(width, self.chains)
        with ExitStack() as loops:
            lead = [loops.enter_context(k.serial(size, "row")) for size in outer]
            place = (image, lanes(channel, self.vector), *lead)
            with k.serial(full, "step") as step:
                self.take(accumulators, place, affine(step, self.chains, 0))
            if rest:
                self.take(accumulators[:rest], place, k.index(full * self.chains))
        while len(accumulators) > 1:
            half = len(accumulators) // 2
            for one, other in zip(accumulators[:half], accumulators[-half:], strict=True):
                one[self.every] = self.combined(one[self.every], other[self.every])
            accumulators = accumulators[: len(accumulators) - half]
        return accumulators[0][self.every]

    def take(self, accumulators: list[Array], place: Position, column: Index) -> None:
        """One pixel for each accumulator."""
        with self.reader.scope():
            for number, accumulator in enumerate(accumulators):
                element = self.reader.at(self.anchor.operands[0], (*place, add(column, number)))
                accumulator[self.every] = self.combined(accumulator[self.every], element)

    def combined(self, one: Expr, other: Expr) -> Expr:
        assert self.compute.combine is not None, "reductions over axes combine"
        (folded,) = self.compute.combine(self.builder, self.anchor.op, (one,), (other,))
        return folded

    def store(self, image: Index, block: Expr, total: Array) -> None:
        """Epilogue and store of one block of channels, or of those that a row-major result has of the last one."""
        k = self.builder
        full, rest = divmod(self.shape[1], self.vector)
        if self.layout != ROW_MAJOR or not rest:
            self.store_part(image, block, total, 0, self.vector)
            return
        with k.if_(tirx.LT(block, k.index(full))):
            self.store_part(image, block, total, 0, self.vector)
        with k.else_():
            for offset, width in k.strips(rest, self.vector):
                assert isinstance(offset, int), "fewer than a vector is left"
                self.store_part(image, block, total, offset, width)

    def store_part(self, image: Index, block: Expr, total: Array, offset: int, width: int) -> None:
        k = self.builder
        result = k.let(total[lanes(k.index(offset), width)], "result")
        kept = (0,) * (self.anchor.result.type.rank - 2)
        where = (image, lanes(affine(block, self.vector, offset), width), *kept)
        with self.reader.scope(), self.reader.override(self.anchor.result, lambda _: result):
            self.array[physical_position(where, self.layout)] = self.reader.at(self.stored, where)
