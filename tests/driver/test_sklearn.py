"""Fitted objects of scikit-learn end to end: compiled, run, and compared with their own methods."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import compiler
import runtime
from frontends.sklearn import Prediction

ROWS = 30
X = np.random.default_rng(5).normal(size=(ROWS, 4)).astype(np.float32)
CLASSES = np.arange(ROWS) % 3


@pytest.mark.parametrize(
    "model",
    [
        HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3),
        GradientBoostingClassifier(n_estimators=2, max_depth=2),
        make_pipeline(SimpleImputer(), StandardScaler(), RandomForestRegressor(n_estimators=3, max_depth=3)),
    ],
)
def test_an_object(model) -> None:
    model.fit(X, CLASSES)
    with compiler.compile(model, inputs={"data": X.shape}) as artifact:
        assert "2 random inputs agree with scikit-learn" in artifact.report.verification
        (got,) = runtime.Model(artifact.directory).run({"data": X}).values()
    want = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    np.testing.assert_allclose(got, want, rtol=1e-14)


def test_classes() -> None:
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3).fit(X, CLASSES * 5 - 3)
    with compiler.compile(Prediction(model, "prediction"), inputs={"data": X.shape}) as artifact:
        got = runtime.Model(artifact.directory).run({"data": X})["prediction"]
    np.testing.assert_array_equal(got, model.predict(X))
