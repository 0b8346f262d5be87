"""Reads at computed places, losses and signal operators."""

from __future__ import annotations

import numpy as np
import pytest

from frontends import onnx as frontend
from tests.frontends.onnx.nodes import check_node, node_model, random


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("aligned", [0, 1])
def test_grid_sample(mode, padding, aligned):
    x, grid = random(2, 3, 5, 6), random(2, 4, 7, 2, seed=1) * 1.3
    attributes = {"mode": mode, "padding_mode": padding, "align_corners": aligned}
    check_node("GridSample", [x, grid], attributes, opset=16, atol=1e-4)


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_grid_sample_in_three_dimensions(mode):
    x, grid = random(1, 2, 3, 4, 5), random(1, 2, 3, 4, 3, seed=1)
    check_node("GridSample", [x, grid], {"mode": mode}, opset=20, atol=1e-4)


@pytest.mark.parametrize("aligned", [0, 1])
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 1, 3, 4, 5)])
def test_affine_grid(aligned, size):
    spatial = len(size) - 2
    theta = random(size[0], spatial, spatial + 1)
    inputs = [theta, np.array(size, np.int64)]
    check_node("AffineGrid", inputs, {"align_corners": aligned}, opset=20, constants=[1])


REGIONS = np.array([[1, 1, 8, 7], [0, 2, 3, 3.5], [-4, -3, 20, 15], [5, 5, 4.9, 5.2]], np.float32)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("transformation", ["half_pixel", "output_half_pixel"])
def test_roi_align(mode, transformation):
    attributes = {
        "mode": mode,
        "coordinate_transformation_mode": transformation,
        "output_height": 3,
        "output_width": 2,
        "sampling_ratio": 2,
        "spatial_scale": 0.8,
    }
    regions = REGIONS[:3] if transformation == "half_pixel" else REGIONS
    batches = np.array([0, 1, 1, 0], np.int64)[: len(regions)]
    check_node("RoiAlign", [random(2, 3, 8, 9), regions, batches], attributes, opset=16)


def test_roi_align_with_as_many_samples_as_the_region_has_pixels_is_refused():
    model = node_model("RoiAlign", [random(1, 1, 4, 4), REGIONS[:1], np.zeros(1, np.int64)], opset=16)
    with pytest.raises(frontend.UnsupportedModel, match="number of samples depend on data"):
        frontend.load(model)


@pytest.mark.parametrize("groups", [1, 2])
def test_deformable_convolution(groups):
    x, w = random(2, 4, 6, 7), random(4, 4 // groups, 3, 2)
    attributes = {
        "group": groups,
        "offset_group": 2,
        "pads": [1, 0, 1, 1],
        "strides": [2, 1],
        "dilations": [1, 2],
    }
    out = (3, 6)
    offset, mask = random(2, 2 * 12, *out), np.abs(random(2, 2 * 6, *out))
    check_node("DeformConv", [x, w, offset, random(4), mask], attributes, opset=19, framework="onnx", atol=1e-4)
    check_node("DeformConv", [x, w, offset * 0], attributes, opset=19, framework="onnx", atol=1e-4)


# -- losses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op_type", ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("ignored", [None, 2, -7])
def test_losses(op_type, reduction, weighted, ignored):
    scores = random(3, 5, 4)
    target = np.random.default_rng(0).integers(0, 5, (3, 4))
    if ignored == -7:
        target[0, 1] = target[2, 3] = -7
    attributes = {"reduction": reduction, **({} if ignored is None else {"ignore_index": ignored})}
    weights = [np.abs(random(5, seed=2))] if weighted else []
    check_node(op_type, [scores, target, *weights], attributes, opset=13, framework="onnx")


# -- signals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("length", [None, 5, 11])
@pytest.mark.parametrize("onesided", [0, 1])
def test_fourier_transform(parts, length, onesided):
    attributes = {"onesided": onesided}
    inputs = [random(2, 8, 3, parts), None if length is None else np.array(length), np.array(1)]
    check_node("DFT", inputs, attributes, opset=20, constants=[1, 2], framework="onnx")
    check_node("DFT", inputs[:2], {**attributes, "axis": 1}, opset=17, constants=[1], framework="onnx")


def test_inverse_transforms():
    x = random(2, 6, 2)
    check_node("DFT", [x], {"inverse": 1}, opset=20, framework="onnx")
    check_node("DFT", [x], {"inverse": 1, "onesided": 1}, opset=20, framework="onnx")


@pytest.mark.parametrize("onesided", [0, 1])
@pytest.mark.parametrize("windowed", [True, False])
def test_short_time_transform(onesided, windowed):
    window = np.hanning(8).astype(np.float32) if windowed else None
    inputs = [random(2, 30, 1), np.array(5), window, np.array(8)]
    check_node("STFT", inputs, {"onesided": onesided}, opset=17, constants=[1, 3])


@pytest.mark.parametrize("op_type", ["HannWindow", "HammingWindow", "BlackmanWindow"])
@pytest.mark.parametrize("periodic", [0, 1])
def test_windows(op_type, periodic):
    check_node(op_type, [np.array(10)], {"periodic": periodic}, opset=17, constants=[0])


@pytest.mark.parametrize("constants", [range(5), range(2)], ids=["constant", "run-time"])
def test_mel_filters(constants):
    numbers = [
        np.array(8),
        np.array(64),
        np.array(8192),
        np.array(20.0, np.float32),
        np.array(4000.0, np.float32),
    ]
    check_node("MelWeightMatrix", numbers, opset=17, constants=constants)
