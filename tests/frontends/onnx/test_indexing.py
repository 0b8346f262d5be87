"""Gathers, scatters, sorting, and results whose shape depends on data."""

from __future__ import annotations

import numpy as np
import pytest

from frontends import onnx as frontend
from tests.frontends.onnx.nodes import check_node, node_model, random


def indices(*shape: int, size: int) -> np.ndarray:
    """Indices of an axis, negative ones included."""
    return np.random.default_rng(1).integers(-size, size, shape)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_gathers(axis, dtype):
    x = random(4, 4, 4)
    check_node("Gather", [x, indices(2, 3, size=4).astype(dtype)], {"axis": axis})
    check_node("GatherElements", [x, indices(4, 4, 4, size=4).astype(dtype)], {"axis": axis})


def test_gather_nd():
    x = random(3, 4, 5)
    check_node("GatherND", [x, indices(2, 2, 2, size=3)])
    check_node("GatherND", [x, np.abs(indices(3, 2, 1, size=3))], {"batch_dims": 1})


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
def test_scatters(reduction):
    x, distinct = random(4, 5), np.array([[0, 2, 1, 3, -1], [1, 0, 0, 2, 3]])
    where = distinct if reduction == "none" else indices(3, 5, size=4)
    check_node("ScatterElements", [x, where, random(*where.shape, seed=2)], {"reduction": reduction}, opset=18)
    rows = np.array([[2], [0]]) if reduction == "none" else np.array([[2], [0], [-2]])
    updates = random(len(rows), 5, seed=3)
    check_node("ScatterND", [x, rows, updates], {"reduction": reduction}, opset=18)


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_top_k_is_stable(largest, axis):
    x = np.random.default_rng(0).integers(0, 4, (5, 6, 5)).astype(np.float32)
    k = np.array([4], np.int64)
    check_node("TopK", [x, k], {"largest": largest, "axis": axis}, outputs=2, constants=[1])


def test_one_hot():
    values = np.array([-1.0, 5.0], np.float32)
    for axis in (-1, 0, 1):
        inputs = [indices(3, 4, size=6), np.array([6], np.int64), values]
        check_node("OneHot", inputs, {"axis": axis}, constants=[1])
    out_of_range = [np.array([7, -9, 0]), np.array(6, np.int64), values]
    check_node("OneHot", out_of_range, constants=[1])


@pytest.mark.parametrize("time_axis", [0, 1])
def test_reverse_sequence(time_axis):
    lengths = np.array([1, 3, 4], np.int64)
    shape = (4, 3, 2) if time_axis == 0 else (3, 4, 2)
    check_node("ReverseSequence", [random(*shape), lengths], {"time_axis": time_axis, "batch_axis": 1 - time_axis})


@pytest.mark.parametrize("mode", ["linear", "circular"])
def test_tensor_scatter(mode):
    starts = np.array([1, 3] if mode == "circular" else [1, 2], np.int64)
    inputs = [random(2, 3, 4, 5), random(2, 3, 2, 5, seed=1), starts]
    check_node("TensorScatter", inputs, {"mode": mode}, opset=24, framework="onnx")


# -- known inputs whose values decide a shape ----------------------------------------------------------


def test_known_inputs_are_computed_at_import():
    x = np.array([[1, 0, 3], [0, 5, 1]], np.float32)
    check_node("NonZero", [x], constants=[0])
    check_node("Compress", [random(3, 4), np.array([True, False, True])], {"axis": 0}, constants=[1])
    check_node("Compress", [random(3, 4), np.array([False, True, True])], constants=[1])
    for in_order in (0, 1):
        check_node("Unique", [x], {"sorted": in_order}, outputs=4, constants=[0])
    check_node("Unique", [np.array([[1, 0], [1, 0], [0, 3]])], {"axis": 0}, outputs=4, constants=[0])


@pytest.mark.parametrize("op_type", ["NonZero", "Unique"])
def test_shapes_that_depend_on_data_are_refused(op_type):
    with pytest.raises(frontend.UnsupportedModel, match=r"the shape of the result depends on data.*--bind x0"):
        frontend.load(node_model(op_type, [random(2, 3)]))


def overlapping_boxes(centered: bool) -> np.ndarray:
    """Twelve boxes around three places, as corners in any order or as centres with sizes."""
    generator = np.random.default_rng(3)
    middles = np.repeat([[0.2, 0.2], [0.6, 0.5], [0.8, 0.1]], 4, 0) + generator.normal(0, 0.02, (12, 2))
    sizes = generator.uniform(0.1, 0.2, (12, 2))
    if centered:
        return np.concatenate([middles, sizes], 1)[np.newaxis].astype(np.float32)
    corners = [middles - sizes / 2, middles + sizes / 2]
    swapped = np.where(generator.random((12, 1)) < 0.5, np.hstack(corners), np.hstack(corners[::-1]))
    return swapped[np.newaxis].astype(np.float32)


@pytest.mark.parametrize("centered", [0, 1])
@pytest.mark.parametrize("limit", [2, 10])
def test_known_boxes_are_suppressed_at_import(centered, limit):
    inputs = [
        overlapping_boxes(bool(centered)),
        np.random.default_rng(4).random((1, 2, 12)).astype(np.float32),
        np.array([limit], np.int64),
        np.array([0.4], np.float32),
        np.array([0.2], np.float32),
    ]
    attributes = {"center_point_box": centered}
    (chosen,) = check_node("NonMaxSuppression", inputs, attributes, opset=11, constants=range(5))
    assert 3 < len(chosen) < 24  # some are kept, some are not


def test_boxes_at_run_time_are_refused():
    inputs = [overlapping_boxes(False), random(1, 2, 12), np.array([3], np.int64)]
    model = node_model("NonMaxSuppression", inputs, opset=11, constants=[2])
    with pytest.raises(frontend.UnsupportedModel, match="the shape of the result depends on data"):
        frontend.load(model)
