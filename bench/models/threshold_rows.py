"""Rows for a forest of which nothing but the trees is known: spread over the leaves about as its training rows were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.forest.source import read_forest
from compiler.ir.forest import Comparison


def rows_between_thresholds(path: Path, count: int) -> NDArray[np.float32]:
    """Rows of a model of XGBoost without categories.

    The thresholds that histograms choose among are quantiles of the training data. So a feature's values are drawn from
    the gaps between its thresholds, each gap being equally likely.
    """
    forest = read_forest(path).forest
    random = np.random.default_rng(1)
    rows = np.zeros((count, forest.features), np.float32)
    compared = forest.comparison != Comparison.MEMBER
    for feature in range(forest.features):
        edges = np.unique(forest.threshold[compared & (forest.feature == feature)].astype(np.float64))
        if not edges.size:
            continue
        width = max(1.0, float(np.median(np.diff(edges)))) if edges.size > 1 else 1.0
        borders = np.concatenate([[edges[0] - width], edges, [edges[-1] + width]])
        gap = random.integers(0, borders.size - 1, count)
        rows[:, feature] = random.uniform(borders[gap], borders[gap + 1])
    return rows
