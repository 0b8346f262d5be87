"""The XGBoost frontend: models of XGBoost 1.0 to 3.4, in JSON or UBJSON or as objects, become graphs.

The graph has one input, ``data f32[batch, features]``, in which NaN is a missing value and categories are the numbers
that the model was trained on, and one output, by default ``prediction``: what ``Booster.predict`` returns.
``Prediction`` asks for other outputs. Knows XGBoost's formats and the IR; reading a model never imports ``xgboost``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from compiler.ir.graph import Graph
from frontends.errors import InputError, MalformedModel, ModelError, UnreadableModel, UnsupportedModel
from frontends.xgboost.document import Model, model_bytes
from frontends.xgboost.importer import import_model
from frontends.xgboost.model import read_model
from frontends.xgboost.prediction import Prediction

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
    source: Model | Prediction,
    *,
    inputs: Mapping[str, Sequence[int]] | None = None,
    bind: Mapping[str, ArrayLike] | None = None,
) -> Graph:
    """The graph of an XGBoost model.

    Args:
        source: a path, the bytes of a file, an ``xgboost.Booster``, an ``xgboost.XGBModel``, or a ``Prediction``.
        inputs: shapes by name: of ``data``, ``[batch, features]``, else the batch is 1; of ``base_margin``, which makes
            the margins that sums start at an input, ``[batch]`` or ``[batch, outputs]``.
        bind: values of inputs by name; they become constants and are inputs no more.

    Raises:
        ModelError: see its subclasses.
    """
    wanted = Prediction.of(source)
    data, name = model_bytes(wanted.model)
    return import_model(read_model(data, name), name, wanted, inputs or {}, bind or {})


def serialized(source: Model | Prediction) -> bytes:
    """The bytes of the model, for its identity. Raises UnreadableModel."""
    wanted = Prediction.of(source)
    choice = f"{wanted.output} {wanted.column} {wanted.iterations} {wanted.missing_value}\n"
    return choice.encode() + model_bytes(wanted.model)[0]
