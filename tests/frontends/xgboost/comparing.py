"""Margins agree to the bit with XGBoost's, what is computed from them within one unit in the last place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.ir import evaluate
from frontends.xgboost import Prediction, load

Array = NDArray[Any]


def outputs_of(wanted: Prediction, inputs: Mapping[str, Array]) -> Array:
    """What the reference interpreter computes for a model."""
    graph = load(wanted, inputs={name: array.shape for name, array in inputs.items()})
    return evaluate(graph, inputs)[wanted.output]


def assert_same_bits(got: Array, want: Array) -> None:
    """Equal shapes and bits."""
    assert got.shape == want.shape
    assert got.dtype == want.dtype == np.float32
    np.testing.assert_array_equal(got.view(np.int32), want.view(np.int32))


def assert_one_unit(got: Array, want: Array) -> None:
    """Equal shapes, and neighbouring numbers at most."""
    assert got.shape == want.shape
    assert got.dtype == want.dtype == np.float32
    np.testing.assert_array_max_ulp(got, want, maxulp=1)
