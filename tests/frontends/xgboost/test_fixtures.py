"""Models that old releases have written, and the predictions that they had made with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xgboost

from frontends.xgboost import Prediction, oracle
from tests.frontends.xgboost.comparing import assert_same_bits, outputs_of

FIXTURES = Path(__file__).parent / "fixtures"
FILES = sorted(path for path in FIXTURES.glob("*/*") if path.suffix in (".json", ".ubj"))

NEWER = ("3.3.0", "3.4.1")
"""Releases after the one that is installed for tests, 3.2."""


def name_of(path: Path) -> str:
    return f"{path.parent.name}-{path.name}"


def test_there_are_releases() -> None:
    releases = ("1.0.2", "1.3.3", "1.7.6", "2.0.3", "2.1.4", "3.0.5", "3.1.3", *NEWER)
    assert {path.parent.name for path in FILES} == set(releases)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_predictions_of_the_release(path: Path) -> None:
    with np.load(path.parent / "expected.npz") as expected:
        x = expected["x"]
        # Before 2.0 XGBoost added trees to each other first, and then to the base score.
        for choice in (Prediction(path), Prediction(path, "margin")):
            got, want = outputs_of(choice, {"data": x}), expected[f"{path.stem}_{choice.output}"]
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-6)
        if f"{path.stem}_leaf" in expected:
            leaves = expected[f"{path.stem}_leaf"].astype(np.float32)
            assert_same_bits(outputs_of(Prediction(path, "leaf"), {"data": x}), leaves)


# XGBoost 3.2 crashes when it loads leaves of several values that an older one has written.
OLD_VECTORS = [path for path in FILES if path.stem == "vector" and path.parent.name not in NEWER]
# Newer ones write the weights of dart where 3.2 does not look for them, and have objectives that it does not know.
LOADABLE = [
    p for p in FILES if p not in OLD_VECTORS and not (p.stem in ("dart", "expectile") and p.parent.name in NEWER)
]


@pytest.mark.parametrize("path", LOADABLE, ids=name_of)
def test_predictions_of_this_release(path: Path) -> None:
    with np.load(path.parent / "expected.npz") as expected:
        x = expected["x"]
    want = xgboost.Booster(model_file=path).predict(
        xgboost.DMatrix(x, nthread=1), output_margin=True, validate_features=False
    )
    assert_same_bits(outputs_of(Prediction(path, "margin"), {"data": x}), want)


@pytest.mark.parametrize("path", [p for p in FILES if p.stem in ("quantile", "expectile")], ids=name_of)
def test_quantiles_and_expectiles_to_the_bit(path: Path) -> None:
    with np.load(path.parent / "expected.npz") as expected:
        x, margins, predictions = (expected[name] for name in ("x", f"{path.stem}_margin", f"{path.stem}_prediction"))
    assert (np.diff(margins, axis=1) < 0).any()
    assert np.array_equal(margins, predictions) == (path.stem == "quantile" and path.parent.name == "3.3.0")
    assert_same_bits(outputs_of(Prediction(path, "margin"), {"data": x}), margins)
    assert_same_bits(outputs_of(Prediction(path), {"data": x}), predictions)


@pytest.mark.parametrize(("release", "answers"), [("3.3.0", True), ("3.4.1", False)])
def test_the_oracle_does_not_answer_for_another_release(release: str, answers: bool) -> None:
    path, x = FIXTURES / release / "quantile.json", {"data": np.zeros((1, 4), np.float32)}
    oracle.run(Prediction(path, "margin"), x)
    if answers:
        oracle.run(path, x)
        return
    with pytest.raises(oracle.NoAnswerError, match="computes reg:quantileerror otherwise"):
        oracle.run(path, x)


@pytest.mark.parametrize("path", OLD_VECTORS, ids=name_of)
def test_the_oracle_does_not_load_what_would_crash_it(path: Path) -> None:
    with pytest.raises(oracle.NoAnswerError, match="older format"):
        oracle.run(path, {"data": np.zeros((1, 4), np.float32)})
