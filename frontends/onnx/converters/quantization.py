"""Quantization as the ops ``quantize`` and ``dequantize``, and integer operators in int32 arithmetic."""

from __future__ import annotations

import numpy as np

from compiler.ir import DType, Value
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.quantization import Dequantize, Quantize
from compiler.ir.ops.reduction import ReduceMin
from frontends.onnx.context import Converter, MalformedModel, NodeContext, Unsupported
from frontends.onnx.converters.convolution import convolve, per_filter
from frontends.onnx.converters.linear import per_column, per_row
from frontends.onnx.converters.term import Term, per_channel
from frontends.onnx.converters.window import read_window
from frontends.onnx.types import dtype_of

_STORAGE = (DType.I8, DType.U8, DType.I16, DType.U16)


def _spread(ctx: NodeContext, parameter: Term, x: Term) -> Term:
    """A scale or zero point to broadcast over x: one number, one per element of an axis, or one per block."""
    if parameter.rank == 0 or parameter.shape == (1,):
        return parameter.reshape()
    axis = ctx.int("axis", 1)
    if not -x.rank <= axis < x.rank:
        raise MalformedModel(f"{ctx.op_type} {ctx.name!r}: axis {axis} is out of range for rank {x.rank}")
    axis %= x.rank
    block = ctx.int("block_size", 0)
    if not block:
        along = [1] * x.rank
        along[axis] = -1
        return parameter.reshape(*along)
    shape = parameter.shape
    wide = parameter.reshape(*shape[: axis + 1], 1, *shape[axis + 1 :])
    wide = wide.broadcast(*shape[: axis + 1], block, *shape[axis + 1 :])
    merged = wide.reshape(*shape[:axis], shape[axis] * block, *shape[axis + 1 :])
    if merged.shape[axis] < x.shape[axis]:
        raise MalformedModel(f"{ctx.op_type} {ctx.name!r}: the blocks do not cover axis {axis}")
    return merged.slice(axis, 0, x.shape[axis])


def _quantize_linear(ctx: NodeContext) -> Value:
    x, scale = Term.input(ctx, 0), Term.input(ctx, 1)
    stated = ctx.int("output_dtype", 0)
    if ctx.has(2):
        zero_point = Term.input(ctx, 2)
    else:
        dtype = dtype_of(stated) if stated else DType.U8
        zero_point = Term.const(ctx, np.zeros((), dtype.numpy))
    if zero_point.dtype not in _STORAGE:
        raise Unsupported(f"cannot quantize to {zero_point.dtype.value}")
    if not x.dtype is scale.dtype is DType.F16:
        x, scale = x.cast(DType.F32), scale.cast(DType.F32)
    return x.apply(Quantize(), _spread(ctx, scale, x), _spread(ctx, zero_point, x)).value


def _dequantize_linear(ctx: NodeContext) -> Value:
    x, scale = Term.input(ctx, 0), Term.input(ctx, 1)
    stated = ctx.int("output_dtype", 0)
    target = dtype_of(stated) if stated else scale.dtype
    scale = _spread(ctx, scale, x)
    if x.dtype.is_float:  # 8-bit floats, held as float32: they have no zero point
        return (x * scale.cast(x.dtype)).cast(target).value
    zero_point = Term.input(ctx, 2) if ctx.has(2) else Term.const(ctx, np.zeros((), x.dtype.numpy))
    return x.apply(Dequantize(), scale, _spread(ctx, zero_point, x)).cast(target).value


def _dynamic_quantize_linear(ctx: NodeContext) -> list[Value]:
    """To uint8 with the range of the data, which always contains 0; the range of zeros gets the scale 1."""
    x = Term.input(ctx, 0)
    axes = tuple(range(x.rank))
    high = x.max(axes, keep=False).maximum(0)
    low = x.apply(ReduceMin(axes, keep=False)).minimum(0)
    width = (high - low) / 255
    scale = width.equals(0).select(x.lift(1), width)
    zero_point = (-low / scale).apply(Quantize(), x.lift(1), Term.const(ctx, np.zeros((), np.uint8)))
    return [x.apply(Quantize(), scale, zero_point).value, scale.value, zero_point.value]


def _requantize(total: Term, factor: Term, zero_point: Term) -> Value:
    """``saturate(round(total * factor) + zero_point)`` of an int32 sum, as ONNX Runtime computes it."""
    real = total.cast(DType.F32) * factor
    return real.apply(Quantize(), real.lift(1), zero_point).value


def _real(ctx: NodeContext, index: int) -> Term:
    return Term.input(ctx, index).cast(DType.F32)


def _whole(ctx: NodeContext, index: int) -> Term:
    return Term.input(ctx, index).cast(DType.I32)


def _qlinear_conv(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0, min_rank=3).cast(DType.I32)
    w = Term.input(ctx, 3, rank=x.rank).cast(DType.I32)
    window = read_window(ctx, x.shape[2:], w.shape[2:])
    centered = x - _whole(ctx, 2).reshape()
    weights = w - per_filter(_whole(ctx, 5), w.rank)
    total = convolve(centered, weights, window, ctx.int("group", 1))
    if ctx.has(8):
        total = total + per_channel(Term.input(ctx, 8), x.rank)
    w_scale = _real(ctx, 4)
    w_scale = per_channel(w_scale, x.rank) if w_scale.value.type.elements > 1 else w_scale.reshape()
    factor = _real(ctx, 1).reshape() * w_scale / _real(ctx, 6).reshape()
    return _requantize(total, factor, Term.input(ctx, 7).reshape())


def _qlinear_matmul(ctx: NodeContext) -> Value:
    a, b = _whole(ctx, 0), _whole(ctx, 3)
    if min(a.rank, b.rank) < 2:
        raise Unsupported("operands with one axis are not implemented")
    total = (a - per_row(_whole(ctx, 2))).apply(MatMul(), b - per_column(_whole(ctx, 5)))
    factor = per_row(_real(ctx, 1)) * per_column(_real(ctx, 4)) / per_row(_real(ctx, 6))
    return _requantize(total, factor, per_row(Term.input(ctx, 7)))


CONVERTERS: dict[str, Converter] = {
    "DequantizeLinear": _dequantize_linear,
    "DynamicQuantizeLinear": _dynamic_quantize_linear,
    "QLinearConv": _qlinear_conv,
    "QLinearMatMul": _qlinear_matmul,
    "QuantizeLinear": _quantize_linear,
}
