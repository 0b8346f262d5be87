"""Shapes and bound values of inputs."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir import DType, TensorType, evaluate
from frontends import onnx as frontend
from frontends.onnx import InputError
from tests.frontends.onnx.texts import model

TWO = model("main (float[N,3] a, float[N,K] b) => (float[N,3] y, float[N,K] z) { y = Abs(a) z = Abs(b) }")


def test_shapes_set_symbols_for_all_inputs():
    graph = frontend.load(TWO, inputs={"b": (2, 5)})
    assert [value.type for value in graph.inputs] == [TensorType(DType.F32, (2, 3)), TensorType(DType.F32, (2, 5))]


def test_open_dimensions_are_listed_with_what_to_type():
    with pytest.raises(InputError) as caught:
        frontend.load(TWO)
    assert str(caught.value) == (
        "the model leaves dimensions open: dimension 0, 'N', of input 'a' (--input a:<N>,3);"
        " dimension 0, 'N', of input 'b' (--input b:<N>,<K>)"
    )


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"c": (1, 3)}, r"the model has no input 'c'; its inputs are 'a', 'b'"),
        ({"a": (1, 3, 1)}, r"input 'a' has 2 dimensions, \[<N>,3\], but is given 3: \[1, 3, 1\]"),
        ({"a": (1, 4)}, "input 'a': dimension 1 is 3 in the model, but is given 4"),
        ({"a": (1, 3), "b": (2, 3)}, "input 'b': dimension 0 is 1 in the model, but is given 2"),
        ({"a": (-1, 3)}, "dimension 0 is open in the model, but is given -1"),
    ],
)
def test_shapes_that_do_not_fit(inputs, message):
    with pytest.raises(InputError, match=message):
        frontend.load(TWO, inputs=inputs)


def test_a_dimension_of_minus_one_is_open():
    proto = model("main (float[2] x) => (float[2] y) { y = Abs(x) }")
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    with pytest.raises(InputError, match=r"dimension 0 of input 'x' \(--input x:<\?>\)"):
        frontend.load(proto)
    assert frontend.load(proto, inputs={"x": (4,)}).inputs[0].type.shape == (4,)


def test_an_input_without_rank_takes_the_given_shape():
    proto = model("main (float[2] x) => (float[2] y) { y = Abs(x) }")
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    assert frontend.load(proto, inputs={"x": (4, 5)}).inputs[0].type.shape == (4, 5)
    with pytest.raises(InputError, match=r"input 'x' has no stated rank \(--input x:<shape>\)"):
        frontend.load(proto)


def test_a_bound_input_becomes_a_constant():
    graph = frontend.load(TWO, bind={"a": np.full((2, 3), -1)}, inputs={"b": (2, 1)})
    assert graph.input_names == ["b"]
    results = evaluate(graph, {"b": np.zeros((2, 1), np.float32)})
    np.testing.assert_array_equal(results["y"], np.ones((2, 3), np.float32))


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.array([1, 2, 3]), "2 dimensions"), (np.full((1, 4), 1), "dimension 1 is 3"), (np.full((1, 3), 1e300), None)],
)
def test_bound_values_that_do_not_fit(value, message):
    if message is None:  # a float may be rounded
        assert frontend.load(TWO, bind={"a": value.clip(-1, 1)}, inputs={"b": (1, 1)})
        return
    with pytest.raises(InputError, match=message):
        frontend.load(TWO, bind={"a": value})


@pytest.mark.parametrize("value", [0.5, 300, -1, np.nan])
def test_a_bound_value_that_its_type_cannot_hold(value):
    proto = model("main (uint8 x) => (uint8 y) { y = Identity(x) }")
    with pytest.raises(InputError, match="the value bound to input 'x'"):
        frontend.load(proto, bind={"x": np.array(value)})


def test_initializers_that_are_inputs_too_are_constants():
    proto = model("main (float[2] x, float[2] w) => (float[2] y) { y = Add(x, w) }", ir_version=3, opset=8)
    from onnx import numpy_helper

    proto.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), "w"))
    assert frontend.load(proto).input_names == ["x"]


def test_an_optional_input_is_given():
    graph = frontend.load(
        model(
            """main (optional(float[2]) x) => (float[2] y, bool b) {
                y = OptionalGetElement(x)
                b = OptionalHasElement(x)
            }"""
        )
    )
    assert graph.inputs[0].type == TensorType(DType.F32, (2,))
