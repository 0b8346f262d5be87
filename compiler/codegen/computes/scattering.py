"""Kernels of the scatters: copy the operand, then apply the updates in order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast as as_type

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.arithmetic import is_float, plus, times
from compiler.codegen.computes.indexing import wrapped
from compiler.codegen.computes.interface import Compute, Index, Whole
from compiler.codegen.computes.positions import unflatten
from compiler.codegen.tir import Array, KernelBuilder, cast, maximum, minimum
from compiler.ir import Op
from compiler.ir.ops import scattering

Arrays = Sequence[Array]


def _elements(k: KernelBuilder, op: Op, operands: Arrays, results: Arrays, scratch: Array | None) -> None:
    scatter = as_type(scattering.ScatterElements, op)
    x, indices, updates = operands
    (result,) = results
    with k.parallel(1):
        _copy(k, x, result)
        with k.serial(math.prod(indices.shape), "update") as number:
            place = unflatten(number, indices.shape)
            index = wrapped(k, indices[place], x.shape[scatter.axis])
            target = (*place[: scatter.axis], _index(k, index), *place[scatter.axis + 1 :])
            _apply(k, scatter.reduction, result, target, updates[place])


def _slices(k: KernelBuilder, op: Op, operands: Arrays, results: Arrays, scratch: Array | None) -> None:
    reduction = as_type(scattering.ScatterNd, op).reduction
    x, indices, updates = operands
    (result,) = results
    depth = indices.shape[-1]
    with k.parallel(1):
        _copy(k, x, result)
        with k.serial(math.prod(indices.shape[:-1]), "tuple") as number:
            place = unflatten(number, indices.shape[:-1])
            lead = tuple(_index(k, wrapped(k, indices[(*place, i)], x.shape[i])) for i in range(depth))
            with k.serial(math.prod(x.shape[depth:]), "element") as element:
                tail = unflatten(element, x.shape[depth:])
                _apply(k, reduction, result, (*lead, *tail), updates[(*place, *tail)])


def _copy(k: KernelBuilder, source: Array, target: Array) -> None:
    size = math.prod(source.shape)
    flat_source, flat_target = source.reshape((size,)), target.reshape((size,))
    with k.serial(size, "copy") as i:
        flat_target.store_raw(i, flat_source.load_raw(i))


def _index(k: KernelBuilder, index: Expr) -> Expr:
    return cast(index, k.index_type)


def _apply(k: KernelBuilder, reduction: str, result: Array, place: tuple[Index, ...], update: Expr) -> None:
    """Combine one update with what is there."""
    old = result[place]
    match reduction:
        case "add":
            value = plus(old, update)
        case "mul":
            value = times(old, update)
        case "max":
            value = maximum(old, update) if is_float(update) else tirx.Max(old, update)
        case "min":
            value = minimum(old, update) if is_float(update) else tirx.Min(old, update)
        case _:
            value = update
    result[place] = value


ROWS: dict[type[Op], Compute] = {
    scattering.ScatterElements: Whole(_elements),
    scattering.ScatterNd: Whole(_slices),
}
