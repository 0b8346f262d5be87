"""Random estimators, alone and behind the steps of pipelines, against their own methods."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from frontends.sklearn import Prediction
from tests.differential.fuzzing import fuzz
from tests.frontends.sklearn.comparing import assert_close, assert_same, output_of
from tests.frontends.sklearn.training import estimators, labels_of, rows_of


def check(data: st.DataObject) -> None:
    """All that one estimator can say of rows."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    model, takes_missing = data.draw(estimators())
    features = data.draw(st.integers(1, 4))
    missing = takes_missing and data.draw(st.booleans())
    y = labels_of(random, model, data.draw(st.integers(2, 4)))
    model.fit(rows_of(random, features, missing=missing), y)
    x = rows_of(random, features, missing=missing)
    if hasattr(model, "predict_proba"):
        assert_close(output_of(Prediction(model), x), model.predict_proba(x))
        assert_same(output_of(Prediction(model, "prediction"), x), model.predict(x))
    else:
        assert_close(output_of(Prediction(model), x), model.predict(x))
    if hasattr(model, "decision_function"):
        assert_same(output_of(Prediction(model, "margin"), x), model.decision_function(x))
    if hasattr(model, "apply"):
        leaves = np.asarray(model.apply(x)).reshape(len(x), -1).astype(np.int32)
        got = output_of(Prediction(model, "leaf"), x)
        np.testing.assert_array_equal(got.reshape(leaves.shape), leaves)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_models(data: st.DataObject) -> None:
    check(data)


@pytest.mark.long
def test_models_at_length() -> None:
    fuzz(check)


STEPS = (
    lambda: StandardScaler(),
    lambda: StandardScaler(with_mean=False),
    lambda: StandardScaler(with_std=False),
    lambda: MinMaxScaler(),
    lambda: MinMaxScaler((-3, 2), clip=True),
    lambda: SimpleImputer(),
    lambda: SimpleImputer(strategy="median"),
    lambda: SimpleImputer(strategy="constant", fill_value=7),
    lambda: "passthrough",
)
ENCODERS = (
    lambda: OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    lambda: OneHotEncoder(handle_unknown="ignore", sparse_output=False).set_params(dtype=np.float32),
    lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-2),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_pipelines(data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    steps = [step() for step in data.draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=3))]
    pipeline = make_pipeline(*steps, DecisionTreeRegressor(max_depth=5, random_state=0))
    pipeline.fit(rows_of(random, 3, missing=True), random.normal(size=70))
    x = rows_of(random, 3, missing=True)
    assert_same(output_of(Prediction(pipeline), x), pipeline.predict(x))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_encoders(encoder) -> None:
    random = np.random.default_rng(3)
    x = random.integers(-3, 4, (70, 2)).astype(np.float32)
    x[random.random(x.shape) < 0.2] = np.nan
    pipeline = make_pipeline(encoder(), DecisionTreeRegressor(random_state=0)).fit(x, random.normal(size=70))
    x[:9] = random.normal(size=(9, 2))
    assert_same(output_of(Prediction(pipeline), x), pipeline.predict(x))


def test_missing_values_that_are_a_number() -> None:
    random = np.random.default_rng(3)
    x = rows_of(random, 3, missing=False)
    imputer = SimpleImputer(strategy="most_frequent", missing_values=-0.5)
    pipeline = make_pipeline(imputer, DecisionTreeRegressor(random_state=0)).fit(x, random.normal(size=70))
    assert (x == -0.5).any()
    assert_same(output_of(Prediction(pipeline), x), pipeline.predict(x))


def test_columns_without_values_are_left_out() -> None:
    random = np.random.default_rng(3)
    x = rows_of(random, 3, missing=True)
    x[:, 1] = np.nan
    pipeline = make_pipeline(SimpleImputer(), DecisionTreeRegressor(random_state=0)).fit(x, random.normal(size=70))
    assert_same(output_of(Prediction(pipeline), x), pipeline.predict(x))
