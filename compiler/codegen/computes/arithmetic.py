"""Sums and products of elements, whatever their type: floats as they are, integers modulo their width."""

from __future__ import annotations

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen import math
from compiler.codegen.tir import element_type


def is_float(x: Expr) -> bool:
    """Whether an expression has a floating-point type."""
    return element_type(x).startswith("float")


def plus(a: Expr, b: Expr) -> Expr:
    """a + b."""
    return tirx.Add(a, b) if is_float(a) else math.wrapping_add(a, b)


def minus(a: Expr, b: Expr) -> Expr:
    """a - b."""
    return tirx.Sub(a, b) if is_float(a) else math.wrapping_sub(a, b)


def times(a: Expr, b: Expr) -> Expr:
    """a * b."""
    return tirx.Mul(a, b) if is_float(a) else math.wrapping_mul(a, b)
