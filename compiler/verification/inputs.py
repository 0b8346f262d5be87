"""Seeded inputs on which a model's outputs say something: floats from N(0, 1), indices that are in range, and rows that
reach much of a forest."""

from __future__ import annotations

import numpy as np

from compiler.ir import DType, Graph, Value
from compiler.ir.dtypes import narrow_bf16
from compiler.ir.literal import Array
from compiler.ir.ops.indexing import Gather, GatherElements
from compiler.verification.forest_rows import forests_of, rows_for

_SMALL = 2
"""Integers that are no index are 0 or 1: valid as masks, segment ids and flags."""


def sample_inputs(graph: Graph, seed: int) -> dict[str, Array]:
    """Arrays by input name; the same for the same seed and graph."""
    return {
        name: _sample(value, np.random.default_rng((seed, index)))
        for index, (name, value) in enumerate(zip(graph.input_names, graph.inputs, strict=True))
    }


def _sample(value: Value, generator: np.random.Generator) -> Array:
    dtype, shape = value.type.dtype, value.type.shape
    if dtype is DType.BF16:
        return narrow_bf16(generator.standard_normal(shape).astype(np.float32))
    if dtype.is_float:
        plain = np.asarray(generator.standard_normal(shape)).astype(dtype.numpy)
        forests = forests_of(value)
        return rows_for(forests, plain, generator) if forests else plain
    if dtype is DType.BOOL:
        return np.asarray(generator.integers(0, 2, shape)).astype(np.bool_)
    limit = index_limit(value) or (1 << 8 if dtype is DType.U8 else _SMALL)
    largest = 1 << (8 * dtype.bytes - dtype.is_signed)
    return np.asarray(generator.integers(0, min(limit, largest), shape)).astype(dtype.numpy)


def index_limit(value: Value) -> int | None:
    """How many rows there are to choose from where an integer value is used as index, directly or through
    other integer ops; None if it is not."""
    limits: list[int] = []
    seen: set[Value] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        for use in current.uses:
            if isinstance(use.node.op, Gather | GatherElements) and use.index == 1:
                limits.append(use.node.operands[0].type.shape[use.node.op.axis])
                continue
            derived = [result for result in use.node.results if result.type.dtype.is_integer and result not in seen]
            seen.update(derived)
            pending.extend(derived)
    return max(1, min(limits)) if limits else None
