"""Elementwise operators: arithmetic, mathematics, comparison, logic, choice and conversion of types."""

from __future__ import annotations

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.op import Op
from compiler.ir.ops import binary, unary
from compiler.ir.ops.bits import Bitcast
from frontends.onnx.context import Converter, MalformedModel, NodeContext
from frontends.onnx.types import dtype_of


def _unary(op: Op) -> Converter:
    return lambda ctx: ctx.emit(op, ctx.input(0))


def _binary(op: Op, *, swapped: bool = False) -> Converter:
    def convert(ctx: NodeContext) -> Value:
        a, b = ctx.input(0), ctx.input(1)
        return ctx.emit(op, b, a) if swapped else ctx.emit(op, a, b)

    return convert


def _variadic(op: Op) -> Converter:
    """op(op(a, b), c) ... over any number of inputs, at least one."""

    def convert(ctx: NodeContext) -> Value:
        result = ctx.input(0)
        for index in range(1, len(ctx.items)):
            result = ctx.emit(op, result, ctx.input(index))
        return result

    return convert


def absolute(ctx: NodeContext) -> Value:
    """|x|; an unsigned x is its own."""
    x = ctx.input(0)
    return ctx.emit(unary.Abs(), x) if x.type.dtype.is_signed else x


def sign(ctx: NodeContext) -> Value:
    """-1, 0 or 1; 0 or 1 for an unsigned x."""
    x = ctx.input(0)
    return ctx.emit(unary.Sign(), x) if x.type.dtype.is_signed else ctx.emit(binary.Minimum(), x, ctx.scalar(1, x))


def reciprocal(ctx: NodeContext) -> Value:
    """1 / x."""
    x = ctx.input(0)
    return ctx.emit(binary.Div(), ctx.scalar(1, x), x)


def is_inf(ctx: NodeContext) -> Value:
    """Whether x is infinite, of the signs that the attributes ask for."""
    x = ctx.input(0)
    signs = [value for value, name in ((np.inf, "detect_positive"), (-np.inf, "detect_negative")) if ctx.int(name, 1)]
    found = [ctx.emit(binary.Equal(), x, ctx.scalar(value, x)) for value in signs]
    if not found:
        return ctx.zeros(x.type.with_dtype(DType.BOOL))
    return found[0] if len(found) == 1 else ctx.emit(binary.Or(), *found)


def mean(ctx: NodeContext) -> Value:
    """The sum of all inputs over their number."""
    total = _variadic(binary.Add())(ctx)
    assert isinstance(total, Value)
    return ctx.emit(binary.Div(), total, ctx.scalar(len(ctx.items), total))


def mod(ctx: NodeContext) -> Value:
    """Remainder with the sign of the divisor, or of the dividend with ``fmod=1``."""
    return ctx.emit(binary.Fmod() if ctx.int("fmod", 0) else binary.Mod(), ctx.input(0), ctx.input(1))


def power(ctx: NodeContext) -> Value:
    """a to the power of b in the type of a; integers by way of float64, exact up to 2**53."""
    a, b = ctx.input(0), ctx.input(1)
    working = a.type.dtype if a.type.dtype.is_float else DType.F64
    result = ctx.emit(binary.Pow(), ctx.cast(a, working), ctx.cast(b, working))
    return ctx.cast(result, a.type.dtype)


def bit_shift(ctx: NodeContext) -> Value:
    """a shifted by b bits to the side that ``direction`` names; a negative b is out of range, as a large one is."""
    directions: dict[str, Op] = {"LEFT": binary.ShiftLeft(), "RIGHT": binary.ShiftRight()}
    direction = ctx.string("direction")
    if direction not in directions:
        raise MalformedModel(f"BitShift {ctx.name!r} has the direction {direction!r}")
    value, count = ctx.input(0), ctx.input(1)
    if count.type.dtype.is_signed:
        negative = ctx.emit(binary.Less(), count, ctx.scalar(0, count))
        count = ctx.emit(binary.Select(), negative, ctx.scalar(8 * count.type.dtype.bytes, count), count)
    return ctx.emit(directions[direction], value, count)


