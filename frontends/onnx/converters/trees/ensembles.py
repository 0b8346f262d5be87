"""TreeEnsembleRegressor, TreeEnsembleClassifier and TreeEnsemble.

Sums start at zero and are those of the type of the thresholds and weights, tree by tree; base values are added to
them last, as in ONNX Runtime. Where it contradicts the specification or the onnx package's reference on what a model
means, the model is refused.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.literal import Array
from compiler.ir.ops.reduction import ArgMax
from frontends.onnx.context import Converter, NodeContext, Unsupported
from frontends.onnx.converters.scores import TRANSFORMS, rows_of, transform_of
from frontends.onnx.converters.term import Term, concat
from frontends.onnx.converters.trees.attributes import (
    MOST_OUTPUTS,
    count_of,
    fail,
    floats,
    read_branches,
    read_named_nodes,
)
from frontends.onnx.converters.trees.ensemble import Ensemble, Votes
from frontends.onnx.converters.trees.forests import Trees

_AGGREGATES: Final = ("AVERAGE", "SUM", "MIN", "MAX")
"""In the order in which ``TreeEnsemble`` numbers them."""


def _regressor(ctx: NodeContext) -> Value:
    ensemble = read_named_nodes(ctx, "target", count_of(ctx, "n_targets"))
    aggregate = ctx.string("aggregate_function", "SUM")
    if aggregate not in _AGGREGATES:
        fail(ctx, f"unknown aggregate_function {aggregate[:40]!r}")
    base = _base_values(ctx, ensemble.outputs)
    scores = _regressed(ctx, ensemble, aggregate, transform_of(ctx), base)
    return scores.cast(DType.F32).value


def _tree_ensemble(ctx: NodeContext) -> Value:
    ensemble = read_branches(ctx, count_of(ctx, "n_targets"))
    aggregate, transform = ctx.int("aggregate_function", 1), ctx.int("post_transform", 0)
    if not 0 <= aggregate < len(_AGGREGATES):
        fail(ctx, f"unknown aggregate_function {aggregate}")
    if not 0 <= transform < len(TRANSFORMS):
        fail(ctx, f"unknown post_transform {transform}")
    given = ctx.input(0).type.dtype
    if given not in (DType.F32, DType.F64):
        raise Unsupported(f"it computes with {given.value}, which Kiln's forests do not")
    scores = _regressed(ctx, ensemble, _AGGREGATES[aggregate], list(TRANSFORMS)[transform], np.zeros(0))
    return scores.cast(given).value


def _regressed(ctx: NodeContext, ensemble: Ensemble, aggregate: str, transform: str, base: Array) -> Term:
    """``[rows, outputs]``"""
    if ensemble.outputs == 1 and transform not in ("NONE", "PROBIT"):
        raise Unsupported(
            f"ONNX Runtime leaves out the transform {transform} where there is one target",
            "put an operator such as Sigmoid behind the trees instead",
        )
    x = rows_of(ctx)
    dtype = _sum_type(x, ensemble)
    trees = Trees(ensemble, x)
    if base.any() and not trees.always_voted(ensemble.votes).all():
        raise Unsupported("runtimes disagree on whether a base value counts where no tree votes for its target")
    if aggregate in ("SUM", "AVERAGE"):
        scores = trees.sums(ensemble.votes, dtype)
        scores = scores / float(ensemble.roots.size) if aggregate == "AVERAGE" else scores
    else:
        scores = _extremes(trees, dtype, aggregate == "MAX")
    return TRANSFORMS[transform](_plus(scores, base))


def _extremes(trees: Trees, dtype: type[np.generic], largest: bool) -> Term:
    """The largest or smallest vote that a row has for each output; 0 where it has none."""
    ensemble, number = trees.ensemble, trees.numbering
    votes = ensemble.votes.only_where(number.tree[ensemble.votes.node] >= 0)
    if not np.isfinite(votes.weight).all():
        raise Unsupported("the weight of a leaf is infinite")
    if number.leaves.size * ensemble.outputs > MOST_OUTPUTS:
        raise Unsupported(f"{number.leaves.size} leaves times {ensemble.outputs} targets are too many to compare")
    row = np.zeros(ensemble.left.size, np.int64)
    row[number.leaves] = np.arange(number.leaves.size)
    weight = votes.weight.astype(dtype)
    table = np.full((number.leaves.size, ensemble.outputs), -np.inf, dtype)
    np.maximum.at(table, (row[votes.node], votes.output), weight if largest else np.negative(weight))
    voted = Term.const(trees.tests.x.ctx, table).gather(0, trees.leaves().cast(DType.I64)).max([1], keep=False)
    return (voted > -np.inf).select(voted if largest else -voted, 0.0)


def _classifier(ctx: NodeContext) -> list[Value]:
    labels = np.array(ctx.ints("classlabels_int64s", ()), np.int64)
    if ctx.strings("classlabels_strings", ()):
        raise Unsupported("its classes are texts, which Kiln does not compile", "export it with numbers as classes")
    if not 1 <= labels.size <= MOST_OUTPUTS:
        fail(ctx, f"it has {labels.size} classes")
    ensemble = read_named_nodes(ctx, "class", labels.size)
    x = rows_of(ctx)
    trees = Trees(ensemble, x)
    sums = trees.sums(ensemble.votes, _sum_type(x, ensemble))
    classes = Term.const(ctx, labels)
    if labels.size > 2:
        chosen, scores = _of_several(ctx, trees, sums)
    else:
        chosen, scores = _of_two(ctx, ensemble, sums)
    return [classes.gather(0, chosen).value, scores.cast(DType.F32).value]


def _of_several(ctx: NodeContext, trees: Trees, sums: Term) -> tuple[Term, Term]:
    """The first class with the highest sum among those that the row has votes for, and the scores."""
    ensemble = trees.ensemble
    base = _base_values(ctx, ensemble.outputs)
    sums = _plus(sums, base)
    candidates = sums
    if not base.size and not trees.always_voted(ensemble.votes).all():
        votes = ensemble.votes
        ones = Votes(votes.node, votes.output, np.ones(votes.node.size, np.float32))
        candidates = (trees.sums(ones, np.float32) > 0.0).select(sums, -np.inf)
    chosen = candidates.apply(ArgMax(1)).reshape(-1)
    return chosen, TRANSFORMS[transform_of(ctx)](sums)


def _of_two(ctx: NodeContext, ensemble: Ensemble, sums: Term) -> tuple[Term, Term]:
    """Two classes of which the trees vote for one, whose votes are listed as those of class 0: the second."""
    base, transform = floats(ctx, "base_values"), transform_of(ctx)
    if ensemble.outputs == 1 or np.any(ensemble.votes.output) or not ensemble.votes.output.size:
        raise Unsupported(
            "runtimes disagree on what two classes are unless all votes are for class 0",
            "export the classifier with one column of scores",
        )
    if base.size > 1:
        raise Unsupported(f"runtimes disagree on what {base.size} base values of two classes are")
    if transform not in ("NONE", "LOGISTIC"):
        raise Unsupported(f"runtimes disagree on what {transform} makes of two classes")
    score = _plus(sums.slice(1, 0, 1), base)
    all_positive = bool((ensemble.votes.weight >= 0).all())
    chosen = (score > (0.5 if all_positive else 0.0)).cast(DType.I64).reshape(-1)
    opposite = 1.0 - score if all_positive and transform == "NONE" else -score
    return chosen, TRANSFORMS[transform](concat([opposite, score], 1))


def _sum_type(x: Term, ensemble: Ensemble) -> type[np.generic]:
    wide = x.dtype is DType.F64 or ensemble.votes.weight.dtype == np.float64
    return np.float64 if wide else np.float32


def _base_values(ctx: NodeContext, outputs: int) -> Array:
    base = floats(ctx, "base_values")
    if base.size not in (0, outputs):
        fail(ctx, f"it has {base.size} base values for {outputs} outputs")
    return base


def _plus(sums: Term, base: Array) -> Term:
    if np.isnan(base).any():
        fail(sums.ctx, "a base value is not a number")
    return sums + Term.const(sums.ctx, base.astype(sums.dtype.numpy)) if base.any() else sums


ML_CONVERTERS: dict[str, Converter] = {
    "TreeEnsemble": _tree_ensemble,
    "TreeEnsembleClassifier": _classifier,
    "TreeEnsembleRegressor": _regressor,
}
"""Operators of the domain ``ai.onnx.ml``."""
