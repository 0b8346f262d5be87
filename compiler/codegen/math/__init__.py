"""Vector mathematics: functions as TIR expressions, accurate to a documented number of ulp on every target.

The float32 functions are polynomials of our own that vectorize without a library call and do not rely on a
fused multiply-add (one ulp is the distance to the next float32). On ARMv7, whose vector unit flushes
subnormal numbers, subnormal operands and results count as zero. float64 functions call the C library, lane by
lane.

Each takes first the ``Binder`` (a ``KernelBuilder``) that names intermediate values, and returns a bound
value.
"""

from compiler.codegen.math.error_function import erf
from compiler.codegen.math.exponential import cosh, exp, exp2, expm1, sigmoid, sinh, tanh
from compiler.codegen.math.integer import (
    floor_mod,
    fmod,
    round_half_even,
    saturating_cast,
    shift_left,
    shift_right,
    trunc_div,
    trunc_mod,
    wrapping_add,
    wrapping_mul,
    wrapping_sub,
)
from compiler.codegen.math.logarithm import acosh, asinh, atanh, log, log1p
from compiler.codegen.math.power import power
from compiler.codegen.math.trigonometric import acos, asin, atan, cos, sin, tan

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cos",
    "cosh",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "floor_mod",
    "fmod",
    "log",
    "log1p",
    "power",
    "round_half_even",
    "saturating_cast",
    "shift_left",
    "shift_right",
    "sigmoid",
    "sin",
    "sinh",
    "tan",
    "tanh",
    "trunc_div",
    "trunc_mod",
    "wrapping_add",
    "wrapping_mul",
    "wrapping_sub",
]
