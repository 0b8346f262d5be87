"""Fitted estimators as what their predictions follow from: a forest, a divisor, a link and classes.

Owns how scikit-learn's classes combine their trees (``sklearn/tree``, ``sklearn/ensemble``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.literal import Array
from frontends.sklearn.fitted import Fitted
from frontends.sklearn.trees import Nodes, forest_of, nodes_of_predictor, nodes_of_tree

Link = Literal["identity", "shares", "exp", "expit", "expit of twice", "softmax"]
"""How predictions follow from margins; "shares" are margins that are probabilities already."""


@dataclass(frozen=True)
class Estimator:
    """``(sum of the trees' leaves) / divisor`` are the margins."""

    name: str
    forest: Forest
    divisor: int
    link: Link
    classes: Array | None
    """The classes of a classifier, None for a regressor."""
    has_leaves: bool
    """Whether leaves have numbers in scikit-learn."""
    second_at_zero: bool = False
    """Whether a margin of exactly 0 means the second of two classes."""


def read_estimator(fitted: Fitted) -> Estimator:
    """The estimator. Raises UnsupportedModel, MalformedModel, UnreadableModel."""
    if fitted.kind not in _READERS:
        fitted.refuse(f"a {fitted.kind} is not supported; known are {', '.join(sorted(_READERS))}")
    return _READERS[fitted.kind](fitted)


def _tree(fitted: Fitted) -> Estimator:
    return _averaged(fitted, [fitted])


def _forest(fitted: Fitted) -> Estimator:
    return _averaged(fitted, fitted.items("estimators_"))


def _averaged(fitted: Fitted, members: Sequence[Fitted]) -> Estimator:
    """Trees whose values, shares of classes or numbers, are averaged."""
    targets = fitted.count("n_outputs_")
    classes = None
    outputs = targets
    if fitted.is_a("ClassifierMixin"):
        if targets != 1:
            fitted.refuse(f"it classifies {targets} targets at once; compile one for each")
        classes = _classes(fitted)
        outputs = classes.size
    trees = [nodes_of_tree(member) for member in members]
    if not trees:
        fitted.fail("it has no trees")
    for number, tree in enumerate(trees):
        if tree.value.shape[1] != outputs:
            fitted.fail(f"tree {number}: its leaves have {tree.value.shape[1]} values, expected {outputs}")
    target = np.zeros(len(trees), np.int32)
    return Estimator(
        name=fitted.name,
        forest=forest_of(trees, target, np.zeros(outputs), fitted.count("n_features_in_"), fitted.name),
        divisor=len(trees),
        link="identity" if classes is None else "shares",
        classes=classes,
        has_leaves=True,
    )


def _gradient_boosting(fitted: Fitted) -> Estimator:
    """It refuses missing values, and its code would send them right."""
    trees = [nodes_of_tree(member) for member in fitted.items("estimators_")]
    base = _initial(fitted)
    scale = float(fitted.floats("learning_rate"))
    scaled = [replace(tree, value=scale * tree.value, missing_left=np.zeros_like(tree.missing_left)) for tree in trees]
    estimator = _boosted(fitted, scaled, base, has_leaves=True)
    if fitted.setting("loss", "") == "exponential":
        return replace(estimator, link="expit of twice", second_at_zero=True)
    return replace(estimator, second_at_zero=True)


def _initial(fitted: Fitted) -> Array:
    """f64[outputs]: what ``init_`` predicts before the loss's link, the same for all rows."""
    initial = fitted.get("init_")
    kind = "zero" if isinstance(initial, str) else type(initial).__name__
    if kind not in ("zero", "DummyClassifier", "DummyRegressor"):
        fitted.refuse(f"its first stage is a {kind}; only constant ones are supported")
    predict = fitted.get("_raw_predict_init")
    row = np.zeros((1, fitted.count("n_features_in_")), np.float32)
    assert callable(predict)
    return fitted.numbers(predict(row), "what its first stage predicts").astype(np.float64).reshape(-1)


def _histogram_boosting(fitted: Fitted) -> Estimator:
    if fitted.setting("_preprocessor", None) is not None:
        fitted.refuse("it has categorical features, which are not supported; encode categories before")
    trees = [nodes_of_predictor(member) for member in fitted.items("_predictors")]
    base = fitted.floats("_baseline_prediction").reshape(-1)
    estimator = _boosted(fitted, trees, base, has_leaves=False)
    if estimator.classes is not None:
        return estimator
    losses: dict[object, Link] = {"poisson": "exp", "gamma": "exp"}
    return replace(estimator, link=losses.get(fitted.get("loss"), "identity"))


def _boosted(fitted: Fitted, trees: Sequence[Nodes], base: Array, *, has_leaves: bool) -> Estimator:
    """Trees that add one number each to the outputs in turn."""
    classes = _classes(fitted) if fitted.is_a("ClassifierMixin") else None
    outputs = base.size
    if outputs != (1 if classes is None or classes.size == 2 else classes.size) or len(trees) % outputs:
        fitted.fail(f"it has {len(trees)} trees for {outputs} outputs")
    for number, tree in enumerate(trees):
        if tree.value.shape[1] != 1:
            fitted.fail(f"tree {number}: its leaves have {tree.value.shape[1]} values, expected 1")
    target = np.arange(len(trees), dtype=np.int32) % np.int32(outputs)
    return Estimator(
        name=fitted.name,
        forest=forest_of(trees, target, base, fitted.count("n_features_in_"), fitted.name),
        divisor=1,
        link="identity" if classes is None else "expit" if outputs == 1 else "softmax",
        classes=classes,
        has_leaves=has_leaves,
    )


def _classes(fitted: Fitted) -> Array:
    classes = np.asarray(fitted.get("classes_"))
    if classes.ndim != 1 or classes.size < 2:
        fitted.refuse("it has one class only")
    return classes


_READERS: dict[str, Callable[[Fitted], Estimator]] = {
    "DecisionTreeClassifier": _tree,
    "DecisionTreeRegressor": _tree,
    "ExtraTreeClassifier": _tree,
    "ExtraTreeRegressor": _tree,
    "ExtraTreesClassifier": _forest,
    "ExtraTreesRegressor": _forest,
    "RandomForestClassifier": _forest,
    "RandomForestRegressor": _forest,
    "GradientBoostingClassifier": _gradient_boosting,
    "GradientBoostingRegressor": _gradient_boosting,
    "HistGradientBoostingClassifier": _histogram_boosting,
    "HistGradientBoostingRegressor": _histogram_boosting,
}
