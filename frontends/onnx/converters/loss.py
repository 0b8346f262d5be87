"""Losses over class scores ``[n, c, *d]`` and targets ``[n, *d]``."""

from __future__ import annotations

from compiler.ir import DType, Value
from frontends.onnx.context import Converter, NodeContext, Unsupported
from frontends.onnx.converters.activation import log_softmax
from frontends.onnx.converters.term import Term


def _negative_log_likelihood(ctx: NodeContext) -> Value:
    return _loss(ctx, Term.input(ctx, 0, min_rank=2)).value


def _softmax_cross_entropy(ctx: NodeContext) -> list[Value]:
    scores = log_softmax(Term.input(ctx, 0, min_rank=2), 1)
    return [_loss(ctx, scores).value, scores.value]


def _loss(ctx: NodeContext, scores: Term) -> Term:
    """Minus the score of each target times its class weight; targets of ``ignore_index`` count nothing."""
    target = Term.input(ctx, 1, rank=scores.rank - 1).cast(DType.I64)
    target = target.reshape(target.shape[0], 1, *target.shape[1:])
    kept: Term | None = None
    if ctx.has_attribute("ignore_index"):
        kept = ~target.equals(ctx.int("ignore_index"))
        target = kept.select(target, 0)
    losses = -scores.gather_elements(1, target)
    weight: Term | None = None
    if ctx.has(2):
        weight = Term.input(ctx, 2).gather(0, target)
    elif kept is not None:
        weight = losses.lift(1).broadcast(*losses.shape)
    if weight is not None:
        weight = weight if kept is None else kept.select(weight, 0)
        losses = losses * weight
    return _reduce(losses, weight, ctx.string("reduction", "mean"))


def _reduce(losses: Term, weight: Term | None, reduction: str) -> Term:
    axes = list(range(losses.rank))
    if reduction == "none":
        return losses.reshape(losses.shape[0], *losses.shape[2:])
    if reduction == "sum":
        return losses.sum(axes, keep=False)
    if reduction != "mean":
        raise Unsupported(f"unknown reduction {reduction!r}")
    if weight is None:
        return losses.mean(axes, keep=False)
    return losses.sum(axes, keep=False) / weight.sum(axes, keep=False)


CONVERTERS: dict[str, Converter] = {
    "NegativeLogLikelihoodLoss": _negative_log_likelihood,
    "SoftmaxCrossEntropyLoss": _softmax_cross_entropy,
}
