"""XGBoost itself, by the faster of its two ways: in place, or from a ``DMatrix`` that is made beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from bench.peers import DATA, LIGHTGBM_SUFFIX, PREDICTION, Arrays, ForestFile, Refreshed, RefusedForest, Session
from bench.peers.installed import distribution_files
from bench.timing import timed_runs

TRIAL_SECONDS = 0.1
TRIALS = 2
"""Each way is run for at least this long and this many times; the fastest run decides."""


def version() -> str:
    """The version of the installed package."""
    return xgboost.__version__


def prepare_forest(model: ForestFile, directory: Path, target: str) -> Path:
    """The model in UBJSON, which XGBoost loads fastest; raises RefusedForest for one of LightGBM."""
    if model.path.suffix == LIGHTGBM_SUFFIX:
        raise RefusedForest("it runs models of XGBoost only")
    booster = xgboost.Booster(model_file=model.path)
    converted = directory / f"{model.path.stem}.ubj"
    booster.save_model(converted)
    return converted


def load(prepared: Path, threads: int) -> Session:
    """A booster on `threads` threads. The way is chosen at the first run with given rows, by the clock.

    A booster keeps the predictions of every ``DMatrix`` and would copy them at the second run: each run gets a new one.
    """
    booster = xgboost.Booster(model_file=prepared)
    booster.set_param({"nthread": threads})
    chosen: list[tuple[NDArray[np.generic], _Way]] = []

    def refresh(inputs: Arrays) -> None:
        rows = inputs[DATA]
        if not chosen or chosen[0][0] is not rows:
            chosen[:] = [(rows, _faster_way(booster, rows, threads))]
        chosen[0][1].refresh(rows)

    def run(inputs: Arrays) -> Arrays:
        if not chosen or chosen[0][0] is not inputs[DATA]:
            refresh(inputs)
        return {PREDICTION: chosen[0][1].run(inputs[DATA])}

    return Refreshed(run, refresh)


class _InPlace:
    """Rows as they are."""

    def __init__(self, booster: xgboost.Booster) -> None:
        self.booster = booster

    def refresh(self, rows: NDArray[np.generic]) -> None:
        """There is nothing to make."""

    def run(self, rows: NDArray[np.generic]) -> NDArray[np.float32]:
        return self.booster.inplace_predict(rows, validate_features=False)


class _Matrix:
    """Rows in XGBoost's own form, which is made outside of the time that counts."""

    def __init__(self, booster: xgboost.Booster, rows: NDArray[np.generic], threads: int) -> None:
        self.booster = booster
        self.threads = threads
        self.refresh(rows)

    def refresh(self, rows: NDArray[np.generic]) -> None:
        self.matrix = xgboost.DMatrix(rows, nthread=self.threads)

    def run(self, rows: NDArray[np.generic]) -> NDArray[np.float32]:
        return self.booster.predict(self.matrix, validate_features=False)


_Way = _InPlace | _Matrix


def _faster_way(booster: xgboost.Booster, rows: NDArray[np.generic], threads: int) -> _Way:
    def best(way: _Way) -> float:
        return min(timed_runs(lambda: way.run(rows), TRIAL_SECONDS, least=TRIALS, before=lambda: way.refresh(rows)))

    return min(_InPlace(booster), _Matrix(booster, rows, threads), key=best)


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("xgboost", below="xgboost")
