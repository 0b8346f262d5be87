"""The report of everything that cannot be compiled."""

from __future__ import annotations

import pytest

from frontends import onnx as frontend
from frontends.onnx import ConversionError, UnsupportedModel, UnsupportedNode
from tests.frontends.onnx.texts import model


def problems(graph: str, **options: object) -> tuple[UnsupportedNode, ...]:
    """What the preflight lists."""
    with pytest.raises(UnsupportedModel) as caught:
        frontend.load(model(graph, **options))  # pyright: ignore[reportArgumentType]
    return caught.value.nodes


def test_all_unsupported_nodes_are_listed_at_once():
    found = problems(
        """main (float[2,2] x, int64[1] s) => (float[2,2] y, float[n] z) {
            a = RandomNormalLike(x)
            b = Abs(a)
            y = Bernoulli(b)
            z = Reshape(b, s)
        }"""
    )
    assert [node.op for node in found] == ["RandomNormalLike", "Bernoulli", "Reshape"]
    assert found[2] == UnsupportedNode("z", "Reshape", "the shape depends on data", "--bind s=VALUE")


def test_the_message_names_model_count_nodes_and_advice():
    with pytest.raises(UnsupportedModel) as caught:
        frontend.load(model("main (float[2] x, int64[1] s) => (float[n] z) { z = Reshape(x, s) }"))
    assert str(caught.value) == (
        "main: 1 node cannot be compiled:\n  Reshape 'z': the shape depends on data (--bind s=VALUE)"
    )


def test_consequences_are_not_listed():
    found = problems(
        """main (float[4] x, float[2,2] m) => (float[n] y, float[2,2] w) {
            u, i, j, k = Unique(x)
            v = Neg(u)
            s = Cast<to = 7>(v)
            y = Expand(x, s)
            r = RandomNormalLike(x)
            t = Cast<to = 7>(r)
            w = Expand(m, t)
        }"""
    )
    assert [node.op for node in found] == ["Unique", "RandomNormalLike"]


def test_an_unknown_operator_and_an_unknown_domain():
    found = problems(
        "main (float[2] x) => (float[2] y) { a = Frobnicate(x) y = com.example.Add(a, a) }", extra=', "com.example" : 1'
    )
    assert [(node.op, node.reason) for node in found] == [
        ("Frobnicate", "operator set ai.onnx 21 has no such operator")
    ]
    (node,) = problems("main (float[2] x) => (float[2] y) { y = com.example.Add(x, x) }", extra=', "com.example" : 1')
    assert node.reason == "operators of 'com.example' are no part of ONNX"


def test_types_that_no_value_can_have():
    found = problems(
        "main (string[2] x, float[2] z) => (string[2] y, float8e5m2[2] q) { y = Identity(x) q = Cast<to = 19>(z) }"
    )
    assert [(node.op, node.name) for node in found] == [("input", "x"), ("Cast", "q")]
    assert found[1].reason == "tensors of float8e5m2 are not supported"


def test_a_problem_in_a_loop_s_body_is_listed_once():
    found = problems(
        """main (float[2] x) => (float[2] y) {
            n = Constant<value_int = 3>()
            c = Constant<value = bool {1}>()
            y = Loop (n, c, x) <body = b (int64 i, bool g, float[2] s) => (bool h, float[2] t) {
                h = Identity(g)
                r = RandomNormalLike(s)
                t = Add(r, s)
            }>
        }"""
    )
    assert [(node.op, node.name) for node in found] == [("RandomNormalLike", "y/0/r")]


def test_types_that_do_not_fit_are_a_problem_of_their_node():
    (node,) = problems("main (float[2] x, int32[2] z) => (float[2] y) { y = Add(x, z) }")
    assert (node.op, node.name) == ("Add", "y")
    assert "operands differ in element type" in node.reason


def test_attributes_that_make_no_sense_are_an_error_without_traceback():
    with pytest.raises(ConversionError, match="DepthToSpace 'y' makes no sense: ZeroDivisionError"):
        frontend.load(model("main (float[1,4,2,2] x) => (float[n] y) { y = DepthToSpace<blocksize = 0>(x) }"))


def test_an_int4_constant_may_be_dequantized_but_not_computed_with():
    weights = "w = Constant<value = int4[2] {-8, 7}>()"
    graph = frontend.load(model(f"main (float s) => (float[2] y) {{ {weights} y = DequantizeLinear(w, s) }}", opset=21))
    assert graph.outputs[0].type.shape == (2,)
    node, output = problems(f"main () => (int4[2] y) {{ {weights} y = Transpose(w) }}")
    assert node.reason == "it computes with int4, which Kiln only reads from constants"
    assert (output.op, output.reason) == ("output", "tensors of int4 are not supported")
