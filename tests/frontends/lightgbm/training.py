"""Small random LightGBM models, drawn by hypothesis over objectives, boosters, kinds of features and missing values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

OBJECTIVES = (
    "binary",
    "cross_entropy",
    "cross_entropy_lambda",
    "fair",
    "gamma",
    "huber",
    "lambdarank",
    "mape",
    "multiclass",
    "multiclassova",
    "poisson",
    "quantile",
    "rank_xendcg",
    "regression",
    "regression_l1",
    "tweedie",
)
CATEGORIES = 9
ROWS = 80


@dataclass(frozen=True)
class Trained:
    """A booster, how it was made, and rows to predict."""

    booster: lightgbm.Booster
    parameters: dict[str, Any]
    rows: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"Trained({self.parameters}, {self.rows.shape})"


@st.composite
def trained_models(draw: st.DrawFn) -> Trained:
    """A booster of a few rounds on random data."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = [draw(st.sampled_from("qqc")) for _ in range(draw(st.integers(1, 5)))]
    objective = draw(st.sampled_from(OBJECTIVES))
    parameters: dict[str, Any] = {
        "objective": objective,
        "boosting": draw(st.sampled_from(["gbdt", "gbdt", "dart", "rf"])),
        "num_leaves": draw(st.integers(2, 12)),
        "learning_rate": draw(st.sampled_from([0.1, 0.3, 1.0])),
        "use_missing": draw(st.booleans()),
        "zero_as_missing": draw(st.booleans()),
        "sigmoid": draw(st.sampled_from([1.0, 0.7])),
        "reg_sqrt": draw(st.booleans()),
        "max_cat_to_onehot": draw(st.sampled_from([1, 4])),
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "min_data_in_leaf": 2,
        "min_data_per_group": 2,
        "cat_smooth": 1.0,
        "seed": draw(st.integers(0, 999)),
        "num_threads": 1,
        "deterministic": True,
        "verbosity": -1,
    }
    if objective.startswith("multiclass"):
        parameters["num_class"] = draw(st.integers(2, 4))
    categorical = [column for column, kind in enumerate(kinds) if kind == "c"]
    data = lightgbm.Dataset(
        rows_of(random, kinds, ROWS).astype(np.float64),
        label=_labels(random, objective),
        group=[ROWS // 2, ROWS - ROWS // 2] if objective in ("lambdarank", "rank_xendcg") else None,
        categorical_feature=categorical,
        free_raw_data=False,
    )
    booster = lightgbm.train(parameters, data, draw(st.integers(1, 5)))
    return Trained(booster, parameters, hostile(random, rows_of(random, kinds, 50), kinds))


def rows_of(random: np.random.Generator, kinds: list[str], count: int) -> NDArray[np.float32]:
    """Random rows: numbers, of which some repeat and many are zero, or categories; a tenth is missing."""
    columns = [
        random.integers(0, CATEGORIES, count)
        if kind == "c"
        else np.round(random.normal(size=count), random.integers(0, 4)) * (random.random(count) < 0.8)
        for kind in kinds
    ]
    x = np.stack(columns, axis=1).astype(np.float32)
    x[random.random(x.shape) < 0.1] = np.nan
    return x


def hostile(random: np.random.Generator, x: NDArray[np.float32], kinds: list[str]) -> NDArray[np.float32]:
    """Some rows with zeros of all sorts, subnormals, huge numbers, and categories that training has not seen."""
    odd = np.array([0.0, -0.0, 1e-45, -1e-35, 1e-35, 1.01e-35, 3e38, -3e38, np.inf, -np.inf], np.float32)
    unseen = np.array([-1, -0.5, 0.5, 8.9, 9, 31, 32, 1e4, 2**24, 3e9, -3e9, 3e38], np.float32)
    for column, kind in enumerate(kinds):
        where = random.random(len(x)) < 0.25
        x[where, column] = random.choice(unseen if kind == "c" else odd, int(where.sum()))
    return x


def _labels(random: np.random.Generator, objective: str) -> NDArray[np.float64]:
    if objective.startswith("multiclass") or objective == "binary":
        return (np.arange(ROWS) % 2).astype(np.float64)
    if objective in ("lambdarank", "rank_xendcg"):
        return random.integers(0, 4, ROWS).astype(np.float64)
    if objective.startswith("cross_entropy"):
        return random.random(ROWS)
    if objective in ("gamma", "poisson", "tweedie"):
        return random.gamma(2.0, 1.0, ROWS) + 0.01
    return random.normal(size=ROWS)