def clip(ctx: NodeContext) -> Value:
    """x limited to [min, max]; max wins where they cross. The limits are attributes up to opset 10, then
    inputs."""
    x = ctx.input(0)
    if ctx.opset >= 11:
        low = ctx.input(1) if ctx.has(1) else None
        high = ctx.input(2) if ctx.has(2) else None
    else:
        low = ctx.scalar(ctx.float("min"), x) if ctx.has_attribute("min") else None
        high = ctx.scalar(ctx.float("max"), x) if ctx.has_attribute("max") else None
    if low is not None:
        x = ctx.emit(binary.Maximum(), x, ctx.reshape(low, ()))
    if high is not None:
        x = ctx.emit(binary.Minimum(), x, ctx.reshape(high, ()))
    return x


def where(ctx: NodeContext) -> Value:
    """a where the condition holds, else b."""
    return ctx.emit(binary.Select(), ctx.input(0), ctx.input(1), ctx.input(2))


def cast(ctx: NodeContext) -> Value:
    """Conversion to the element type ``to``."""
    return ctx.cast(ctx.input(0), dtype_of(ctx.int("to")))


def bit_cast(ctx: NodeContext) -> Value:
    """The same bits as the element type ``to``; a bool's byte is 0 or 1."""
    x = ctx.input(0)
    bits = ctx.cast(x, DType.U8) if x.type.dtype is DType.BOOL else x
    return ctx.emit(Bitcast(dtype_of(ctx.int("to"))), bits)


def binarizer(ctx: NodeContext) -> Value:
    """1 where x exceeds the threshold, else 0 (ai.onnx.ml)."""
    x = ctx.input(0)
    above = ctx.emit(binary.Less(), ctx.scalar(ctx.float("threshold", 0.0), x), x)
    return ctx.cast(above, x.type.dtype)


def cast_like(ctx: NodeContext) -> Value:
    """Conversion to the element type of the second input."""
    return ctx.cast(ctx.input(0), ctx.input(1).type.dtype)


CONVERTERS: dict[str, Converter] = {
    "Abs": absolute,
    "Acos": _unary(unary.Acos()),
    "Acosh": _unary(unary.Acosh()),
    "Asin": _unary(unary.Asin()),
    "Asinh": _unary(unary.Asinh()),
    "Atan": _unary(unary.Atan()),
    "Atanh": _unary(unary.Atanh()),
    "Ceil": _unary(unary.Ceil()),
    "Cos": _unary(unary.Cos()),
    "Cosh": _unary(unary.Cosh()),
    "Erf": _unary(unary.Erf()),
    "Exp": _unary(unary.Exp()),
    "Floor": _unary(unary.Floor()),
    "IsInf": is_inf,
    "IsNaN": _unary(unary.IsNan()),
    "Log": _unary(unary.Log()),
    "Neg": _unary(unary.Neg()),
    "Not": _unary(unary.Not()),
    "BitwiseNot": _unary(unary.Not()),
    "Reciprocal": reciprocal,
    "Round": _unary(unary.Round()),
    "Sign": sign,
    "Sin": _unary(unary.Sin()),
    "Sinh": _unary(unary.Sinh()),
    "Sqrt": _unary(unary.Sqrt()),
    "Tan": _unary(unary.Tan()),
    "Add": _binary(binary.Add()),
    "And": _binary(binary.And()),
    "BitCast": bit_cast,
    "BitShift": bit_shift,
    "BitwiseAnd": _binary(binary.And()),
    "BitwiseOr": _binary(binary.Or()),
    "BitwiseXor": _binary(binary.Xor()),
    "Div": _binary(binary.Div()),
    "Equal": _binary(binary.Equal()),
    "Greater": _binary(binary.Less(), swapped=True),
    "GreaterOrEqual": _binary(binary.LessEqual(), swapped=True),
    "Less": _binary(binary.Less()),
    "LessOrEqual": _binary(binary.LessEqual()),
    "Mod": mod,
    "Mul": _binary(binary.Mul()),
    "Or": _binary(binary.Or()),
    "Pow": power,
    "Sub": _binary(binary.Sub()),
    "Xor": _binary(binary.Xor()),
    "Max": _variadic(binary.Maximum()),
    "Mean": mean,
    "Min": _variadic(binary.Minimum()),
    "Sum": _variadic(binary.Add()),
    "Cast": cast,
    "CastLike": cast_like,
    "Clip": clip,
    "Where": where,
}

ML_CONVERTERS: dict[str, Converter] = {"Binarizer": binarizer}
"""Operators of the domain ``ai.onnx.ml``."""
