"""Sequences and optionals, which exist at import only."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir import evaluate
from frontends import onnx as frontend
from frontends.onnx import UnsupportedModel
from tests.frontends.onnx.nodes import by_onnxruntime, random
from tests.frontends.onnx.texts import model


def check(text: str, *shapes: tuple[int, ...], opset: int = 18) -> None:
    """Assert that importer and ONNX Runtime agree on inputs x, y, ... of the given shapes."""
    proto = model(text, opset=opset)
    feeds = {name: random(*shape, seed=i) for i, (name, shape) in enumerate(zip("xyz", shapes, strict=False))}
    ours = evaluate(frontend.load(proto), feeds).values()
    for a, b in zip(ours, by_onnxruntime(proto, feeds), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_elements_by_position():
    check(
        """main (float[2] x, float[3] y) => (float[2] a, float[3] b, int64 n) {
            s = SequenceConstruct(x, y)
            zero = Constant<value_int = 0>()
            last = Constant<value_int = -1>()
            a = SequenceAt(s, zero)
            b = SequenceAt(s, last)
            n = SequenceLength(s)
        }""",
        (2,),
        (3,),
    )


@pytest.mark.parametrize("place", [0, 1, 2, -1, -2])
def test_insertion_and_removal(place):
    check(
        f"""main (float[2] x, float[2] y, float[2] z) => (float[n] all, float[n] fewer) {{
            empty = SequenceEmpty()
            s0 = SequenceInsert(empty, x)
            s1 = SequenceInsert(s0, y)
            p = Constant<value_int = {place}>()
            s2 = SequenceInsert(s1, z, p)
            all = ConcatFromSequence<axis = 0>(s2)
            s3 = SequenceErase(s2, p)
            fewer = ConcatFromSequence<axis = 0, new_axis = 1>(s3)
        }}""",
        (2,),
        (2,),
        (2,),
    )


@pytest.mark.parametrize("split", ["", "sizes = Constant<value_ints = [1, 3]>()", "sizes = Constant<value_int = 3>()"])
def test_split_to_sequence(split):
    arguments = "x, sizes" if split else "x"
    check(
        f"""main (float[4,3] x) => (float[a,b] first, int64 n) {{
            {split}
            s = SplitToSequence<axis = 0>({arguments})
            zero = Constant<value_int = 0>()
            first = SequenceAt(s, zero)
            n = SequenceLength(s)
        }}""",
        (4, 3),
    )


def test_a_sequence_mapped_by_the_standard_s_function():
    check(
        """main (float[2] x, float[2] y) => (float[4] z) {
            s = SequenceConstruct(x, y)
            t = SequenceMap (s) <body = b (float[2] e) => (float[2] f) { f = Neg(e) }>
            z = ConcatFromSequence<axis = 0>(t)
        }""",
        (2,),
        (2,),
    )


def test_optionals():
    graph = frontend.load(
        model(
            """main (float[2] x) => (bool full, bool empty, float[2] y) {
                o = Optional(x)
                e = Optional<type = float[2]>()
                full = OptionalHasElement(o)
                empty = OptionalHasElement(e)
                y = OptionalGetElement(o)
            }""",
            opset=18,
        )
    )
    full, empty, y = evaluate(graph, {"x": random(2)}).values()
    assert (full.item(), empty.item()) == (True, False)
    np.testing.assert_array_equal(y, random(2))


def test_sequences_at_the_border_of_the_model_are_refused():
    text = "main (seq(float[2]) s, float[2] x) => (seq(float[2]) t) { t = SequenceConstruct(x) }"
    with pytest.raises(UnsupportedModel) as caught:
        frontend.load(model(text, opset=18))
    assert [(node.op, node.name) for node in caught.value.nodes] == [("input", "s"), ("output", "t")]
