"""What may be asked of fitted objects, what is refused, and objects that are damaged."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from frontends.sklearn import (
    InputError,
    MalformedModel,
    Prediction,
    UnreadableModel,
    UnsupportedModel,
    load,
    serialized,
)
from tests.frontends.sklearn.comparing import assert_same, output_of

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(60, 3)).astype(np.float32)
CLASSES = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])


def test_without_a_shape_there_is_one_row() -> None:
    graph = load(RandomForestClassifier(n_estimators=2).fit(X, CLASSES))
    assert [str(value.type) for value in (*graph.inputs, *graph.outputs)] == ["f32[1,3]", "f64[1,3]"]
    assert graph.output_names == ["probability"]


def test_several_targets() -> None:
    y = RANDOM.normal(size=(60, 2))
    for model in (DecisionTreeRegressor(max_depth=3), RandomForestRegressor(n_estimators=3)):
        model.fit(X, y)
        assert_same(output_of(Prediction(model), X), model.predict(X))
        assert_same(output_of(Prediction(model, column=1, dtype="f32"), X), model.predict(X)[:, 1].astype(np.float32))
    with pytest.raises(UnsupportedModel, match="it classifies 2 targets at once"):
        load(DecisionTreeClassifier().fit(X, np.stack([CLASSES, CLASSES], axis=1)))


def test_classes_that_are_texts() -> None:
    model = DecisionTreeClassifier(max_depth=2).fit(X, np.array(["a", "b", "c"])[CLASSES])
    assert_same(output_of(Prediction(model), X), model.predict_proba(X))
    with pytest.raises(UnsupportedModel, match=r"not numbers; ask for output='probability'"):
        load(Prediction(model, "prediction"))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LinearRegression(), "a LinearRegression is not supported"),
        (IsolationForest(n_estimators=2), "a IsolationForest is not supported"),
        (GradientBoostingRegressor(init=LinearRegression(), n_estimators=2), "its first stage is a LinearRegression"),
        (HistGradientBoostingRegressor(max_iter=2).set_params(categorical_features=[0]), "it has categorical features"),
        (
            make_pipeline(PolynomialFeatures(), DecisionTreeRegressor()),
            "a PolynomialFeatures is not supported",
        ),
        (make_pipeline(OneHotEncoder(drop="first"), DecisionTreeRegressor()), "drop is not supported"),
        (
            make_pipeline(ColumnTransformer([("a", StandardScaler(), [0])]), DecisionTreeRegressor()),
            "step 'columntransformer': a ColumnTransformer is not supported",
        ),
    ],
)
def test_what_is_refused(model, message: str) -> None:
    with pytest.raises(UnsupportedModel, match=message):
        load(model.fit(np.abs(np.round(X)), X[:, 0]))


def test_outputs_that_do_not_exist() -> None:
    tree = DecisionTreeRegressor(max_depth=2).fit(X, X[:, 0])
    with pytest.raises(InputError, match="no probabilities"):
        load(Prediction(tree, "probability"))
    with pytest.raises(InputError, match="it has no margins"):
        load(Prediction(DecisionTreeClassifier().fit(X, CLASSES), "margin"))
    with pytest.raises(InputError, match="its leaves have no numbers"):
        load(Prediction(HistGradientBoostingRegressor(max_iter=2).fit(X, X[:, 0]), "leaf"))


def test_what_is_not_fitted_is_an_error() -> None:
    for model in (
        DecisionTreeRegressor(),
        RandomForestClassifier(),
        make_pipeline(StandardScaler(), DecisionTreeRegressor()),
    ):
        with pytest.raises(UnreadableModel, match="not fitted"):
            load(model)


class Altered:
    """A tree with some of its arrays replaced, as a pickle of any content may have them."""

    def __init__(self, tree: object, **arrays: object) -> None:
        names = ("children_left", "children_right", "feature", "threshold", "value", "missing_go_to_left")
        for name in (*names, "weighted_n_node_samples"):
            setattr(self, name, arrays.get(name, getattr(tree, name)))


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("children_left", 0, 99, "node 0 has a child that does not exist"),
        ("children_left", 0, 0, "tree 0: node 0 is the root and a child"),
        ("children_left", 0, 2, "is the child of two nodes"),
        ("feature", 0, 3, "its feature is not one of 3"),
        ("threshold", 0, np.nan, "its threshold is not a number"),
        ("value", -1, np.nan, "a leaf's value is not a number"),
    ],
)
def test_damaged_trees(name: str, place: int, value: float, message: str) -> None:
    model = DecisionTreeRegressor(max_depth=2, random_state=0).fit(X, X[:, 0])
    array = getattr(model.tree_, name).copy()
    array[place] = value
    model.tree_ = Altered(model.tree_, **{name: array})
    with pytest.raises(MalformedModel, match=message):
        load(model)
    model.tree_ = Altered(model.tree_, **{name: array[:-1]})
    with pytest.raises(MalformedModel, match=r"differ in length|does not exist"):
        load(model)


def test_identity() -> None:
    models = [DecisionTreeRegressor(max_depth=depth, random_state=0).fit(X, X[:, 0]) for depth in (2, 2, 3)]
    digests = [serialized(model) for model in models]
    assert digests[0] == digests[1] != digests[2]
