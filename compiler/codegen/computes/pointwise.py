"""Rows of the elementwise ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast as as_type

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen import math
from compiler.codegen.computes.arithmetic import is_float, minus, plus, times
from compiler.codegen.computes.interface import Compute, Pointwise
from compiler.codegen.tir import (
    Binder,
    arithmetic_type,
    cast,
    element_type,
    intrinsic,
    is_nan,
    libm,
    literal,
    maximum,
    minimum,
    not_equal,
    select,
)
from compiler.ir import DType, Op, TensorType
from compiler.ir.ops import binary, unary


def _calls_library_for_f64(op: Op, types: Sequence[TensorType]) -> bool:
    """float64 functions call the C library, one element at a time."""
    return types[0].dtype is DType.F64


def _calls_library_for_floats(op: Op, types: Sequence[TensorType]) -> bool:
    return types[0].dtype.is_float


def _plain(function: Callable[..., Expr]) -> Pointwise:
    """A row that needs neither bindings nor attributes."""
    return Pointwise(lambda k, op, *elements: function(*elements))


def _mathematical(function: Callable[[Binder, Expr], Expr]) -> Pointwise:
    return Pointwise(lambda k, op, x: function(k, x), _calls_library_for_f64)


def _bound(function: Callable[[Binder, Expr, Expr], Expr]) -> Pointwise:
    return Pointwise(lambda k, op, a, b: function(k, a, b))


def _llvm(name: str) -> Pointwise:
    return _plain(lambda x: intrinsic(name, x.ty.dtype, x))


def _zero(like: Expr) -> Expr:
    return literal(0, element_type(like), like=like)


def _neg(x: Expr) -> Expr:
    """A product for floats, because 0 - x would turn 0.0 into 0.0 instead of -0.0."""
    return literal(-1.0, element_type(x), like=x) * x if is_float(x) else minus(_zero(x), x)


def _abs(x: Expr) -> Expr:
    if is_float(x):
        return intrinsic("llvm.fabs", x.ty.dtype, x)
    return select(x < _zero(x), minus(_zero(x), x), x)


def _sign(x: Expr) -> Expr:
    one = literal(1, element_type(x), like=x)
    magnitude = select(x > _zero(x), one, select(x < _zero(x), minus(_zero(x), one), _zero(x)))
    return select(is_nan(x), x, magnitude) if is_float(x) else magnitude


def _not(x: Expr) -> Expr:
    return tirx.Not(x) if x.ty.dtype.is_bool else tirx.bitwise_not(x)


def _equal(a: Expr, b: Expr) -> Expr:
    if a.ty.dtype.is_bool:
        return tirx.Or(tirx.And(a, b), tirx.And(tirx.Not(a), tirx.Not(b)))
    return tirx.EQ(a, b)


def _logic(logical: Callable[[Expr, Expr], Expr], bitwise: Callable[[Expr, Expr], Expr]) -> Pointwise:
    """Bools are one bit wide in kernels and have operators of their own."""
    return _plain(lambda a, b: logical(a, b) if a.ty.dtype.is_bool else bitwise(a, b))


def _extreme(of_floats: Callable[[Expr, Expr], Expr], of_integers: Callable[[Expr, Expr], Expr]) -> Pointwise:
    return _plain(lambda a, b: of_floats(a, b) if is_float(a) else of_integers(a, b))


def _div(k: Binder, op: Op, a: Expr, b: Expr) -> Expr:
    return tirx.Div(a, b) if is_float(a) else math.trunc_div(k, a, b)


def _fmod(k: Binder, op: Op, a: Expr, b: Expr) -> Expr:
    return math.fmod(k, a, b) if is_float(a) else math.trunc_mod(k, a, b)


def _sigmoid(k: Binder, op: Op, x: Expr) -> Expr:
    """The C library has an exp for float64, but no sigmoid."""
    if element_type(x) == "float64":
        one = literal(1.0, "float64", like=x)
        return one / (one + math.exp(k, _neg(x)))
    return math.sigmoid(k, x)


def _library_exp(k: Binder, op: Op, x: Expr) -> Expr:
    """With 32-bit ARM's support routines for integers, zig links an ``expf`` of its own in the C library's place, which
    errs otherwise. That of float64, rounded, is the C library's there."""
    if k.index_type == "int64":
        return k.let(libm("exp", x), "exp")
    wide = k.let(cast(x, "float64"), "wide")
    return k.let(cast(libm("exp", wide), "float32"), "exp")


