"""If, Loop and Scan: folded, unrolled or refused."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from compiler.ir import Graph, evaluate, verify
from frontends import onnx as frontend
from frontends.onnx import UnsupportedModel
from tests.frontends.onnx.nodes import by_onnxruntime, random
from tests.frontends.onnx.texts import model

CHOICE = """main (bool c, float[3] x) => (float[3] y) {
    y = If (c) <
        then_branch = g1 () => (float[3] a) { a = Neg(x) },
        else_branch = g2 () => (float[3] b) { b = Abs(x) }
    >
}"""

SUM_OF_SQUARES = """main (float[2] x) => (float[2] total, float[n,2] steps) {
    count = Constant<value_int = 4>()
    true = Constant<value = bool {1}>()
    total, steps = Loop (count, true, x) <
        body = b (int64 i, bool going, float[2] s) => (bool still, float[2] next, float[2] step) {
            still = Identity(going)
            f = Cast<to = 1>(i)
            step = Add(s, f)
            next = Mul(step, step)
        }
    >
}"""


def imported(text: str, opset: int = 21, **options: object) -> Graph:
    """The verified graph of a model in text form."""
    graph = frontend.load(model(text, opset=opset), **options)  # pyright: ignore[reportArgumentType]
    verify(graph)
    return graph


def op_names(graph: Graph) -> set[str]:
    """The ops of a graph."""
    return {node.op.name for node in graph}


def test_a_known_condition_imports_one_branch():
    graph = imported(CHOICE, bind={"c": np.array(True)})
    assert "neg" in op_names(graph)
    assert "abs" not in op_names(graph)


@pytest.mark.parametrize("condition", [True, False])
def test_a_condition_that_is_data_selects(condition):
    feeds = {"c": np.array(condition), "x": random(3)}
    (result,) = evaluate(imported(CHOICE), feeds).values()
    np.testing.assert_array_equal(result, by_onnxruntime(model(CHOICE), feeds)[0])


def test_branches_of_different_shapes_are_refused_with_advice():
    text = CHOICE.replace("b = Abs(x)", "b = Concat<axis = 0>(x, x)").replace(
        "else_branch = g2 () => (float[3] b)", "else_branch = g2 () => (float[6] b)"
    )
    with pytest.raises(UnsupportedModel, match=r"f32\[3\] and f32\[6\] \(--bind c=VALUE\)"):
        imported(text)


def test_a_loop_of_known_length_is_written_out():
    feeds = {"x": random(2)}
    total, steps = evaluate(imported(SUM_OF_SQUARES), feeds).values()
    for ours, theirs in zip((total, steps), by_onnxruntime(model(SUM_OF_SQUARES), feeds), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_loop_of_no_iterations_gives_an_empty_stack():
    total, steps = imported(SUM_OF_SQUARES.replace("value_int = 4", "value_int = 0")).outputs
    assert (total.type.shape, steps.type.shape) == ((2,), (0, 2))


def test_a_loop_ends_when_its_condition_is_known_to_fail():
    text = SUM_OF_SQUARES.replace("still = Identity(going)", "three = Constant<value_int = 2>() still = Less(i, three)")
    assert imported(text).outputs[1].type.shape == (3, 2)


def test_a_loop_whose_condition_is_data_is_refused():
    text = SUM_OF_SQUARES.replace(
        "still = Identity(going)", "m = ReduceMax<keepdims = 0>(s) z = Constant<value_float = 9.0>() still = Less(m, z)"
    )
    with pytest.raises(UnsupportedModel, match="Loop 'total': the number of iterations depends on data"):
        imported(text)


def test_a_loop_that_would_become_too_long_is_refused():
    with pytest.raises(UnsupportedModel, match=r"5000000 iterations are about \d+ operations; the limit is 20000"):
        imported(SUM_OF_SQUARES.replace("value_int = 4", "value_int = 5000000"))


SCAN = """main (float[3] start, float[5,3] xs, float[2,5] ys) => (float[3] last, float[3,5] sums, float[5] firsts) {
    last, sums, firsts = Scan (start, xs, ys) <
        num_scan_inputs = 2, scan_input_axes = [0, 1], scan_input_directions = [1, 0],
        scan_output_axes = [1, 0], scan_output_directions = [0, 1],
        body = b (float[3] s, float[3] x, float[2] y) => (float[3] next, float[3] sum, float first) {
            next = Add(s, x)
            sum = Mul(next, next)
            zero = Constant<value_int = 0>()
            first = Gather(y, zero)
        }
    >
}"""


def test_scan_with_axes_and_directions():
    feeds = {"start": random(3), "xs": random(5, 3, seed=1), "ys": random(2, 5, seed=2)}
    for ours, theirs in zip(evaluate(imported(SCAN), feeds).values(), by_onnxruntime(model(SCAN), feeds), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_nested_graph_may_use_and_hide_nothing_of_the_outer_one():
    text = CHOICE.replace("a = Neg(x)", "a = Neg(missing)")
    with pytest.raises(frontend.MalformedModel, match="reads 'missing', which nothing defines"):
        imported(text)


def test_the_runtime_accepts_these_models():
    """The texts above are valid ONNX, so that the refusals are ours."""
    for text in (CHOICE, SUM_OF_SQUARES, SCAN):
        onnxruntime.InferenceSession(model(text).SerializeToString(), providers=["CPUExecutionProvider"])
