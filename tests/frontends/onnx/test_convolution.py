"""Convolutions and transposed convolutions against ONNX Runtime, over random shapes and attributes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from compiler.ir.ops.contraction import Conv
from frontends import onnx as frontend
from tests.frontends.onnx.nodes import check_node, node_model, random

SIDES = st.integers(1, 3)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, list[int]]:
    """Attributes of a window over two axes."""
    pairs = st.lists(SIDES, min_size=2, max_size=2)
    return {
        "kernel_shape": draw(pairs),
        "strides": draw(pairs),
        "dilations": draw(pairs),
        "pads": draw(st.lists(st.integers(0, 2), min_size=4, max_size=4)),
    }


def reach(window: dict[str, list[int]]) -> list[int]:
    """Elements that the window spans along each axis."""
    return [d * (k - 1) + 1 for k, d in zip(window["kernel_shape"], window["dilations"], strict=True)]


@given(window=windows(), groups=st.sampled_from([1, 2, 4]), bias=st.booleans())
def test_conv(window, groups, bias):
    x, w = random(2, 4, 8, 9), random(8, 4 // groups, *window["kernel_shape"])
    check_node("Conv", [x, w, *([random(8)] if bias else [])], {**window, "group": groups})


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("op_type", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_automatic_padding(op_type, mode, stride):
    attributes = {"auto_pad": mode, "strides": [stride, stride]}
    check_node(op_type, [random(1, 3, 7, 10), random(3, 3, 4, 3)], attributes)


def test_conv_of_one_and_three_axes():
    check_node("Conv", [random(2, 3, 12), random(4, 3, 3)], {"pads": [1, 0]})
    check_node("Conv", [random(1, 2, 4, 5, 6), random(3, 2, 2, 1, 3)], {"strides": [1, 2, 1]})


@given(window=windows(), groups=st.sampled_from([1, 2]), extra=st.integers(0, 1), bias=st.booleans())
def test_conv_transpose(window, groups, extra, bias):
    spans = [
        s * 3 + r - low - high
        for s, r, low, high in zip(
            window["strides"], reach(window), window["pads"][:2], window["pads"][2:], strict=True
        )
    ]
    assume(min(spans) > 0 and extra < min(*window["strides"], 2))
    attributes = {**window, "group": groups, "output_padding": [extra, 0]}
    x, w = random(2, 4, 4, 4), random(4, 3, *window["kernel_shape"])
    check_node("ConvTranspose", [x, w, *([random(3 * groups)] if bias else [])], attributes)


@pytest.mark.parametrize("shape", [[10, 8], [9, 7], [8, 6]])
def test_conv_transpose_to_a_stated_shape(shape):
    attributes = {"strides": [3, 2], "output_shape": shape}
    check_node("ConvTranspose", [random(1, 1, 3, 3), random(1, 2, 3, 3)], attributes)


def test_conv_transpose_refuses_an_impossible_shape():
    model = node_model(
        "ConvTranspose",
        [random(1, 1, 3, 3), random(1, 2, 3, 3)],
        {"strides": [3, 2], "output_shape": [11, 9]},
    )
    with pytest.raises(frontend.UnsupportedModel, match=r"output_shape \[11, 9\] does not belong"):
        frontend.load(model)


def test_conv_transpose_does_no_more_than_the_arithmetic_needed():
    """Stride 2 with a 4x4 kernel is four 2x2 convolutions, not one over a map of zeros."""
    inputs = [random(1, 8, 6, 6), random(8, 5, 4, 4)]
    graph = frontend.load(node_model("ConvTranspose", inputs, {"strides": [2, 2], "pads": [1, 1, 1, 1]}))
    (conv,) = [node for node in graph if isinstance(node.op, Conv)]
    assert conv.operands[1].type.shape == (20, 8, 2, 2)
    assert conv.result.type.shape == (1, 20, 7, 7)


def test_integer_convolution_subtracts_zero_points_before_padding():
    x = np.arange(36, dtype=np.uint8).reshape(1, 1, 6, 6)
    w = np.arange(18, dtype=np.uint8).reshape(2, 1, 3, 3)
    zero_points = [np.array(7, np.uint8), np.array([3], np.uint8)]
    check_node("ConvInteger", [x, w, *zero_points], {"pads": [1, 1, 1, 1]}, opset=10)
    per_filter = [np.array(7, np.uint8), np.array([3, 5], np.uint8)]
    check_node("ConvInteger", [x, w, *per_filter], {"pads": [1, 1, 1, 1]}, opset=10, framework="onnx")


def test_blocks_back_to_an_image():
    image, kernel = np.array([7, 6], np.int64), np.array([3, 2], np.int64)
    attributes = {"strides": [2, 1], "pads": [1, 0, 0, 1], "dilations": [1, 2]}
    x = random(2, 3 * 6, 3 * 5)
    check_node("Col2Im", [x, image, kernel], attributes, constants=[1, 2], framework="onnx")
