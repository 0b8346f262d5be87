"""Forests without tests of sets: those are made before, and their answers are further features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.ir.forest import Comparison, Forest
from compiler.ir.literal import Array
from compiler.ir.ops.tree_tables import SETS_PER_GROUP
from compiler.passes.forests.bitslicing import set_tables
from compiler.passes.forests.columns import Column, edge_table, is_set_test, set_tests

HALF = np.float32(0.5)
"""Between the answers 0 and 1."""


def with_set_features(forest: Forest) -> tuple[tuple[Array, ...], Forest] | None:
    """The operands of ``set_features`` behind ``x``, and the forest for its result; None if it tests no set."""
    is_set = is_set_test(forest)
    if not is_set.any():
        return None
    features = np.unique(forest.feature[is_set])
    groups = [set_tests(forest, int(feature)) for feature in features]
    columns = [Column(int(feature), part) for feature, own in zip(features, groups, strict=True) for part in own.parts]
    set_column, sets, numbers = set_tables(groups, 0)
    feature, comparison, threshold = forest.feature.copy(), forest.comparison.copy(), forest.threshold.copy()
    for own, of_own in zip(groups, numbers, strict=True):
        feature[own.split] = forest.features + of_own
    comparison[is_set], threshold[is_set] = Comparison.GREATER, HALF
    changed = replace(
        forest,
        features=forest.features + SETS_PER_GROUP * len(sets),
        feature=feature,
        comparison=comparison,
        threshold=threshold,
        first_category=np.zeros(1, np.int32),
        categories=np.zeros(0, np.int32),
    )
    column = np.array([column.source for column in columns], np.int32)
    return (column, edge_table(columns), set_column, sets), changed
