"""What all engines should compute of a forest: what the framework that it comes from does."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from bench.peers import LIGHTGBM_SUFFIX, forest_peer


def expected(path: Path, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """``f32[rows]`` or ``f32[rows, outputs]``; raises MissingPeer for a model of LightGBM where that is missing."""
    if path.suffix != LIGHTGBM_SUFFIX:
        return xgboost.Booster(model_file=path).predict(xgboost.DMatrix(rows), validate_features=False)
    forest_peer("lightgbm")
    return np.asarray(importlib.import_module("lightgbm").Booster(model_file=path).predict(rows), np.float32)


def kept_expected(path: Path, rows: NDArray[np.float32], folder: Path | None) -> NDArray[np.float32]:
    """The same, from an earlier run that left it in `folder`: of large models and many rows it takes a minute."""
    if folder is None:
        return expected(path, rows)
    framework = forest_peer("lightgbm" if path.suffix == LIGHTGBM_SUFFIX else "xgboost")
    state = hashlib.sha256(path.read_bytes())
    state.update(f"{framework.version()} {rows.shape}".encode() + np.ascontiguousarray(rows).tobytes())
    file = folder / f"expected.{state.hexdigest()}.npy"
    if not file.exists():
        np.save(file.with_suffix(".partial.npy"), expected(path, rows), allow_pickle=False)
        file.with_suffix(".partial.npy").rename(file)
    return np.load(file)
