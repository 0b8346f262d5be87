"""Walks lead rows to the leaves that their forest does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Comparison, Forest, leaves_reached, profile_of
from compiler.ir.literal import Array
from compiler.ir.ops.perfect_walk import DEEPEST, PerfectWalk
from compiler.ir.ops.sparse_walk import SparseWalk
from compiler.passes.forests.walking import perfect_tables, sparse_tables
from tests.ir.forest.strategies import forests, rows_for
from tests.passes.forests.test_bitslicing import EDGES, stumps

ORDERED = (Comparison.LESS, Comparison.LESS_EQUAL, Comparison.GREATER, Comparison.GREATER_EQUAL)


def reached(forest: Forest, x: Array, depth: int) -> list[Array]:
    """The leaves by way of each walk's reference; none if the forest has splits that are no comparisons."""
    perfect, sparse = perfect_tables(forest, depth), sparse_tables(forest)
    assert (perfect is None) == (sparse is None)
    if perfect is None or sparse is None:
        return []
    (places,) = PerfectWalk(depth).evaluate(x, perfect[0])
    return [perfect[1].reshape(-1)[places], sparse[1][SparseWalk(0, depth).evaluate(x, *sparse[0])[0]]]


@given(st.data())
def test_random_forests(data: st.DataObject) -> None:
    forest = data.draw(forests(comparisons=ORDERED).filter(lambda forest: forest.splits > 0))
    x = data.draw(rows_for(forest))
    depth = data.draw(st.integers(profile_of(forest).max_depth, DEEPEST))
    first, second = reached(forest, x, depth)
    np.testing.assert_array_equal(first, leaves_reached(forest, x))
    np.testing.assert_array_equal(second, leaves_reached(forest, x))


@pytest.mark.parametrize("kind", ORDERED)
def test_each_comparison_at_the_edges_of_floats(kind: Comparison) -> None:
    with np.errstate(over="ignore"):
        values = np.concatenate([EDGES, np.nextafter(EDGES, np.inf), np.nextafter(EDGES, -np.inf), [np.nan]])
    x, forest = values.astype(np.float32).reshape(-1, 1), stumps(kind, EDGES)
    for leaves in reached(forest, x, 1):
        np.testing.assert_array_equal(leaves, leaves_reached(forest, x))


def test_sets_are_no_comparisons() -> None:
    forest = stumps(Comparison.EQUAL, EDGES)
    assert reached(forest, np.zeros((1, 1), np.float32), 1) == []
