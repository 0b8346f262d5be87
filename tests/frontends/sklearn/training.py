"""Random estimators of scikit-learn, drawn by hypothesis, and data for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

NAN_FREE = ("GradientBoostingClassifier", "GradientBoostingRegressor")
"""Those that refuse missing values."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Size:
    """Bounds of what is drawn; ``samples``: rows to train on. ``depths``: None is as deep as it gets."""

    features: int
    samples: int
    depths: tuple[int | None, ...]
    trees: int


SMALL = Size(features=4, samples=70, depths=(1, 2, 3, 4, 5, 6), trees=6)
LARGE = Size(features=12, samples=500, depths=(3, 8, 9, 12, 16, None), trees=25)


def rows_of(random: np.random.Generator, features: int, *, missing: bool, count: int = SMALL.samples) -> Array:
    """Rows of which some numbers repeat."""
    x = np.round(random.normal(size=(count, features)), 1).astype(np.float32)
    x[:, 0] = random.normal(size=count)
    if missing:
        x[random.random(x.shape) < 0.1] = np.nan
    return x


@st.composite
def estimators(draw: st.DrawFn, size: Size = SMALL) -> tuple[Any, bool]:
    """An estimator that is not fitted, and whether it takes missing values."""
    seed: dict[str, Any] = {"random_state": draw(st.integers(0, 99))}
    leaves: dict[str, Any] = {"max_leaf_nodes": draw(st.sampled_from([None, None, 20])), **seed}
    depth: dict[str, Any] = {"max_depth": draw(st.sampled_from(size.depths)), **leaves}
    many: dict[str, Any] = {"n_estimators": draw(st.integers(1, size.trees)), **depth}
    rate = draw(st.sampled_from([0.1, 0.3]))
    boosted: dict[str, Any] = {"learning_rate": rate, **depth}
    rounds = draw(st.integers(1, size.trees))
    hist: dict[str, Any] = {"max_iter": rounds, "min_samples_leaf": 3, **boosted}
    model = draw(
        st.sampled_from(
            [
                DecisionTreeClassifier(**depth),
                DecisionTreeRegressor(**depth),
                ExtraTreeClassifier(**depth),
                ExtraTreeRegressor(**depth),
                ExtraTreesClassifier(**many),
                ExtraTreesRegressor(**many),
                RandomForestClassifier(**many),
                RandomForestRegressor(**many),
                GradientBoostingClassifier(n_estimators=rounds, init=draw(st.sampled_from([None, "zero"])), **boosted),
                GradientBoostingClassifier(n_estimators=rounds, loss="exponential", subsample=0.7, **boosted),
                GradientBoostingRegressor(
                    n_estimators=rounds, loss=draw(st.sampled_from(["squared_error", "huber", "quantile"])), **boosted
                ),
                HistGradientBoostingClassifier(**hist),
                HistGradientBoostingRegressor(
                    loss=draw(st.sampled_from(["squared_error", "absolute_error", "poisson", "gamma"])), **hist
                ),
            ]
        )
    )
    return model, type(model).__name__ not in NAN_FREE


def labels_of(random: np.random.Generator, model: Any, classes: int, count: int = SMALL.samples) -> Array:
    """Classes that are numbers and not in a row, or positive numbers."""
    if "Classifier" in type(model).__name__:
        two = getattr(model, "loss", "") == "exponential"
        return np.array([3, -7, 11, 5])[np.arange(count) % (2 if two else classes)]
    return random.gamma(2.0, 1.0, count) + 0.1
