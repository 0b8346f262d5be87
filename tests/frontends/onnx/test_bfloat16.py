"""bfloat16: computed in float32, rounded where ONNX says bfloat16; moved as it is."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from compiler.ir import DType
from frontends import onnx as frontend
from frontends.onnx.known_values import KnownValues
from tests.frontends.onnx.texts import model


def casts(graph: str) -> list[DType]:
    """The targets of the casts that an imported model contains."""
    ops = [node.op for node in frontend.load(model(graph)) if node.op.name == "cast"]
    return [op.to for op in ops]  # pyright: ignore[reportAttributeAccessIssue]


def test_arithmetic_is_widened_and_rounded():
    assert casts("main (bfloat16[2] x) => (bfloat16[2] y) { y = Mul(x, x) }") == [DType.F32, DType.F32, DType.BF16]


def test_results_of_other_types_stay():
    assert casts("main (bfloat16[2] x) => (bool[2] y) { y = IsNaN(x) }") == [DType.F32]


def test_movement_needs_no_conversion():
    text = "main (bfloat16[2,3] x) => (bfloat16[n] y) { t = Transpose(x) y = Slice(t, s, e) }"
    declared = text.replace("{", "{ s = Constant<value_ints = [0]>() e = Constant<value_ints = [1]>()", 1)
    assert casts(declared) == []


def test_known_values_follow_bfloat16():
    graph = frontend.load(
        model(
            """main () => (float y, bfloat16 r) {
                c = Constant<value_float = 1.003>()
                r = Cast<to = 16>(c)
                y = Cast<to = 1>(r)
            }"""
        )
    )
    known = KnownValues(graph)
    expected = np.float32(1.003).astype(ml_dtypes.bfloat16)
    y, r = (known.of(value) for value in graph.outputs)
    assert y is not None and r is not None
    assert y == expected.astype(np.float32)
    assert (r.shape, r) == ((), expected.view(np.uint16))
