"""Tables that the ops of forests share: columns of edges and the ranks in them, tests, and leaves that are added.

``bitsliced_forest`` says what columns, ranks and tests mean. Whatever numbers tables have, those out of range are
clamped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest.keys import NO_EDGE, row_keys
from compiler.ir.literal import Array
from compiler.ir.op import require
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType

FAN = 16
"""Edges that are counted at once."""

MOST_EDGES = FAN * FAN - 1
"""Of a column: a rank is a byte."""

SETS_PER_GROUP = 8
"""The answers to as many sets are the bits of a byte."""


class Shaped(Protocol):
    """What has a shape: a type, an array, or an array in a kernel."""

    @property
    def shape(self) -> tuple[int, ...]: ...


def tests_of(group: Shaped, single: Shaped, sets: Shaped) -> int:
    """How many tests the tables describe."""
    return FAN * group.shape[0] + single.shape[0] + SETS_PER_GROUP * sets.shape[0]


def require_rows(x: TensorType) -> None:
    """Raise unless these can be the rows of a forest."""
    require(x.dtype is DType.F32 and x.rank == 2 and x.shape[1] > 0, "x must be f32[rows, features]")


def require_sums(x: TensorType, start: TensorType, width: int) -> None:
    """Raise unless these can be the rows of a forest and what their sums start at, and a leaf can have ``width`` values
    that are added to them."""
    require_rows(x)
    require(start.dtype in (DType.F32, DType.F64), "sums are of f32 or f64")
    require(start.rank == 2 and start.shape[0] == x.shape[0], "start must be [rows, outputs]")
    require(1 <= width <= start.shape[1], "a leaf has no values, or more than there are outputs")


def require_tests(
    column: TensorType,
    edges: TensorType,
    group: TensorType,
    single: TensorType,
    set_column: TensorType,
    sets: TensorType,
) -> None:
    """Raise unless these are tables of tests, as ``bitsliced_forest`` has them."""
    for table in (column, edges, group, single, set_column, sets):
        require(table.rank > 0, "a table is a scalar")
    require_tables(
        (column, DType.I32, column.shape[:1]),
        (edges, DType.I32, (column.shape[0], 1 + FAN, FAN)),
        (group, DType.I32, group.shape[:1]),
        (single, DType.I32, (single.shape[0], 2)),
        (set_column, DType.I32, sets.shape[:1]),
        (sets, DType.U8, (sets.shape[0], FAN * FAN)),
    )
    require(column.shape[0] > 0 or group.shape[0] + sets.shape[0] == 0, "tests of columns need one")
    require(tests_of(group, single, sets) > 0, "there are no tests")


def require_tables(*wanted: tuple[TensorType, DType, tuple[int, ...]]) -> None:
    """Raise unless each table has its type and shape."""
    for table, dtype, shape in wanted:
        require(table == TensorType(dtype, shape), f"a table is {table}, expected {TensorType(dtype, shape)}")


def answers_to_tests(
    x: Array, column: Array, edges: Array, group: Array, single: Array, set_column: Array, sets: Array
) -> Array:
    """i64[rows, tests]: 1 where a row's test holds, by the tables of ``bitsliced_forest``."""
    keys, last = row_keys(x), 2 * x.shape[1] - 1
    ranks = ranks_of_rows(x, column, edges)
    owner = np.clip(group >> 4, 0, len(column) - 1)
    high = ranks[:, owner, None] <= (group[:, None] & 15) * FAN + np.arange(FAN)
    less = keys[:, np.clip(single[:, 0], 0, last)] < single[:, 1]
    bits = answers_to_sets(ranks, set_column, sets)
    parts = [part.reshape(len(x), math.prod(part.shape[1:])) for part in (high, less, bits)]
    return np.concatenate(parts, axis=1).astype(np.int64)


def answers_to_sets(ranks: Array, set_column: Array, sets: Array) -> Array:
    """``u8[rows, sets, 8]``: 1 where a test of a set holds, by the ranks of rows in columns."""
    owner = np.clip(np.where(set_column < 0, ~set_column, set_column), 0, ranks.shape[1] - 1)
    answers = sets[np.arange(len(sets)), ranks[:, owner]]
    for number in np.flatnonzero(set_column[1:] < 0) + 1:
        answers[:, number] |= answers[:, number - 1]
    return (answers[:, :, None] >> np.arange(SETS_PER_GROUP)) & 1


def ranks_of_rows(x: Array, column: Array, edges: Array) -> Array:
    """``u8[rows, columns]``: the ranks of rows in columns, whose sources are clamped."""
    return ranks_of(row_keys(x)[:, np.clip(column, 0, 2 * x.shape[1] - 1)], edges)


def ranks_of(keys: Array, edges: Array) -> Array:
    """``u8[rows, columns]`` of keys in the columns."""
    line = (edges[:, 0] <= keys[:, :, None]).sum(-1) % FAN
    within = edges[np.arange(len(edges)), 1 + line]
    return (FAN * line + (within <= keys[:, :, None]).sum(-1)).astype(np.uint8)


def with_leaves(start: Array, leaf: Array, target: Array, reached: Iterable[Array]) -> Array:
    """``start[rows, outputs]`` and on it, tree by tree, the leaves that rows reach; each sum is rounded.

    ``leaf[trees, leaves, width]``; ``target i32[trees]``, the first output that a tree adds to; ``reached``, for each
    tree the numbers ``i64[rows]`` of leaves.
    """
    result, width = start.copy(), leaf.shape[2]
    firsts = np.clip(target, 0, start.shape[1] - width)
    with np.errstate(all="ignore"):
        for tree, (first, number) in enumerate(zip(firsts, reached, strict=True)):
            result[:, first : first + width] += leaf[tree, number]
    return result


def sample_edges(columns: int) -> Array:
    """``i32[columns, 17, 16]``: ascending edges, the last place unused."""
    edges = np.sort(random_array(columns, FAN * FAN).view(np.int32) & 0x7F7FFFFF, axis=1)
    edges[:, -1] = NO_EDGE
    lines = edges.reshape(columns, FAN, FAN)
    return np.concatenate([lines[:, None, :, -1], lines], axis=1)
