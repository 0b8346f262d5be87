"""Chains of casts, over all element types: what canonicalize makes of them gives the same bits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from compiler.ir import DType, Graph, Rewriter, TensorType
from compiler.ir.literal import Array
from compiler.ir.ops.unary import Cast
from compiler.passes import PassManager
from tests.ir.comparison import assert_same_results

TYPES = tuple(dtype for dtype in DType if dtype is not DType.BF16)
CANONICALIZE = PassManager.parse("canonicalize")


def extremes(dtype: DType) -> Array:
    """Values at and near the limits of a type."""
    if dtype is DType.BOOL:
        return np.array([False, True])
    if dtype.is_integer:
        limits = np.iinfo(dtype.numpy.name)
        integers = np.array([limits.min, limits.min + 1, 0, 1, 77, limits.max - 1, limits.max], object)
        return integers.astype(dtype.numpy)
    limits = np.finfo(dtype.numpy.name)
    numbers = [0.1, -2.5, -0.0, limits.max, limits.smallest_subnormal, np.inf, np.nan]
    return np.asarray(numbers).astype(dtype.numpy)


def chain(*types: DType) -> Graph:
    """x cast to each type in turn."""
    graph = Graph("casts")
    rewriter = Rewriter(graph)
    first, *others = types
    value = rewriter.input("x", TensorType(first, extremes(first).shape))
    for dtype in others:
        value = rewriter.emit(Cast(dtype), value)
    rewriter.output("y", value)
    return graph


@pytest.mark.parametrize("source", TYPES, ids=str)
def test_chains_of_two_casts(source: DType) -> None:
    shortened = 0
    for middle, last in itertools.product(TYPES, TYPES):
        graph = chain(source, middle, last)
        result = CANONICALIZE.run(graph, verify=True)
        if len(result) < len(graph):
            shortened += 1
            assert_same_results(graph, result, {"x": extremes(source)})
    assert shortened > len(TYPES)  # those that begin or end with a cast to the own type, and more


def test_a_cast_that_loses_something_is_kept() -> None:
    for types in ((DType.I64, DType.F64, DType.I64), (DType.F32, DType.I32, DType.F32), (DType.I8, DType.U8, DType.I8)):
        assert len(CANONICALIZE.run(chain(*types))) == 2
