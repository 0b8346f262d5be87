"""What is wanted of a model: a kind of output, a column of it, iterations, and the element type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from frontends.lightgbm.document import Model

Output = Literal["prediction", "margin", "leaf"]


@dataclass(frozen=True)
class Prediction:
    """A model with a choice of what it predicts; stands for the model wherever one is given.

    Args:
        model: a path, the bytes of a file, a ``lightgbm.Booster`` or a ``lightgbm.LGBMModel``.
        output: what ``Booster.predict`` returns ("prediction"), the same with ``raw_score`` ("margin"), or the number
            of the leaf that each row reaches in each tree ("leaf", i32).
        column: one column of it (a class, a tree), or None for all.
        iterations: the first one and the one after the last, 0 for all; None: all, but up to the best one of an object
            that has stopped early, as its own ``predict`` does.
        dtype: "f64", as LightGBM computes, or "f32", the same rounded once at the end.
    """

    model: Model
    output: Output = "prediction"
    column: int | None = None
    iterations: tuple[int, int] | None = None
    dtype: Literal["f64", "f32"] = "f64"

    def iterations_of(self, best: int | None) -> tuple[int, int]:
        """The iterations, where ``best`` is how many an object uses if it says so."""
        return self.iterations or (0, best or 0)

    @staticmethod
    def of(source: Model | Prediction) -> Prediction:
        """A source as a prediction."""
        return source if isinstance(source, Prediction) else Prediction(source)
