"""XGBoost itself, by the faster of its two ways: in place, or from a ``DMatrix`` that is made beforehand."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from bench.peers import DATA, PREDICTION, Arrays, ForestFile, Session
from bench.peers.installed import distribution_files

TRIALS = 5
"""Runs of each way, of which the fastest decides."""


def version() -> str:
    """The version of the installed package."""
    return xgboost.__version__


def prepare_forest(model: ForestFile, directory: Path, target: str) -> Path:
    """The model in UBJSON, which XGBoost loads fastest."""
    booster = xgboost.Booster(model_file=model.path)
    converted = directory / f"{model.path.stem}.ubj"
    booster.save_model(converted)
    return converted


def load(prepared: Path, threads: int) -> Session:
    """A booster on `threads` threads. The way is chosen at the first run, by the clock."""
    booster = xgboost.Booster(model_file=prepared)
    booster.set_param({"nthread": threads})
    chosen: list[Callable[[], NDArray[np.float32]]] = []

    def run(inputs: Arrays) -> Arrays:
        if not chosen:
            chosen.append(_faster_way(booster, inputs[DATA], threads))
        return {PREDICTION: chosen[0]()}

    return run


def _faster_way(booster: xgboost.Booster, rows: NDArray[np.generic], threads: int) -> Callable[[], NDArray[np.float32]]:
    matrix = xgboost.DMatrix(rows, nthread=threads)
    ways = (
        lambda: booster.inplace_predict(rows, validate_features=False),
        lambda: booster.predict(matrix, validate_features=False),
    )

    def best(way: Callable[[], NDArray[np.float32]]) -> float:
        times: list[float] = []
        for _ in range(TRIALS):
            begin = time.perf_counter()
            way()
            times.append(time.perf_counter() - begin)
        return min(times)

    return min(ways, key=best)


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("xgboost", below="xgboost")
