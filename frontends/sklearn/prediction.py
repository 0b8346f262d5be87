"""What is wanted of a fitted object: one of its methods, a column of what it returns, and the element type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Output = Literal["probability", "prediction", "margin", "leaf"]


@dataclass(frozen=True)
class Prediction:
    """A model with a choice of what it predicts; stands for the model wherever one is given.

    Args:
        model: an estimator or a ``Pipeline`` of scikit-learn, fitted.
        output: what ``predict_proba`` returns ("probability"), ``predict`` ("prediction", classes that are numbers),
            ``decision_function`` ("margin"; of regressors the sum before the loss's link), or ``apply`` ("leaf", i32).
            None: "probability" of classifiers, "prediction" of others.
        column: one column of it (a class, a target, a tree), or None for all.
        dtype: "f64", as scikit-learn computes, or "f32", the same rounded once at the end. Classes have their own type.
    """

    model: object
    output: Output | None = None
    column: int | None = None
    dtype: Literal["f64", "f32"] = "f64"

    @staticmethod
    def of(source: object) -> Prediction:
        """A source as a prediction."""
        return source if isinstance(source, Prediction) else Prediction(source)
