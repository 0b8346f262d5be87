"""What is wanted of a model: a kind of output, a column of it, iterations, and which values are missing ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from frontends.xgboost.document import Model, is_estimator

Output = Literal["prediction", "margin", "leaf"]


@dataclass(frozen=True)
class Prediction:
    """A model with a choice of what it predicts; stands for the model wherever one is given.

    Args:
        model: a path, the bytes of a file, an ``xgboost.Booster`` or an ``xgboost.XGBModel``.
        output: what ``Booster.predict`` returns ("prediction"), the same before the objective's transform ("margin"),
            or the number of the leaf that each row reaches in each tree ("leaf").
        column: one column of it (a class, a target, a tree), or None for all.
        iterations: as ``iteration_range`` of ``Booster.predict``; None: all, but up to the best one for an
            ``XGBModel`` that has stopped early, as its own ``predict`` does.
        missing: what counts as missing beside NaN; None: NaN only, or what an ``XGBModel`` says.
    """

    model: Model
    output: Output = "prediction"
    column: int | None = None
    iterations: tuple[int, int] | None = None
    missing: float | None = None

    @property
    def missing_value(self) -> float:
        """NaN if nothing else is missing."""
        if self.missing is not None:
            return self.missing
        stated = getattr(self.model, "missing", None) if is_estimator(self.model) else None
        return math.nan if stated is None else float(stated)

    def iterations_of(self, best: int | None) -> tuple[int, int]:
        """The iterations, where ``best`` is the best one of the model if it says so."""
        if self.iterations is not None:
            return self.iterations
        return (0, best + 1) if is_estimator(self.model) and best is not None else (0, 0)

    @staticmethod
    def of(source: Model | Prediction) -> Prediction:
        """A source as a prediction."""
        return source if isinstance(source, Prediction) else Prediction(source)
