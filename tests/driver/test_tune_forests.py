"""Forests are tuned for many rows and for one, and builds use what was found, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xgboost

import compiler
import runtime
from compiler.autotune import Database, tune
from compiler.autotune.record import TimeSource
from compiler.codegen.plan import KernelCall
from compiler.model_tuner.compare import compare
from compiler.tune import main
from frontends.xgboost import Prediction

FIXTURES = Path(__file__).parent.parent / "frontends" / "xgboost" / "fixtures" / "3.1.3"
KERNELS = (
    *("bitsliced_forest", "branching_forest", "leafwise_forest", "masked_forest", "ranked_forest"),
    *("perfect_walk", "sparse_walk", "sum_leaves"),
)


def features(count: int) -> np.ndarray:
    x = np.random.default_rng(3).normal(size=(count, 4)).astype(np.float32)
    x[::3, 1] = np.nan
    return x


def test_a_session_ends_with_records_for_tiles_and_for_a_row(tmp_path: Path) -> None:
    path = Prediction(FIXTURES / "logistic.ubj", "margin")
    with Database.open(tmp_path / "t.db") as database:
        tuned = tune(path, trials=36, seconds=None, search="grid", database=database)
        assert [forecast.model.split(", ")[-1] for forecast in tuned.forecasts][-1] == "a row"
        records = list(database.records())
        texts = {record.task: database.task(record.task).text for record in records}
    assert {record.source for record in records} == {TimeSource.MEASURED}
    known = {task for task in texts if any(f" {kernel}(" in texts[task] for kernel in KERNELS)}
    with compiler.compile(path, tuning=tmp_path / "t.db") as artifact:
        plan = artifact.report.plan
        for program in plan.programs:
            assert known & {call.task.hash for call in program.calls if isinstance(call, KernelCall)}
        assert artifact.report.tuned >= 3
        booster = xgboost.Booster(model_file=FIXTURES / "logistic.ubj")
        with runtime.Model(artifact.directory) as model:
            for count in (1, 3, model.row_tile, model.row_tile + 5):
                want = booster.predict(xgboost.DMatrix(features(count)), output_margin=True)
                got = model.run({"data": features(count)})["margin"]
                np.testing.assert_array_equal(got.reshape(-1), want)


def test_the_command_compares_builds_on_a_tile_and_on_a_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(FIXTURES / "softprob.json")
    monkeypatch.setattr(
        "compiler.model_tuner.trial.compare", lambda a, b, rounds=0, rows=0: compare(a, b, rounds=3, rows=rows)
    )
    assert main([path, "--trials", "2", "--db", str(tmp_path / "t.db")]) == 0
    printed = capsys.readouterr().out
    assert f"{path}, 1 row: " in printed and " rows: " in printed


def test_what_is_no_model_of_rows_cannot_be_tuned_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "sums.kiln"
    model.write_text('graph "g" (%0 "x": f32[2,3]) {\n  %1 = tanh(%0) : f32[2,3]\n  return %1 "y"\n}')
    assert main([str(model), "--dynamic-batch", "--trials", "1", "--db", str(tmp_path / "t.db")]) == 1
    assert "dimension 0 must be 1" in capsys.readouterr().err
