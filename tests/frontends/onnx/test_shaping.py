"""Shapes, slices, splits, padding: against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontends import onnx as frontend
from frontends.onnx import MalformedModel, UnsupportedModel
from tests.frontends.onnx.nodes import check_node, node_model, random
from tests.frontends.onnx.texts import model


def ints(*values: int) -> np.ndarray:
    """An i64 list."""
    return np.array(values, np.int64)


@pytest.mark.parametrize("shape", [(4, 6), (-1, 3), (0, -1), (2, 0, 4), (24,), (1, 24, 1)])
def test_reshape(shape):
    check_node("Reshape", [random(2, 3, 4), ints(*shape)], constants=[1])


def test_reshape_of_nothing_with_allowzero():
    check_node("Reshape", [np.zeros((0, 3), np.float32), ints(3, 0)], {"allowzero": 1}, constants=[1])


def test_a_shape_that_depends_on_data_is_refused_with_advice():
    with pytest.raises(UnsupportedModel, match=r"Reshape 'node': the shape depends on data \(--bind x1=VALUE\)"):
        frontend.load(node_model("Reshape", [random(2, 3), ints(3, 2)]))


def test_shape_arithmetic_is_known():
    graph = model(
        """main (float[2,3,4] x) => (float[a,b] y) {
            s = Shape(x)
            zero = Constant<value_ints = [0]>()
            n = Gather(s, zero)
            rest = Constant<value_ints = [-1]>()
            target = Concat<axis = 0>(n, rest)
            y = Reshape(x, target)
        }"""
    )
    assert frontend.load(graph).outputs[0].type.shape == (2, 12)


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1])
def test_flatten(axis):
    check_node("Flatten", [random(2, 3, 4)], {"axis": axis})


def test_squeeze_and_unsqueeze_by_attribute_and_by_input():
    check_node("Squeeze", [random(1, 3, 1, 4)], {"axes": [0, -2]}, opset=11)
    check_node("Squeeze", [random(1, 3, 1, 4), ints(2)], constants=[1])
    check_node("Squeeze", [random(1, 3, 1, 4)])
    check_node("Unsqueeze", [random(3, 4)], {"axes": [0, 3]}, opset=11)
    check_node("Unsqueeze", [random(3, 4), ints(-1, 0)], constants=[1])


def test_expand_broadcasts_both_ways():
    check_node("Expand", [random(3, 1), ints(2, 1, 4)], constants=[1])
    check_node("Expand", [random(3, 4), ints(1)], constants=[1])


def test_shape_can_be_cut():
    for start, end in ((0, 2), (-2, 3), (1, -1), (2, 1)):
        check_node("Shape", [random(2, 3, 4)], {"start": start, "end": end})
    check_node("Size", [random(2, 3, 4)])


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(mode):
    check_node("DepthToSpace", [random(2, 8, 3, 2)], {"blocksize": 2, "mode": mode})


def test_space_to_depth_and_tile():
    check_node("SpaceToDepth", [random(2, 3, 4, 6)], {"blocksize": 2})
    check_node("Tile", [random(2, 3), ints(2, 3)], constants=[1])


bounds = st.integers(-9, 9) | st.sampled_from([-(2**63), 2**63 - 1])


@given(start=bounds, end=bounds, step=st.integers(-3, 3).filter(bool), axis=st.integers(-2, 1))
def test_slice_as_python_does(start, end, step, axis):
    arrays = [random(5, 7), ints(start), ints(end), ints(axis), ints(step)]
    check_node("Slice", arrays, constants=[1, 2, 3, 4], framework="onnx")


def test_slice_by_attributes():
    check_node("Slice", [random(5, 7)], {"starts": [1, -3], "ends": [4, 100], "axes": [0, 1]}, opset=9)


def test_split_in_all_versions():
    check_node("Split", [random(6, 4)], {"axis": 0}, opset=11, outputs=3)
    check_node("Split", [random(6, 4)], {"axis": -1, "split": [1, 3]}, opset=11, outputs=2)
    check_node("Split", [random(6, 4), ints(1, 2, 3)], outputs=3, constants=[1])
    check_node("Split", [random(7, 4)], {"num_outputs": 3}, outputs=3)


def test_a_split_that_does_not_add_up_is_named():
    with pytest.raises(MalformedModel, match=r"Split 'node': sizes \[1, 2\] do not add up to 6"):
        frontend.load(node_model("Split", [random(6), ints(1, 2)], outputs=2, constants=[1]))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_pad(mode):
    check_node("Pad", [random(4, 5), ints(1, 2, 3, 0)], {"mode": mode}, constants=[1])
    check_node("Pad", [random(2, 4, 5), ints(2, 1), None, ints(-1)], {"mode": mode}, constants=[1, 3])


def test_pad_with_a_value_and_with_negative_pads():
    value = np.array(7, np.float32)
    check_node("Pad", [random(4, 5), ints(-1, 2, 1, -2), value], constants=[1])
    check_node("Pad", [random(4, 5)], {"pads": [0, 1, 2, 0], "value": 3.0}, opset=10)


def test_reflection_beyond_the_axis_mirrors_again():
    x, pads = np.arange(3, dtype=np.float32), ints(5, 4)
    (padded,) = check_node("Pad", [x, pads], {"mode": "reflect"}, constants=[1], framework="onnx")
    np.testing.assert_array_equal(padded, np.pad(x, (5, 4), mode="reflect"))


def test_transpose_and_concat():
    check_node("Transpose", [random(2, 3, 4)])
    check_node("Transpose", [random(2, 3, 4)], {"perm": [1, 2, 0]})
    check_node("Concat", [random(2, 3), random(2, 1, seed=1)], {"axis": -1})