def _cast(k: Binder, op: Op, x: Expr) -> Expr:
    to = as_type(unary.Cast, op).to
    kind = arithmetic_type(to)
    if to is DType.BOOL:
        return x if x.ty.dtype.is_bool else not_equal(x, _zero(x))
    if x.ty.dtype.is_bool:
        return select(x, literal(1, kind, like=x), literal(0, kind, like=x))
    if is_float(x) and not to.is_float:
        # Always saturating: what the op leaves unspecified is then at least the same everywhere.
        return math.saturating_cast(x, kind)
    return cast(x, kind)


ROWS: dict[type[Op], Compute] = {
    unary.Neg: _plain(_neg),
    unary.Abs: _plain(_abs),
    unary.Sign: _plain(_sign),
    unary.Ceil: _llvm("llvm.ceil"),
    unary.Floor: _llvm("llvm.floor"),
    unary.Round: _plain(math.round_half_even),
    unary.Trunc: _llvm("llvm.trunc"),
    unary.Sqrt: _llvm("llvm.sqrt"),
    unary.Exp: _mathematical(math.exp),
    unary.LibraryExp: Pointwise(_library_exp, _calls_library_for_floats),
    unary.LibraryLog1p: Pointwise(lambda k, op, x: k.let(libm("log1p", x), "log1p"), _calls_library_for_floats),
    unary.Log: _mathematical(math.log),
    unary.Erf: _mathematical(math.erf),
    unary.Sigmoid: Pointwise(_sigmoid, _calls_library_for_f64),
    unary.Tanh: _mathematical(math.tanh),
    unary.Sin: _mathematical(math.sin),
    unary.Cos: _mathematical(math.cos),
    unary.Tan: _mathematical(math.tan),
    unary.Asin: _mathematical(math.asin),
    unary.Acos: _mathematical(math.acos),
    unary.Atan: _mathematical(math.atan),
    unary.Sinh: _mathematical(math.sinh),
    unary.Cosh: _mathematical(math.cosh),
    unary.Asinh: _mathematical(math.asinh),
    unary.Acosh: _mathematical(math.acosh),
    unary.Atanh: _mathematical(math.atanh),
    unary.Not: _plain(_not),
    unary.IsNan: _plain(is_nan),
    unary.Cast: Pointwise(_cast),
    binary.Add: _plain(plus),
    binary.Sub: _plain(minus),
    binary.Mul: _plain(times),
    binary.Div: Pointwise(_div),
    binary.Mod: Pointwise(lambda k, op, a, b: math.floor_mod(k, a, b), _calls_library_for_floats),
    binary.Fmod: Pointwise(_fmod, _calls_library_for_floats),
    binary.Pow: Pointwise(lambda k, op, a, b: math.power(k, a, b), _calls_library_for_f64),
    binary.Maximum: _extreme(maximum, tirx.Max),
    binary.Minimum: _extreme(minimum, tirx.Min),
    binary.And: _logic(tirx.And, lambda a, b: a & b),
    binary.Or: _logic(tirx.Or, lambda a, b: a | b),
    binary.Xor: _logic(lambda a, b: tirx.Not(_equal(a, b)), lambda a, b: a ^ b),
    binary.ShiftLeft: _bound(math.shift_left),
    binary.ShiftRight: _bound(math.shift_right),
    binary.Equal: _plain(_equal),
    binary.Less: _plain(lambda a, b: tirx.LT(a, b)),
    binary.LessEqual: _plain(lambda a, b: tirx.LE(a, b)),
    binary.Select: _plain(select),
}
