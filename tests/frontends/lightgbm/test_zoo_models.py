"""Trained models of others agree with LightGBM, and with the predictions that come with them."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pytest
from sklearn.datasets import load_svmlight_file

from compiler.ir.ops.forest import ForestSums
from frontends.lightgbm import Prediction, UnsupportedModel, load
from tests.frontends.lightgbm.comparing import assert_close, assert_same, outputs_of

ROWS = 200
MODELS = [
    *(f"lleaves/{name}/model.txt" for name in ("NYC_taxi", "airline", "boston_housing", "leaf_scan")),
    *(f"lleaves/{name}/model.txt" for name in ("mixed_categorical", "multiclass", "pure_categorical", "single_tree")),
    "lleaves/mtpl2/model.txt",
    "lleaves/tiniest_single_tree/model.txt",
    "leaves/lg_breast_cancer.txt",
    "leaves/lg_dart_breast_cancer.model",
    "leaves/lgmulticlass.model",
    *(
        f"leaves/genlin_fmtp_{name}.model"
        for name in ("gamma_AvgClaimAmount", "poisson_Frequency", "tweedie_PurePremium")
    ),
]


def around_thresholds(path: Path) -> np.ndarray:
    """Rows of numbers that the model compares with, of zeros, of missing values and of others."""
    graph = load(path)
    (forest,) = (node.op.forest for node in graph if isinstance(node.op, ForestSums))
    random = np.random.default_rng(1)
    x = random.normal(size=(ROWS, graph.inputs[0].type.shape[1])).astype(np.float32)
    for feature in np.unique(forest.feature[forest.feature < x.shape[1]]):
        own = forest.threshold[forest.feature == feature]
        x[:, feature] = random.choice(own, ROWS) if own.any() else random.integers(-1, 40, ROWS)
    x += (random.random(x.shape) < 0.3) * random.normal(size=x.shape).astype(np.float32)
    x[random.random(x.shape) < 0.05] = 0
    x[random.random(x.shape) < 0.05] = np.nan
    return x


@pytest.mark.parametrize("name", MODELS)
def test_lightgbm_agrees(zoo: Path, name: str) -> None:
    path = zoo / name
    booster, x = lightgbm.Booster(model_file=path), around_thresholds(path)
    margins = np.asarray(booster.predict(x, raw_score=True, num_threads=1))
    assert margins.std() > 0
    assert_same(outputs_of(Prediction(path, "margin"), x), margins)
    assert_close(outputs_of(Prediction(path), x), booster.predict(x, num_threads=1))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("lg_dart_breast_cancer", "breast_cancer_test.tsv"),
        ("lgmulticlass", "multiclass_test.tsv"),
        ("genlin_fmtp_gamma_AvgClaimAmount", "genlin_fmtp_gamma_AvgClaimAmount_features.tsv"),
        ("genlin_fmtp_poisson_Frequency", "genlin_fmtp_poisson_Frequency_features.tsv"),
        ("genlin_fmtp_tweedie_PurePremium", "genlin_fmtp_tweedie_PurePremium_features.tsv"),
    ],
)
def test_predictions_that_come_with_them(zoo: Path, name: str, data: str) -> None:
    """Their data is float64: rounded to float32 a row may end in another leaf, which a few rows do."""
    folder = zoo / "leaves"
    x = np.genfromtxt(folder / data, delimiter="\t", max_rows=ROWS)
    want = np.genfromtxt(folder / f"{name}_true_predictions.txt", delimiter="\t", max_rows=ROWS)
    features = load(folder / f"{name}.model").inputs[0].type.shape[1]
    got = outputs_of(Prediction(folder / f"{name}.model"), x[:, -features:].astype(np.float32))
    close = np.isclose(got, want, rtol=1e-6, atol=1e-9).reshape(len(want), -1).all(axis=1)
    assert close.mean() > 0.9


def test_an_old_random_forest_has_margins_only(zoo: Path) -> None:
    path = zoo / "leaves" / "lg_rf_iris.model"
    x, _ = load_svmlight_file(str(zoo / "leaves" / "iris_test.libsvm"), n_features=4)
    got = outputs_of(Prediction(path, "margin"), x.toarray().astype(np.float32))
    want = np.loadtxt(zoo / "leaves" / "lg_rf_iris_true_predictions.txt")
    np.testing.assert_allclose(got / 30, want, rtol=1e-6)
    with pytest.raises(UnsupportedModel, match="disagree on predictions of random forests"):
        load(path)


def test_a_constant_tree(zoo: Path) -> None:
    (path,) = (zoo / "tl2cgen" / "lightgbm_constant_tree").glob("*.txt")
    booster = lightgbm.Booster(model_file=path)
    x = np.random.default_rng(0).normal(size=(ROWS, booster.num_feature())).astype(np.float32)
    assert_same(outputs_of(Prediction(path), x), booster.predict(x, num_threads=1))


def test_sparse_categories(zoo: Path) -> None:
    (path,) = (zoo / "tl2cgen" / "sparse_categorical").glob("*model*.txt")
    (data,) = (zoo / "tl2cgen" / "sparse_categorical").glob("*.test")
    booster = lightgbm.Booster(model_file=path)
    rows, _ = load_svmlight_file(str(data), n_features=booster.num_feature())
    x = rows[:20].toarray().astype(np.float32)
    assert_same(outputs_of(Prediction(path, "margin"), x), booster.predict(x, raw_score=True, num_threads=1))
