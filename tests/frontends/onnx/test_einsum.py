"""Matrix products and Einsum against numpy and ONNX Runtime."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontends import onnx as frontend
from tests.frontends.onnx.nodes import check_node, imported, node_model, random

EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("iji->ji", (3, 2, 3)),
    ("...ii->...i", (2, 4, 3, 3)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->", (5,), (5,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bhid,bhjd->bhij", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 6)),
    ("ij,k->i", (3, 4), (5,)),
    ("ab,bc,cd->ad", (2, 3), (3, 4), (4, 5)),
    ("ab,ab,ab->a", (2, 3), (2, 3), (2, 3)),
    ("ijkl->lkji", (2, 3, 4, 5)),
    ("ij->", (2, 3)),
    (" i j , j -> i ", (2, 3), (3,)),
]


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda case: case[0])
def test_equations(case):
    equation, *shapes = case
    operands = [random(*shape, seed=i) for i, shape in enumerate(shapes)]
    (result,) = imported(
        node_model("Einsum", operands, {"equation": equation}), {f"x{i}": x for i, x in enumerate(operands)}
    )
    expected = np.einsum(equation, *operands)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@st.composite
def equations(draw: st.DrawFn) -> tuple[str, list[tuple[int, ...]]]:
    """Random labels, repeated ones included, over two or three operands."""
    sizes = {label: draw(st.integers(1, 3)) for label in string.ascii_lowercase[:5]}
    terms = draw(st.lists(st.text("abcde", max_size=4), min_size=1, max_size=3))
    used = sorted(set("".join(terms)))
    kept = draw(st.permutations(used))[: draw(st.integers(0, len(used)))] if used else []
    return ",".join(terms) + "->" + "".join(kept), [tuple(sizes[label] for label in term) for term in terms]


@given(equations())
def test_random_equations(case):
    equation, shapes = case
    operands = [random(*shape, seed=i).astype(np.float64) for i, shape in enumerate(shapes)]
    (result,) = imported(
        node_model("Einsum", operands, {"equation": equation}), {f"x{i}": x for i, x in enumerate(operands)}
    )
    np.testing.assert_allclose(result, np.einsum(equation, *operands), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("equation", ["ij,jk->il", "ijk,jk->i", "i->i->i"])
def test_equations_that_do_not_fit(equation):
    model = node_model("Einsum", [random(2, 3), random(3, 4)], {"equation": equation})
    with pytest.raises(frontend.MalformedModel, match="Einsum 'node'"):
        frontend.load(model)


@pytest.mark.parametrize(
    "shapes", [((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 1, 2, 3), (4, 3, 5)), ((3,), (2, 3, 4))]
)
def test_matmul_of_vectors_and_batches(shapes):
    check_node("MatMul", [random(*shape, seed=i) for i, shape in enumerate(shapes)])


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
def test_gemm(trans_a, trans_b):
    a, b = random(*((3, 2) if trans_a else (2, 3))), random(*((4, 3) if trans_b else (3, 4)))
    attributes = {"transA": trans_a, "transB": trans_b, "alpha": 0.5, "beta": 0.3}
    for c in (None, random(4), random(2, 1), random(2, 4)):
        check_node("Gemm", [a, b, *([] if c is None else [c])], attributes)


def test_integer_product_subtracts_zero_points():
    a, b = random(3, 4, dtype=np.uint8), random(4, 5, dtype=np.int8)
    zero_points = [np.array(12, np.uint8), np.array([1, -2, 3, 0, 5], np.int8)]
    check_node("MatMulInteger", [a, b, *zero_points], opset=10)
    per_row = [np.array([12, 3, 4], np.uint8), np.array(3, np.int8)]
    check_node("MatMulInteger", [a, b, *per_row], opset=10, framework="none")


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_determinant(size):
    check_node("Det", [random(2, 3, size, size)])


def test_a_large_determinant_is_refused():
    with pytest.raises(frontend.UnsupportedModel, match="at most 4 x 4"):
        frontend.load(node_model("Det", [random(5, 5)]))
