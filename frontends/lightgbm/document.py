"""From what the user gives (a path, bytes, an object of LightGBM) to the text that the model is.

Owns files and objects; does not look at what is in the text. Never imports lightgbm.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from frontends.errors import UnreadableModel


class BoosterObject(Protocol):
    """What is used of a ``lightgbm.Booster``."""

    best_iteration: int

    def model_to_string(self, num_iteration: int) -> str: ...


class EstimatorObject(Protocol):
    """What is used of a ``lightgbm.LGBMModel``."""

    @property
    def booster_(self) -> BoosterObject: ...


Model = str | os.PathLike[str] | bytes | BoosterObject | EstimatorObject


@dataclass(frozen=True)
class ModelText:
    """A model as text, and what its object says beside."""

    data: bytes
    name: str
    """What to call it in messages."""
    best_iteration: int | None
    """How many iterations ``predict`` uses, if an object says so."""


def model_text(model: Model) -> ModelText:
    """The text of a model. Raises UnreadableModel."""
    if isinstance(model, bytes):
        return ModelText(model, "the given bytes", None)
    if isinstance(model, str | os.PathLike):
        return ModelText(_read_file(Path(model)), str(model), None)
    name = f"the {type(model).__name__}"
    try:
        is_estimator = hasattr(type(model), "booster_")
        booster = cast("EstimatorObject", model).booster_ if is_estimator else cast("BoosterObject", model)
        text = booster.model_to_string(num_iteration=-1)
    except ValueError as error:  # of an estimator that is not fitted
        raise UnreadableModel(f"{name}: {str(error).splitlines()[0]}") from error
    best = booster.best_iteration
    return ModelText(text.encode(), name, best if best > 0 else None)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableModel(f"{path}: cannot be read: {error.strerror}") from None
