"""Steps of forests: whole, or as the ops that passes make of them."""

from __future__ import annotations

from compiler.ir import DType, Value
from compiler.ir.ops import ordered
from tests.differential.drawing import Region, convert, operand
from tests.differential.graphs import bitsliced_forest, forest_walk, whole_forest
from tests.differential.graphs.step import Step

KINDS: tuple[Step, ...] = (*whole_forest.STEPS, *bitsliced_forest.STEPS, *forest_walk.STEPS)


def any_forest(region: Region, value: Value) -> Value:
    """A forest of rows of numbers."""
    if value.type.rank != 2 or not value.type.elements:
        return value
    return region.one_of(KINDS)(region, convert(region, value, DType.F32))


def _ordered_sum(region: Region, value: Value) -> Value:
    if value.type.rank != 3 or value.type.dtype not in (DType.F32, DType.F64):
        return value
    rows, _, outputs = value.type.shape
    return region.emit(ordered.OrderedSum(), operand(region, value.type.with_shape((rows, outputs))), value)


STEPS: tuple[Step, ...] = (any_forest, _ordered_sum)

COVERED = (ordered.OrderedSum, *whole_forest.COVERED, *bitsliced_forest.COVERED, *forest_walk.COVERED)
