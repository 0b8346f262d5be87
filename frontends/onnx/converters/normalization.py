"""Normalizations: values shifted and scaled by statistics that are given (batch) or computed (all others)."""

from __future__ import annotations

import math

import numpy as np

from compiler.ir import DType, Value
from compiler.ir.ops.pooling import SumPool
from frontends.onnx.context import Converter, NodeContext, Unsupported
from frontends.onnx.converters.term import Term, per_channel


def _batch_normalization(ctx: NodeContext) -> list[Value | None]:
    training = bool(ctx.int("training_mode", 0)) if ctx.opset >= 14 else ctx.output_count > 1
    if training and ctx.opset < 14:
        raise Unsupported("training-mode results of opsets before 14 are not implemented")
    x = Term.input(ctx, 0, min_rank=1)
    scale, shift, mean, variance = (Term.input(ctx, i) for i in range(1, 5))
    outputs: list[Value | None] = []
    if training:
        momentum = ctx.float("momentum", 0.9)
        axes = [axis for axis in range(x.rank) if axis != 1]
        now_mean, now_variance = moments(x, axes)
        now = now_mean.reshape(-1).cast(mean.dtype), now_variance.reshape(-1).cast(variance.dtype)
        outputs = [
            (old * momentum + new * (1 - momentum)).value for old, new in zip((mean, variance), now, strict=True)
        ]
        mean, variance = now
    factor, offset = _affine(ctx, scale, shift, mean, variance, training)
    result = x * _batched(factor, x) + _batched(offset, x)
    return [result.value, *outputs]


def _batched(parameter: Term, x: Term) -> Term:
    """A parameter per channel, or per element of a sample (spatial=0, until opset 8), to broadcast over x."""
    if x.rank == 1:
        return parameter.cast(x.dtype)  # samples without a channel axis: there is one channel
    trailing = [1] * (x.rank - 1 - parameter.rank)
    return parameter.reshape(1, *parameter.shape, *trailing).cast(x.dtype)


def _affine(
    ctx: NodeContext, scale: Term, shift: Term, mean: Term, variance: Term, training: bool
) -> tuple[Term, Term]:
    """The per-channel factor and offset that normalization amounts to; constants if the parameters are."""
    epsilon = ctx.float("epsilon", 1e-5)
    known = [None if training and i > 2 else ctx.constant(i) for i in range(1, 5)]
    if any(array is None for array in known):
        scale, shift = scale.cast(mean.dtype), shift.cast(mean.dtype)
        factor = scale / (variance.cast(mean.dtype) + epsilon).sqrt()
        return factor, shift - mean * factor
    scales, shifts, means, variances = (array.astype(np.float64) for array in known if array is not None)
    factors = scales / np.sqrt(variances + epsilon)
    offsets = shifts - means * factors
    return Term.const(ctx, factors.astype(np.float32)), Term.const(ctx, offsets.astype(np.float32))


def moments(x: Term, axes: list[int]) -> tuple[Term, Term]:
    """Mean and population variance over axes, which stay with size 1."""
    mean = x.mean(axes)
    centered = x - mean
    return mean, (centered * centered).mean(axes)


def standardize(x: Term, axes: list[int], epsilon: float) -> tuple[Term, Term, Term]:
    """``(x - mean) / sqrt(variance + epsilon)`` over axes, the mean, and the reciprocal of the root."""
    mean = x.mean(axes)
    centered = x - mean
    reciprocal = 1 / ((centered * centered).mean(axes) + epsilon).sqrt()
    return centered * reciprocal, mean, reciprocal


def _instance_normalization(ctx: NodeContext) -> Value:
    x, scale, shift = Term.input(ctx, 0, min_rank=3), Term.input(ctx, 1), Term.input(ctx, 2)
    wide = _in_float32(x)
    normal, _, _ = standardize(wide, list(range(2, x.rank)), ctx.float("epsilon", 1e-5))
    result = normal * per_channel(scale.cast(wide.dtype), x.rank) + per_channel(shift.cast(wide.dtype), x.rank)
    return result.cast(x.dtype).value


def _in_float32(x: Term) -> Term:
    """float16 widened: the statistics of many half-precision numbers need more digits."""
    return x.cast(DType.F32) if x.dtype is DType.F16 else x


