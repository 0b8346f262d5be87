"""The error function of float32."""

from __future__ import annotations

from tvm.ir import Expr

from compiler.codegen.math.coefficients import ERF, MINUS_LOG_ERFC
from compiler.codegen.math.common import clamp_keeping_nan, elementwise, horner, magnitude, with_sign_of
from compiler.codegen.math.exponential import scaled_exp
from compiler.codegen.tir import Binder, select


@elementwise("erf")
def erf(k: Binder, x: Expr) -> Expr:
    """The error function. float32: at most 1.5 ulp.

    An odd polynomial below 1; above, 1 - exp(-g(x)) with g = -log(erfc), which is smooth. Beyond 4 it is 1.
    """
    size = magnitude(k, x)
    square = k.let(size * size, "square")
    near_zero = k.let(size * horner(square, ERF) + size, "near_zero")
    far = clamp_keeping_nan(k, size, 0.0, 4.0)
    tail = scaled_exp(k, k.let(-horner(far, MINUS_LOG_ERFC), "exponent"), 0)
    return with_sign_of(k.let(select(size < 1.0, near_zero, 1.0 - tail), "size"), x)
