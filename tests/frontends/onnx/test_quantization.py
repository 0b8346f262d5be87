"""Quantized operators: bit for bit what ONNX Runtime computes."""

from __future__ import annotations

import numpy as np
import pytest

from frontends import onnx as frontend
from tests.frontends.onnx.nodes import check_node, node_model, random

TYPES = [np.int8, np.uint8, np.int16, np.uint16]


def check_exact(op_type, inputs, attributes=None, **options):
    """Like ``check_node``, without any tolerance."""
    return check_node(op_type, inputs, attributes, atol=0, **options)


@pytest.mark.parametrize("dtype", TYPES)
def test_quantize_rounds_half_to_even_and_saturates(dtype):
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 3e5, -3e5, 0.24, 7.75], np.float32)
    check_exact("QuantizeLinear", [x, np.array(1, np.float32), np.array(3, dtype)])
    check_exact("QuantizeLinear", [random(50) * 9, np.array(0.37, np.float32), np.array(3, dtype)])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_scales_per_axis(dtype, axis):
    x = random(3, 4, 5) * 9
    scale = np.abs(random(x.shape[axis], seed=1)) + 0.1
    zero_point = np.arange(x.shape[axis]).astype(dtype)
    (quantized,) = check_exact("QuantizeLinear", [x, scale, zero_point], {"axis": axis})
    check_exact("DequantizeLinear", [quantized, scale, zero_point], {"axis": axis})


@pytest.mark.parametrize("axis", [0, 1])
def test_scales_per_block(axis):
    x = random(6, 8, dtype=np.int8)
    scale = np.abs(random(*((3, 8) if axis == 0 else (6, 4)), seed=1)) + 0.1
    zero_point = np.arange(scale.size).reshape(scale.shape).astype(np.int8)
    attributes = {"axis": axis, "block_size": 2}
    check_node("DequantizeLinear", [x, scale, zero_point], attributes, framework="onnx", atol=0)
    check_node("QuantizeLinear", [random(6, 8) * 9, scale, zero_point], attributes, framework="onnx", atol=0)


def test_without_a_zero_point():
    check_exact("QuantizeLinear", [random(20) * 9, np.array(0.5, np.float32)])
    check_exact("DequantizeLinear", [random(20, dtype=np.int8), np.array(0.5, np.float32)])
    biases = random(20, dtype=np.int32) * 100000
    check_exact("DequantizeLinear", [biases, np.array(0.001, np.float32)])


def test_dynamic_quantization():
    for x in (random(30) * 3, np.abs(random(30)), -np.abs(random(30))):
        check_exact("DynamicQuantizeLinear", [x], outputs=3)


def test_zeros_quantize_to_zeros():
    check_exact("DynamicQuantizeLinear", [np.zeros(7, np.float32)], outputs=3)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("channels", [1, 4], ids=["tensor", "filter"])
def test_quantized_convolution(dtype, channels):
    def scalar(value, kind=np.float32):
        return np.array(value, kind)

    w_scale = np.linspace(0.01, 0.03, channels).astype(np.float32)
    w_zero = np.zeros(channels, np.int8)
    inputs = [
        random(2, 3, 8, 9, dtype=dtype) * dtype(3),
        scalar(0.02),
        scalar(5, dtype),
        random(4, 3, 3, 3, dtype=np.int8),
        w_scale if channels > 1 else w_scale.reshape(()),
        w_zero if channels > 1 else w_zero.reshape(()),
        scalar(0.05),
        scalar(7, dtype),
        random(4, dtype=np.int32),
    ]
    check_exact("QLinearConv", inputs, {"pads": [1, 1, 1, 1], "strides": [2, 1]}, opset=10)


def test_quantized_product():
    inputs = [
        random(2, 3, 4, dtype=np.uint8),
        np.array(0.02, np.float32),
        np.array(5, np.uint8),
        random(4, 5, dtype=np.int8),
        np.linspace(0.01, 0.03, 5).astype(np.float32),
        np.zeros(5, np.int8),
        np.array(0.05, np.float32),
        np.array(7, np.uint8),
    ]
    check_exact("QLinearMatMul", inputs, opset=10)


def test_four_bits_are_refused_as_a_result():
    model = node_model("QuantizeLinear", [random(4), np.array(1, np.float32)], {"output_dtype": 22})
    with pytest.raises(frontend.UnsupportedModel, match="int4"):
        frontend.load(model)
