"""What a model of LightGBM, as text, says of its features: enough to draw rows that go where the training's went.

A tree's root saw all rows of the training, so that it tells which share of them was at most its threshold. Thresholds
that are in no root are taken to part the rows between those that are evenly: they are borders of the training's bins,
which hold about as many rows each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frontends.lightgbm.document import model_text
from frontends.lightgbm.sections import Section, read_sections

_CATEGORICAL = 1
"""A bit of ``decision_type``."""

Shares = Mapping[int, Mapping[float, float]]
"""The share of rows that are at most a threshold, by feature and threshold; NaN where it is not known."""


def rows_like_training(path: Path, count: int) -> NDArray[np.float32]:
    """f32[count, features]: each feature by itself like that of the training, categories evenly.

    Raises the frontend's ModelError.
    """
    text = model_text(path)
    header, trees = read_sections(text.data, text.name)
    shares = shares_below(trees)
    random = np.random.default_rng(1)

    def column(feature: int, told: str) -> NDArray[np.float64]:
        if told == "none":
            return np.zeros(count)
        if told.startswith("["):
            least, most = map(float, told.strip("[]").split(":"))
            return _drawn(random, shares.get(feature, {}), least, most, count)
        return random.choice(np.array(told.split(":"), np.float64), count)

    told = header.text("feature_infos").split()
    return np.stack([column(i, one) for i, one in enumerate(told)], axis=1).astype(np.float32)


def shares_below(trees: Sequence[Section]) -> Shares:
    """What the trees say of the features that they compare with thresholds."""
    found: dict[int, dict[float, float]] = {}
    for tree in trees:
        splits = tree.count("num_leaves") - 1
        if splits < 1:
            continue
        feature, threshold = tree.integers("split_feature", splits), tree.floats("threshold", splits)
        kind = tree.integers("decision_type", splits)
        for i in np.flatnonzero((kind & _CATEGORICAL) == 0):
            found.setdefault(int(feature[i]), {}).setdefault(float(threshold[i]), np.nan)
        if not kind[0] & _CATEGORICAL:
            found[int(feature[0])][float(threshold[0])] = _left_share(tree, splits)
    return found


def _left_share(tree: Section, splits: int) -> float:
    """The share of the training's rows that the root sends left."""
    leaves, inner = tree.integers("leaf_count", splits + 1), tree.integers("internal_count", splits)
    left = int(tree.integers("left_child", splits)[0])
    return float((inner[left] if left >= 0 else leaves[~left]) / max(inner[0], 1))


def _drawn(
    random: np.random.Generator, shares: Mapping[float, float], least: float, most: float, count: int
) -> NDArray[np.float64]:
    """Numbers from `least` to `most` with the given shares below thresholds, even between them."""
    inside = sorted(threshold for threshold in shares if least < threshold < most)
    known = [(place, shares[at]) for place, at in enumerate(inside, start=1) if not np.isnan(shares[at])]
    places, values = zip((0, 0.0), *known, (len(inside) + 1, 1.0), strict=True)
    cumulated = np.maximum.accumulate(np.interp(np.arange(len(inside) + 2), places, values))
    return np.interp(random.random(count), cumulated, [least, *inside, most])
