"""Rows of the window ops: sums of products and pools, in gather form.

The generic template can run them as they are; the templates for convolution and matrix products do the same sums
in an order that the machine likes better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast as as_type

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.arithmetic import plus, times
from compiler.codegen.computes.interface import Compute, Index, Operand, Position, Reduction
from compiler.codegen.computes.positions import add, affine, broadcast_position, clamp, position_lanes, within
from compiler.codegen.tir import Binder, arithmetic_type, broadcast, element_type, lane_count, literal, maximum, select
from compiler.ir import DType, Op, TensorType
from compiler.ir.ops import contraction, pooling
from compiler.ir.ops.reduction import lowest

Accumulators = tuple[Expr, ...]


def _zero_start(op: Op, types: Sequence[TensorType]) -> Accumulators:
    return (literal(0, arithmetic_type(types[0].dtype)),)


def _first(k: Binder, op: Op, types: Sequence[TensorType], total: Accumulators) -> Expr:
    return total[0]


def _sum(k: Binder, op: Op, a: Accumulators, b: Accumulators) -> Accumulators:
    return (plus(a[0], b[0]),)


def _widen(element: Expr, width: int) -> Expr:
    return element if lane_count(element) == width else broadcast(element, width)


def _matmul_step(
    k: Binder, op: Op, operands: Sequence[Operand], place: Position, domain: Position, old: Accumulators
) -> Accumulators:
    a, b = operands
    *batch, row, column = place
    width = position_lanes((*place, *domain))
    left = a.at((*broadcast_position(tuple(batch), a.type.shape[:-2]), row, domain[0]))
    inner = (column, domain[0]) if as_type(contraction.MatMul, op).transpose_b else (domain[0], column)
    right = b.at((*broadcast_position(tuple(batch), b.type.shape[:-2]), *inner))
    return (plus(old[0], times(_widen(left, width), _widen(right, width))),)


def _matmul_lanes(op: Op, types: Sequence[TensorType]) -> str:
    """Along the columns of b as they lie in memory; with one column, along the sum."""
    transposed = as_type(contraction.MatMul, op).transpose_b
    columns = types[1].shape[-2] if transposed else types[1].shape[-1]
    return "domain" if transposed or columns == 1 else "result"


def _window_position(
    place: Position, taps: Position, strides: Sequence[int], dilations: Sequence[int], low: Sequence[int]
) -> list[Index]:
    """Where the taps of a window lie in the unpadded operand, which may be outside."""
    return [
        add(affine(out, stride, -before), affine(tap, dilation, 0))
        for out, tap, stride, dilation, before in zip(place, taps, strides, dilations, low, strict=True)
    ]


def _guarded(operand: Operand, lead: Position, where: Sequence[Index], outside: Expr, pads: Sequence[bool]) -> Expr:
    """The element at a window position, or ``outside`` where that lies in the padding."""
    shape = operand.type.shape[len(lead) :]
    safe = [clamp(i, size) if padded else i for i, size, padded in zip(where, shape, pads, strict=True)]
    element = operand.at((*lead, *safe))
    for index, size, padded in zip(where, shape, pads, strict=True):
        inside = within(index, size) if padded else True
        if inside is False:
            return outside
        if not isinstance(inside, bool):
            element = select(inside, element, outside)
    return element


def _conv_step(
    k: Binder, op: Op, operands: Sequence[Operand], place: Position, domain: Position, old: Accumulators
) -> Accumulators:
    conv = as_type(contraction.Conv, op)
    x, w = operands
    image, filter_, *out = place
    channel, *taps = domain
    width = position_lanes((*place, *domain))
    per_group = w.type.shape[0] // conv.groups
    group = 0 if conv.groups == 1 else filter_ // per_group
    source = channel if conv.groups == 1 else group * w.type.shape[1] + channel
    where = _window_position(tuple(out), tuple(taps), conv.strides, conv.dilations, conv.low)
    pads = [lo > 0 or hi > 0 for lo, hi in zip(conv.low, conv.high, strict=True)]
    zero = literal(0, arithmetic_type(x.type.dtype))
    element = _guarded(x, (image, source), where, zero, pads)
    weight = w.at((filter_, channel, *taps))
    return (plus(old[0], times(_widen(element, width), _widen(weight, width))),)


def _conv_domain(op: Op, types: Sequence[TensorType]) -> tuple[int, ...]:
    return types[1].shape[1:]


def _pool_step(fold: Callable[[Expr, Expr], Expr], unit: Callable[[DType], int | float]) -> Callable[..., Accumulators]:
    def step(
        k: Binder, op: Op, operands: Sequence[Operand], place: Position, domain: Position, old: Accumulators
    ) -> Accumulators:
        pool = as_type(pooling.Pool, op)
        (x,) = operands
        where = _window_position(place[2:], domain, pool.strides, pool.dilations, pool.low)
        outside = literal(unit(x.type.dtype), arithmetic_type(x.type.dtype))
        pads = [lo > 0 or hi > 0 for lo, hi in zip(pool.low, pool.high, strict=True)]
        element = _guarded(x, place[:2], where, outside, pads)
        return (fold(old[0], _widen(element, lane_count(old[0]))),)

    return step


def _pool(fold: Callable[[Expr, Expr], Expr], unit: Callable[[DType], int | float]) -> Reduction:
    return Reduction(
        domain=lambda op, types: as_type(pooling.Pool, op).window,
        start=lambda op, types: (literal(unit(types[0].dtype), arithmetic_type(types[0].dtype)),),
        step=_pool_step(fold, unit),
        finish=_first,
        combine=lambda k, op, a, b: (fold(a[0], b[0]),),
        lane_axis=lambda op, types: "result",
    )


def _largest(a: Expr, b: Expr) -> Expr:
    return maximum(a, b) if element_type(a).startswith("float") else tirx.Max(a, b)


ROWS: dict[type[Op], Compute] = {
    contraction.MatMul: Reduction(
        domain=lambda op, types: (types[0].shape[-1],),
        start=_zero_start,
        step=_matmul_step,
        finish=_first,
        combine=_sum,
        lane_axis=_matmul_lanes,
    ),
    contraction.Conv: Reduction(
        domain=_conv_domain,
        start=_zero_start,
        step=_conv_step,
        finish=_first,
        combine=None,
        lane_axis=lambda op, types: "result",
    ),
    pooling.MaxPool: _pool(_largest, lowest),
    pooling.SumPool: _pool(plus, lambda dtype: 0),
}
