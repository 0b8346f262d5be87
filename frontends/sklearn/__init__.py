"""The scikit-learn frontend: fitted trees, forests and boosted trees of scikit-learn 1.3 and later become graphs.

Objects only, alone or behind the steps of a ``Pipeline``: a saved one is a pickle, which runs code when it is loaded,
so that is left to the user. The graph has one input, ``data f32[batch, features]``, and one output: what the object's
own method returns for these float32 values, ``predict_proba`` of classifiers and ``predict`` of others by default, in
float64 as scikit-learn computes. ``Prediction`` asks for other outputs. Knows the attributes of fitted objects and the
IR; never imports ``sklearn``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from compiler.ir.graph import Graph
from frontends.errors import InputError, MalformedModel, ModelError, UnreadableModel, UnsupportedModel
from frontends.sklearn.importer import import_model
from frontends.sklearn.prediction import Prediction

__all__ = [
    "InputError",
    "MalformedModel",
    "ModelError",
    "Prediction",
    "UnreadableModel",
    "UnsupportedModel",
    "load",
    "serialized",
]


def load(
    source: object,
    *,
    inputs: Mapping[str, Sequence[int]] | None = None,
    bind: Mapping[str, ArrayLike] | None = None,
) -> Graph:
    """The graph of a fitted object.

    Args:
        source: an estimator or a ``Pipeline`` of scikit-learn, or a ``Prediction``.
        inputs: the shape of ``data``, ``[batch, features]``, by that name; else the batch is 1.
        bind: a value of ``data`` by that name; it becomes a constant.

    Raises:
        ModelError: see its subclasses.
    """
    return import_model(Prediction.of(source), inputs or {}, bind or {})


def serialized(source: object) -> bytes:
    """What identifies the model: the text of its graph, which has digests of all arrays. Raises ModelError."""
    return str(load(source)).encode()
