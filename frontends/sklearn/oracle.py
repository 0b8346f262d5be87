"""What a fitted object's outputs should be: its own methods say so."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from typing import cast

import numpy as np

from compiler.ir.literal import Array
from frontends.errors import NoAnswerError
from frontends.rows import DATA
from frontends.sklearn.fitted import Fitted
from frontends.sklearn.importer import import_model
from frontends.sklearn.prediction import Prediction

_METHODS = {"probability": "predict_proba", "prediction": "predict", "margin": "decision_function", "leaf": "apply"}


def run(source: object, inputs: Mapping[str, Array]) -> tuple[dict[str, Array], str]:
    """The output by name, and who computed it. Raises NoAnswerError, or the frontend's ModelError."""
    wanted = Prediction.of(source)
    graph = import_model(wanted, {}, {})
    (name,), (value,) = graph.output_names, graph.outputs
    authority = f"scikit-learn {importlib.metadata.version('scikit-learn')}"
    method = getattr(wanted.model, _METHODS[name], None)
    if method is None:
        raise NoAnswerError(f"{authority}: a {type(wanted.model).__name__} has no {_METHODS[name]}")
    x = np.array(inputs[DATA], np.float32)
    if Fitted(wanted.model, "").is_a("BaseGradientBoosting"):
        # It refuses NaN, which goes right like what is above all thresholds.
        x = np.where(np.isnan(x), np.finfo(np.float32).max, x)
    array = np.asarray(cast("Callable[[Array], object]", method)(x))
    array = array.reshape(array.shape[0], -1)
    array = array if wanted.column is None else array[:, [wanted.column]]
    array = array[:, 0] if array.shape[1] == 1 else array
    return {name: array.astype(value.type.dtype.numpy)}, authority
