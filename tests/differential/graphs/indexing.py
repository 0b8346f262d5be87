"""Steps that read or write elements at indices."""

from __future__ import annotations

import math

from compiler.ir import DType, Op, Value
from compiler.ir.ops import indexing, resampling, scattering
from tests.differential.drawing import Region, convert, indices_of, operand
from tests.differential.graphs.step import LIMIT, Step


def _gather(region: Region, value: Value) -> Value:
    if not value.type.elements or not value.type.rank:
        return value
    axis = region.number(0, value.type.rank - 1)
    shape = region.one_of(((), (3,), (2, 2)))
    if value.type.elements * math.prod(shape) > LIMIT:
        return value
    return region.emit(indexing.Gather(axis), value, indices_of(region, shape, value.type.shape[axis]))


def _gather_elements(region: Region, value: Value) -> Value:
    if not value.type.elements or not value.type.rank:
        return value
    axis = region.number(0, value.type.rank - 1)
    shape = [region.number(1, size) for size in value.type.shape]
    return region.emit(indexing.GatherElements(axis), value, indices_of(region, tuple(shape), value.type.shape[axis]))


def _gather_nd(region: Region, value: Value) -> Value:
    if not value.type.elements or not value.type.rank:
        return value
    batch = region.number(0, value.type.rank - 1)
    depth = region.number(1, value.type.rank - batch)
    shape = (*value.type.shape[:batch], region.number(1, 3), depth)
    indices = indices_of(region, shape, max(value.type.shape[batch : batch + depth]))
    return region.emit(indexing.GatherNd(batch), value, indices)


def _scatter(region: Region, value: Value) -> Value:
    if not value.type.elements or not value.type.rank:
        return value
    reductions = ("none",) if value.type.dtype is DType.BOOL else scattering.REDUCTIONS
    how = region.one_of(reductions)
    if region.chance(2):
        axis = region.number(0, value.type.rank - 1)
        shape = tuple(region.number(1, size) for size in value.type.shape)
        updates = operand(region, value.type.with_shape(shape))
        indices = indices_of(region, shape, value.type.shape[axis])
        return region.emit(scattering.ScatterElements(axis, how), value, indices, updates)
    depth = region.number(1, value.type.rank)
    count = region.number(1, 3)
    indices = indices_of(region, (count, depth), max(value.type.shape[:depth]))
    updates = operand(region, value.type.with_shape((count, *value.type.shape[depth:])))
    return region.emit(scattering.ScatterNd(how), value, indices, updates)


def _resample(region: Region, value: Value) -> Value:
    if not value.type.elements or not value.type.rank:
        return value
    value = value if value.type.dtype.is_float else convert(region, value, DType.F32)
    axis = region.number(0, value.type.rank - 1)
    table = (region.one_of((1, 2, 5, 9, 16)), region.number(1, 3))
    if value.type.elements * table[0] > LIMIT:
        return value
    indices = indices_of(region, table, value.type.shape[axis])
    return region.emit(resampling.Resample(axis), value, indices, region.input(value.type.with_shape(table)))


STEPS: tuple[Step, ...] = (_gather, _gather_elements, _gather_nd, _scatter, _resample)

COVERED: tuple[type[Op], ...] = (
    *(indexing.Gather, indexing.GatherElements, indexing.GatherNd),
    *(scattering.ScatterElements, scattering.ScatterNd, resampling.Resample),
)
