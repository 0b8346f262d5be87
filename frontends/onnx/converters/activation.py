"""Activations, softmax and its relatives, and dropout."""

from __future__ import annotations

import math

import numpy as np

from compiler.ir import DType, Value
from compiler.ir.literal import Array
from compiler.ir.ops.reduction import ArgMax
from compiler.ir.ops.unary import Erf
from frontends.onnx.context import Converter, NodeContext, Unsupported
from frontends.onnx.converters.term import Term


def _relu(ctx: NodeContext) -> Value:
    return Term.input(ctx, 0).maximum(0).value


def _sigmoid(ctx: NodeContext) -> Value:
    return Term.input(ctx, 0).sigmoid().value


def _tanh(ctx: NodeContext) -> Value:
    return Term.input(ctx, 0).tanh().value


def _leaky_relu(ctx: NodeContext) -> Value:
    x, alpha = Term.input(ctx, 0), ctx.float("alpha", 0.01)
    if 0 < alpha <= 1:
        return x.maximum(x * alpha).value
    return (x < 0).select(x * alpha, x).value


def _prelu(ctx: NodeContext) -> Value:
    x, slope = Term.input(ctx, 0), Term.input(ctx, 1)
    return (x < 0).select(x * slope, x).value


def _elu(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0)
    return (x < 0).select((x.exp() - 1) * ctx.float("alpha", 1.0), x).value


def _selu(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0)
    alpha = ctx.float("alpha", 1.6732632423543772)
    gamma = ctx.float("gamma", 1.0507009873554805)
    return (x < 0).select((x.exp() - 1) * (alpha * gamma), x * gamma).value


def _celu(ctx: NodeContext) -> Value:
    x, alpha = Term.input(ctx, 0), ctx.float("alpha", 1.0)
    return (x < 0).select(((x * (1 / alpha)).exp() - 1) * alpha, x).value


def gelu(x: Term, approximate: str = "none") -> Term:
    """x times the normal distribution function of x: exact by erf, or "tanh" (Hendrycks and Gimpel, 2016)."""
    if approximate == "tanh":
        inner = (x * x * x * 0.044715 + x) * math.sqrt(2 / math.pi)
        return x * 0.5 * (inner.tanh() + 1)
    return x * 0.5 * ((x * math.sqrt(0.5)).apply(Erf()) + 1)


def _gelu(ctx: NodeContext) -> Value:
    return gelu(Term.input(ctx, 0), ctx.string("approximate", "none")).value


def hard_sigmoid(x: Term, alpha: float, beta: float) -> Term:
    """The line alpha x + beta, limited to [0, 1]."""
    return (x * alpha + beta).clip(0, 1)


def _hard_sigmoid(ctx: NodeContext) -> Value:
    return hard_sigmoid(Term.input(ctx, 0), ctx.float("alpha", 0.2), ctx.float("beta", 0.5)).value


def _hard_swish(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0)
    return (x * hard_sigmoid(x, 1 / 6, 0.5)).value


def softplus(x: Term) -> Term:
    """log(1 + exp(x)) without overflow: the larger of x and 0 plus log(1 + exp(-|x|))."""
    return x.maximum(0) + ((-x.abs()).exp() + 1).log()


def _softplus(ctx: NodeContext) -> Value:
    return softplus(Term.input(ctx, 0)).value


def _mish(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0)
    return (x * softplus(x).tanh()).value


def softsign(x: Term) -> Term:
    """x / (1 + |x|)."""
    return x / (x.abs() + 1)


def _softsign(ctx: NodeContext) -> Value:
    return softsign(Term.input(ctx, 0)).value


def _swish(ctx: NodeContext) -> Value:
    x, alpha = Term.input(ctx, 0), ctx.float("alpha", 1.0)
    return (x * (x if alpha == 1 else x * alpha).sigmoid()).value


def _thresholded_relu(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0)
    return (x > ctx.float("alpha", 1.0)).select(x, 0).value


def _shrink(ctx: NodeContext) -> Value:
    source = Term.input(ctx, 0)
    limit, bias = ctx.float("lambd", 0.5), ctx.float("bias", 0.0)
    x = source if source.dtype.is_float else source.cast(DType.F64)
    return (x < -limit).select(x + bias, (x > limit).select(x - bias, 0)).cast(source.dtype).value


# -- softmax ----------------------------------------------------------------------------------------


def softmax(x: Term, axis: int) -> Term:
    """exp(x) / sum(exp(x)) along an axis, shifted by the largest element against overflow.

    The sum is at least 1, so that its inverse is as good as a division; half precision has no digits to spare for it.
    """
    powers = (x - x.max([axis])).exp()
    total = powers.sum([axis])
    return powers / total if x.dtype is DType.F16 else powers * (1 / total)


def log_softmax(x: Term, axis: int) -> Term:
    """The logarithm of ``softmax``."""
    shifted = x - x.max([axis])
    return shifted - shifted.exp().sum([axis]).log()


def _hardmax(x: Term, axis: int) -> Term:
    first = x.apply(ArgMax(axis % x.rank))
    sizes = [1] * x.rank
    sizes[axis] = x.shape[axis]
    positions = Term.const(x.ctx, np.arange(x.shape[axis], dtype=np.int64).reshape(sizes))
    return first.equals(positions).cast(x.dtype)


def _along_axis(ctx: NodeContext) -> Value:
    """Softmax, LogSoftmax, Hardmax; before opset 13 the axes from ``axis`` on are flattened into one."""
    function = {"Softmax": softmax, "LogSoftmax": log_softmax, "Hardmax": _hardmax}[ctx.op_type]
    x = Term.input(ctx, 0)
    if x.value.type.elements == 0:
        return x.value
    if ctx.opset >= 13:
        return function(x, ctx.int("axis", -1)).value
    axis = ctx.int("axis", 1) % max(x.rank, 1)
    if axis == x.rank - 1:
        return function(x, -1).value
    rows = math.prod(x.shape[:axis])
    return function(x.reshape(rows, -1), 1).reshape(*x.shape).value


# -- dropout ----------------------------------------------------------------------------------------


def _scalar(value: Array | None, default: float) -> float:
    return default if value is None else float(value.reshape(-1)[0])


def _dropout(ctx: NodeContext) -> list[Value | None]:
    """The identity: at inference nothing is dropped."""
    training = ctx.opset >= 12 and ctx.has(2) and bool(ctx.require_constant(2, "the training mode").any())
    if training and not (ctx.has(1) and _scalar(ctx.require_constant(1, "the ratio"), 0.5) == 0):
        raise Unsupported("in training mode the result is random")
    x = ctx.input(0)
    dtype = DType.BOOL if ctx.opset >= 10 else x.type.dtype
    mask = ctx.broadcast(ctx.scalar(1, dtype), x.type.shape) if ctx.output_used(1) else None
    return [x, mask]


CONVERTERS: dict[str, Converter] = {
    "Celu": _celu,
    "Dropout": _dropout,
    "Elu": _elu,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Hardmax": _along_axis,
    "LeakyRelu": _leaky_relu,
    "LogSoftmax": _along_axis,
    "Mish": _mish,
    "PRelu": _prelu,
    "Relu": _relu,
    "Selu": _selu,
    "Shrink": _shrink,
    "Sigmoid": _sigmoid,
    "Softmax": _along_axis,
    "Softplus": _softplus,
    "Softsign": _softsign,
    "Swish": _swish,
    "Tanh": _tanh,
    "ThresholdedRelu": _thresholded_relu,
}
