"""Ops that write updates to indexed places of a tensor. Indices are i64 and treated as in ``gather``.

Updates apply in row-major order of the indices, so that with ``reduction="none"`` the last of several
updates of one element wins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.indexing import wrap_indices
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType

_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "none": lambda old, update: update,
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}

REDUCTIONS = tuple(_COMBINE)
"""How an update meets what is there: replaced, or combined by the named operation."""


def _check(reduction: str, x: TensorType, indices: TensorType, updates: TensorType) -> None:
    require(reduction in REDUCTIONS, f"unknown reduction {reduction!r}")
    require(reduction == "none" or x.dtype not in (DType.BOOL, DType.BF16), f"cannot {reduction} {x.dtype.value}")
    require(indices.dtype is DType.I64, "indices must be i64")
    require(updates.dtype is x.dtype, "updates must have the operand's element type")


def _apply(x: Array, places: tuple[Array, ...], updates: Array, reduction: str) -> Array:
    """``x`` with ``updates[i]`` combined into ``x[places[0][i], places[1][i], ...]``, one after the other."""
    result, combine = x.copy(), _COMBINE[reduction]
    for position in np.ndindex(places[0].shape):
        place = tuple(int(axis[position]) for axis in places)
        result[place] = combine(result[place], updates[position])
    return result


@dataclass(frozen=True)
class ScatterElements(Op):
    """``x`` with ``updates[i]`` combined into the element at ``i``, its ``axis`` replaced by ``indices[i]``.

    ``indices`` and ``updates`` have one shape, of x's rank and not larger than x beside the axis.
    """

    name = "scatter_elements"

    axis: int
    reduction: str = "none"

    def infer(self, x: TensorType, indices: TensorType, updates: TensorType) -> tuple[TensorType, ...]:
        _check(self.reduction, x, indices, updates)
        require(0 <= self.axis < x.rank, f"axis {self.axis} is out of range for rank {x.rank}")
        require(
            indices.rank == x.rank and indices.shape == updates.shape,
            "indices and updates must match in shape",
        )
        fits = all(i <= d for a, (i, d) in enumerate(zip(indices.shape, x.shape, strict=True)) if a != self.axis)
        require(fits, "indices are larger than the operand beside the axis")
        require(x.shape[self.axis] > 0 or indices.elements == 0, "cannot index an empty axis")
        return (x,)

    def evaluate(self, x: Array, indices: Array, updates: Array) -> tuple[Array, ...]:
        own = wrap_indices(indices, x.shape[self.axis])
        grid: Array = np.indices(indices.shape)
        places = tuple(own if axis == self.axis else grid[axis] for axis in range(x.ndim))
        return (_apply(x, places, updates, self.reduction),)

    @classmethod
    def samples(cls) -> list[Sample]:
        x, updates = random_array(4, 6), random_array(3, 6, seed=1)
        indices = random_array(3, 6, dtype=DType.I64, low=-4, high=4)
        integers = random_array(4, 6, dtype=DType.I64), indices, random_array(3, 6, dtype=DType.I64, seed=1)
        return [
            *(Sample(cls(0, reduction), (x, indices, updates)) for reduction in REDUCTIONS),
            Sample(cls(1), (random_array(3, 4), indices, updates)),
            Sample(cls(0, "add"), integers),
        ]


@dataclass(frozen=True)
class ScatterNd(Op):
    """``x`` with ``updates[i]`` combined into the slice ``x[indices[i]]``, for index tuples of k entries.

    ``updates`` has shape ``indices.shape[:-1] + x.shape[k:]``.
    """

    name = "scatter_nd"

    reduction: str = "none"

    def infer(self, x: TensorType, indices: TensorType, updates: TensorType) -> tuple[TensorType, ...]:
        _check(self.reduction, x, indices, updates)
        require(
            indices.rank > 0 and indices.shape[-1] <= x.rank,
            "index tuples are longer than the operand's rank",
        )
        depth = indices.shape[-1]
        expected = (*indices.shape[:-1], *x.shape[depth:])
        require(updates.shape == expected, f"updates must have shape {list(expected)}")
        require(min(x.shape[:depth], default=1) > 0 or indices.elements == 0, "cannot index an empty axis")
        return (x,)

    def evaluate(self, x: Array, indices: Array, updates: Array) -> tuple[Array, ...]:
        if indices.shape[-1] == 0:
            rows = updates.reshape(-1, *x.shape)
            places = (np.zeros(len(rows), np.int64),)
            return (_apply(x[np.newaxis], places, rows, self.reduction)[0],)
        places = tuple(wrap_indices(indices[..., i], x.shape[i]) for i in range(indices.shape[-1]))
        return (_apply(x, places, updates, self.reduction),)

    @classmethod
    def samples(cls) -> list[Sample]:
        rows = np.array([[2], [0], [-2], [2]], np.int64)
        points = np.array([[[0, 1], [3, -1]], [[2, 2], [0, 1]]], np.int64)
        return [
            *(
                Sample(cls(reduction), (random_array(4, 5, 3), rows, random_array(4, 5, 3, seed=1)))
                for reduction in REDUCTIONS
            ),
            Sample(cls(), (random_array(4, 5), points, random_array(2, 2, seed=1))),
            Sample(cls("add"), (random_array(4, 5), points, random_array(2, 2, seed=1))),
        ]
