"""Margins agree to the bit with LightGBM's, what is computed from them within two units in the last place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.ir import evaluate
from frontends.lightgbm import Prediction, load

Array = NDArray[Any]


def outputs_of(wanted: Prediction, x: Array) -> Array:
    """What the reference interpreter computes for a model."""
    return evaluate(load(wanted, inputs={"data": x.shape}), {"data": x})[wanted.output]


def assert_same(got: Array, want: Any) -> None:
    """Equal types, shapes and values; a sum of -0 and 0 counts as one."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    np.testing.assert_array_equal(got, want)


def assert_close(got: Array, want: Any) -> None:
    """Equal types and shapes, and values two units apart at most."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    np.testing.assert_array_max_ulp(got, want, maxulp=2)
