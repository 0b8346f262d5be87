"""What may be asked of a model: columns, iterations, missing values, base margins, and objects of XGBoost."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import xgboost

from compiler.ir import evaluate
from frontends.xgboost import InputError, Prediction, UnreadableModel, UnsupportedModel, load, oracle
from tests.frontends.xgboost import formats
from tests.frontends.xgboost.comparing import assert_one_unit, assert_same_bits, outputs_of

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(60, 3)).astype(np.float32)
LABELS = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])
X[RANDOM.random(X.shape) < 0.1] = -999


def booster(**parameters: object) -> xgboost.Booster:
    data = xgboost.DMatrix(X, label=LABELS, missing=-999)
    settings = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2, "nthread": 1, **parameters}
    return xgboost.train(settings, data, 3)


def test_a_booster() -> None:
    model = booster()
    assert_one_unit(outputs_of(Prediction(model), {"data": X}), model.predict(xgboost.DMatrix(X)))


def test_without_a_shape_there_is_one_row() -> None:
    graph = load(booster())
    assert [str(value.type) for value in (*graph.inputs, *graph.outputs)] == ["f32[1,3]", "f32[1,3]"]
    assert (graph.input_names, graph.output_names) == (["data"], ["prediction"])


def test_missing_values() -> None:
    model = booster()
    want = model.predict(xgboost.DMatrix(X, missing=-999), output_margin=True)
    assert_same_bits(outputs_of(Prediction(model, "margin", missing=-999), {"data": X}), want)
    plain = outputs_of(Prediction(model, "margin"), {"data": X})
    assert not np.array_equal(plain, want)


def test_linear_models_of_old_releases_have_a_link() -> None:
    settings = {"objective": "count:poisson", "booster": "gblinear", "updater": "coord_descent", "base_score": 3.0}
    model = xgboost.train({**settings, "nthread": 1}, xgboost.DMatrix(X, label=LABELS, missing=-999), 2)
    document = json.loads(bytes(model.save_raw("json")))
    old = json.dumps(formats.as_written_by((1, 3), formats.with_one_base_score(document))).encode()
    want = model.predict(xgboost.DMatrix(X), output_margin=True)
    assert_same_bits(outputs_of(Prediction(old, "margin"), {"data": X}), want)
    with pytest.raises(oracle.NoAnswerError, match="forgets the link"):
        oracle.run(old, {"data": X})


@pytest.mark.parametrize("missing", [0.0, -0.0, 1e-60, 1e-45, math.inf, 1e39])
def test_missing_values_that_are_special(missing: float) -> None:
    x = X.copy()
    x[:, 0] = np.resize(np.array([0.0, -0.0, 1e-45, -1e-45, np.inf, 3e38, 1.0], np.float32), len(x))
    model = booster()
    want = model.inplace_predict(x, predict_type="margin", missing=missing)
    assert_same_bits(outputs_of(Prediction(model, "margin", missing=missing), {"data": x}), want)


def test_columns() -> None:
    model = booster()
    whole = outputs_of(Prediction(model), {"data": X})
    assert_same_bits(outputs_of(Prediction(model, column=2), {"data": X}), whole[:, 2])
    with pytest.raises(InputError, match="no column 3 of 3"):
        load(Prediction(model, column=3))


def test_iterations_that_do_not_exist() -> None:
    for wanted in ((0, 4), (2, 1), (-1, 2), (3, 3)):
        with pytest.raises(InputError, match="the model, which has 3"):
            load(Prediction(booster(), iterations=wanted))


def test_an_estimator_predicts_up_to_its_best_iteration_with_its_missing_value() -> None:
    model = xgboost.XGBRegressor(n_estimators=30, early_stopping_rounds=2, learning_rate=1.0, missing=-999, n_jobs=1)
    model.fit(X[:30], X[:30, 2], eval_set=[(X[30:], RANDOM.normal(size=30))], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    assert_same_bits(outputs_of(Prediction(model), {"data": X}), model.predict(X))
    whole = model.get_booster().predict(xgboost.DMatrix(X, missing=-999))
    assert_same_bits(outputs_of(Prediction(model, iterations=(0, 0)), {"data": X}), whole)
    assert_same_bits(outputs_of(Prediction(model.get_booster(), missing=-999), {"data": X}), whole)


def test_an_estimator_that_is_not_fitted_is_an_error() -> None:
    with pytest.raises(UnreadableModel, match="XGBRegressor"):
        load(xgboost.XGBRegressor())


def test_base_margins_may_be_bound() -> None:
    model = booster()
    start = RANDOM.normal(size=(60, 3)).astype(np.float32)
    graph = load(Prediction(model, "margin"), inputs={"data": X.shape}, bind={"base_margin": start})
    assert graph.input_names == ["data"]
    want = model.predict(xgboost.DMatrix(X, base_margin=start), output_margin=True)
    assert_same_bits(evaluate(graph, {"data": X})["margin"], want)


def test_inputs_that_do_not_fit() -> None:
    model = booster()
    with pytest.raises(InputError, match=r"shape \[batch, 3\]"):
        load(model, inputs={"data": (4, 5)})
    with pytest.raises(InputError, match="no input 'x'"):
        load(model, inputs={"x": (4, 3)})
    with pytest.raises(InputError, match=r"'base_margin' must have the shape \[4, 3\]"):
        load(model, inputs={"data": (4, 3), "base_margin": (4,)})
    with pytest.raises(InputError, match="no numbers"):
        load(model, bind={"data": [["a", "b", "c"]]})


def test_a_linear_model_has_neither_leaves_nor_iterations() -> None:
    model = booster(booster="gblinear", updater="coord_descent")
    with pytest.raises(UnsupportedModel, match="no leaves"):
        load(Prediction(model, "leaf"))
    with pytest.raises(InputError, match="no iterations"):
        load(Prediction(model, iterations=(0, 1)))


def test_not_a_number_is_always_missing() -> None:
    assert math.isnan(Prediction(booster()).missing_value)
    assert Prediction(booster(), missing=3).missing_value == 3


@pytest.mark.parametrize("score", [0.4903261661529541, 0.5218820571899414, 1e-6, 1e-7, 0.9999999])
def test_a_base_score_of_which_the_logarithm_is_hard(score: float) -> None:
    data = xgboost.DMatrix(X, label=LABELS > 0)
    model = xgboost.train({"objective": "binary:logistic", "base_score": score, "nthread": 1}, data, 1)
    want = model.predict(xgboost.DMatrix(X), output_margin=True)
    assert_same_bits(outputs_of(Prediction(model, "margin"), {"data": X}), want)
