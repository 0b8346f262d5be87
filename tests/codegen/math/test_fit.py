"""The minimax fits: the table is what they give, and they are good."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.codegen.math import coefficients
from compiler.codegen.math.fit import FITS, Fit, remez

EACH_FIT = pytest.mark.parametrize("fit", FITS, ids=lambda fit: fit.name)


@EACH_FIT
def test_the_table_is_what_the_fit_gives(fit: Fit) -> None:
    """Up to the last bits, which may depend on the linear algebra library."""
    np.testing.assert_allclose(getattr(coefficients, fit.name), fit.coefficients(), rtol=1e-4)


def test_the_table_holds_nothing_else() -> None:
    assert {name for name in vars(coefficients) if name.isupper()} == {fit.name for fit in FITS}


@EACH_FIT
def test_fits_are_well_below_half_an_ulp(fit: Fit) -> None:
    assert fit.relative_error() < (2.0**-43 if fit.double else 2.0**-25)


def test_remez_finds_a_known_minimax_polynomial() -> None:
    """The best cubic to x**4 on [-1, 1] is x**4 minus the Chebyshev polynomial T4 / 8."""
    x = np.cos(np.linspace(0, np.pi, 2001)).astype(np.longdouble)
    found = remez(x, x**4, np.ones_like(x), 3)
    np.testing.assert_allclose(np.resize(found, 4), [-1 / 8, 0, 1, 0], atol=1e-6)
