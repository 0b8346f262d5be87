"""Attention and rotary embeddings, in fewer and plainer ops than ONNX's function bodies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from compiler.ir import DType, Value
from compiler.ir.ops.contraction import MatMul
from frontends.onnx.context import Converter, MalformedModel, NodeContext
from frontends.onnx.converters.activation import softmax
from frontends.onnx.converters.term import Term, concat
from frontends.onnx.types import dtype_of


def _attention(ctx: NodeContext) -> list[Value]:
    """softmax(scale Q K' + bias) V per head. Queries that share a head of keys are rows of one product."""
    query, key, value = (_by_heads(ctx, i, "q_num_heads" if i == 0 else "kv_num_heads") for i in range(3))
    past = 0
    if ctx.has(4):
        past = ctx.input(4).type.shape[2]
        key, value = concat([Term.input(ctx, 4), key], 2), concat([Term.input(ctx, 5), value], 2)
    batch, heads, steps, width = query.shape
    shared = (batch, key.shape[1], heads // key.shape[1] * steps)
    scale = ctx.float("scale", 0.0) if ctx.has_attribute("scale") else 1 / math.sqrt(width)
    if query.dtype is DType.F16:  # as the standard says: a product of unscaled halves could overflow
        rows, columns = query * math.sqrt(scale), key * math.sqrt(scale)
    else:
        rows, columns = query * scale, key
    scores = rows.reshape(*shared, width).apply(MatMul(transpose_b=True), columns)
    scores = scores.reshape(batch, heads, steps, key.shape[2])
    stages = [scores]
    if softcap := ctx.float("softcap", 0.0):
        scores = (scores * (1 / softcap)).tanh() * softcap
    stages.append(scores)
    mask = _mask(ctx, steps, key.shape[2], past)
    scores = mask.applied(scores)
    stages.append(scores)
    precision = ctx.int("softmax_precision", 0)
    wide = scores.cast(_at_least_f16(precision)) if precision else scores
    weights = (_guarded_softmax(wide) if mask.may_hide_rows else softmax(wide, -1)).cast(query.dtype)
    stages.append(weights)
    result = weights.reshape(*shared, -1).apply(MatMul(), value).reshape(batch, heads, steps, -1)
    if ctx.input(0).type.rank == 3:
        result = result.transpose(0, 2, 1, 3).reshape(batch, steps, -1)
    stage = stages[ctx.int("qk_matmul_output_mode", 0)]
    return [term.value for term in (result, key, value, stage)]


def _at_least_f16(code: int) -> DType:
    """The IR type of an ONNX element type; float32 for bfloat16, which converters never compute in."""
    dtype = dtype_of(code)
    return DType.F32 if dtype is DType.BF16 else dtype


def _by_heads(ctx: NodeContext, index: int, attribute: str) -> Term:
    """An input [batch, steps, heads * width] or [batch, heads, steps, width] as the latter."""
    x = Term.input(ctx, index)
    if x.rank == 4:
        return x
    if x.rank != 3:
        raise MalformedModel(f"Attention {ctx.name!r}: input {index} has {x.rank} axes, expected 3 or 4")
    return x.reshape(*x.shape[:2], ctx.int(attribute), -1).transpose(0, 2, 1, 3)


@dataclass(frozen=True)
class Mask:
    """What is added to the scores (None: nothing) and which keys each query sees (None: all)."""

    bias: Term | None
    visible: Term | None
    may_hide_rows: bool
    """Whether a query may see no key at all; its result is zero."""

    def applied(self, scores: Term) -> Term:
        """The scores with the bias, and minus infinity where a key is hidden."""
        scores = scores if self.bias is None else scores + self.bias
        return scores if self.visible is None else self.visible.select(scores, -math.inf)


def _mask(ctx: NodeContext, steps: int, keys: int, past: int) -> Mask:
    bias: Term | None = None
    visible: list[Term] = []
    fixed = np.ones((steps, keys), np.bool_)
    lengths = Term.input(ctx, 6).cast(DType.I64).reshape(-1, 1, 1, 1) if ctx.has(6) else None
    if lengths is not None:
        visible.append(Term.const(ctx, np.arange(keys)) < lengths)
    bounds = _window(ctx)
    if lengths is not None and not ctx.has(4):
        ahead = np.arange(keys) - np.arange(steps).reshape(-1, 1)
        visible += [(sign * (Term.const(ctx, ahead) - (lengths - steps))) <= bound for sign, bound in bounds]
    else:
        ahead = np.arange(keys) - np.arange(steps).reshape(-1, 1) - past
        for sign, bound in bounds:
            fixed &= sign * ahead <= bound
    if not fixed.all():
        visible.append(Term.const(ctx, fixed))
    if ctx.has(3):
        given = Term.input(ctx, 3)
        missing = [0] * (given.rank - 1) + [keys - given.shape[-1]]
        if given.dtype is DType.BOOL:
            visible.append(given.pad([0] * given.rank, missing))
        else:
            bias = given.pad([0] * given.rank, missing, -math.inf)
    combined: Term | None = None
    for term in visible:
        combined = term if combined is None else combined & term
    computed = bias is not None or len(visible) > int(not fixed.all())
    return Mask(bias, combined, computed or not fixed.any(1).all())


def _window(ctx: NodeContext) -> list[tuple[int, int]]:
    """Bounds (sign, limit) on how far a key lies ahead of its query: sign * distance <= limit."""
    left, right = ctx.int("left_window_size", -1), ctx.int("right_window_size", -1)
    bounds = [(-1, left)] if left >= 0 else []
    bounds += [(1, right)] if right >= 0 else []
    return bounds + ([(1, 0)] if ctx.int("is_causal", 0) else [])


def _guarded_softmax(scores: Term) -> Term:
    """Softmax over the last axis, zero in rows that are minus infinity throughout."""
    top = scores.max([-1])
    powers = (scores - top.equals(-math.inf).select(top.lift(0), top)).exp()
    total = powers.sum([-1])
    return powers / total.equals(0).select(total.lift(1), total)


def _rotary_embedding(ctx: NodeContext) -> Value:
    """Pairs of features rotated by angles that depend on the position (Su et al., 2021).

    ``x`` is [batch, heads, steps, features] or [batch, steps, heads * features]; the caches hold cosines
    and sines, [positions, pairs] with position ids, else [batch, steps, pairs].
    """
    x, ids = Term.input(ctx, 0), 3
    shape = x.shape
    if x.rank == 3:
        heads = ctx.int("num_heads")
        x = x.reshape(*shape[:2], heads, shape[2] // heads).transpose(0, 2, 1, 3)
    cos, sin = (_angles(Term.input(ctx, i), Term.input(ctx, ids) if ctx.has(ids) else None) for i in (1, 2))
    width = ctx.int("rotary_embedding_dim", 0) or x.shape[3]
    turned, rest = x.slice(3, 0, width), x.slice(3, width, x.shape[3] - width)
    interleaved = bool(ctx.int("interleaved", 0))
    half = width // 2
    step = 2 if interleaved else 1
    first = turned.slice(3, 0, half, step)
    second = turned.slice(3, 1 if interleaved else half, half, step)
    real, imaginary = cos * first - sin * second, sin * first + cos * second
    if interleaved:
        pairs = [part.reshape(*part.shape, 1) for part in (real, imaginary)]
        turned = concat(pairs, 4).reshape(*turned.shape)
    else:
        turned = concat([real, imaginary], 3)
    result = concat([turned, rest], 3) if width < x.shape[3] else turned
    return (result.transpose(0, 2, 1, 3).reshape(*shape) if len(shape) == 3 else result).value


def _angles(cache: Term, ids: Term | None) -> Term:
    """[batch, 1, steps, pairs]."""
    chosen = cache if ids is None else cache.gather(0, ids.cast(DType.I64))
    return chosen.reshape(chosen.shape[0], 1, *chosen.shape[1:])


CONVERTERS: dict[str, Converter] = {"Attention": _attention, "RotaryEmbedding": _rotary_embedding}
