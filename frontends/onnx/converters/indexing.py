"""Operators whose indices are data, sorting, and those whose result's shape depends on data."""

from __future__ import annotations

import math

import numpy as np

from compiler.ir import DType, Value
from compiler.ir.literal import Array
from compiler.ir.ops.indexing import GatherNd
from compiler.ir.ops.scattering import REDUCTIONS, ScatterElements, ScatterNd
from compiler.ir.ops.sorting import TopK
from frontends.onnx.context import Converter, NodeContext, Unsupported
from frontends.onnx.converters.suppression import non_max_suppression
from frontends.onnx.converters.term import Term


def _gather(ctx: NodeContext) -> Value:
    return Term.input(ctx, 0, min_rank=1).gather(ctx.int("axis", 0), Term.input(ctx, 1).cast(DType.I64)).value


def _gather_elements(ctx: NodeContext) -> Value:
    return Term.input(ctx, 0, min_rank=1).gather_elements(ctx.int("axis", 0), Term.input(ctx, 1).cast(DType.I64)).value


def _gather_nd(ctx: NodeContext) -> Value:
    return Term.input(ctx, 0).apply(GatherNd(ctx.int("batch_dims", 0)), Term.input(ctx, 1).cast(DType.I64)).value


def _reduction(ctx: NodeContext) -> str:
    reduction = ctx.string("reduction", "none")
    if reduction not in REDUCTIONS:
        raise Unsupported(f"unknown reduction {reduction!r}")
    return reduction


def _scatter_elements(ctx: NodeContext) -> Value:
    x, indices, updates = (Term.input(ctx, i, min_rank=1) for i in range(3))
    op = ScatterElements(ctx.int("axis", 0) % x.rank, _reduction(ctx))
    return x.apply(op, indices.cast(DType.I64), updates).value


def _scatter_nd(ctx: NodeContext) -> Value:
    x, indices, updates = (Term.input(ctx, i) for i in range(3))
    return x.apply(ScatterNd(_reduction(ctx)), indices.cast(DType.I64), updates).value


def _top_k(ctx: NodeContext) -> list[Value]:
    x = Term.input(ctx, 0)
    k = ctx.int("k") if ctx.opset < 10 else int(ctx.require_constant(1, "the number of elements").reshape(-1)[0])
    op = TopK(ctx.int("axis", -1) % x.rank, k, bool(ctx.int("largest", 1)))
    return list(ctx.rw.node(op, [x.value], origin=ctx.name).results)


def _one_hot(ctx: NodeContext) -> Value:
    """``values[1]`` where the position along the new axis equals the index, else ``values[0]``."""
    depth = int(ctx.require_constant(1, "the depth").reshape(-1)[0])
    indices, values = Term.input(ctx, 0), Term.input(ctx, 2)
    indices = indices.cast(DType.I64)
    axis = ctx.int("axis", -1) % (indices.rank + 1)
    indices = (indices < 0).select(indices + depth, indices)
    along = [1] * (indices.rank + 1)
    along[axis] = depth
    positions = Term.const(ctx, np.arange(depth, dtype=np.int64).reshape(along))
    hot = indices.reshape(*indices.shape[:axis], 1, *indices.shape[axis:]).equals(positions)
    return hot.select(values.slice(0, 1, 1).reshape(), values.slice(0, 0, 1).reshape()).value


def _reverse_sequence(ctx: NodeContext) -> Value:
    """The first ``lengths[b]`` elements of each row b mirrored, by a gather at computed positions."""
    x, lengths = Term.input(ctx, 0, min_rank=2), Term.input(ctx, 1)
    time_axis, batch_axis = ctx.int("time_axis", 0), ctx.int("batch_axis", 1)
    if {time_axis, batch_axis} != {0, 1}:
        raise Unsupported("time_axis and batch_axis must be 0 and 1")
    steps, batch = x.shape[time_axis], x.shape[batch_axis]
    positions = Term.const(ctx, np.arange(steps, dtype=np.int64).reshape(1, steps))
    ends = lengths.cast(DType.I64).reshape(batch, 1)
    mirrored = (positions < ends).select(ends - 1 - positions, positions)
    mirrored = mirrored if time_axis == 1 else mirrored.transpose(1, 0)
    shape = (*x.shape[:2], *[1] * (x.rank - 2))
    return x.gather_elements(time_axis, mirrored.reshape(*shape).broadcast(*x.shape)).value


