"""oneDAL by daal4py, which scikit-learn-intelex brings: its own forests, converted from XGBoost's or LightGBM's."""

# The package is optional: where it is not installed, the checker knows nothing of it.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import importlib
from importlib import metadata
from pathlib import Path

import daal4py
import numpy as np
import xgboost
from daal4py.mb import GBTDAALModel
from numpy.typing import NDArray

from bench.peers import DATA, LIGHTGBM_SUFFIX, PREDICTION, Arrays, ForestFile, Session
from bench.peers.installed import distribution_files


def version() -> str:
    """The version of the installed package."""
    return metadata.version("daal")


def prepare_forest(model: ForestFile, directory: Path, target: str) -> Path:
    """The file itself: it is converted while it is loaded, since converted models cannot be stored."""
    return model.path


def load(prepared: Path, threads: int) -> Session:
    """A converted model; sets the number of oneDAL's threads."""
    daal4py.daalinit(threads)
    if prepared.suffix == LIGHTGBM_SUFFIX:
        booster = importlib.import_module("lightgbm").Booster(model_file=prepared)
    else:
        booster = xgboost.Booster(model_file=prepared)
    model = GBTDAALModel(booster)

    def run(inputs: Arrays) -> Arrays:
        rows = inputs[DATA]
        return {PREDICTION: _as_xgboost(model.predict_proba(rows) if model.is_classifier_ else model.predict(rows))}

    return run


def _as_xgboost(result: NDArray[np.generic]) -> NDArray[np.generic]:
    """Results in XGBoost's form: where there are two classes, the probability of the second alone."""
    return result[:, 1] if result.ndim == 2 and result.shape[1] == 2 else result


def runtime_files() -> list[Path]:
    """oneDAL's libraries and the wrapper."""
    return [*distribution_files("scikit-learn-intelex", below="daal4py"), *_libraries()]


def _libraries() -> list[Path]:
    files = metadata.files("daal") or []
    located = (Path(str(entry.locate())) for entry in files)
    return sorted({path for path in located if path.is_file() and ".so" in path.name})
