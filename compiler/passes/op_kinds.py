"""What passes need to know of ops beyond their types: which are elementwise, commutative, costly, and so on.

One table per question, so that a new op is placed in one glance.
"""

from __future__ import annotations

import math

import numpy as np

from compiler.ir.contiguity import slice_offset
from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.literal import Literal
from compiler.ir.op import Op
from compiler.ir.ops import binary, movement, quantization, unary
from compiler.ir.ops.constant import Constant
from compiler.ir.types import TensorType

_ELEMENTWISE = (
    unary.Unary,
    unary.Cast,
    binary.Binary,
    binary.Select,
    quantization.Quantize,
    quantization.Dequantize,
)
_COMMUTATIVE = (
    binary.Add,
    binary.Mul,
    binary.Maximum,
    binary.Minimum,
    binary.And,
    binary.Or,
    binary.Xor,
    binary.Equal,
)
_CHEAP = (
    unary.Neg,
    unary.Abs,
    unary.Sign,
    unary.Ceil,
    unary.Floor,
    unary.Round,
    unary.Trunc,
    unary.Not,
    unary.IsNan,
    unary.Cast,
    binary.Add,
    binary.Sub,
    binary.Mul,
    binary.Maximum,
    binary.Minimum,
    binary.And,
    binary.Or,
    binary.Xor,
    binary.ShiftLeft,
    binary.ShiftRight,
    binary.Equal,
    binary.Less,
    binary.LessEqual,
    binary.Select,
    quantization.Dequantize,
)


def is_elementwise(op: Op) -> bool:
    """Whether element i of the result depends on element i of each operand, broadcast, and on nothing
    else."""
    return isinstance(op, _ELEMENTWISE)


def is_commutative(op: Op) -> bool:
    """Whether the two operands may change places (the payload of a NaN and the sign of max(0, -0) aside)."""
    return isinstance(op, _COMMUTATIVE)


def is_cheap(op: Op) -> bool:
    """Whether an elementwise op takes a few cycles only, so that computing it twice may beat storing it."""
    return isinstance(op, _CHEAP)


def constant_of(value: Value) -> Literal | None:
    """The literal of a value that is a constant, else None."""
    producer = value.producer
    return producer.op.value if producer is not None and isinstance(producer.op, Constant) else None


def splat_of(value: Value) -> int | float | bool | None:
    """The one value that all elements of a constant have, or None if it is no such constant."""
    literal = constant_of(value)
    return None if literal is None else literal.splat


def same_bits(value: int | float | bool | None, wanted: float) -> bool:
    """Whether a splat is ``wanted``; tells -0.0 from 0.0."""
    return value is not None and value == wanted and math.copysign(1, value) == math.copysign(1, wanted)


def has_one_use(value: Value) -> bool:
    """Whether exactly one operand of one node, graph outputs included, is this value."""
    return len(value.uses) == 1


def scalar(value: int | float | bool, dtype: DType) -> Literal:
    """A rank-0 literal. Not for bfloat16, whose storage holds bit patterns."""
    return Literal(np.asarray(value, dtype.numpy), dtype)


def op_of(value: Value) -> Op | None:
    """The op that computes a value, None for a graph input."""
    return None if value.producer is None else value.producer.op


def slice_is_contiguous(op: movement.Slice, shape: tuple[int, ...]) -> bool:
    """Whether a slice of a row-major array of ``shape`` is one run of memory, so that a plan can make it a
    view."""
    return slice_offset(op, TensorType(DType.F32, shape)) is not None
