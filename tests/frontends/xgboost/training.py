"""Small random XGBoost models, drawn by hypothesis over objectives, boosters, kinds of features and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from hypothesis import strategies as st
from numpy.typing import NDArray

OBJECTIVES = (
    "reg:squarederror",
    "reg:squaredlogerror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:quantileerror",
    "reg:logistic",
    "reg:gamma",
    "reg:tweedie",
    "binary:logistic",
    "binary:logitraw",
    "binary:hinge",
    "count:poisson",
    "survival:cox",
    "survival:aft",
    "multi:softprob",
    "multi:softmax",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
)
MULTI_TARGET = ("reg:squarederror", "reg:logistic", "binary:logistic", "reg:pseudohubererror")
CATEGORIES = 9


@dataclass(frozen=True)
class Trained:
    """A booster, how it was made, and rows to predict."""

    booster: xgboost.Booster
    parameters: dict[str, Any]
    rows: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"Trained({self.parameters}, {self.rows.shape})"


@st.composite
def trained_models(draw: st.DrawFn) -> Trained:
    """A booster of a few rounds on random data."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    features, count = draw(st.integers(1, 6)), draw(st.integers(20, 60))
    objective = draw(st.sampled_from(OBJECTIVES))
    booster = draw(st.sampled_from(["gbtree", "gbtree", "dart", "gblinear"]))
    kinds = ["c" if booster != "gblinear" and draw(st.integers(0, 2)) == 0 else "q" for _ in range(features)]
    outputs = draw(st.integers(1, 3)) if objective in MULTI_TARGET else 1
    many = outputs > 1 or objective.startswith("multi:")
    parameters: dict[str, Any] = {
        "objective": objective,
        "booster": booster,
        "seed": draw(st.integers(0, 999)),
        "nthread": 1,
        "verbosity": 0,
        **_extra(draw, objective),
        **(
            _tree_parameters(draw, booster, many, "c" in kinds)
            if booster != "gblinear"
            else {"updater": "coord_descent"}
        ),
    }
    x = rows_of(random, kinds, count)
    # A linear model's training takes NaN for a number.
    labels = _labels(random, objective, count, outputs)
    data = xgboost.DMatrix(x, label=labels, feature_types=kinds, enable_categorical=True, nthread=1)
    if objective == "survival:aft":
        data.set_float_info("label_lower_bound", labels)
        data.set_float_info("label_upper_bound", labels + 1)
    if objective.startswith("rank:"):
        data.set_group([count // 2, count - count // 2])
    model = xgboost.train(parameters, data, draw(st.integers(1, 5)))
    return Trained(model, parameters, hostile(random, rows_of(random, kinds, 40), kinds))


def rows_of(random: np.random.Generator, kinds: list[str], count: int) -> NDArray[np.float32]:
    """Random rows: numbers, of which some repeat, or categories; a tenth is missing."""
    columns = [
        random.integers(0, CATEGORIES, count)
        if kind == "c"
        else np.round(random.normal(size=count), random.integers(0, 4))
        for kind in kinds
    ]
    x = np.stack(columns, axis=1).astype(np.float32)
    x[random.random(x.shape) < 0.1] = np.nan
    return x


def hostile(random: np.random.Generator, x: NDArray[np.float32], kinds: list[str]) -> NDArray[np.float32]:
    """Some rows with signed zeros, subnormals, huge numbers and categories that training has not seen."""
    odd = np.array([0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38, 1e-38], np.float32)
    unseen = np.array([-1, -0.5, 0.5, 8.9, 9, 31, 32, 1e4, 2**24, 3e9, 3e38], np.float32)
    for column, kind in enumerate(kinds):
        where = random.random(len(x)) < 0.2
        x[where, column] = random.choice(unseen if kind == "c" else odd, int(where.sum()))
    return x


def _extra(draw: st.DrawFn, objective: str) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if objective.startswith("multi:"):
        extra["num_class"] = draw(st.integers(2, 4))
    if objective == "reg:quantileerror":
        extra["quantile_alpha"] = draw(st.sampled_from([[0.5], [0.1, 0.9], [0.9, 0.5, 0.1]]))
    if draw(st.booleans()) and not objective.startswith("survival:"):
        extra["base_score"] = draw(st.sampled_from([0.1, 0.25, 0.5, 0.7, 0.999]))
    return extra


def _tree_parameters(draw: st.DrawFn, booster: str, many: bool, categories: bool) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "max_depth": draw(st.integers(1, 6)),
        "eta": draw(st.sampled_from([0.1, 0.3, 1.0])),
        "tree_method": draw(st.sampled_from(["hist", "approx", *([] if categories else ["exact"])])),
        "max_cat_to_onehot": draw(st.sampled_from([1, 4, 100])),
        "min_child_weight": draw(st.sampled_from([0.0, 1.0])),
        "num_parallel_tree": draw(st.sampled_from([1, 1, 3])),
        "subsample": draw(st.sampled_from([1.0, 0.7])),
    }
    if booster == "dart":
        parameters |= {"rate_drop": 0.5, "one_drop": 1}
    elif many and not categories and draw(st.booleans()):
        parameters |= {"multi_strategy": "multi_output_tree", "tree_method": "hist"}
    return parameters


def _labels(random: np.random.Generator, objective: str, count: int, outputs: int) -> NDArray[np.float32]:
    shape = (count, outputs) if outputs > 1 else (count,)
    if objective.startswith("multi:"):
        labels = np.arange(count) % 2
    elif objective in ("binary:logistic", "binary:logitraw", "binary:hinge", "rank:map"):
        labels = random.integers(0, 2, shape)
    elif objective == "rank:pairwise" or objective == "rank:ndcg":
        labels = random.integers(0, 4, shape)
    elif objective == "count:poisson":
        labels = random.poisson(2.0, shape)
    elif objective == "reg:logistic":
        labels = random.random(shape)
    elif objective in ("reg:gamma", "reg:tweedie", "survival:cox", "survival:aft", "reg:squaredlogerror"):
        labels = random.gamma(2.0, 1.0, shape) + 0.01
    else:
        labels = random.normal(size=shape)
    return labels.astype(np.float32)
