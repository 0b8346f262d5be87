"""Features as ranks: exact comparisons of float64 features, and exact tests of sets of any numbers.

A ``Forest`` compares float32 features, and its sets hold integers. Every test of a feature that is compared with
``c[0] < c[1] < ...`` depends on its rank only: ``2 k + 1`` if it is ``c[k]``, else twice the number of those below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest import Comparison
from compiler.ir.literal import Array
from compiler.ir.ops.unary import IsNan
from frontends.onnx.context import Unsupported
from frontends.onnx.converters.term import Term, concat
from frontends.onnx.converters.trees.ensemble import Ensemble

_MOST_CONSTANTS = 1 << 22
"""Constants of all ranked features, where each counts as having as many as the one with most: float32 can hold all
their ranks, and the table stays small."""


@dataclass(frozen=True)
class Tests:
    """What the splits of a forest compare: columns of ``x``, thresholds in the type that they were given in."""

    x: Term
    """f32[rows, columns]"""
    feature: Array
    threshold: Array
    categories: dict[int, Array]
    """i32[...] by node, ascending."""


def tests_of(ensemble: Ensemble, x: Term) -> Tests:
    """The tests of an ensemble on ``x f32 or f64[rows, features]``, with ranks where float32 would not do."""
    if x.dtype is DType.F64:
        ranked = ensemble.tested
    else:
        ranked = np.unique(ensemble.feature[sorted(ensemble.members)])
    if x.dtype is DType.F32 and not ranked.size:
        return Tests(x, ensemble.feature, ensemble.threshold, {})
    constants = [_constants(ensemble, feature) for feature in ranked.tolist()]
    longest = max((values.size for values in constants), default=0)
    if longest * ranked.size > _MOST_CONSTANTS:
        raise Unsupported(f"features are compared exactly with {longest} numbers each, which are too many")
    ranks = _ranks(x, ranked, constants, longest)
    first = x.shape[1] if x.dtype is DType.F32 else 0
    feature, threshold = ensemble.feature.copy(), ensemble.threshold.astype(np.float64)
    categories: dict[int, Array] = {}
    for column, (number, values) in enumerate(zip(ranked.tolist(), constants, strict=True)):
        nodes = np.flatnonzero(ensemble.is_split & (ensemble.feature == number))
        feature[nodes] = first + column
        compared = nodes[ensemble.comparison[nodes] != Comparison.MEMBER]
        threshold[compared] = 2 * np.searchsorted(values, threshold[compared]) + 1
        for node in nodes[ensemble.comparison[nodes] == Comparison.MEMBER].tolist():
            categories[node] = (2 * np.searchsorted(values, np.unique(ensemble.members[node])) + 1).astype(np.int32)
    return Tests(concat([x, ranks], 1) if first else ranks, feature, threshold, categories)


def _constants(ensemble: Ensemble, feature: int) -> Array:
    """f64[...]: everything that a feature is compared with, ascending."""
    nodes = np.flatnonzero(ensemble.is_split & (ensemble.feature == feature))
    ordered = nodes[ensemble.comparison[nodes] != Comparison.MEMBER]
    sets = [ensemble.members[node] for node in nodes[ensemble.comparison[nodes] == Comparison.MEMBER].tolist()]
    return np.unique(np.concatenate([ensemble.threshold[ordered], *sets]).astype(np.float64))


def _ranks(x: Term, features: Array, constants: list[Array], longest: int) -> Term:
    """f32[rows, features]; NaN stays NaN."""
    if not features.size:
        return Term.const(x.ctx, np.zeros((x.shape[0], 1), np.float32))
    # Nothing is below NaN, nor equal to it.
    table = np.full((features.size, longest), np.nan)
    for row, values in zip(table, constants, strict=True):
        row[: values.size] = values
    chosen = x.gather(1, Term.const(x.ctx, features)).cast(DType.F64).reshape(x.shape[0], -1, 1)
    compared = Term.const(x.ctx, table)
    ranks = ((compared < chosen).cast(DType.F32) + (compared <= chosen).cast(DType.F32)).sum([2])
    nan = Term.const(x.ctx, np.array(np.nan, np.float32))
    return chosen.apply(IsNan()).select(nan, ranks).reshape(x.shape[0], -1)
