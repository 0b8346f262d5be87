"""What the reference interpreter computes for a fitted object, and how close it must be to scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.ir import evaluate
from frontends.sklearn import Prediction, load

Array = NDArray[Any]


def output_of(wanted: Prediction, x: Array) -> Array:
    """The one output of a model."""
    (result,) = evaluate(load(wanted, inputs={"data": x.shape}), {"data": x}).values()
    return result


def assert_same(got: Array, want: Any) -> None:
    """Equal types, shapes and values."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    np.testing.assert_array_equal(got, want)


def assert_close(got: Array, want: Any) -> None:
    """Equal types and shapes, and values a few units in the last place of 1 apart at most."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-15)
