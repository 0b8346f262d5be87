"""Reductions, arg-reductions and running sums: against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir import evaluate
from frontends import onnx as frontend
from tests.frontends.onnx.nodes import check_node, node_model, random

REDUCTIONS = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"]


@pytest.mark.parametrize("kind", REDUCTIONS)
def test_reductions_over_axes_from_attributes_and_inputs(kind):
    x = np.abs(random(3, 4, 5)) + 0.1
    opset = 11 if kind == "Sum" else 13
    check_node(f"Reduce{kind}", [x], {"axes": [0, -1], "keepdims": 0}, opset=opset)
    check_node(f"Reduce{kind}", [x], {"keepdims": 1}, opset=opset)
    check_node(f"Reduce{kind}", [x, np.array([1], np.int64)], {"keepdims": 1}, opset=18, constants=[1])
    check_node(f"Reduce{kind}", [x], {"keepdims": 0}, opset=18)


@pytest.mark.parametrize("kind", ["Max", "Min", "Sum"])
def test_an_empty_list_of_axes_can_mean_none(kind):
    empty = np.zeros(0, np.int64)
    check_node(f"Reduce{kind}", [random(3, 4), empty], {"noop_with_empty_axes": 1}, opset=18, constants=[1])


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float64])
def test_reductions_of_other_types(dtype):
    check_node("ReduceSum", [random(3, 4, dtype=dtype)])
    check_node("ReduceMax", [random(3, 4, dtype=dtype)], opset=18)
    check_node("ReduceMean", [random(3, 4, dtype=dtype)], opset=18)


def test_bools_have_a_largest_and_a_smallest():
    x = np.array([[True, False], [True, True]])
    axes = np.array([1], np.int64)
    check_node("ReduceMax", [x, axes], {"keepdims": 0}, opset=20, constants=[1])
    check_node("ReduceMin", [x, axes], {"keepdims": 0}, opset=20, constants=[1])


def test_log_sum_exp_neither_overflows_nor_loses_infinities():
    x = np.array([[1000.0, 999.0], [-1000.0, -1001.0], [-np.inf, -np.inf], [np.inf, 0.0]], np.float32)
    model = node_model("ReduceLogSumExp", [x], {"axes": [1], "keepdims": 0}, opset=13)
    (result,) = evaluate(frontend.load(model), {"x0": x}).values()
    expected = np.log1p(np.exp(np.float32(-1)))
    np.testing.assert_allclose(result, [1000 + expected, -1000 + expected, -np.inf, np.inf], rtol=1e-6)


def test_squares_of_float16_do_not_overflow_on_the_way():
    x = np.full(4, 300, np.float16)
    model = node_model("ReduceL2", [x], {"keepdims": 0}, opset=13)
    (result,) = evaluate(frontend.load(model), {"x0": x}).values()
    assert result == np.float16(600)


@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("last", [0, 1])
def test_positions_of_extremes(op_type, last):
    x = random(3, 9, dtype=np.int32) % 3
    for keep in (0, 1):
        check_node(op_type, [x], {"axis": -1, "keepdims": keep, "select_last_index": last}, opset=13)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("constants", [[], [1]])
def test_running_sums_along_an_axis_that_may_be_data(exclusive, reverse, constants):
    for axis in (0, 2, -2):
        arrays = [random(2, 3, 4), np.array(axis, np.int64)]
        check_node("CumSum", arrays, {"exclusive": exclusive, "reverse": reverse}, constants=constants)
