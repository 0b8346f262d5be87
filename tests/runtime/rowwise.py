"""Builds artifacts from the hand-written rows.c, a model with a dynamic batch."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from runtime.selftest import write_golden
from runtime.sources import PUBLIC_HEADER
from runtime.tensors import TensorSpec
from runtime.weights import write_weights
from tests.runtime.affine import HOST, Toolchain, compile_model, write_manifest

TILE, SMALL, COLUMNS = 16, 4, 8
MOST_SMALL = 12
"""Of rows that fill no tile, up to so many are computed in small ones."""

INPUTS = {"x": TensorSpec("float32", (None, COLUMNS)), "scale": TensorSpec("float32", (None,))}
OUTPUTS = {"y": TensorSpec("float32", (None, COLUMNS)), "by": TensorSpec("int32", (None,))}


def example_rows(rows: int, seed: int = 1) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=spec.shape_of(rows)).astype(np.float32) for name, spec in INPUTS.items()}


def expected_rows(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The model in numpy, to the bit."""
    rows = len(inputs["x"])
    gain = np.arange(1, COLUMNS + 1, dtype=np.float32)
    rest = rows % TILE
    by = np.full(rows, TILE, np.int32)
    if rest <= MOST_SMALL:
        by[rows - rest :] = SMALL
        if rest % SMALL < 3:
            by[rows - rest % SMALL :] = 1
    return {"y": inputs["x"] * gain * inputs["scale"][:, None], "by": by}


def build_rows_artifact(directory: Path, toolchain: Toolchain = HOST, flags: Sequence[str] = ()) -> Path:
    """A complete artifact in the new directory `directory`."""
    directory.mkdir(parents=True)
    gain = np.arange(1, COLUMNS + 1, dtype=np.float32)
    weights = write_weights(directory / "weights.bin", [gain.tobytes()])
    compile_model(directory / "model.so", weights, toolchain, flags=flags, source="rows.c")
    shutil.copy(PUBLIC_HEADER, directory)
    inputs = example_rows(TILE)
    write_golden(directory / "golden.npz", inputs, expected_rows(inputs) | {"by": np.full(TILE, TILE, np.int32)})
    write_manifest(directory, toolchain, "rows", INPUTS, OUTPUTS)
    return directory
