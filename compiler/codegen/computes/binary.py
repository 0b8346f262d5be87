"""Pointwise rows of the ops with several operands."""

from __future__ import annotations

from collections.abc import Callable

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Compute, Pointwise
from compiler.codegen.math import floor_mod, fmod, power, shift_left, shift_right, truncating_div
from compiler.codegen.tir import maximum, minimum, select
from compiler.ir import Op
from compiler.ir.ops import binary


def _of_elements(function: Callable[..., Expr]) -> Pointwise:
    """A row whose function does not depend on attributes."""
    return Pointwise(lambda op, *elements: function(*elements))


def _logic(logical: Callable[[Expr, Expr], Expr], bitwise: Callable[[Expr, Expr], Expr]) -> Pointwise:
    """Bools are one bit wide in kernels and have operators of their own."""

    def apply(op: Op, a: Expr, b: Expr) -> Expr:
        return logical(a, b) if a.ty.dtype.is_bool else bitwise(a, b)

    return Pointwise(apply)


def _exclusive_or(a: Expr, b: Expr) -> Expr:
    return tirx.Not(_equal(a, b))


def _equal(a: Expr, b: Expr) -> Expr:
    if a.ty.dtype.is_bool:
        return tirx.Or(tirx.And(a, b), tirx.And(tirx.Not(a), tirx.Not(b)))
    return tirx.EQ(a, b)
