"""Trained models of others agree with XGBoost, and with the predictions that come with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xgboost

from compiler.ir.forest import profile_of
from compiler.ir.ops.forest import ForestSums
from frontends.xgboost import Prediction, UnreadableModel, load
from tests.frontends.xgboost.comparing import assert_one_unit, assert_same_bits, outputs_of

ROWS = 300

TREEBEARD = {"airline": 13, "epsilon": 2000, "higgs": 28, "year_prediction_msd": 90}
"""Features by model; each has 100 trees of depth 8."""

BINARY = [
    "leaves/xgagaricus.model",
    "leaves/xg_dart_agaricus.model",
    "leaves/xgblin_agaricus.model",
    "leaves/xgdermatology.model",
    "tl2cgen/mushroom/mushroom.model",
]


def file_of(zoo: Path, name: str) -> Path:
    return zoo / "treebeard" / "xgb_models" / f"{name}_xgb_model_save.json"


def assert_agrees(path: Path, x: np.ndarray) -> None:
    booster = xgboost.Booster(model_file=path)
    rows = xgboost.DMatrix(x, nthread=1)
    margins = booster.predict(rows, output_margin=True, validate_features=False)
    assert margins.std() > 0
    assert_same_bits(outputs_of(Prediction(path, "margin"), {"data": x}), margins)
    assert_one_unit(outputs_of(Prediction(path), {"data": x}), booster.predict(rows, validate_features=False))


@pytest.mark.parametrize("name", TREEBEARD)
def test_treebeard(zoo: Path, name: str) -> None:
    path = file_of(zoo, name)
    graph = load(path)
    (forest,) = (node.op.forest for node in graph if isinstance(node.op, ForestSums))
    profile = profile_of(forest)
    assert (profile.trees, profile.features, profile.max_depth) == (100, TREEBEARD[name], 8)
    # Around the thresholds of each feature, some of them hit exactly, and a twentieth missing.
    random = np.random.default_rng(1)
    x = random.normal(size=(ROWS, profile.features)).astype(np.float32)
    for feature in np.unique(forest.feature):
        x[:, feature] = random.choice(forest.threshold[forest.feature == feature], ROWS)
    x += (random.random(x.shape) < 0.5) * random.normal(size=x.shape).astype(np.float32)
    x[random.random(x.shape) < 0.05] = np.nan
    assert_agrees(path, x)


@pytest.mark.parametrize(("name", "tolerance"), [("airline", 2e-7), ("higgs", 2e-7), ("year_prediction_msd", 6e-4)])
def test_treebeard_predictions(zoo: Path, name: str, tolerance: float) -> None:
    path = file_of(zoo, name)
    table = np.loadtxt(f"{path}.csv", delimiter=",", max_rows=ROWS).astype(np.float32)
    x, want = table[:, :-1], table[:, -1]
    got = outputs_of(Prediction(path), {"data": x})
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)


def test_categories(zoo: Path) -> None:
    path = zoo / "tl2cgen" / "xgb_toy_categorical" / "xgb_toy_categorical_model.json"
    features = load(path).inputs[0].type.shape[1]
    x = np.random.default_rng(0).integers(-1, 12, (ROWS, features)).astype(np.float32)
    assert_agrees(path, x)


@pytest.mark.parametrize("name", BINARY)
def test_the_old_binary_format_is_refused(zoo: Path, name: str) -> None:
    with pytest.raises(UnreadableModel, match="old binary format"):
        load(zoo / name)
