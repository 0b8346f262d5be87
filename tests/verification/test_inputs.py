"""Seeded inputs: reproducible, in range where they are indices, never constant."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir import DType, Graph, Rewriter, TensorType
from compiler.ir.forest import leaves_reached, parse_forest
from compiler.ir.ops.binary import Add
from compiler.ir.ops.forest import ForestSums
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.unary import Cast
from compiler.verification import sample_inputs


def one_input(dtype: DType, shape: tuple[int, ...] = (64,)) -> Graph:
    graph = Graph()
    rewriter = Rewriter(graph)
    rewriter.output("y", rewriter.input("x", TensorType(dtype, shape)))
    return graph


@pytest.mark.parametrize("dtype", list(DType), ids=lambda dtype: dtype.value)
def test_every_element_type(dtype: DType) -> None:
    graph = one_input(dtype)
    (x,) = sample_inputs(graph, 0).values()
    assert x.dtype == dtype.numpy and x.shape == (64,)
    assert len(np.unique(x)) > 1
    np.testing.assert_array_equal(x, sample_inputs(graph, 0)["x"])
    assert not np.array_equal(x, sample_inputs(graph, 1)["x"])


def test_a_scalar() -> None:
    assert sample_inputs(one_input(DType.F32, ()), 0)["x"].shape == ()


def test_integers_are_small_and_not_negative() -> None:
    x = sample_inputs(one_input(DType.I64), 0)["x"]
    assert set(np.unique(x)) == {0, 1}


def test_an_index_covers_its_table_also_through_other_ops() -> None:
    graph = Graph()
    rewriter = Rewriter(graph)
    table = rewriter.input("table", TensorType(DType.F32, (1000, 4)))
    ids = rewriter.input("ids", TensorType(DType.I32, (256,)))
    wide = rewriter.emit(Cast(DType.I64), ids)
    moved = rewriter.emit(Add(), wide, rewriter.constant(np.zeros((), np.int64)))
    rewriter.output("y", rewriter.emit(Gather(0), table, moved))
    x = sample_inputs(graph, 0)["ids"]
    assert x.min() >= 0 and 500 < x.max() < 1000


def test_rows_reach_both_sides_of_each_split() -> None:
    forest = parse_forest(
        """f32[2] -> [0.0] width 1 { tree 0 {
             s0: x0 < 1000.0 ? v0 : s1, missing left   s1: x1 in {7, 9} ? v1 : v2, missing right
             v0: 1.0, id 1   v1: 2.0, id 3   v2: 3.0, id 4 } }"""
    )
    graph = Graph()
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (64, 2)))
    margin = rewriter.input("margin", TensorType(DType.F32, (64, 1)))
    known = rewriter.emit(Add(), x, rewriter.constant(np.zeros((), np.float32)))
    rewriter.output("y", rewriter.emit(ForestSums(forest), known, margin))
    inputs = sample_inputs(graph, 0)
    assert set(np.unique(leaves_reached(forest, inputs["x"]))) == {0, 1, 2}
    assert np.isnan(inputs["x"]).any() and (inputs["x"] == 1000).any()
    assert not np.isnan(inputs["margin"]).any()
