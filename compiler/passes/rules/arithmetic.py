"""Arithmetic: units, double inverses, constants to the right, division and powers by cheaper ops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Node, Value
from compiler.ir.literal import Array, Literal
from compiler.ir.op import Op
from compiler.ir.ops import binary, unary
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.movement import Broadcast, Reshape
from compiler.ir.ops.pooling import SumPool
from compiler.ir.ops.reduction import ReduceProd, ReduceSum, highest, lowest
from compiler.ir.rewriter import Rewriter
from compiler.passes.op_kinds import constant_of, has_one_use, is_commutative, op_of, same_bits, scalar, splat_of

_SIGN_ANALYSIS_DEPTH = 6


def replace_broadcast(node: Node, value: Value, rewriter: Rewriter) -> bool:
    """Let ``value``, broadcast where it must be, take the place of a node of the same element type."""
    if value.type != node.result.type:
        value = rewriter.emit(Broadcast(node.result.type.shape), value)
    rewriter.replace(node, value)
    return True


def constant_goes_right(node: Node, op: binary.Binary, rewriter: Rewriter) -> bool:
    """op(constant, x) -> op(x, constant) for commutative ops."""
    left, right = node.operands
    if not is_commutative(op) or constant_of(left) is None or constant_of(right) is not None:
        return False
    rewriter.set_operands(node, (right, left))
    return True


def _units(op: Op, dtype: DType) -> tuple[float, ...]:
    """Right operands that leave the left one as it is. Adding 0.0 is no unit, since -0.0 + 0.0 is 0.0."""
    match op:
        case binary.Add():
            return (-0.0,) if dtype.is_float else (0,)
        case binary.Sub() | binary.ShiftLeft() | binary.ShiftRight() | binary.Xor():
            return (0,)
        case binary.Mul() | binary.Div() | binary.Pow():
            return (1,)
        case binary.Maximum():
            return (lowest(dtype),)
        case binary.Minimum():
            return (highest(dtype),)
        case binary.Or():
            return (0,)
        case binary.And():
            return (1,) if dtype is DType.BOOL else (-1 if dtype.is_signed else highest(dtype),)
        case _:
            return ()


def unit_on_the_right(node: Node, op: binary.Binary, rewriter: Rewriter) -> bool:
    """x * 1 -> x, and so on for every op with a unit."""
    left, right = node.operands
    splat = splat_of(right)
    if splat is None or not any(same_bits(splat, unit) for unit in _units(op, left.type.dtype)):
        return False
    return replace_broadcast(node, left, rewriter)


def inverse_of_inverse(node: Node, op: unary.Neg | unary.Not, rewriter: Rewriter) -> bool:
    """-(-x) -> x, not (not x) -> x."""
    producer = node.operands[0].producer
    if producer is None or type(producer.op) is not type(op):
        return False
    rewriter.replace(node, producer.operands[0])
    return True


def idempotent(
    node: Node,
    op: unary.Abs | unary.Sign | unary.Ceil | unary.Floor | unary.Round | unary.Trunc,
    rewriter: Rewriter,
) -> bool:
    """f(f(x)) -> f(x) for roundings, abs and sign."""
    if type(op_of(node.operands[0])) is not type(op):
        return False
    rewriter.replace(node, node.operands[0])
    return True


def nested_limits(node: Node, op: binary.Maximum | binary.Minimum, rewriter: Rewriter) -> bool:
    """max(max(x, a), b) -> max(x, max(a, b)) for constants; the same for min."""
    return _combine_constants(node, op, rewriter, np.maximum if isinstance(op, binary.Maximum) else np.minimum)


def nested_integers(node: Node, op: binary.Add | binary.Mul, rewriter: Rewriter) -> bool:
    """(x + a) + b -> x + (a + b) for integer constants, which wrap; the same for *."""
    if not node.result.type.dtype.is_integer:
        return False
    return _combine_constants(node, op, rewriter, np.add if isinstance(op, binary.Add) else np.multiply)


def _combine_constants(node: Node, op: Op, rewriter: Rewriter, combine: Callable[[Array, Array], Array]) -> bool:
    inner = node.operands[0].producer
    outer = constant_of(node.operands[1])
    if inner is None or type(inner.op) is not type(op) or outer is None:
        return False
    x, value = inner.operands
    literal = constant_of(value)
    if literal is None or literal.dtype is DType.BF16 or not _one_holds_the_other(literal, outer):
        return False
    with np.errstate(over="ignore"):
        both = rewriter.constant(Literal(np.asarray(combine(literal.array, outer.array))))
    rewriter.replace(node, rewriter.emit(op, x, both))
    return True


def _one_holds_the_other(a: Literal, b: Literal) -> bool:
    """Whether broadcasting two constants against each other makes nothing larger than the larger of them."""
    try:
        shape = np.broadcast_shapes(a.array.shape, b.array.shape)
    except ValueError:
        return False
    return shape in (a.array.shape, b.array.shape)


def subtract_constant(node: Node, op: binary.Sub, rewriter: Rewriter) -> bool:
    """x - constant -> x + -constant, so that there is one form to look for."""
    literal = constant_of(node.operands[1])
    if literal is None:
        return False
    negative = rewriter.constant(Literal(np.negative(literal.array)))
    rewriter.replace(node, rewriter.emit(binary.Add(), node.operands[0], negative))
    return True


def divide_by_power_of_two(node: Node, op: binary.Div, rewriter: Rewriter) -> bool:
    """x / 2**k -> x * 2**-k: exact as long as 2**-k is a normal number."""
    literal = constant_of(node.operands[1])
    if literal is None or not literal.dtype.is_float or literal.array.size == 0:
        return False
    with np.errstate(divide="ignore", over="ignore"):
        mantissa, _ = np.frexp(literal.array)
        inverse = np.asarray(1 / literal.array, literal.array.dtype)
    normal = np.isfinite(inverse) & (np.abs(inverse) >= np.finfo(literal.array.dtype).tiny)
    if not (normal & (np.abs(mantissa) == 0.5)).all():
        return False
    rewriter.replace(node, rewriter.emit(binary.Mul(), node.operands[0], rewriter.constant(inverse)))
    return True


def divide_before_erf(node: Node, op: unary.Erf, rewriter: Rewriter) -> bool:
    """erf(x / constant) -> erf(x * (1 / constant)), the inside of a GELU as it is exported.

    Relatively, erf(x) changes by no more than x, which is 1 ulp.
    """
    quotient = node.operands[0]
    division = quotient.producer
    if division is None or not isinstance(division.op, binary.Div) or not has_one_use(quotient):
        return False
    x, divisor = division.operands
    value = splat_of(divisor)
    if not value or x.type != quotient.type or x.type.dtype is not DType.F32:
        return False
    inverse = 1 / float(value)
    if not np.finfo(np.float32).tiny <= abs(inverse) <= np.finfo(np.float32).max:
        return False
    scaled = rewriter.emit(binary.Mul(), x, rewriter.constant(scalar(inverse, DType.F32)))
    rewriter.replace(node, rewriter.emit(op, scaled))
    return True


def power_by_multiplication(node: Node, op: binary.Pow, rewriter: Rewriter) -> bool:
    """x**2 -> x * x, x**3 -> x * x * x, x**-1 -> 1 / x; within 2 ulp of the correctly rounded power."""
    x, exponent = node.operands[0], splat_of(node.operands[1])
    if exponent not in (2, 3, -1) or x.type != node.result.type:
        return False
    if exponent == -1:
        result = rewriter.emit(binary.Div(), rewriter.constant(scalar(1, x.type.dtype)), x)
    else:
        result = rewriter.emit(binary.Mul(), x, x)
        result = rewriter.emit(binary.Mul(), result, x) if exponent == 3 else result
    rewriter.replace(node, result)
    return True


def power_by_square_root(node: Node, op: binary.Pow, rewriter: Rewriter) -> bool:
    """x**0.5 -> sqrt(x), x**0.75 -> sqrt(x) * sqrt(sqrt(x)) and their inverses, where x is not negative: pow(-inf, 0.5)
    is inf, not NaN.

    Within 3 ulp of the correctly rounded power.
    """
    x, exponent = node.operands[0], splat_of(node.operands[1])
    if exponent not in (0.5, -0.5, 0.75, -0.75) or x.type != node.result.type or not is_not_negative(x):
        return False
    root = rewriter.emit(unary.Sqrt(), x)
    if abs(exponent) == 0.75:
        root = rewriter.emit(binary.Mul(), root, rewriter.emit(unary.Sqrt(), root))
    if exponent < 0:
        root = rewriter.emit(binary.Div(), rewriter.constant(scalar(1, x.type.dtype)), root)
    rewriter.replace(node, root)
    return True


def is_not_negative(value: Value, depth: int = _SIGN_ANALYSIS_DEPTH) -> bool:
    """Whether the ops near ``value`` prove that no element is below zero or is -0.0 (NaN may be)."""
    node = value.producer
    if node is None or depth == 0:
        return False
    match node.op:
        case unary.Abs() | unary.Exp() | unary.Sigmoid():
            return True
        case Constant(literal):
            return bool(literal.dtype.is_float and not np.signbit(literal.array).any())
        case binary.Mul() if node.operands[0] is node.operands[1]:
            return True
        case binary.Add() | binary.Mul() | binary.Div():
            return all(is_not_negative(operand, depth - 1) for operand in node.operands)
        case unary.Sqrt() | ReduceSum() | ReduceProd() | SumPool() | Reshape():
            return is_not_negative(node.operands[0], depth - 1)
        case _:
            return False


RULES = (
    constant_goes_right,
    unit_on_the_right,
    inverse_of_inverse,
    idempotent,
    nested_limits,
    nested_integers,
    subtract_constant,
    divide_by_power_of_two,
    divide_before_erf,
    power_by_multiplication,
    power_by_square_root,
)
