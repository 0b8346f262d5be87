"""Fold per-channel scales and shifts by constants into the weights before them and one bias after.

A batch normalization arrives as ``mul`` and ``add`` with constants of shape ``[1, c, 1, 1]``. Before::

    %5 = conv(%0, %1) {...} : f32[1,8,6,6]
    %6 = mul(%5, %2) : f32[1,8,6,6]
    %7 = add(%6, %3) : f32[1,8,6,6]

After, with the weights of filter o multiplied by scale o::

    %5 = conv(%0, %4) {...} : f32[1,8,6,6]
    %6 = add(%5, %3) : f32[1,8,6,6]

The products are computed in float64 and rounded once. Scales that stand behind an ``add`` are carried over
it, ``(x + b) * s -> x * s + b * s``, and two shifts become one. Only values with no other use are changed,
and only if all new constants are finite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Node, Value
from compiler.ir.literal import Literal
from compiler.ir.op import Op
from compiler.ir.ops.binary import Add, Div, Mul
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import TensorType
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext
from compiler.passes.op_kinds import constant_of, has_one_use
from compiler.passes.patterns import RuleSet

_FLOATS = (DType.F16, DType.F32, DType.F64)


@dataclass(frozen=True)
class _PerChannel:
    """A constant with one float64 value per channel of a result (or one for all, then of size 1)."""

    values: NDArray[np.float64]

    @classmethod
    def of(cls, constant: Value, result: TensorType, axis: int) -> _PerChannel | None:
        """The constant, if broadcasting it to ``result`` varies along ``axis`` only and enlarges nothing."""
        literal = constant_of(constant)
        if literal is None or literal.dtype not in _FLOATS or constant.type.rank > result.rank:
            return None
        shape = (1,) * (result.rank - constant.type.rank) + constant.type.shape
        if any(size != 1 for i, size in enumerate(shape) if i != axis) or shape[axis] not in (
            1,
            result.shape[axis],
        ):
            return None
        return cls(literal.array.reshape(-1).astype(np.float64))

    def shaped(self, rank: int, axis: int) -> NDArray[np.float64]:
        """The values as an array of ``rank`` axes that broadcasts along ``axis``."""
        return self.values.reshape(tuple(-1 if i == axis else 1 for i in range(rank)))


def _round(values: NDArray[np.float64], dtype: DType) -> Literal | None:
    """The values as a constant of a float type, None if one overflows or is not a number."""
    with np.errstate(over="ignore"):
        rounded = np.asarray(values.astype(dtype.numpy))
    return Literal(rounded) if np.isfinite(rounded).all() else None


def _contraction(value: Value) -> Node | None:
    """The convolution or matmul with constant float weights that alone gives ``value`` to its only user."""
    node = value.producer
    if node is None or not isinstance(node.op, Conv | MatMul) or not has_one_use(value):
        return None
    literal = constant_of(node.operands[1])
    return node if literal is not None and literal.dtype in _FLOATS else None


def _channel_axis(op: Op, result: TensorType) -> int:
    """The axis of a contraction's result that its weights alone determine."""
    return 1 if isinstance(op, Conv) else result.rank - 1


def _weight_axis(op: Op, weights: TensorType) -> int:
    """The axis of the weights that becomes the channel axis of the result."""
    if isinstance(op, Conv):
        return 0
    return weights.rank - 2 if isinstance(op, MatMul) and op.transpose_b else weights.rank - 1


def _scaled_weights(contraction: Node, scale: _PerChannel, divide: bool) -> Literal | None:
    weights = contraction.operands[1]
    literal = constant_of(weights)
    assert literal is not None
    factors = scale.shaped(weights.type.rank, _weight_axis(contraction.op, weights.type))
    wide = literal.array.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _round(wide / factors if divide else wide * factors, literal.dtype)


def scale_into_weights(node: Node, op: Mul | Div, rewriter: Rewriter) -> bool:
    """conv(x, w) * s -> conv(x, w * s), and the same for division."""
    contraction = _contraction(node.operands[0])
    if contraction is None:
        return False
    scale = _PerChannel.of(node.operands[1], node.result.type, _channel_axis(contraction.op, node.result.type))
    weights = None if scale is None else _scaled_weights(contraction, scale, isinstance(op, Div))
    if weights is None:
        return False
    rewriter.before(contraction)
    scaled = rewriter.emit(contraction.op, contraction.operands[0], rewriter.constant(weights))
    rewriter.replace(node, scaled)
    return True


def scale_over_shift(node: Node, op: Mul | Div, rewriter: Rewriter) -> bool:
    """(conv(x, w) + b) * s -> conv(x, w * s) + b * s, and the same for division."""
    add = node.operands[0].producer
    if add is None or not isinstance(add.op, Add) or not has_one_use(add.result):
        return False
    contraction = _contraction(add.operands[0])
    if contraction is None:
        return False
    axis = _channel_axis(contraction.op, node.result.type)
    shift = _PerChannel.of(add.operands[1], node.result.type, axis)
    scale = _PerChannel.of(node.operands[1], node.result.type, axis)
    if shift is None or scale is None:
        return False
    weights = _scaled_weights(contraction, scale, isinstance(op, Div))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        product = shift.values / scale.values if isinstance(op, Div) else shift.values * scale.values
    bias = _round(_PerChannel(product).shaped(node.result.type.rank, axis), node.result.type.dtype)
    if weights is None or bias is None:
        return False
    rewriter.before(contraction)
    scaled = rewriter.emit(contraction.op, contraction.operands[0], rewriter.constant(weights))
    rewriter.replace(node, rewriter.emit(Add(), scaled, rewriter.constant(bias)))
    return True


def shift_after_shift(node: Node, op: Add, rewriter: Rewriter) -> bool:
    """(conv(x, w) + a) + b -> conv(x, w) + (a + b)."""
    add = node.operands[0].producer
    if add is None or not isinstance(add.op, Add) or not has_one_use(add.result):
        return False
    contraction = _contraction(add.operands[0])
    if contraction is None:
        return False
    axis = _channel_axis(contraction.op, node.result.type)
    first = _PerChannel.of(add.operands[1], node.result.type, axis)
    second = _PerChannel.of(node.operands[1], node.result.type, axis)
    if first is None or second is None:
        return False
    both = _PerChannel(first.values + second.values).shaped(node.result.type.rank, axis)
    bias = _round(both, node.result.type.dtype)
    if bias is None:
        return False
    rewriter.before(add)
    rewriter.replace(node, rewriter.emit(Add(), add.operands[0], rewriter.constant(bias)))
    return True


RULES = RuleSet((scale_into_weights, scale_over_shift, shift_after_shift))


@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """Expects constants on the right of ``add`` and ``mul``, as ``canonicalize`` leaves them."""

    name = "fold-batch-norm"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        return RULES.apply(graph)
