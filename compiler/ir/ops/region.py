"""Ops that hold nested graphs: ``fused`` (a group compiled as one kernel) and ``if`` (a choice at run time)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import RegionOp, RunRegion, require
from compiler.ir.types import TensorType

if TYPE_CHECKING:
    from compiler.ir.graph import Graph


def _check_arguments(operands: Sequence[TensorType], region: Graph) -> None:
    expected = tuple(value.type for value in region.inputs)
    require(tuple(operands) == expected, f"region {region.name!r} takes {', '.join(map(str, expected))}")


@dataclass(frozen=True)
class Fused(RegionOp):
    """One region, computed as one kernel; its operands and results are the region's inputs and outputs."""

    name = "fused"

    def infer_regions(self, operands: Sequence[TensorType], regions: Sequence[Graph]) -> tuple[TensorType, ...]:
        require(len(regions) == 1, "has exactly one region")
        _check_arguments(operands, regions[0])
        return tuple(value.type for value in regions[0].outputs)

    def evaluate_regions(self, operands: Sequence[Array], regions: Sequence[Graph], run: RunRegion) -> list[Array]:
        return run(regions[0], operands)


@dataclass(frozen=True)
class If(RegionOp):
    """Two regions of one signature: the first is the result if operand 0, a bool scalar, is true, else the second.

    The other operands are the arguments of both regions.
    """

    name = "if"

    def infer_regions(self, operands: Sequence[TensorType], regions: Sequence[Graph]) -> tuple[TensorType, ...]:
        require(len(regions) == 2, "has exactly two regions")
        require(len(operands) > 0 and operands[0] == TensorType(DType.BOOL, ()), "the condition must be bool[]")
        for region in regions:
            _check_arguments(operands[1:], region)
        types = [tuple(value.type for value in region.outputs) for region in regions]
        require(types[0] == types[1], "the branches differ in their result types")
        return types[0]

    def evaluate_regions(self, operands: Sequence[Array], regions: Sequence[Graph], run: RunRegion) -> list[Array]:
        return run(regions[0] if operands[0].item() else regions[1], operands[1:])
