"""Operators that make tensors from parameters: constants, ranges, masks."""

from __future__ import annotations

import math

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.literal import Array
from compiler.ir.ops import binary
from frontends.onnx.context import Converter, MalformedModel, NodeContext, Unsupported
from frontends.onnx.converters.parameters import constant_ints
from frontends.onnx.types import dtype_of


def constant(ctx: NodeContext) -> Value:
    """The tensor, number or list of numbers in the one attribute."""
    if ctx.has_attribute("value"):
        return ctx.tensor_constant("value")
    if ctx.has_attribute("value_float"):
        return ctx.scalar(ctx.float("value_float"), DType.F32)
    if ctx.has_attribute("value_floats"):
        return ctx.const(np.array(ctx.floats("value_floats"), np.float32))
    if ctx.has_attribute("value_int"):
        return ctx.scalar(ctx.int("value_int"), DType.I64)
    if ctx.has_attribute("value_ints"):
        return ctx.const(np.array(ctx.ints("value_ints"), np.int64))
    raise Unsupported(f"constants of the form {', '.join(ctx.attributes) or 'nothing'} are not supported")


def constant_of_shape(ctx: NodeContext) -> Value:
    """One value, by default 0.0, in every place of a known shape."""
    shape = constant_ints(ctx, 0, "the shape")
    if not ctx.has_attribute("value"):
        return ctx.broadcast(ctx.scalar(0, DType.F32), shape)
    return ctx.broadcast(ctx.reshape(ctx.tensor_constant("value"), ()), shape)


def range_(ctx: NodeContext) -> Value:
    """start, start + delta, ... up to and without limit."""
    start, limit, delta = (
        ctx.require_constant(index, f"the {name}, and with it the result's shape,").reshape(())
        for index, name in enumerate(("start", "limit", "delta"))
    )
    if not delta:
        raise MalformedModel(f"Range {ctx.name!r} has a step of zero")
    # Python's numbers neither wrap nor round.
    count = max(0, math.ceil((limit.item() - start.item()) / delta.item()))
    return ctx.const(_arithmetic(start, delta, count))


def _arithmetic(start: Array, delta: Array, count: int) -> Array:
    wide = np.float64 if start.dtype.kind == "f" else start.dtype
    steps = np.arange(count).astype(wide)
    return (start.astype(wide) + steps * delta.astype(wide)).astype(start.dtype)


def eye_like(ctx: NodeContext) -> Value:
    """Ones on diagonal number ``k`` of a matrix of zeros with the input's shape."""
    x = ctx.input(0)
    dtype = dtype_of(ctx.int("dtype")) if ctx.has_attribute("dtype") else x.type.dtype
    rows, columns = x.type.shape
    return ctx.cast(ctx.const(np.eye(rows, columns, ctx.int("k", 0), dtype=np.float32)), dtype)


def trilu(ctx: NodeContext) -> Value:
    """The upper (or lower) triangle of matrices from diagonal number k on, zero elsewhere. k may be data."""
    x = ctx.input(0)
    rows, columns = x.type.shape[-2:]
    diagonal = ctx.const(np.arange(columns, dtype=np.int64)[None] - np.arange(rows, dtype=np.int64)[:, None])
    k = ctx.reshape(ctx.input(1), ()) if ctx.has(1) else ctx.scalar(0, DType.I64)
    ordered = (k, diagonal) if ctx.int("upper", 1) else (diagonal, k)
    return ctx.emit(binary.Select(), ctx.emit(binary.LessEqual(), *ordered), x, ctx.scalar(0, x))


CONVERTERS: dict[str, Converter] = {
    "Constant": constant,
    "ConstantOfShape": constant_of_shape,
    "EyeLike": eye_like,
    "Range": range_,
    "Trilu": trilu,
}
