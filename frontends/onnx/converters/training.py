"""One step of an optimizer (domain ai.onnx.preview.training), spelled out in elementwise ops.

Each takes a rate R, a step count T, then for every optimized tensor its value, gradient and state, grouped by
kind: X1 X2 G1 G2 ...; the formulas are those of the ONNX operator documents.
"""

from __future__ import annotations

from collections.abc import Callable

from compiler.ir.graph import Value
from frontends.onnx.context import Converter, MalformedModel, NodeContext
from frontends.onnx.converters.term import Term

Step = Callable[[NodeContext, Term, Term, list[Term]], list[Term]]
"""(context, rate, step count, [value, gradient, *state]) -> [new value, *new state]"""


def _per_tensor(kinds: int, step: Step) -> Converter:
    """Apply ``step`` to each optimized tensor; ``kinds`` is how many inputs there are of each."""

    def convert(ctx: NodeContext) -> list[Value]:
        tensors, rest = divmod(len(ctx.items) - 2, kinds)
        if rest:
            raise MalformedModel(f"{ctx.op_type} {ctx.name!r} has {len(ctx.items)} inputs")
        rate, count = Term.input(ctx, 0), Term.input(ctx, 1)
        results = [
            step(ctx, rate, count, [Term.input(ctx, 2 + kind * tensors + index) for kind in range(kinds)])
            for index in range(tensors)
        ]
        return [result.value for group in zip(*results, strict=True) for result in group]

    return convert


def _regularized(ctx: NodeContext, x: Term, gradient: Term) -> Term:
    """The gradient with that of half the squared norm of x, times ``norm_coefficient``."""
    return x * ctx.float("norm_coefficient", 0.0) + gradient


def _adagrad(ctx: NodeContext, rate: Term, count: Term, tensors: list[Term]) -> list[Term]:
    x, gradient, squares = tensors
    decayed = rate / (count.cast(rate.dtype) * ctx.float("decay_factor", 0.0) + 1)
    direction = _regularized(ctx, x, gradient)
    squares = squares + direction * direction
    return [x - decayed * direction / (squares.sqrt() + ctx.float("epsilon", 1e-6)), squares]


def _adam(ctx: NodeContext, rate: Term, count: Term, tensors: list[Term]) -> list[Term]:
    x, gradient, mean, squares = tensors
    alpha, beta = ctx.float("alpha", 0.9), ctx.float("beta", 0.999)
    direction = _regularized(ctx, x, gradient)
    mean = mean * alpha + direction * (1 - alpha)
    squares = squares * beta + direction * direction * (1 - beta)
    steps = count.cast(rate.dtype)
    powers = [rate.lift(base) ** steps for base in (alpha, beta)]
    corrected = rate * (1 - powers[1]).sqrt() / (1 - powers[0])
    adjusted = (steps > 0).select(corrected, rate)
    moved = x - adjusted * mean / (squares.sqrt() + ctx.float("epsilon", 1e-6))
    return [moved * (1 - ctx.float("norm_coefficient_post", 0.0)), mean, squares]


def _momentum(ctx: NodeContext, rate: Term, count: Term, tensors: list[Term]) -> list[Term]:
    x, gradient, velocity = tensors
    alpha, direction = ctx.float("alpha"), _regularized(ctx, x, gradient)
    later = count.cast(rate.dtype) > 0
    beta = later.select(rate.lift(ctx.float("beta")), 1)
    velocity = velocity * alpha + beta * direction
    nesterov = ctx.string("mode") == "nesterov"
    return [x - rate * (direction + velocity * alpha if nesterov else velocity), velocity]


TRAINING_CONVERTERS: dict[str, Converter] = {
    "Adagrad": _per_tensor(3, _adagrad),
    "Adam": _per_tensor(4, _adam),
    "Momentum": _per_tensor(3, _momentum),
}
"""Operators of the domain ``ai.onnx.preview.training``."""
