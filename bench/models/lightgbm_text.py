"""What a model of LightGBM, as text, says of its features: enough to draw rows that fit it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def feature_ranges(path: Path) -> list[str]:
    """Of each feature what the training saw: `[least:most]`, categories as `1:5:2`, or `none`."""
    with path.open() as lines:
        found = next((line for line in lines if line.startswith("feature_infos=")), "feature_infos=")
    return found.strip().removeprefix("feature_infos=").split()


def rows_like_training(path: Path, count: int) -> NDArray[np.float32]:
    """Rows whose features are even in their ranges and among their categories."""
    random = np.random.default_rng(1)

    def column(told: str) -> NDArray[np.float64]:
        if told == "none":
            return np.zeros(count)
        if told.startswith("["):
            least, most = map(float, told.strip("[]").split(":"))
            return random.uniform(least, most, count)
        return random.choice(np.array(told.split(":"), np.float64), count)

    return np.stack([column(told) for told in feature_ranges(path)], axis=1).astype(np.float32)
