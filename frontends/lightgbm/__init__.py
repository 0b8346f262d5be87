"""The LightGBM frontend: models of LightGBM 2 to 4, as text files or as objects, become graphs.

The graph has one input, ``data f32[batch, features]``, and one output, by default ``prediction f64``: what
``Booster.predict`` returns for these float32 values. Categories are the numbers that the model was trained on; what is
missing, NaN or zero, is part of the model. ``Prediction`` asks for other outputs. Knows LightGBM's format and the IR;
reading a model never imports ``lightgbm``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from compiler.ir.graph import Graph
from frontends.errors import InputError, MalformedModel, ModelError, UnreadableModel, UnsupportedModel
from frontends.lightgbm.document import Model, model_text
from frontends.lightgbm.importer import import_model
from frontends.lightgbm.model import read_model
from frontends.lightgbm.prediction import Prediction

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
    """The graph of a LightGBM model.

    Args:
        source: a path, the bytes of a file, a ``lightgbm.Booster``, a ``lightgbm.LGBMModel``, or a ``Prediction``.
        inputs: the shape of ``data``, ``[batch, features]``, by that name; else the batch is 1.
        bind: a value of ``data`` by that name; it becomes a constant.

    Raises:
        ModelError: see its subclasses.
    """
    wanted = Prediction.of(source)
    text = model_text(wanted.model)
    return import_model(read_model(text), wanted, inputs or {}, bind or {})


def serialized(source: Model | Prediction) -> bytes:
    """The bytes of the model, for its identity. Raises UnreadableModel."""
    wanted = Prediction.of(source)
    text = model_text(wanted.model)
    choice = f"{wanted.output} {wanted.column} {wanted.iterations_of(text.best_iteration)} {wanted.dtype}\n"
    return choice.encode() + text.data
