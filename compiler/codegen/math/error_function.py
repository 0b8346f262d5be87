"""The error function of float32."""

from __future__ import annotations

import math

from tvm.ir import Expr

from compiler.codegen.math.coefficients import FALL, LOG_ERFC
from compiler.codegen.math.common import (
    clamp_keeping_nan,
    elementwise,
    horner,
    magnitude,
    power_of_two,
    round_exponent,
    with_sign_of,
)
from compiler.codegen.tir import Binder

_OCTAVE = math.log(2) / (2 / math.sqrt(math.pi))
"""The logarithm of 2 to the base b whose own is 2 / sqrt(pi), the slope of erf at 0."""


@elementwise("erf")
def erf(k: Binder, x: Expr) -> Expr:
    """The error function. float32: at most 1.8 ulp.

    1 - b**-t with t = -log_b(erfc(|x|)). The base b makes t = |x| + O(x**2), and 2**-n (1 + q) = b**-t with
    q = -r + O(r) for the remainder r of t, so that the first terms of both polynomials are exact, and one formula is
    accurate from 0 on. Beyond 4 it is 1.
    """
    size = clamp_keeping_nan(k, magnitude(k, x), 0.0, 4.0)
    square = k.let(size * size, "square")
    exponent = k.let(square * horner(size, LOG_ERFC) + size, "exponent")
    minus_n, minus_n_int = round_exponent(k, exponent * (-1 / _OCTAVE))
    rest = k.let(minus_n * _OCTAVE + exponent, "rest")
    fraction = k.let(rest * horner(rest, FALL) - rest, "fraction")
    scale = k.let(power_of_two(minus_n_int), "scale")
    return with_sign_of(k.let((1.0 - scale) - scale * fraction, "size"), x)
