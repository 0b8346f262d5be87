"""Derive the polynomial coefficients of this package; ``python -m compiler.codegen.math.fit`` rewrites the
table.

Owns the minimax fits. Each function f is written as ``base(x) + factor(x) * P(u(x))`` on its reduced
interval, where ``base`` holds the leading terms that must be exact in floating point. P is the polynomial
that minimizes the largest *relative* error of the whole, or of what is made of it, found by the Remez
exchange algorithm (E. Remez, 1934; N. Trefethen, Approximation Theory and Approximation Practice, chapter 10)
in a Chebyshev basis, then rounded to the type it is used in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.special import erf, erfc

Real = NDArray[Any]
"""Extended precision: numpy's longdouble."""
Function = Callable[[Real], Real]

_GRID = 4001
_EXCHANGES = 30


@dataclass(frozen=True)
class Fit:
    """One polynomial: its name in the table, the interval of x, its degree in u, and what it approximates."""

    name: str
    low: float
    high: float
    degree: int
    exact: Function
    base: Function
    factor: Function
    variable: Function
    double: bool = False
    sensitivity: Function = lambda x: np.ones_like(x)
    """How much of a relative error of f at x reaches the result that f is used for."""

    def coefficients(self) -> tuple[float, ...]:
        """Lowest power first, rounded to float32 (or float64 where ``double``)."""
        x = _grid(self.low, self.high)
        target = (self.exact(x) - self.base(x)) / self.factor(x)
        weight = np.abs(self.factor(x) / self.exact(x) * self.sensitivity(x))
        polynomial = remez(self.variable(x), target, weight, self.degree)
        return tuple(float(c) if self.double else float(np.float32(c)) for c in polynomial)

    def relative_error(self) -> float:
        """The largest relative error, as far as it reaches the result, of the rounded polynomial evaluated exactly."""
        x = _grid(self.low, self.high)
        value = np.polynomial.polynomial.polyval(self.variable(x), np.array(self.coefficients(), np.longdouble))
        errors = (self.base(x) + self.factor(x) * value) / self.exact(x) - 1
        return float(np.max(np.abs(errors * self.sensitivity(x))))


def remez(u: Real, target: Real, weight: Real, degree: int) -> NDArray[np.float64]:
    """Monomial coefficients of the polynomial in u that minimizes ``max |weight * (P(u) - target)|`` on the
    grid."""
    low, high = u.min(), u.max()
    order = np.argsort(u)
    scaled = np.asarray((2 * u - (low + high)) / (high - low), np.float64)[order]
    wanted, weights = np.asarray(target, np.float64)[order], np.asarray(weight, np.float64)[order]
    picks = _first_reference(scaled, degree + 2)
    best, best_error = np.zeros(degree + 1), np.inf
    for _ in range(_EXCHANGES):
        series = _equioscillating(scaled[picks], wanted[picks], weights[picks], degree)
        errors = weights * (chebyshev.chebval(scaled, series) - wanted)
        if np.abs(errors).max() < best_error:
            best, best_error = series, np.abs(errors).max()
        extrema = _alternating_extrema(errors, degree + 2)
        if extrema is None or np.array_equal(extrema, picks):
            break
        picks = extrema
    centered = np.polynomial.Polynomial(chebyshev.cheb2poly(best))
    line = np.polynomial.Polynomial([-float((low + high) / (high - low)), float(2 / (high - low))])
    return np.asarray(centered(line).coef, np.float64)


def _first_reference(scaled: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    nodes = -np.cos(np.pi * np.arange(count) / (count - 1))
    return np.searchsorted(scaled, nodes).clip(0, scaled.size - 1)


def _equioscillating(
    x: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64], degree: int
) -> NDArray[np.float64]:
    """The Chebyshev series whose weighted errors at the reference points are equal with alternating signs."""
    signs = np.where(np.arange(x.size) % 2 == 0, 1.0, -1.0) / weight
    system = np.column_stack([chebyshev.chebvander(x, degree), signs])
    return np.asarray(np.linalg.solve(system, target)[:-1], np.float64)


def _alternating_extrema(errors: NDArray[np.float64], count: int) -> NDArray[np.intp] | None:
    """Indices of the largest error in each run of equal sign, the best ``count`` consecutive ones."""
    starts = np.flatnonzero(np.diff(np.sign(errors), prepend=0))
    runs = np.split(np.arange(errors.size), starts[1:])
    peaks = [run[np.argmax(np.abs(errors[run]))] for run in runs if run.size]
    while len(peaks) > count:
        peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
    return np.array(peaks) if len(peaks) == count else None


