"""``relayout`` alone: every stored element, padding lanes included, from wherever it lies in the other layout."""

from __future__ import annotations

from compiler.codegen.computes.interface import Index
from compiler.codegen.computes.positions import clamp, within
from compiler.codegen.schedules.loops import parallel_rows
from compiler.codegen.schedules.region import load_from, parameters
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.codegen.tir import KernelBuilder, arithmetic_type, literal, select
from compiler.ir import Graph
from compiler.ir.ops.movement import Relayout
from compiler.targets import Target


class RelayoutCopy:
    """A region of one ``relayout``."""

    name = "relayout"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op."""
        return [type(node.op) for node in region] == [Relayout]

    def space(self, region: Graph, target: Target) -> Space:
        """Nothing to choose."""
        return Space()

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """Loops over the result's physical shape."""
        builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        (source,), (result,) = parameters(builder, region)
        (value,) = region.inputs
        load = load_from(source, value)
        type_ = region.outputs[0].type
        zero = literal(0, arithmetic_type(type_.dtype))
        *outer, inner = type_.physical_shape or (1,)
        with parallel_rows(builder, tuple(outer)) as lead, builder.serial(inner) as last:
            physical = (*lead, last)
            logical: list[Index] = list(physical[: type_.rank])
            for (axis, size), lane in zip(type_.layout.blocks, physical[type_.rank :], strict=True):
                logical[axis] = logical[axis] * size + lane
            element = load(tuple(clamp(index, size) for index, size in zip(logical, type_.shape, strict=True)))
            for index, size in zip(logical, type_.shape, strict=True):
                inside = within(index, size)
                element = element if isinstance(inside, bool) else select(inside, element, zero)
            result[physical] = element
        return Kernel(builder.finish())
