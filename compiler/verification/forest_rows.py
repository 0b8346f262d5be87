"""Rows that reach much of a forest: values at and beside its thresholds, its categories, and missing ones."""

from __future__ import annotations

import numpy as np

from compiler.ir import Value
from compiler.ir.forest import Comparison, Forest
from compiler.ir.literal import Array
from compiler.ir.ops.forest import ForestLeaves, ForestSums

_MISSING = 1 / 16
_PLAIN = 1 / 4
"""Shares of values that are NaN, and that have nothing to do with the forest."""


def forests_of(value: Value) -> list[Forest]:
    """The forests that read an input, directly or through ops that keep its type."""
    found: list[Forest] = []
    seen, pending = {value}, [value]
    while pending:
        for use in pending.pop().uses:
            if isinstance(use.node.op, ForestSums | ForestLeaves):
                found += [use.node.op.forest] if use.index == 0 else []
                continue
            kept = [result for result in use.node.results if result.type == value.type and result not in seen]
            seen.update(kept)
            pending += kept
    return found


def rows_for(forests: list[Forest], plain: Array, generator: np.random.Generator) -> Array:
    """``plain f32[rows, features]`` with most values replaced by such as the forests tell apart."""
    rows = plain.copy()
    for feature in range(rows.shape[1]):
        pool = np.concatenate([_values_of(forest, feature) for forest in forests])
        if pool.size:
            chosen = generator.random(rows.shape[0]) >= _PLAIN
            rows[chosen, feature] = generator.choice(pool, int(chosen.sum()))
    rows[generator.random(rows.shape) < _MISSING] = np.nan
    return rows


def _values_of(forest: Forest, feature: int) -> Array:
    """Each threshold of a feature with its neighbours, and each category."""
    own = forest.feature == feature
    thresholds = np.unique(forest.threshold[own & (forest.comparison != Comparison.MEMBER)])
    sets = forest.member_of[own & (forest.comparison == Comparison.MEMBER)]
    members = [forest.categories[forest.first_category[n] : forest.first_category[n + 1]] for n in sets]
    infinite = np.float32(np.inf)
    with np.errstate(over="ignore"):
        beside = [np.nextafter(thresholds, side) for side in (-infinite, infinite)]
    values = np.concatenate([thresholds, *beside, *members]).astype(np.float32)
    return values[np.isfinite(values)]
