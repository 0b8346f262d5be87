"""Pooling against ONNX Runtime, over random windows, ceil mode and padding included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frontends.onnx.nodes import check_node, random

SIZES = (7, 9)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, list[int] | int]:
    """Attributes of a pooling window over two axes; pads smaller than the kernel, as the standard demands."""
    kernel = draw(st.lists(st.integers(1, 3), min_size=2, max_size=2))
    pads = [draw(st.integers(0, size - 1)) for size in (*kernel, *kernel)]
    return {
        "kernel_shape": kernel,
        "strides": draw(st.lists(st.integers(1, 4), min_size=2, max_size=2)),
        "dilations": draw(st.lists(st.integers(1, 3), min_size=2, max_size=2)),
        "pads": pads,
        "ceil_mode": draw(st.integers(0, 1)),
    }


@given(window=windows())
def test_max_pool(window):
    check_node("MaxPool", [random(2, 3, *SIZES)], window)


@given(window=windows(), order=st.integers(0, 1))
def test_max_pool_with_positions(window, order):
    check_node("MaxPool", [random(2, 3, *SIZES)], {**window, "storage_order": order}, outputs=2)


@given(window=windows())
def test_positions_hold_the_maximum(window):
    x = random(2, 3, *SIZES)
    values, positions = check_node("MaxPool", [x], window, outputs=2, framework="none")
    assert (x.reshape(-1)[positions] == values).all()


def test_a_window_of_padding_and_the_lowest_number_has_a_position_inside():
    x = np.full((1, 1, 2, 2), -np.inf, np.float32)
    _, positions = check_node(
        "MaxPool", [x], {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]}, outputs=2, framework="none"
    )
    np.testing.assert_array_equal(positions, [[[[0, 0], [0, 0]]]])


@given(window=windows(), count=st.integers(0, 1))
def test_average_pool(window, count):
    # In ceil mode with dilations the onnx package's reference counts otherwise than ONNX Runtime.
    check_node("AveragePool", [random(2, 3, *SIZES)], {**window, "count_include_pad": count})


@pytest.mark.parametrize("p", [1, 2, 3])
def test_norm_pools(p):
    check_node("LpPool", [random(1, 2, *SIZES)], {"kernel_shape": [3, 2], "strides": [2, 2], "p": p})
    check_node("GlobalLpPool", [random(2, 3, *SIZES)], {"p": p})


@pytest.mark.parametrize("op_type", ["GlobalAveragePool", "GlobalMaxPool"])
@pytest.mark.parametrize("sizes", [(5,), (4, 6), (2, 3, 4)])
def test_global_pools(op_type, sizes):
    check_node(op_type, [random(2, 3, *sizes)])


def test_unpool_inverts_a_pool():
    x = random(1, 2, 6, 6)
    window = {"kernel_shape": [2, 2], "strides": [2, 2]}
    values, positions = check_node("MaxPool", [x], window, outputs=2)
    (restored,) = check_node("MaxUnpool", [values, positions], window)
    assert np.array_equal(restored[restored != 0], x[restored != 0])
    check_node(
        "MaxUnpool",
        [values, positions, np.array([1, 2, 7, 8], np.int64)],
        window,
        constants=[2],
        framework="onnx",
    )
