"""The reference of ``winograd_conv`` is a 3x3 convolution, up to the rounding of its transformed weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir import DType, InferenceError, TensorType
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.sampling import random_array
from compiler.ir.ops.winograd import WinogradConv, transformed_weights

PADS = st.tuples(st.integers(-2, 6), st.integers(-2, 6))


@given(
    outputs=st.sampled_from([2, 4]),
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9), st.integers(3, 14), st.integers(3, 14)),
    low=PADS,
    high=PADS,
)
def test_equals_the_direct_convolution(
    outputs: int, sizes: tuple[int, ...], low: tuple[int, int], high: tuple[int, int]
) -> None:
    n, c, o, h, w = sizes
    # What a negative pad crops must exist, and so must a window.
    h, w = (size + max(0, 3 - size - lo - hi) for size, lo, hi in zip((h, w), low, high, strict=True))
    x, weights = random_array(n, c, h + 2, w + 2), random_array(o, c, 3, 3, seed=1)
    (direct,) = Conv((1, 1), low, high, (1, 1)).evaluate(x, weights)
    (actual,) = WinogradConv(outputs, low, high).evaluate(x, transformed_weights(weights, outputs))
    assert actual.dtype == np.float32 and actual.shape == direct.shape
    np.testing.assert_allclose(actual, direct, rtol=0, atol=2e-6 * max(1.0, np.abs(direct).max()))


def test_transformed_weights_are_those_of_the_definition() -> None:
    """F(2, 3): G is 1, the mean of sums and of differences, 1, up to signs."""
    one = np.zeros((1, 1, 3, 3), np.float32)
    one[..., 0, 0] = 8
    u = transformed_weights(one, 2).reshape(4, 4)
    np.testing.assert_array_equal(np.abs(u), 8 * np.outer([1, 0.5, 0.5, 0], [1, 0.5, 0.5, 0]))


@pytest.mark.parametrize(
    ("op", "x", "u", "message"),
    [
        (WinogradConv(3, (1, 1), (1, 1)), (1, 4, 8, 8), (25, 2, 4), "outputs must be one of 2, 4"),
        (WinogradConv(2, (1, 1), (1, 1)), (1, 4, 8, 8), (36, 2, 4), "u must be"),
        (WinogradConv(4, (1, 1), (1, 1)), (1, 4, 8, 8), (36, 2, 5), "channels do not fit"),
        (WinogradConv(4, (0, 0), (0, 0)), (1, 4, 2, 8), (36, 2, 4), "larger than the padded input"),
        (WinogradConv(4, (1,), (1,)), (1, 4, 8, 8), (36, 2, 4), "two entries"),
    ],
)
def test_operands_that_do_not_fit_are_refused(
    op: WinogradConv, x: tuple[int, ...], u: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InferenceError, match=message):
        op.infer(TensorType(DType.F32, x), TensorType(DType.F32, u))
