"""What all engines should compute of a forest: what the framework that it comes from does."""

from __future__ import annotations

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
