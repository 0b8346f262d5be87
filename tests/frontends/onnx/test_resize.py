"""Resize against ONNX Runtime where it implements a mode, against the onnx package's reference elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.movement import Broadcast
from compiler.ir.ops.resampling import Resample
from frontends import onnx as frontend
from frontends.onnx.converters.interpolation import Axis, coordinates, linear_kernel, weighted_table
from tests.frontends.onnx.nodes import check_node, node_model, random

SCALES = np.array([1, 1, 1.7, 0.6], np.float32)
SIZES = np.array([1, 2, 11, 4], np.int64)
TRANSFORMATIONS = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"]


def resized(x, attributes, *, scales=None, sizes=None, roi=None, opset=19, framework="onnxruntime"):
    """Check one Resize whose scale or size is a constant."""
    return check_node(
        "Resize", [x, roi, scales, sizes], attributes, opset=opset, constants=[1, 2, 3], framework=framework
    )


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize("by", ["scales", "sizes"])
def test_interpolation(mode, transformation, by):
    attributes = {"mode": mode, "coordinate_transformation_mode": transformation}
    # The reference divides by the stated scale, ONNX Runtime by the ratio of sizes in some modes.
    scales, sizes = (SCALES, None) if by == "scales" else (None, SIZES)
    resized(random(1, 2, 7, 8), attributes, scales=scales, sizes=sizes, framework="onnx")


@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("transformation", ["half_pixel", "align_corners", "asymmetric"])
def test_nearest(rounding, transformation):
    attributes = {"nearest_mode": rounding, "coordinate_transformation_mode": transformation}
    resized(random(1, 2, 7, 8), attributes, sizes=SIZES)
    resized(random(1, 2, 5, 6), attributes, scales=np.array([1, 1, 2, 3], np.float32))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("exclude", [0, 1])
def test_antialias(mode, exclude):
    attributes = {"mode": mode, "antialias": 1, "exclude_outside": exclude}
    resized(random(1, 1, 9, 10), attributes, scales=np.array([1, 1, 0.45, 1.3], np.float32), framework="onnx")


def test_cubic_without_the_outside():
    attributes = {"mode": "cubic", "exclude_outside": 1, "cubic_coeff_a": -0.5}
    resized(random(1, 2, 7, 8), attributes, scales=SCALES)


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_aspect_ratio_is_kept(policy):
    attributes = {"mode": "linear", "keep_aspect_ratio_policy": policy, "axes": [3, 2]}
    resized(random(1, 2, 4, 6), attributes, sizes=np.array([8, 7], np.int64), framework="onnx")


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_crop_and_resize(mode):
    attributes = {
        "mode": mode,
        "coordinate_transformation_mode": "tf_crop_and_resize",
        "extrapolation_value": 10.0,
    }
    roi = np.array([0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7], np.float32)
    resized(random(1, 2, 5, 6), attributes, sizes=np.array([1, 2, 3, 3], np.int64), roi=roi)


def test_integers_are_rounded_and_saturated():
    x = random(1, 1, 5, 6, dtype=np.uint8) * np.uint8(6)
    resized(x, {"mode": "cubic"}, scales=np.array([1, 1, 2, 2], np.float32), framework="onnx")


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_upsample_and_resize_of_opset_10(mode):
    x, scales = random(1, 2, 4, 5), np.array([1, 1, 2, 3], np.float32)
    check_node("Upsample", [x, scales], {"mode": mode}, opset=9, constants=[1])
    check_node("Resize", [x, scales], {"mode": mode}, opset=10, constants=[1])
    smaller = np.array([1, 1, 0.5, 0.4], np.float32)
    check_node("Resize", [random(1, 2, 8, 10), smaller], {"mode": mode}, opset=10, constants=[1])


def ops_of(attributes, scales) -> set[type]:
    """The kinds of data movement in the imported graph."""
    inputs = [random(1, 2, 4, 5), None, np.array(scales, np.float32)]
    graph = frontend.load(node_model("Resize", inputs, attributes, constants=[2]))
    return {type(node.op) for node in graph} & {Gather, Broadcast, Resample}


def test_whole_factors_need_no_table_of_indices():
    assert ops_of({"mode": "nearest"}, [1, 1, 2, 3]) == {Broadcast}
    assert ops_of({"mode": "nearest"}, [1, 1, 1.5, 1]) == {Gather}
    assert ops_of({"mode": "linear"}, [1, 1, 2, 2]) == {Resample}
    assert ops_of({"mode": "linear"}, [1, 1, 1, 1]) == set()


def test_doubling_is_two_taps_with_weights_of_quarters():
    axis = Axis(3, 6, 2.0)
    table = weighted_table(axis, coordinates(axis, "half_pixel"), linear_kernel, 1)
    np.testing.assert_array_equal(table.indices, [[0, 0], [0, 1], [0, 1], [1, 2], [1, 2], [2, 2]])
    np.testing.assert_array_equal(table.weights[:, 1], [0.75, 0.25, 0.75, 0.25, 0.75, 0.25])


@pytest.mark.parametrize("sizes", [[1, 2, 3, 3], [1, 2, 1, 4]])
@pytest.mark.parametrize("constants", [(1, 3), (3,)], ids=["constant", "run-time"])
def test_linear_regions_may_come_at_run_time(sizes, constants):
    roi = np.array([0, 0, 0.4, 0.6, 1, 1, 1.2, 0.9], np.float32)
    attributes = {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 10.0}
    inputs = [random(1, 2, 5, 6), roi, None, np.array(sizes, np.int64)]
    check_node("Resize", inputs, attributes, constants=constants, opset=19)


def test_other_regions_at_run_time_are_refused():
    inputs = [random(1, 1, 3, 3), np.ones(8, np.float32), None, np.array([1, 1, 2, 2], np.int64)]
    attributes = {"coordinate_transformation_mode": "tf_crop_and_resize"}
    with pytest.raises(frontend.UnsupportedModel, match=r"the region of interest depends on data.*--bind x1"):
        frontend.load(node_model("Resize", inputs, attributes, constants=[3]))
