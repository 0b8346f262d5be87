"""Random XGBoost models, drawn by hypothesis over objectives, boosters, kinds of features and outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
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


@dataclass(frozen=True)
class Size:
    """Bounds of what is drawn; ``samples``: rows to train on."""

    features: int
    samples: tuple[int, int]
    rounds: int
    depth: int
    categories: tuple[int, ...]


SMALL = Size(features=6, samples=(20, 60), rounds=5, depth=6, categories=(9,))
LARGE = Size(features=20, samples=(200, 1200), rounds=20, depth=10, categories=(3, 40, 300))
"""Enough distinct thresholds for two bytes of rank, deep trees, sets of several words."""


@dataclass(frozen=True)
class Column:
    """Kind "q": numbers of about the size ``scale``; "c": ``scale`` categories."""

    kind: str
    scale: float

    def values(self, random: np.random.Generator, count: int) -> NDArray[np.float32]:
        """Categories, or numbers of which some repeat."""
        if self.kind == "c":
            return random.integers(0, int(self.scale), count).astype(np.float32)
        return np.round(random.normal(size=count), random.integers(0, 4)).astype(np.float32) * np.float32(self.scale)


@dataclass(frozen=True)
class Trained:
    """A booster, and how it was made."""

    booster: xgboost.Booster
    parameters: dict[str, Any]
    columns: tuple[Column, ...]
    seed: int

    def __repr__(self) -> str:
        return f"Trained({self.parameters}, {self.columns}, seed={self.seed})"

    @property
    def has_trees(self) -> bool:
        """Whether it is no linear model."""
        return self.parameters["booster"] != "gblinear"

    @property
    def has_categories(self) -> bool:
        """Whether a feature is categorical."""
        return any(column.kind == "c" for column in self.columns)

    def document(self) -> dict[str, Any]:
        """The model as its release writes it."""
        return json.loads(bytes(self.booster.save_raw("json")))

    @cached_property
    def thresholds(self) -> dict[int, NDArray[np.float32]]:
        """What each feature is compared with."""
        found: dict[int, list[float]] = {}
        for tree in trees_of(self.document()):
            splits = zip(tree["left_children"], tree["split_indices"], tree["split_conditions"], strict=True)
            for left, feature, condition in splits:
                if left != -1:
                    found.setdefault(feature, []).append(condition)
        return {feature: np.array(conditions, np.float32) for feature, conditions in found.items()}

    def rows(self, count: int, *, infinite: bool = False, seed: int = 0) -> NDArray[np.float32]:
        """``f32[count, features]``: some as in training, some at thresholds and one unit beside them, signed zeros,
        subnormals, huge and perhaps infinite numbers, categories that training has not seen; a tenth is missing."""
        random = np.random.default_rng([self.seed, seed])
        x = rows_of(random, self.columns, count)
        odd = np.array([0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38, 1e-38, *([np.inf, -np.inf] * infinite)], np.float32)
        unseen = np.array([-1, -0.5, 0.5, 8.9, 9, 31, 32, 299, 300, 1e4, 2**24, 3e9, 3e38], np.float32)
        for index, column in enumerate(self.columns):
            where = random.random(count) < 0.2
            x[where, index] = random.choice(unseen if column.kind == "c" else odd, int(where.sum()))
            if column.kind == "q" and index in self.thresholds:
                where = random.random(count) < 0.3
                near = random.choice(self.thresholds[index], int(where.sum()))
                beside = np.float32(np.inf) * random.choice(np.array([-1, 1], np.float32), near.size)
                x[where, index] = np.where(random.random(near.size) < 0.5, near, np.nextafter(near, beside))
        if not infinite:
            # One unit above the largest number.
            x[np.isinf(x)] = np.finfo(np.float32).max
        return x


def trees_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The trees of a model as XGBoost 3.2 writes it; none of a linear one."""
    booster = document["learner"]["gradient_booster"]
    return booster.get("gbtree", booster)["model"].get("trees", [])


@st.composite
def trained_models(draw: st.DrawFn, size: Size = SMALL) -> Trained:
    """A booster of a few rounds on random data."""
    seed = draw(st.integers(0, 2**32 - 1))
    count = draw(st.integers(*size.samples))
    objective = draw(st.sampled_from(OBJECTIVES))
    booster = draw(st.sampled_from(["gbtree", "gbtree", "dart", "gblinear"]))
    columns = tuple(_column(draw, size, booster) for _ in range(draw(st.integers(1, size.features))))
    categories = any(column.kind == "c" for column in columns)
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
            _tree_parameters(draw, booster, many, categories, size.depth)
            if booster != "gblinear"
            else {"updater": "coord_descent"}
        ),
    }
    return train(parameters, columns, seed, count, draw(st.integers(1, size.rounds)), outputs)


def train(
    parameters: dict[str, Any], columns: tuple[Column, ...], seed: int, samples: int, rounds: int, targets: int = 1
) -> Trained:
    """A booster, trained on random rows and labels that suit its objective."""
    random = np.random.default_rng(seed)
    objective = parameters["objective"]
    x = rows_of(random, columns, samples)
    # A linear model's training takes NaN for a number.
    labels = _labels(random, objective, samples, targets)
    kinds = [column.kind for column in columns]
    data = xgboost.DMatrix(x, label=labels, feature_types=kinds, enable_categorical=True, nthread=1)
    if objective == "survival:aft":
        data.set_float_info("label_lower_bound", labels)
        data.set_float_info("label_upper_bound", labels + 1)
    if objective.startswith("rank:"):
        data.set_group([samples // 2, samples - samples // 2])
    return Trained(xgboost.train(parameters, data, rounds), parameters, columns, seed)


def rows_of(random: np.random.Generator, columns: tuple[Column, ...], count: int) -> NDArray[np.float32]:
    """Random rows, of which a tenth of the values is missing."""
    x = np.stack([column.values(random, count) for column in columns], axis=1)
    x[random.random(x.shape) < 0.1] = np.nan
    return x


def _column(draw: st.DrawFn, size: Size, booster: str) -> Column:
    if booster == "gblinear":
        return Column("q", 1.0)
    if draw(st.integers(0, 2)) == 0:
        return Column("c", draw(st.sampled_from(size.categories)))
    # Thresholds among the subnormals, or in the upper half of the exponents.
    return Column("q", draw(st.sampled_from([1.0, 1.0, 1.0, 1e-39, 1e30])))


def _extra(draw: st.DrawFn, objective: str) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if objective.startswith("multi:"):
        extra["num_class"] = draw(st.integers(2, 4))
    if objective == "reg:quantileerror":
        extra["quantile_alpha"] = draw(st.sampled_from([[0.5], [0.1, 0.9], [0.9, 0.5, 0.1]]))
    if draw(st.booleans()) and not objective.startswith("survival:"):
        extra["base_score"] = draw(st.sampled_from([0.1, 0.25, 0.5, 0.7, 0.999]))
    return extra


def _tree_parameters(draw: st.DrawFn, booster: str, many: bool, categories: bool, depth: int) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "max_depth": draw(st.integers(1, depth)),
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
