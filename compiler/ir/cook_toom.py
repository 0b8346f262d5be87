"""Exact matrices of minimal filtering algorithms, made from interpolation points as Cook and Toom did.

``F(m, r)`` computes ``m`` outputs of a correlation with ``r`` taps by ``m + r - 1`` products::

    y = A^T [ (G g) * (B^T d) ]         d: m + r - 1 inputs, g: r taps, *: element by element

Nested with itself it gives ``F(m x m, r x r)``: ``Y = A^T [(G g G^T) * (B^T d B)] A``. After Lavin and Gray, Fast
Algorithms for Convolutional Neural Networks (2016, arXiv:1509.09308). This module is arithmetic on fractions; it knows
nothing of tensors, of rounding or of kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

TAPS = 3
"""Taps of the filters along each axis."""

POINTS: dict[int, tuple[Fraction, ...]] = {
    2: (Fraction(0), Fraction(1), Fraction(-1)),
    4: (Fraction(0), Fraction(5, 8), Fraction(-5, 8), Fraction(3, 2), Fraction(-3, 2)),
}
"""Interpolation points beside infinity, by outputs.

How far rounding errors grow depends on them (Barabasz, Anderson, Soodhalter and Gregg, Error Analysis and Improving the
Accuracy of Winograd Convolution for Deep Neural Networks, 2018). Points in pairs of both signs halve the work of the
transforms, and binary fractions make all their coefficients exact in float32; of all such pairs up to 2 with
denominators up to 8 these have, within a few percent, the smallest error: 0.4 of that of the usual (0, 1, -1, 2, -2).
"""

Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class Filtering:
    """The matrices of F(outputs, taps) by rows: ``output`` is A^T, ``weights`` G, ``input`` B^T."""

    output: Matrix
    weights: Matrix
    input: Matrix

    @property
    def size(self) -> int:
        """Products per axis, which is also the side of a tile of inputs."""
        return len(self.input)


@cache
def filtering(outputs: int) -> Filtering:
    """The algorithm that the compiler uses for ``outputs`` outputs of a filter with three taps."""
    return cook_toom(POINTS[outputs], outputs, TAPS)


def cook_toom(points: Sequence[Fraction], outputs: int, taps: int) -> Filtering:
    """F(outputs, taps) by interpolation in ``outputs + taps - 2`` distinct points and infinity.

    The transpose of evaluating two polynomials in all points, multiplying the values and interpolating.
    """
    if len(set(points)) != outputs + taps - 2 or len(set(points)) != len(points):
        raise ValueError(f"F({outputs}, {taps}) needs {outputs + taps - 2} distinct points, not {len(points)}")
    size = len(points) + 1
    zero, one = Fraction(0), Fraction(1)
    output = tuple((*(p**row for p in points), one if row == outputs - 1 else zero) for row in range(outputs))
    weights: list[tuple[Fraction, ...]] = []
    rows: list[tuple[Fraction, ...]] = []
    for point in points:
        others = [other for other in points if other != point]
        scale = one
        for other in others:
            scale *= point - other
        weights.append(tuple(point**tap / scale for tap in range(taps)))
        rows.append(_with_roots(others, size))
    weights.append((*(zero for _ in range(taps - 1)), one))
    rows.append(_with_roots(points, size))
    return Filtering(output, tuple(weights), tuple(rows))


def _with_roots(roots: Sequence[Fraction], size: int) -> tuple[Fraction, ...]:
    """The coefficients, constant term first, of the monic polynomial with these roots, filled up with zeros."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        scaled = [*(-root * c for c in coefficients), Fraction(0)]
        coefficients = [a + b for a, b in zip(shifted, scaled, strict=True)]
    return (*coefficients, *(Fraction(0) for _ in range(size - len(coefficients))))