def _stash(ctx: NodeContext, x: Term) -> Term:
    """``x`` in the type that the attribute stash_type asks for, but never narrower than float32."""
    types = {1: DType.F32, 10: DType.F32, 11: DType.F64, 16: DType.F32}
    stash = ctx.int("stash_type", 1)
    if stash not in types:
        raise Unsupported(f"unknown stash_type {stash}")
    return x if x.dtype is DType.F64 else x.cast(types[stash])


def _layer_normalization(ctx: NodeContext) -> list[Value | None]:
    x = Term.input(ctx, 0)
    wide = _stash(ctx, x)
    axes = list(range(ctx.int("axis", -1) % x.rank, x.rank))
    normal, mean, reciprocal = standardize(wide, axes, ctx.float("epsilon", 1e-5))
    result = normal.cast(x.dtype) * Term.input(ctx, 1)
    if ctx.has(2):
        result = result + Term.input(ctx, 2)
    return [result.value, mean.value, reciprocal.value]


def _rms_normalization(ctx: NodeContext) -> Value:
    x, scale = Term.input(ctx, 0), Term.input(ctx, 1)
    wide = _stash(ctx, x)
    axes = list(range(ctx.int("axis", -1) % x.rank, x.rank))
    root = ((wide * wide).mean(axes) + ctx.float("epsilon", 1e-5)).sqrt()
    return ((wide / root).cast(scale.dtype) * scale).value


def _group_normalization(ctx: NodeContext) -> Value:
    x, scale, shift = Term.input(ctx, 0, min_rank=3), Term.input(ctx, 1), Term.input(ctx, 2)
    groups = ctx.int("num_groups")
    wide = _stash(ctx, x)
    grouped = wide.reshape(x.shape[0], groups, -1)
    normal, _, _ = standardize(grouped, [2], ctx.float("epsilon", 1e-5))
    if ctx.opset < 21 and scale.shape == (groups,):  # one scale per group, not yet per channel
        result = normal.cast(x.dtype) * scale.reshape(1, -1, 1) + shift.reshape(1, -1, 1)
        return result.reshape(*x.shape).value
    normal = normal.reshape(*x.shape).cast(x.dtype)
    return (normal * per_channel(scale, x.rank) + per_channel(shift, x.rank)).value


def _lp_normalization(ctx: NodeContext) -> Value:
    x, axis, p = Term.input(ctx, 0), ctx.int("axis", -1), ctx.int("p", 2)
    if p not in (1, 2):
        raise Unsupported(f"p must be 1 or 2, not {p}")
    norm = x.abs().sum([axis]) if p == 1 else (x * x).sum([axis]).sqrt()
    return norm.equals(0).select(x.lift(0), x / norm).value


def _mean_variance_normalization(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0)
    axes = [axis % x.rank for axis in ctx.ints("axes", (0, 2, 3))]
    mean = x.mean(axes)
    centered = x - mean
    return (centered / ((centered * centered).mean(axes).sqrt() + 1e-9)).value


def _lrn(ctx: NodeContext) -> Value:
    """x / (bias + alpha / size * sum of squares over ``size`` neighbouring channels) to the power of beta."""
    x, size = Term.input(ctx, 0, min_rank=2), ctx.int("size")
    before, after = (size - 1) // 2, size - 1 - (size - 1) // 2
    rows = x.reshape(x.shape[0], 1, x.shape[1], math.prod(x.shape[2:]))
    window = SumPool((size, 1), (1, 1), (before, 0), (after, 0), (1, 1))
    total = (rows * rows).apply(window).reshape(*x.shape)
    base = total * (ctx.float("alpha", 1e-4) / size) + ctx.float("bias", 1.0)
    return (x / base ** ctx.float("beta", 0.75)).value


CONVERTERS: dict[str, Converter] = {
    "BatchNormalization": _batch_normalization,
    "GroupNormalization": _group_normalization,
    "InstanceNormalization": _instance_normalization,
    "LRN": _lrn,
    "LayerNormalization": _layer_normalization,
    "LpNormalization": _lp_normalization,
    "MeanVarianceNormalization": _mean_variance_normalization,
    "RMSNormalization": _rms_normalization,
}