def _grid(low: float, high: float) -> Real:
    """Chebyshev-spaced points, which resolve the ends where minimax errors peak; never exactly 0."""
    nodes = np.cos(np.pi * (np.arange(_GRID, dtype=np.longdouble) + 0.5) / _GRID)
    points = (high + low) / np.longdouble(2) + (high - low) / np.longdouble(2) * nodes
    return points[np.abs(points) > 1e-3 * (high - low)]


def _square(x: Real) -> Real:
    return x * x


def _identity(x: Real) -> Real:
    return x


def _zero(x: Real) -> Real:
    return np.zeros_like(x)


def _cube(x: Real) -> Real:
    return x**3


def _erf(x: Real) -> Real:
    return np.asarray(erf(np.asarray(x, np.float64)), np.longdouble)


def _log_erfc_in_base(x: Real) -> Real:
    """-log(erfc(x)) to the base whose logarithm is the slope of erf at 0: x + O(x**2)."""
    complement = np.asarray(erfc(np.asarray(x, np.float64)), np.longdouble)
    return -np.where(x < 0.5, np.log1p(-_erf(x)), np.log(complement)) / ERF_SLOPE


def _erf_sensitivity(x: Real) -> Real:
    """Relative error of erf(x) over that of log(erfc(x))."""
    exponent = ERF_SLOPE * _log_erfc_in_base(x)
    return exponent * np.exp(-exponent) / _erf(x)


def _fall(r: Real) -> Real:
    """One to that base less r of it."""
    return np.expm1(-ERF_SLOPE * r)


def _log2_of_ratio(s: Real) -> Real:
    """log2((1 + s) / (1 - s)), where s = (m - 1) / (m + 1) gives log2(m)."""
    return 2 * np.arctanh(s) / np.log(np.longdouble(2))


_HALF_LN2 = 0.3466
_SQRT_HALF = 0.70710678
ERF_SLOPE = 2 / np.sqrt(np.longdouble(np.pi))
_HALF_OCTAVE = float(np.log(2) / ERF_SLOPE / 2) * 1.0005

FITS: tuple[Fit, ...] = (
    Fit("EXPM1", -_HALF_LN2, _HALF_LN2, 4, np.expm1, _identity, _square, _identity),
    Fit("LOG1P", _SQRT_HALF - 1, 2 * _SQRT_HALF - 1, 8, np.log1p, lambda t: t - t * t / 2, _cube, _identity),
    Fit("LOG2_RATIO", 0.0, 0.1717, 5, _log2_of_ratio, _zero, _identity, _square, double=True),
    Fit("SIN", 0.0, 0.7855, 3, np.sin, _identity, _cube, _square),
    Fit("COS", 0.0, 0.7855, 2, np.cos, lambda r: 1 - r * r / 2, lambda r: r**4, _square),
    Fit("ASIN", 0.0, 0.5, 4, np.arcsin, _identity, _cube, _square),
    Fit("ATAN", 0.0, 1.0, 8, np.arctan, _identity, _cube, _square),
    Fit("SINH", 0.0, 1.0, 3, np.sinh, _identity, _cube, _square),
    Fit(
        *("LOG_ERFC", 0.0, 4.0, 7, _log_erfc_in_base, _identity, _square, _identity),
        sensitivity=_erf_sensitivity,
    ),
    Fit("FALL", -_HALF_OCTAVE, _HALF_OCTAVE, 5, _fall, np.negative, _identity, _identity),
)

_HEADER = '"""Minimax coefficients, lowest power first; written by ``compiler.codegen.math.fit``."""\n'


def table() -> str:
    """The text of ``coefficients.py``."""
    entries = []
    for fit in FITS:
        numbers = "\n".join(f"    {value!r}," for value in fit.coefficients())
        entries.append(f"\n{fit.name} = (\n{numbers}\n)\n")
    return _HEADER + "".join(entries)


def main() -> None:
    """Rewrite the table beside this file and print the error of each fit."""
    Path(__file__).with_name("coefficients.py").write_text(table())
    for fit in FITS:
        print(f"{fit.name:15} degree {fit.degree}  largest relative error {fit.relative_error():.2e}")


if __name__ == "__main__":
    main()
