"""LightGBM on models of its own, in place with all checks of shapes left to the first run."""

# The package is optional: where it is not installed, the checker knows nothing of it.
# pyright: reportMissingImports=false

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np

from bench.peers import DATA, LIGHTGBM_SUFFIX, PREDICTION, Arrays, ForestFile, RefusedForest, Session
from bench.peers.installed import distribution_files


def version() -> str:
    """The version of the installed package."""
    return lightgbm.__version__


def prepare_forest(model: ForestFile, directory: Path, target: str) -> Path:
    """The file itself; raises RefusedForest for one of XGBoost."""
    if model.path.suffix != LIGHTGBM_SUFFIX:
        raise RefusedForest("it runs models of LightGBM only")
    return model.path


def load(prepared: Path, threads: int) -> Session:
    """A booster on `threads` threads."""
    booster = lightgbm.Booster(model_file=prepared)

    def run(inputs: Arrays) -> Arrays:
        return {PREDICTION: np.asarray(booster.predict(inputs[DATA], num_threads=threads))}

    return run


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("lightgbm", below="lightgbm")
