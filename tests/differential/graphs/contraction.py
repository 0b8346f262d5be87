"""Steps that sum products, and those that reduce windows as convolutions do."""

from __future__ import annotations

from compiler.ir import DType, Op, TensorType, Value
from compiler.ir.ops import binary, contraction, pooling, winograd
from tests.differential.drawing import SIZES, Region, convert, operand
from tests.differential.graphs.step import LIMIT, Step, numeric
from tests.differential.regions import window_axis


def _matmul(region: Region, value: Value) -> Value:
    if value.type.rank < 2:
        return value
    value = numeric(region, value)
    k, n, transpose = value.type.shape[-1], region.one_of(SIZES), region.chance(2)
    batch = value.type.shape[:-2] if region.chance(3) else ()
    if value.type.elements // max(k, 1) * n > LIMIT:
        return value
    type_ = value.type.with_shape((*batch, *((n, k) if transpose else (k, n))))
    return region.emit(contraction.MatMul(transpose), value, _weights(region, type_))


def _weights(region: Region, type_: TensorType) -> Value:
    """Mostly a constant, which passes pack."""
    if region.chance(4):
        return operand(region, type_)
    return region.constant(type_)


def _conv(region: Region, value: Value) -> Value:
    if not 3 <= value.type.rank <= 5:
        return value
    value = numeric(region, value)
    channels = value.type.shape[1]
    groups = region.one_of([n for n in (1, 1, 2, 3, channels) if channels % n == 0])
    axes = [_window_over(region, size) for size in value.type.shape[2:]]
    window, strides, low, high, dilations = zip(*axes, strict=True)
    filters = groups * region.one_of((1, 2, 4, 9))
    op = contraction.Conv(strides, low, high, dilations, groups)
    weights = _weights(region, value.type.with_shape((filters, channels // groups, *window)))
    made = region.emit(op, value, weights)
    if region.chance(2):
        return made
    bias = region.constant(made.type.with_shape((filters, *(1 for _ in window))))
    return region.emit(region.one_of((binary.Add, binary.Mul))(), made, bias)


def _winograd_conv(region: Region, value: Value) -> Value:
    if value.type.rank != 4 or not value.type.elements:
        return value
    value = value if value.type.dtype is DType.F32 else convert(region, value, DType.F32)
    outputs = region.one_of((2, 4))
    low, high = ((region.number(0, 2), region.number(0, 2)) for _ in range(2))
    high = tuple(
        after + max(0, 3 - size - before - after)
        for size, before, after in zip(value.type.shape[2:], low, high, strict=True)
    )
    weights = value.type.with_shape(((outputs + 2) ** 2, region.one_of((1, 2, 9)), value.type.shape[1]))
    return region.emit(winograd.WinogradConv(outputs, low, high), value, _weights(region, weights))


def _pool(region: Region, value: Value) -> Value:
    if not 3 <= value.type.rank <= 5:
        return value
    value = numeric(region, value)
    axes = [_window_over(region, size) for size in value.type.shape[2:]]
    window, strides, low, high, dilations = zip(*axes, strict=True)
    cls = region.one_of((pooling.MaxPool, pooling.SumPool))
    return region.emit(cls(window, strides, low, high, dilations), value)


def _window_over(region: Region, size: int) -> tuple[int, int, int, int, int]:
    """Window attributes of an axis of ``size``: padded until a window fits."""
    taps, stride, low, high, dilation, least = window_axis(region, 1, (0, 2))
    return taps, stride, low, high + max(0, least - size), dilation


STEPS: tuple[Step, ...] = (_matmul, _matmul, _conv, _conv, _pool, _winograd_conv)

COVERED: tuple[type[Op], ...] = (
    contraction.MatMul,
    contraction.Conv,
    winograd.WinogradConv,
    pooling.MaxPool,
    pooling.SumPool,
)
