"""Random LightGBM models, drawn by hypothesis over objectives, boosters, kinds of features and missing values."""

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


@dataclass(frozen=True)
class Size:
    """Bounds of what is drawn; ``samples``: rows to train on. ``categories``: how many a feature may have."""

    features: int
    samples: int
    leaves: int
    rounds: int
    categories: tuple[int, ...]


SMALL = Size(features=5, samples=80, leaves=12, rounds=5, categories=(9,))
LARGE = Size(features=12, samples=800, leaves=120, rounds=20, categories=(3, 40, 300))
"""Enough distinct thresholds for two bytes of rank, deep trees, sets of several words."""


@dataclass(frozen=True)
class Column:
    """``categories`` of them, or 0: numbers of about the size ``scale``."""

    categories: int = 0
    scale: float = 1.0

    def values(self, random: np.random.Generator, count: int) -> NDArray[np.float32]:
        """Categories, or numbers of which some repeat and many are zero."""
        if self.categories:
            return random.integers(0, self.categories, count).astype(np.float32)
        x = np.round(random.normal(size=count), random.integers(0, 4)) * (random.random(count) < 0.8)
        return (x * self.scale).astype(np.float32)


@dataclass(frozen=True)
class Trained:
    """A booster, how it was made, and rows to predict."""

    booster: lightgbm.Booster
    parameters: dict[str, Any]
    columns: tuple[Column, ...]
    rows: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"Trained({self.parameters}, {self.columns})"


@st.composite
def trained_models(draw: st.DrawFn, size: Size = SMALL) -> Trained:
    """A booster of a few rounds on random data."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = tuple(_column(draw, size) for _ in range(draw(st.integers(1, size.features))))
    objective = draw(st.sampled_from(OBJECTIVES))
    parameters: dict[str, Any] = {
        "objective": objective,
        "boosting": draw(st.sampled_from(["gbdt", "gbdt", "dart", "rf"])),
        "num_leaves": draw(st.integers(2, size.leaves)),
        "max_depth": draw(st.sampled_from([-1, -1, 5, 10])),
        "learning_rate": draw(st.sampled_from([0.1, 0.3, 1.0])),
        "use_missing": draw(st.booleans()),
        "zero_as_missing": draw(st.booleans()),
        "sigmoid": draw(st.sampled_from([1.0, 0.7])),
        "reg_sqrt": draw(st.booleans()),
        "max_cat_to_onehot": draw(st.sampled_from([1, 4])),
        "extra_trees": draw(st.booleans()),
        "boost_from_average": draw(st.booleans()),
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
    count = size.samples
    data = lightgbm.Dataset(
        rows_of(random, columns, count).astype(np.float64),
        label=_labels(random, objective, count),
        group=[count // 2, count - count // 2] if objective in ("lambdarank", "rank_xendcg") else None,
        categorical_feature=[number for number, column in enumerate(columns) if column.categories],
        free_raw_data=False,
    )
    booster = lightgbm.train(parameters, data, draw(st.integers(1, size.rounds)))
    return Trained(booster, parameters, columns, hostile(random, rows_of(random, columns, 50), columns))


def _column(draw: st.DrawFn, size: Size) -> Column:
    if draw(st.integers(0, 2)) == 0:
        return Column(draw(st.sampled_from(size.categories)))
    return Column(scale=draw(st.sampled_from([1.0, 1.0, 1.0, 1e30, 1e-30])))


def rows_of(random: np.random.Generator, columns: tuple[Column, ...], count: int) -> NDArray[np.float32]:
    """Random rows, of which a tenth of the values is missing."""
    x = np.stack([column.values(random, count) for column in columns], axis=1)
    x[random.random(x.shape) < 0.1] = np.nan
    return x


def hostile(random: np.random.Generator, x: NDArray[np.float32], columns: tuple[Column, ...]) -> NDArray[np.float32]:
    """Some rows with zeros of all sorts, subnormals, huge numbers, and categories that training has not seen."""
    odd = np.array([0.0, -0.0, 1e-45, -1e-35, 1e-35, 1.01e-35, 3e38, -3e38, np.inf, -np.inf], np.float32)
    unseen = np.array([-1, -0.5, 0.5, 8.9, 9, 31, 32, 299, 300, 1e4, 2**24, 3e9, -3e9, 3e38], np.float32)
    for number, column in enumerate(columns):
        where = random.random(len(x)) < 0.25
        x[where, number] = random.choice(unseen if column.categories else odd, int(where.sum()))
    return x


def _labels(random: np.random.Generator, objective: str, count: int) -> NDArray[np.float64]:
    if objective.startswith("multiclass") or objective == "binary":
        return (np.arange(count) % 2).astype(np.float64)
    if objective in ("lambdarank", "rank_xendcg"):
        return random.integers(0, 4, count).astype(np.float64)
    if objective.startswith("cross_entropy"):
        return random.random(count)
    if objective in ("gamma", "poisson", "tweedie"):
        return random.gamma(2.0, 1.0, count) + 0.01
    return random.normal(size=count)
