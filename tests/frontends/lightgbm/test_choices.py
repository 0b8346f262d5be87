"""What may be asked of a model: columns, iterations, types, and objects of LightGBM."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from compiler.ir import evaluate
from frontends.lightgbm import InputError, Prediction, UnreadableModel, UnsupportedModel, load
from tests.frontends.lightgbm.comparing import assert_close, assert_same, outputs_of

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(60, 3)).astype(np.float32)
LABELS = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])


def booster(**parameters: object) -> lightgbm.Booster:
    settings = {"objective": "multiclass", "num_class": 3, "num_leaves": 4, "num_threads": 1, "verbosity": -1}
    return lightgbm.train({**settings, **parameters}, lightgbm.Dataset(X, LABELS), 3)


def test_a_booster() -> None:
    model = booster()
    assert_close(outputs_of(Prediction(model), X), model.predict(X))


def test_without_a_shape_there_is_one_row() -> None:
    graph = load(booster())
    assert [str(value.type) for value in (*graph.inputs, *graph.outputs)] == ["f32[1,3]", "f64[1,3]"]


def test_columns_and_types() -> None:
    model = booster()
    whole = np.asarray(model.predict(X, raw_score=True))
    assert_same(outputs_of(Prediction(model, "margin", column=2), X), whole[:, 2])
    assert_same(outputs_of(Prediction(model, "margin", dtype="f32"), X), whole.astype(np.float32))
    with pytest.raises(InputError, match="no column 3 of 3"):
        load(Prediction(model, column=3))


def test_iterations_that_do_not_exist() -> None:
    for wanted in ((0, 4), (2, 1), (-1, 2), (3, 3)):
        with pytest.raises(InputError, match="the model, which has 3"):
            load(Prediction(booster(), iterations=wanted))


def test_an_estimator_predicts_up_to_its_best_iteration() -> None:
    model = lightgbm.LGBMRegressor(n_estimators=5, num_leaves=4, n_jobs=1, verbosity=-1).fit(X, X[:, 2])
    model.booster_.best_iteration = 2
    assert_same(outputs_of(Prediction(model), X), model.predict(X))
    whole = model.booster_.predict(X, num_iteration=-1)
    assert not np.array_equal(np.asarray(whole), np.asarray(model.predict(X)))
    assert_same(outputs_of(Prediction(model, iterations=(0, 0)), X), whole)
    assert_same(outputs_of(Prediction(model.booster_), X), model.predict(X))


def test_an_estimator_that_is_not_fitted_is_an_error() -> None:
    with pytest.raises(UnreadableModel, match="LGBMRegressor"):
        load(lightgbm.LGBMRegressor())


@pytest.mark.parametrize("objective", ["regression", "regression_l1", "fair", "quantile", "mape", "huber", "poisson"])
def test_labels_replaced_by_their_roots(objective: str) -> None:
    model = booster(objective=objective, num_class=1, reg_sqrt=True)
    assert_close(outputs_of(Prediction(model), X), model.predict(X))


def test_linear_trees_are_refused() -> None:
    model = booster(objective="regression", num_class=1, linear_tree=True)
    with pytest.raises(UnsupportedModel, match="tree 0: its leaves are linear models"):
        load(model)


def test_inputs_that_do_not_fit() -> None:
    with pytest.raises(InputError, match=r"shape \[batch, 3\]"):
        load(booster(), inputs={"data": (4, 5)})
    with pytest.raises(InputError, match="no input 'x'"):
        load(booster(), inputs={"x": (4, 3)})
    with pytest.raises(InputError, match="no numbers"):
        load(booster(), bind={"data": [["a", "b", "c"]]})
    graph = load(booster(), bind={"data": X})
    assert_close(evaluate(graph, {})["prediction"], booster().predict(X))
