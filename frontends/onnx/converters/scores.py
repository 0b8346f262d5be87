"""What the operators of ai.onnx.ml make of scores: ``post_transform``, as ONNX Runtime computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from compiler.ir.dtypes import DType
from frontends.onnx.context import MalformedModel, NodeContext
from frontends.onnx.converters.term import Term

_NEARLY_ZERO: Final = 1e-7
_WINITZKI: Final = 0.147
"""The constant of S. Winitzki, "A handy approximation for the error function and its inverse" (2008)."""


def identity(scores: Term) -> Term:
    """NONE."""
    return scores


def logistic(scores: Term) -> Term:
    """LOGISTIC: 1 / (1 + exp(-x)), computed on the side where nothing overflows."""
    positive = 1.0 / ((-scores.abs()).exp() + 1.0)
    return (scores < 0.0).select(1.0 - positive, positive)


def softmax(scores: Term) -> Term:
    """SOFTMAX over the last axis."""
    powers = (scores - scores.max([-1])).exp()
    return powers / powers.sum([-1])


def softmax_zero(scores: Term) -> Term:
    """SOFTMAX_ZERO: the softmax of those that are not zero; zeros stay."""
    highest = scores.max([-1])
    counts = scores.abs() > _NEARLY_ZERO
    powers = counts.select((scores - highest).exp(), 0.0)
    total = powers.sum([-1])
    return counts.select(powers, scores * (-highest).exp()) / total


def probit(scores: Term) -> Term:
    """PROBIT: the quantile of the normal distribution, with Winitzki's approximation of the inverse error function."""
    x = scores * 2.0 - 1.0
    log = ((1.0 - x) * (x + 1.0)).log()
    half = log * 0.5 + 2.0 / (3.14159 * _WINITZKI)
    root = ((half * half - log * (1 / _WINITZKI)).sqrt() - half).sqrt()
    return (x < 0.0).select(-root, root) * 1.41421356


TRANSFORMS: Final[dict[str, Callable[[Term], Term]]] = {
    "NONE": identity,
    "SOFTMAX": softmax,
    "LOGISTIC": logistic,
    "SOFTMAX_ZERO": softmax_zero,
    "PROBIT": probit,
}
"""By name, in the order in which ``TreeEnsemble`` numbers them."""


def transform_of(ctx: NodeContext) -> str:
    """The name of the node's ``post_transform``, a text."""
    name = ctx.string("post_transform", "NONE")
    if name not in TRANSFORMS:
        raise MalformedModel(f"{ctx.op_type} {ctx.name!r}: unknown post_transform {name[:40]!r}")
    return name


def rows_of(ctx: NodeContext) -> Term:
    """Input 0 as rows, ``f32 or f64[rows, features]``: integers become float32, a vector is one row."""
    x = Term.input(ctx, 0, min_rank=1)
    if x.rank > 2:
        raise MalformedModel(f"{ctx.op_type} {ctx.name!r}: its input has {x.rank} axes, expected 1 or 2")
    x = x.reshape(1, -1) if x.rank == 1 else x
    return x if x.dtype in (DType.F32, DType.F64) else x.cast(DType.F32)
