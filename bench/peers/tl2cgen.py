"""TL2cgen: the model as C, compiled by gcc, with what its documentation advises for speed: branches annotated with how
often rows take them, and thresholds as integers."""

# The package is optional: where it is not installed, the checker knows nothing of it.
# pyright: reportMissingImports=false

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tl2cgen
from numpy.typing import NDArray

from bench.peers import DATA, PREDICTION, Arrays, ForestFile, Session
from bench.peers.child import convert
from bench.peers.installed import distribution_files


def version() -> str:
    """The version of the installed package."""
    return tl2cgen.__version__


def prepare_forest(model: ForestFile, directory: Path, target: str) -> Path:
    """A shared library. It is compiled in a process of its own: large models take the compiler very long."""
    library = directory / f"{model.path.stem}.tl2cgen.so"
    command = [sys.executable, "-m", "bench.peers.tl2cgen_build", str(model.path), str(model.sample), str(library)]
    return convert(command, library, model.limit_seconds)


def load(prepared: Path, threads: int) -> Session:
    """A predictor on `threads` threads; rows become a ``DMatrix`` in the first run with them, which is not measured."""
    predictor = tl2cgen.Predictor(prepared, nthread=threads)
    made: list[tuple[NDArray[np.generic], tl2cgen.DMatrix]] = []

    def run(inputs: Arrays) -> Arrays:
        rows = inputs[DATA]
        if not made or made[0][0] is not rows:
            made[:] = [(rows, tl2cgen.DMatrix(rows, dtype="float32"))]
        result = predictor.predict(made[0][1])
        count = result.shape[0]
        return {PREDICTION: result.reshape(count, -1).squeeze(axis=1 if result.size == count else ())}

    return run


def runtime_files() -> list[Path]:
    """The package without those that it depends on."""
    return distribution_files("tl2cgen", below="tl2cgen")
