"""Ops whose compute is a kernel of its own (scans, sorts, scatters): nothing is fused, nothing to choose."""

from __future__ import annotations

from compiler.codegen.computes.interface import Whole
from compiler.codegen.schedules.region import compute_of, is_one_op, parameters
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.codegen.tir import KernelBuilder
from compiler.ir import ROW_MAJOR, DType, Graph, Op
from compiler.targets import Target


class WholeOp:
    """A region of one op with a ``Whole`` compute."""

    name = "whole"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op, on its inputs in order, all of them row-major."""
        return (
            is_one_op(region, Op)
            and isinstance(compute_of(region.nodes[0]), Whole)
            and all(value.type.layout == ROW_MAJOR for value in (*region.inputs, *region.outputs))
        )

    def space(self, region: Graph, target: Target) -> Space:
        """Nothing to choose."""
        return Space()

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The compute's own statements."""
        (node,) = region.nodes
        compute = compute_of(node)
        assert isinstance(compute, Whole)
        builder = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes)
        inputs, outputs = parameters(builder, region)
        scratch_bytes = compute.scratch_bytes(node.op, [operand.type for operand in node.operands])
        scratch = builder.pointer("scratch", DType.U8, (scratch_bytes,)) if scratch_bytes else None
        compute.emit(builder, node.op, inputs, outputs, scratch)
        return Kernel(builder.finish(), scratch_bytes)
