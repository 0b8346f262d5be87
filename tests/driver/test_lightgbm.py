"""LightGBM models end to end: compiled, run, and compared with LightGBM to the bit."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pytest

import compiler
import runtime
from compiler import build
from frontends.lightgbm import Prediction, oracle

ROWS = 30


def rows() -> np.ndarray:
    x = np.random.default_rng(5).normal(size=(ROWS, 4)).astype(np.float32)
    x[:, 3] = np.arange(ROWS) % 7
    x[::3, 1] = np.nan
    x[1::3, 0] = 0
    return x


def train(**parameters: object) -> lightgbm.Booster:
    settings = {"num_leaves": 5, "min_data_in_leaf": 2, "num_threads": 1, "verbosity": -1, "zero_as_missing": True}
    data = lightgbm.Dataset(rows(), np.arange(ROWS) % 3, categorical_feature=[3])
    return lightgbm.train({**settings, **parameters}, data, 3)


@pytest.mark.parametrize("parameters", [{"objective": "poisson"}, {"objective": "multiclass", "num_class": 3}])
def test_a_file(tmp_path: Path, parameters: dict[str, object]) -> None:
    booster, x = train(**parameters), rows()
    path = tmp_path / "model.model"
    booster.save_model(path)
    for output in ("prediction", "margin", "leaf"):
        with compiler.compile(Prediction(path, output), inputs={"data": x.shape}) as artifact:
            assert "2 random inputs agree with lightgbm" in artifact.report.verification
            got = runtime.Model(artifact.directory).run({"data": x})[output]
        want = np.asarray(booster.predict(x, raw_score=output == "margin", pred_leaf=output == "leaf"))
        np.testing.assert_allclose(got, want, rtol=1e-15 if output == "prediction" else 0)


def test_an_object_and_a_file_of_any_name(tmp_path: Path) -> None:
    booster, x = train(objective="regression"), rows()
    booster.save_model(tmp_path / "model")
    for form in (booster, tmp_path / "model"):
        with compiler.compile(form, inputs={"data": x.shape}) as artifact:
            got = runtime.Model(artifact.directory).run({"data": x})["prediction"]
        np.testing.assert_array_equal(got, booster.predict(x))


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib"])
def test_pickles_are_not_loaded(tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"\x80\x04.")
    assert build.main([str(path), "-o", str(tmp_path / "out.tar.gz")]) == 1
    message = capsys.readouterr().err
    assert "a pickle runs code when it is loaded" in message
    assert "joblib.load(" in message


def test_what_lightgbm_thinks_of_a_file_is_not_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    talkative = train(objective="regression", verbosity=1).model_to_string()
    (tmp_path / "old.txt").write_text(talkative.replace("parameters:\n", "parameters:\n[of_old: 1]\n"))
    capfd.readouterr()
    lightgbm.Booster(model_file=tmp_path / "old.txt")
    assert "of_old" in capfd.readouterr().out, "LightGBM itself warns"
    outputs, authority = oracle.run(tmp_path / "old.txt", {"data": rows()})
    assert outputs["prediction"].shape == (ROWS,) and authority.startswith("lightgbm")
    assert capfd.readouterr() == ("", "")
