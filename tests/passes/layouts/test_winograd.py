"""A group with a convolution in Winograd's form: the region, its weights, and what has no such form."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir import Literal, parse_graph, print_graph, verify
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.sampling import random_array
from compiler.passes.layouts.winograd import winograd_region, winograd_weights

DIRECT = """
graph "block" (%0 "x": f32[1,5,9,8], %1 "w": f32[7,5,3,3], %2 "bias": f32[1,7,1,1], %3 "residual": f32[1,7,9,8]) {
  %4 = conv(%0, %1) {strides = [1, 1], low = [1, 1], high = [1, 1], dilations = [1, 1], groups = 1} : f32[1,7,9,8]
  %5 = add(%4, %2) : f32[1,7,9,8]
  %6 = add(%5, %3) : f32[1,7,9,8]
  return %6 "y"
}
"""

WINOGRAD = """
graph "block" (%0 "x": f32[1,5,9,8], %1 "w": f32[36,7,5], %2 "bias": f32[1,7,1,1], %3 "residual": f32[1,7,9,8]) {
  %4 = winograd_conv(%0, %1) {outputs = 4, low = [1, 1], high = [1, 1]} : f32[1,7,9,8]
  %5 = add(%4, %2) : f32[1,7,9,8]
  %6 = add(%5, %3) : f32[1,7,9,8]
  return %6 "y"
}
"""


def test_the_convolution_and_its_weights_are_exchanged() -> None:
    region = winograd_region(parse_graph(DIRECT), 4)
    assert region is not None
    verify(region)
    assert print_graph(region) == print_graph(parse_graph(WINOGRAD))


@pytest.mark.parametrize("outputs", [2, 4])
def test_both_forms_compute_the_same(outputs: int) -> None:
    direct = parse_graph(DIRECT)
    region = winograd_region(direct, outputs)
    assert region is not None
    operands = [random_array(*value.type.shape, seed=i) for i, value in enumerate(direct.inputs)]
    weights = winograd_weights(Literal(operands[1]), outputs)
    assert weights.type == region.inputs[1].type
    (expected,) = run_graph(direct, operands)
    (actual,) = run_graph(region, [operands[0], weights.array, *operands[2:]])
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def edited(*changes: tuple[str, str]) -> str:
    """The direct form with parts of its text exchanged."""
    text = DIRECT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


SMALLER = ("f32[1,7,9,8]", "f32[1,7,7,6]")
OTHERS = {
    "strides": edited(("strides = [1, 1]", "strides = [2, 1]"), ("f32[1,7,9,8]", "f32[1,7,5,8]")),
    "dilations": edited(("dilations = [1, 1]", "dilations = [2, 2]"), SMALLER),
    "5x5": edited(("f32[7,5,3,3]", "f32[7,5,5,5]"), SMALLER),
    "3x1": edited(("f32[7,5,3,3]", "f32[7,5,3,1]"), ("f32[1,7,9,8]", "f32[1,7,9,10]")),
    "groups": edited(("groups = 1", "groups = 5"), ("7,5,3,3", "10,1,3,3"), ("1,7,", "1,10,")),
    "another type": edited(("f32", "f64")),
    "weights used elsewhere": """
        graph "g" (%0 "x": f32[1,3,3,3], %1 "w": f32[3,3,3,3]) {
          %2 = conv(%0, %1) {strides = [1, 1], low = [1, 1], high = [1, 1], dilations = [1, 1]} : f32[1,3,3,3]
          %3 = add(%2, %1) : f32[3,3,3,3]
          return %3 "y"
        }""",
    "weights computed inside": """
        graph "g" (%0 "x": f32[1,3,3,3], %1 "w": f32[3,3,3,3]) {
          %2 = neg(%1) : f32[3,3,3,3]
          %3 = conv(%0, %2) {strides = [1, 1], low = [1, 1], high = [1, 1], dilations = [1, 1]} : f32[1,3,3,3]
          return %3 "y"
        }""",
    "no convolution": 'graph "g" (%0 "x": f32[3]) {\n %1 = neg(%0) : f32[3]\n return %1 "y"\n}',
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_groups_have_no_such_form(name: str) -> None:
    assert winograd_region(parse_graph(OTHERS[name]), 4) is None
