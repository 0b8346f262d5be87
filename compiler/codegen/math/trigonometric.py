"""Trigonometric functions of float32 over the whole range, and their inverses.

Argument reduction: x * 2/pi modulo 4 for |x| up to 2**128 needs some 150 bits of 2/pi, of which only those
matter whose product with x is below 4 (M. Payne and R. Hanek, Radian reduction for trigonometric functions,
1983). x has 24 bits, so its products with 29-bit pieces of 2/pi are exact in float64. Four such pieces serve
all x in a range of 34 exponents; four sets of them, chosen by the size of x, serve every float32. The
remainder is turned back into float32 only at the end, so that it is right to the last bit even next to
multiples of pi/2.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.math.coefficients import ASIN, ATAN, COS, SIN
from compiler.codegen.math.common import elementwise, horner, magnitude, with_sign_of
from compiler.codegen.tir import Binder, cast, literal, select

_HALF_PI = 1.5707963267948966
_PI_HIGH, _PI_LOW = 3.1415927410125732, -8.742277657347586e-8
"""pi as the sum of two float32."""

# The first 320 fractional bits of pi.
_PI_BITS = 0x3243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89452821E638D01377
_TWO_OVER_PI = Fraction(2 << (4 * 80), _PI_BITS)
_PIECE_BITS, _PIECES = 29, 4
_WINDOW_EXPONENTS = (24, 58, 92)
"""A window of |x| begins at 2**e: there x is a multiple of 2**(e - 23)."""

_ROUND_TO_INTEGER = 1.5 * 2.0**52
"""Added to a float64 below 2**51 in size and subtracted again, it rounds to an integer."""
_ROUND_COARSELY = 1.5 * 2.0**60
"""Likewise below 2**59, to a multiple of 256."""


class Quadrant(NamedTuple):
    """x = (4 m + q) pi/2 + r: r as float32 in [-pi/4, pi/4], and q as the tests that sine and cosine make."""

    r: Expr
    odd: Expr
    """q is 1 or 3: sine and cosine change places."""
    sine_negative: Expr
    """q is 2 or 3."""
    cosine_negative: Expr
    """q is 1 or 2."""


@elementwise("sin")
def sin(k: Binder, x: Expr) -> Expr:
    """Sine. float32: at most 2 ulp for every finite x; NaN at infinities."""
    quadrant = reduce_to_quadrant(k, x)
    sine, cosine = _sine_and_cosine(k, quadrant.r)
    size = k.let(select(quadrant.odd, cosine, sine), "size")
    signed = k.let(select(quadrant.sine_negative, -size, size), "signed")
    return select(x.equal(0.0), x, signed)


@elementwise("cos")
def cos(k: Binder, x: Expr) -> Expr:
    """Cosine. float32: at most 2 ulp for every finite x; NaN at infinities."""
    quadrant = reduce_to_quadrant(k, x)
    sine, cosine = _sine_and_cosine(k, quadrant.r)
    size = k.let(select(quadrant.odd, sine, cosine), "size")
    return select(quadrant.cosine_negative, -size, size)


@elementwise("tan")
def tan(k: Binder, x: Expr) -> Expr:
    """Tangent. float32: at most 4 ulp for every finite x; NaN at infinities."""
    quadrant = reduce_to_quadrant(k, x)
    sine, cosine = _sine_and_cosine(k, quadrant.r)
    over = k.let(select(quadrant.odd, -cosine, sine), "over")
    under = k.let(select(quadrant.odd, sine, cosine), "under")
    return select(x.equal(0.0), x, over / under)


@elementwise("asin")
def asin(k: Binder, x: Expr) -> Expr:
    """Arc sine; NaN outside [-1, 1]. float32: at most 2.5 ulp."""
    size = magnitude(k, x)
    far, angle = _arc_sine_parts(k, size)
    # asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2))
    result = select(far, _PI_HIGH / 2 - (angle * 2.0 - _PI_LOW / 2), angle)
    return with_sign_of(k.let(result, "result"), x)


@elementwise("acos")
def acos(k: Binder, x: Expr) -> Expr:
    """Arc cosine; NaN outside [-1, 1]. float32: at most 1.5 ulp."""
    far, angle = _arc_sine_parts(k, magnitude(k, x))
    twice = k.let(angle * 2.0, "twice")
    negative = k.let(x < 0.0, "negative")
    signed = k.let(select(negative, -angle, angle), "signed")
    beyond = select(negative, _PI_HIGH - (twice - _PI_LOW), twice)
    return select(far, beyond, _PI_HIGH / 2 - (signed - _PI_LOW / 2))


@elementwise("atan")
def atan(k: Binder, x: Expr) -> Expr:
    """Arc tangent. float32: at most 2 ulp."""
    size = magnitude(k, x)
    steep = k.let(size > 1.0, "steep")
    # atan(a) = pi/2 - atan(1 / a)
    t = k.let(select(steep, 1.0, size) / select(steep, size, literal(1.0, "float32")), "t")
    square = k.let(t * t, "square")
    angle = k.let(t * square * horner(square, ATAN) + t, "angle")
    result = select(steep, _PI_HIGH / 2 - (angle - _PI_LOW / 2), angle)
    return with_sign_of(k.let(result, "result"), x)


def reduce_to_quadrant(k: Binder, x: Expr) -> Quadrant:
    """Subtract the nearest multiple of pi/2 from a float32 of any size."""
    size = magnitude(k, x)
    wide = k.let(cast(x, "float64"), "wide")
    products = [k.let(wide * _select_piece(size, piece), "product") for piece in range(_PIECES)]
    # The products stay below 2**61, 2**32, 2**3 and 1.
    first = _modulo_4(k, _modulo_4(k, products[0], _ROUND_COARSELY), _ROUND_TO_INTEGER)
    parts = [first, _modulo_4(k, products[1], _ROUND_TO_INTEGER), *products[2:]]
    q = k.let(_rounded(k, parts[0] + parts[1] + parts[2]), "q")
    # Largest first: what cancels, cancels exactly.
    turns = k.let(parts[0] - q, "turns")
    for part in parts[1:]:
        turns = k.let(turns + part, "turns")
    r = k.let(cast(turns * _HALF_PI, "float32"), "r")
    odd = _is_odd(k, q)
    # Bit 1 of q modulo 4 is the lowest bit of q // 2; that of q + 1 tells 1 and 2 from 3 and 0.
    sine_negative = _is_odd(k, k.let((q - select(odd, literal(1.0, "float64"), 0.0)) * 0.5, "pair"))
    cosine_negative = _is_odd(k, k.let((q + select(odd, literal(1.0, "float64"), 0.0)) * 0.5, "pair"))
    return Quadrant(r, odd, sine_negative, cosine_negative)


def _sine_and_cosine(k: Binder, r: Expr) -> tuple[Expr, Expr]:
    """Both functions for |r| <= pi/4."""
    square = k.let(r * r, "square")
    sine = k.let(r * square * horner(square, SIN) + r, "sine")
    cosine = k.let(square * square * horner(square, COS) + (1.0 - square * 0.5), "cosine")
    return sine, cosine


def _arc_sine_parts(k: Binder, size: Expr) -> tuple[Expr, Expr]:
    """Whether |x| > 1/2, and asin(|x|), or then asin(sqrt((1 - |x|) / 2))."""
    far = k.let(size > 0.5, "far")
    folded = k.let((1.0 - size) * 0.5, "folded")
    argument = k.let(select(far, tirx.sqrt(folded), size), "argument")
    square = k.let(select(far, folded, size * size), "square")
    return far, k.let(argument * square * horner(square, ASIN) + argument, "angle")


def _rounded(k: Binder, value: Expr, constant: float = _ROUND_TO_INTEGER) -> Expr:
    """A float64 rounded by adding and subtracting ``constant``."""
    return k.let(value + constant, "shifted") - constant


def _is_odd(k: Binder, whole: Expr) -> Expr:
    """Whether an integer held in float64 is odd; false for NaN."""
    half = k.let(whole * 0.5, "half")
    difference = k.let(half - _rounded(k, half), "difference")
    return k.let(tirx.Or(difference > 0.25, difference < -0.25), "odd")


def _modulo_4(k: Binder, product: Expr, constant: float) -> Expr:
    """A float64 minus a multiple of 4 near it, which is exact."""
    return k.let(product - _rounded(k, product * 0.25, constant) * 4.0, "part")


def _select_piece(size: Expr, piece: int) -> Expr:
    """Piece ``piece`` of 2/pi for the window in which ``size`` lies."""
    chosen = literal(_pieces(0)[piece], "float64", like=size)
    for exponent in _WINDOW_EXPONENTS:
        chosen = select(size >= 2.0**exponent, _pieces(exponent)[piece], chosen)
    return chosen


def _pieces(exponent: int) -> tuple[float, ...]:
    """2/pi without the bits whose product with a multiple of 2**(exponent - 23) is a multiple of 4, in
    pieces."""
    top = 25 - exponent if exponent else 0
    rest = _TWO_OVER_PI % Fraction(2) ** top
    pieces: list[float] = []
    for index in range(1, _PIECES + 1):
        unit = Fraction(2) ** (top - index * _PIECE_BITS)
        piece = rest // unit * unit
        pieces.append(float(piece))
        rest -= piece
    return tuple(pieces)
