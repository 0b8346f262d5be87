"""Constants, ranges and masks: against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir import evaluate
from frontends import onnx as frontend
from frontends.onnx import UnsupportedModel
from tests.frontends.onnx.nodes import check_node, random
from tests.frontends.onnx.texts import model


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("value_int = 3", np.array(3, np.int64)),
        ("value_ints = [1, 2]", np.array([1, 2], np.int64)),
        ("value_float = 0.5", np.array(0.5, np.float32)),
        ("value_floats = [0.5, 1.5]", np.array([0.5, 1.5], np.float32)),
        ("value = int32[2] {7, 8}", np.array([7, 8], np.int32)),
    ],
)
def test_constant_in_all_forms(attribute, expected):
    graph = frontend.load(model(f"main () => (y) {{ y = Constant<{attribute}>() }}"))
    (result,) = evaluate(graph, {}).values()
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


def test_a_text_constant_is_refused():
    with pytest.raises(UnsupportedModel, match="value_string"):
        frontend.load(model('main () => (string y) { y = Constant<value_string = "a">() }'))


@pytest.mark.parametrize(
    ("start", "limit", "delta"), [(0, 5, 1), (5, 0, -2), (3, 3, 1), (3, 0, 1), (0.0, 1.0, 0.3), (1.5, -1.0, -0.5)]
)
def test_range(start, limit, delta):
    dtype = np.int64 if isinstance(start, int) else np.float32
    arrays = [np.array(value, dtype) for value in (start, limit, delta)]
    check_node("Range", arrays, constants=[0, 1, 2])


def test_constant_of_shape():
    graph = frontend.load(
        model(
            """main (float[2,3] x) => (a, b) {
                s = Shape(x)
                a = ConstantOfShape(s)
                b = ConstantOfShape<value = int32[1] {4}>(s)
            }"""
        )
    )
    a, b = evaluate(graph, {"x": random(2, 3)}).values()
    np.testing.assert_array_equal(a, np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(b, np.full((2, 3), 4, np.int32))


@pytest.mark.parametrize("k", [-2, 0, 1])
def test_eye_like(k):
    check_node("EyeLike", [random(3, 5)], {"k": k})


@pytest.mark.parametrize("upper", [0, 1])
def test_trilu_at_a_diagonal_that_is_data(upper):
    for k in (-3, -1, 0, 2, 9):
        check_node("Trilu", [random(2, 4, 3), np.array(k, np.int64)], {"upper": upper})
    check_node("Trilu", [random(3, 4, dtype=np.int64)], {"upper": upper})
