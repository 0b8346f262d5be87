"""Comparisons with float64 thresholds hold for the same float32 values once they are narrowed."""

from __future__ import annotations

import operator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Comparison, narrowed

TESTS = {
    Comparison.LESS: operator.lt,
    Comparison.LESS_EQUAL: operator.le,
    Comparison.GREATER: operator.gt,
    Comparison.GREATER_EQUAL: operator.ge,
    Comparison.EQUAL: operator.eq,
    Comparison.NOT_EQUAL: operator.ne,
}


@given(st.sampled_from(list(TESTS)), st.floats(allow_nan=False), st.floats(allow_nan=False, width=32))
def test_the_same_values_pass(comparison: Comparison, threshold: float, other: float) -> None:
    kinds, thresholds = narrowed(np.array([comparison], np.uint8), np.array([threshold]))
    assert thresholds.dtype == np.float32
    with np.errstate(over="ignore"):
        near = np.float32(threshold)
    around = np.array([np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))])
    for value in (*around, np.float32(other), np.float32(np.inf), np.float32(-np.inf), np.float32(0)):
        want = TESTS[comparison](float(value), threshold)
        assert TESTS[Comparison(int(kinds[0]))](value, thresholds[0]) == want


def test_sets_and_what_is_no_number_stay() -> None:
    comparison = np.array([Comparison.MEMBER, Comparison.LESS], np.uint8)
    kinds, thresholds = narrowed(comparison, np.array([0.0, np.nan]))
    np.testing.assert_array_equal(kinds, comparison)
    np.testing.assert_array_equal(thresholds, np.array([0.0, np.nan], np.float32))