def _array_feature_extractor(ctx: NodeContext) -> Value:
    """Elements along the last axis (ai.onnx.ml)."""
    x, indices = Term.input(ctx, 0), Term.input(ctx, 1).cast(DType.I64).reshape(-1)
    x = x.reshape(1, -1) if x.rank == 1 else x
    return x.gather(-1, indices).value


def _tensor_scatter(ctx: NodeContext) -> Value:
    """A cache with ``update`` written along an axis from ``write_indices[b]`` on, perhaps circularly."""
    cache, update = Term.input(ctx, 0), Term.input(ctx, 1)
    axis = ctx.int("axis", -2) % cache.rank
    batch, steps = cache.shape[0], update.shape[axis]
    starts = np.zeros((batch,), np.int64)
    first = Term.input(ctx, 2).cast(DType.I64) if ctx.has(2) else Term.const(ctx, starts)
    places = first.reshape(batch, 1) + Term.const(ctx, np.arange(steps, dtype=np.int64).reshape(1, steps))
    if ctx.string("mode", "linear") == "circular":
        size = cache.shape[axis]
        places = (places < size).select(places, places - size)
    along = [1] * cache.rank
    along[0], along[axis] = batch, steps
    indices = places.reshape(*along).broadcast(*update.shape)
    return cache.apply(ScatterElements(axis), indices, update).value


# -- results whose shape depends on data: computed at import or refused -----------------------------------


def _known(ctx: NodeContext, index: int) -> Array:
    """An input that decides the result's shape, so that it must be known at import."""
    return ctx.require_constant(index, "the shape of the result")


def _non_zero(ctx: NodeContext) -> Value:
    x = _known(ctx, 0)
    positions = np.array(np.nonzero(x), np.int64) if x.ndim else np.zeros((0, int(bool(x))), np.int64)
    return ctx.const(positions)


def _compress(ctx: NodeContext) -> Value:
    kept = np.flatnonzero(_known(ctx, 1)).astype(np.int64)
    x = Term.input(ctx, 0)
    if not ctx.has_attribute("axis"):
        return x.reshape(-1).gather(0, Term.const(ctx, kept)).value
    return x.gather(ctx.int("axis"), Term.const(ctx, kept)).value


def _unique(ctx: NodeContext) -> list[Value]:
    x = _known(ctx, 0)
    axis = ctx.int("axis") % x.ndim if ctx.has_attribute("axis") else None
    values, first, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=axis)
    inverse = inverse.reshape(-1)
    if not ctx.int("sorted", 1):
        order = np.argsort(first, kind="stable")
        values = values[order] if axis is None else np.take(values, order, axis)
        first, counts = first[order], counts[order]
        inverse = np.argsort(order, kind="stable")[inverse]
    return [ctx.const(values), *(ctx.const(a.astype(np.int64)) for a in (first, inverse, counts))]


def _non_max_suppression(ctx: NodeContext) -> Value:
    """Selected boxes; how many there are depends on the scores, so both must be known."""
    boxes, scores = _known(ctx, 0), _known(ctx, 1)

    def scalar(index: int, default: float) -> float:
        value = ctx.require_constant(index, "a threshold") if ctx.has(index) else np.zeros(0)
        return float(value.reshape(-1)[0]) if value.size else default

    selected = non_max_suppression(
        boxes,
        scores,
        limit=int(scalar(2, 0)),
        iou_threshold=scalar(3, 0.0),
        score_threshold=scalar(4, -math.inf),
        centered=bool(ctx.int("center_point_box", 0)),
    )
    return ctx.const(selected)


CONVERTERS: dict[str, Converter] = {
    "Compress": _compress,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "NonMaxSuppression": _non_max_suppression,
    "NonZero": _non_zero,
    "OneHot": _one_hot,
    "ReverseSequence": _reverse_sequence,
    "Scatter": _scatter_elements,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "TensorScatter": _tensor_scatter,
    "TopK": _top_k,
    "Unique": _unique,
}

ML_CONVERTERS: dict[str, Converter] = {"ArrayFeatureExtractor": _array_feature_extractor}
"""Operators of the domain ``ai.onnx.ml``."""
