"""Operators that are functions: of the model, and of the ONNX standard."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from compiler.ir import evaluate
from frontends import onnx as frontend
from frontends.onnx import MalformedModel
from frontends.onnx.converters import CONVERTERS
from tests.frontends.onnx.nodes import by_onnxruntime, random
from tests.frontends.onnx.texts import model

LOCAL = ', "local" : 1'

CALLS = """main (float[3] x) => (float[3] y, float[3] z) {
    y = local.affine<scale = 3.0>(x)
    z = local.affine(x)
}"""

AFFINE = """<opset_import: ["" : 21], domain: "local">
affine <scale: float = 2.0> (v) => (w) {
    a = Constant<value_float: float = @scale>()
    w = Mul(v, a)
}"""


def test_a_model_s_function_with_default_and_given_attributes():
    proto = model(CALLS, extra=LOCAL, functions=AFFINE)
    feeds = {"x": random(3)}
    for ours, theirs in zip(evaluate(frontend.load(proto), feeds).values(), by_onnxruntime(proto, feeds), strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_nodes_of_a_body_are_named_after_the_call():
    graph = frontend.load(model(CALLS, extra=LOCAL, functions=AFFINE))
    assert {node.origin for node in graph if node.op.name == "mul"} == {"y/w", "z/w"}


def test_an_attribute_that_a_function_does_not_have():
    proto = model(CALLS.replace("scale = 3.0", "offset = 3.0"), extra=LOCAL, functions=AFFINE)
    with pytest.raises(MalformedModel, match="function 'affine' has no attribute 'offset'"):
        frontend.load(proto)


def test_a_function_that_calls_itself():
    recursive = '<opset_import: ["" : 21, "local" : 1], domain: "local"> again (v) => (w) { w = local.again(v) }'
    proto = model("main (float[3] x) => (float[3] y) { y = local.again(x) }", extra=LOCAL, functions=recursive)
    with pytest.raises(MalformedModel, match="function 'again' calls itself"):
        frontend.load(proto)


def test_a_function_of_the_model_goes_before_an_operator():
    own = '<opset_import: ["" : 21], domain: ""> Abs (v) => (w) { w = Neg(v) }'
    (result,) = evaluate(
        frontend.load(model("main (float[3] x) => (float[3] y) { y = Abs(x) }", functions=own)), {"x": random(3)}
    ).values()
    np.testing.assert_array_equal(result, -random(3))


def test_a_standard_function_is_expanded_with_the_defaults_of_its_schema(monkeypatch):
    """ThresholdedRelu's body refers to alpha, which the node leaves to the schema's default of 1."""
    monkeypatch.delitem(CONVERTERS[""], "ThresholdedRelu")
    proto = model("main (float[4] x) => (float[4] y) { y = ThresholdedRelu(x) }")
    x = np.array([0.5, 1.0, 1.5, 2.0], np.float32)
    (result,) = evaluate(frontend.load(proto), {"x": x}).values()
    np.testing.assert_array_equal(result, [0, 0, 1.5, 2])


def test_a_standard_function_whose_body_depends_on_its_types(monkeypatch):
    monkeypatch.delitem(CONVERTERS[""], "Softmax")
    proto = model("main (float[2,4] x) => (float[2,4] y) { y = Softmax<axis = 0>(x) }")
    feeds = {"x": random(2, 4)}
    (result,) = evaluate(frontend.load(proto), feeds).values()
    np.testing.assert_allclose(result, by_onnxruntime(proto, feeds)[0], rtol=1e-5)


def test_a_function_may_leave_trailing_inputs_out():
    body = '<opset_import: ["" : 21], domain: "local"> f (v, low, high) => (w) { w = Clip(v, low, high) }'
    proto = model("main (float[4] x, float h) => (float[4] y) { y = local.f(x, , h) }", extra=LOCAL, functions=body)
    feeds = {"x": random(4), "h": np.array(0.25, np.float32)}
    (result,) = evaluate(frontend.load(proto), feeds).values()
    np.testing.assert_array_equal(result, np.minimum(feeds["x"], feeds["h"]))


def test_unused_helper_of_the_onnx_package():
    """The texts above are parsed into functions of the domain and name that the calls mean."""
    (function,) = model(CALLS, extra=LOCAL, functions=AFFINE).functions
    assert (function.domain, function.name) == ("local", "affine")
    assert helper.get_attribute_value(function.attribute_proto[0]) == 2.0
