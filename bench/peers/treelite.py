"""Treelite's own interpreter of forests, GTIL."""

# The package is optional: where it is not installed, the checker knows nothing of it.
# pyright: reportMissingImports=false

from __future__ import annotations

from pathlib import Path

import treelite

from bench.peers import DATA, LIGHTGBM_SUFFIX, PREDICTION, Arrays, ForestFile, Session
from bench.peers.installed import distribution_files


def version() -> str:
    """The version of the installed package."""
    return treelite.__version__


def read(model: ForestFile) -> treelite.Model:
    """The model in treelite's form."""
    if model.path.suffix == LIGHTGBM_SUFFIX:
        return treelite.frontend.load_lightgbm_model(model.path)
    return treelite.frontend.load_xgboost_model(model.path)


def prepare_forest(model: ForestFile, directory: Path, target: str) -> Path:
    """A file in treelite's own format."""
    converted = directory / f"{model.path.stem}.treelite"
    read(model).serialize(converted)
    return converted


def load(prepared: Path, threads: int) -> Session:
    """The interpreter on `threads` threads."""
    model = treelite.Model.deserialize(prepared)

    def run(inputs: Arrays) -> Arrays:
        rows = inputs[DATA]
        result = treelite.gtil.predict(model, rows, nthread=threads)
        return {PREDICTION: result.reshape(rows.shape[0], -1).squeeze(axis=1 if result.size == len(rows) else ())}

    return run


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("treelite", below="treelite")
