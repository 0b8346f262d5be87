"""The operators of ai.onnx.ml on numbers against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from frontends import onnx as frontend
from tests.frontends.onnx.nodes import by_onnxruntime, imported, random
from tests.frontends.onnx.tree_models import model_of, tensor_of

X = random(6, 3)
WITH_NAN = np.where(np.arange(18).reshape(6, 3) % 4 == 0, np.float32(np.nan), X)
INTEGERS = np.array([[1, 5, -2], [7, 1, 0]], np.int64)


def check(op: str, attributes: dict[str, Any], x: np.ndarray, *, outputs: int = 1, exact: bool = True) -> None:
    model = model_of(
        op, attributes, version=4, rows=x.shape[0], features=x.shape[1], dtype=x.dtype.type, outputs=outputs
    )
    for ours, theirs in zip(imported(model, {"x": x}), by_onnxruntime(model, {"x": x}), strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_allclose(ours, theirs, rtol=0 if exact else 1e-5, atol=0 if exact else 1e-6)


@pytest.mark.parametrize("x", [X, X.astype(np.float64), INTEGERS])
def test_scaler(x: np.ndarray) -> None:
    check("Scaler", {"offset": [0.5, -1.0, 0.1], "scale": [2.0, 0.3, 1.0]}, x)
    check("Scaler", {"offset": [0.5], "scale": [0.3]}, x)


@pytest.mark.parametrize("norm", ["L1", "L2"])
def test_normalizer(norm: str) -> None:
    x = X.copy()
    x[2] = 0
    check("Normalizer", {"norm": norm}, x, exact=False)


def test_imputer() -> None:
    nan = float("nan")
    check("Imputer", {"replaced_value_float": nan, "imputed_value_floats": [1.0, 2.0, 3.0]}, WITH_NAN)
    check("Imputer", {"replaced_value_float": nan, "imputed_value_floats": [7.0]}, WITH_NAN)
    check("Imputer", {"replaced_value_int64": 1, "imputed_value_int64s": [9, 8, 7]}, INTEGERS)


def test_label_encoder() -> None:
    check("LabelEncoder", {"keys_int64s": [1, 5], "values_floats": [0.5, 0.25], "default_float": 9.0}, INTEGERS)
    check("LabelEncoder", {"keys_int64s": [7, -2, 0], "values_int64s": [3, 4, 5]}, INTEGERS)
    keys = {"keys_floats": [float("nan"), float(X[1, 1])], "values_int64s": [3, 4]}
    check("LabelEncoder", keys | {"default_int64": -9}, WITH_NAN)
    tensors = {
        "keys_tensor": tensor_of("k", np.array([1, 7])),
        "values_tensor": tensor_of("v", np.array([2.5, 3.5])),
        "default_tensor": tensor_of("d", np.array([0.25])),
    }
    check("LabelEncoder", tensors, INTEGERS)


@pytest.mark.parametrize("x", [INTEGERS, INTEGERS.astype(np.float32)])
def test_one_hot_encoder(x: np.ndarray) -> None:
    check("OneHotEncoder", {"cats_int64s": [1, 7, -2], "zeros": 1}, x)


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC"])
def test_linear_models(transform: str) -> None:
    coefficients, intercepts = [float(v) for v in random(2, 3, seed=1).reshape(-1)], [0.5, -0.25]
    attributes = {"coefficients": coefficients, "intercepts": intercepts, "post_transform": transform}
    check("LinearRegressor", attributes | {"targets": 2}, X, exact=False)
    check("LinearClassifier", attributes | {"classlabels_ints": [4, -3]}, X, outputs=2, exact=False)


def test_linear_regressor_of_one_target() -> None:
    check("LinearRegressor", {"coefficients": [0.5, 1.0, -2.0], "intercepts": [0.25]}, X, exact=False)


@pytest.mark.parametrize(
    ("op", "attributes", "message"),
    [
        ("Scaler", {"offset": [1.0, 2.0]}, "it has 2 offsets"),
        ("Normalizer", {"norm": "MAX"}, "runtimes disagree on the norm MAX"),
        ("Imputer", {}, "lacks its attribute 'imputed_value_floats'"),
        ("LabelEncoder", {"keys_floats": [1.0], "values_strings": ["a"]}, "its values are texts"),
        ("LabelEncoder", {"keys_floats": [1.0, 2.0], "values_int64s": [1]}, "it has 2 keys and 1 values"),
        ("LabelEncoder", {"keys_int64s": [1], "values_int64s": [1]}, "its keys are int64, its input is f32"),
        ("OneHotEncoder", {"cats_strings": ["a"]}, "its categories are texts"),
        ("LinearRegressor", {"coefficients": [1.0]}, "it has 1 coefficients and 0 intercepts for 1 targets"),
        ("LinearClassifier", {"coefficients": [1.0] * 3, "classlabels_ints": [0, 1]}, "not one row of coefficients"),
        ("ZipMap", {"classlabels_int64s": [0]}, r"it makes dictionaries of scores.*zipmap"),
    ],
)
def test_what_is_refused(op: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(frontend.ModelError, match=message):
        frontend.load(model_of(op, attributes, version=4, rows=6))
