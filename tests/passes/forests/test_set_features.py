"""Forests that ask for answers to tests of sets compute what those do that make the tests, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Comparison, Forest, leaves_reached, sums
from compiler.ir.literal import Array
from compiler.ir.ops.set_features import SetFeatures
from compiler.passes.forests.columns import is_set_test
from compiler.passes.forests.set_features import with_set_features
from tests.ir.forest.strategies import forests, rows_for
from tests.passes.forests.test_bitslicing import EDGES, stumps
from tests.passes.forests.test_walking import ORDERED

SETS = (Comparison.EQUAL, Comparison.NOT_EQUAL, Comparison.MEMBER)


def answered(forest: Forest, x: Array) -> tuple[Forest, Array]:
    """The forest without sets, and its rows."""
    found = with_set_features(forest)
    assert found is not None
    tables, changed = found
    assert not is_set_test(changed).any()
    return changed, SetFeatures().evaluate(x, *tables)[0]


@given(st.data())
def test_random_forests(data: st.DataObject) -> None:
    forest = data.draw(forests(comparisons=(*SETS, Comparison.LESS)).filter(lambda forest: is_set_test(forest).any()))
    x = data.draw(rows_for(forest))
    changed, wide = answered(forest, x)
    assert sums(changed, wide).tobytes() == sums(forest, x).tobytes()
    np.testing.assert_array_equal(leaves_reached(changed, wide), leaves_reached(forest, x))


@pytest.mark.parametrize("kind", [Comparison.EQUAL, Comparison.NOT_EQUAL])
def test_equality_at_the_edges_of_floats_and_with_many_numbers(kind: Comparison) -> None:
    numbers = np.concatenate([EDGES, 3 * np.arange(300, dtype=np.float32)])
    with np.errstate(over="ignore"):
        near = [np.nextafter(numbers, np.float32(side)) for side in (-np.inf, np.inf)]
    x, forest = np.concatenate([numbers, *near, [np.nan]]).astype(np.float32).reshape(-1, 1), stumps(kind, numbers)
    changed, wide = answered(forest, x)
    np.testing.assert_array_equal(sums(changed, wide), sums(forest, x))


@given(forests(comparisons=ORDERED))
def test_forests_without_sets_stay(forest: Forest) -> None:
    assert with_set_features(forest) is None
