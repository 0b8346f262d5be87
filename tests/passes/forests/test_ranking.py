"""The tables of ``ranked_forest`` compute what their forest does, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Comparison, Forest, profile_of, sums
from compiler.ir.literal import Array
from compiler.ir.ops.ranked_forest import DEEPEST, LOWER, MOST_COLUMNS, RankedForest
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.passes.forests.ranking import ranked_tables, rounds_of_trees
from tests.ir.forest.strategies import forests, rows_for
from tests.passes.forests.test_bitslicing import EDGES, stumps
from tests.passes.forests.test_walking import ORDERED


def ranked(forest: Forest, x: Array, depth: int) -> Array:
    """The sums by way of the op's reference."""
    tables = ranked_tables(forest, depth)
    assert tables is not None
    start = np.broadcast_to(forest.base, (len(x), forest.outputs)).astype(forest.leaf.dtype)
    (result,) = RankedForest(depth).evaluate(x, start, *tables)
    return result


@given(st.data())
def test_random_forests(data: st.DataObject) -> None:
    forest = data.draw(forests(comparisons=ORDERED).filter(lambda forest: forest.splits > 0))
    x = data.draw(rows_for(forest))
    depth = data.draw(st.integers(max(LOWER, profile_of(forest).max_depth), DEEPEST))
    assert ranked(forest, x, depth).tobytes() == sums(forest, x).tobytes()


@given(st.data())
def test_values_of_random_forests_are_added_in_rounds(data: st.DataObject) -> None:
    forest = data.draw(forests(comparisons=ORDERED).filter(lambda forest: forest.splits > 0))
    order = rounds_of_trees(forest)
    counts = np.bincount(forest.target, minlength=forest.outputs)[:: forest.leaf.shape[1]]
    if order is None:
        assert counts.sum() < forest.trees or len(set(counts)) > 1 or forest.outputs % forest.leaf.shape[1]
        return
    x, depth = data.draw(rows_for(forest)), max(LOWER, profile_of(forest).max_depth)
    tables = ranked_tables(forest, depth, order)
    assert tables is not None
    (values,) = RankedLeaves(depth).evaluate(x, *tables[:-1])
    got = np.repeat(forest.base[None], len(x), axis=0)
    rounds = forest.trees * forest.width // forest.outputs
    for terms in values.reshape(len(x), rounds, forest.outputs).swapaxes(0, 1):
        got += terms
    assert got.tobytes() == sums(forest, x).tobytes()


def test_rounds_take_a_tree_of_each_output_in_order() -> None:
    forest, base = stumps(Comparison.LESS, np.zeros(3, np.float32)), np.zeros(2, np.float32)
    assert forest.trees == 6
    for target, order in (([0, 1] * 3, [0, 1, 2, 3, 4, 5]), ([1, 1, 0, 0, 0, 1], [2, 0, 3, 1, 4, 5]), ([0] * 6, None)):
        got = rounds_of_trees(replace(forest, base=base, target=np.array(target, np.int32)))
        assert got is order or (got is not None and got.tolist() == order)


@pytest.mark.parametrize("kind", ORDERED)
def test_each_comparison_at_the_edges_of_floats(kind: Comparison) -> None:
    with np.errstate(over="ignore"):
        values = np.concatenate([EDGES, np.nextafter(EDGES, np.inf), np.nextafter(EDGES, -np.inf), [np.nan]])
    x, forest = values.astype(np.float32).reshape(-1, 1), stumps(kind, EDGES)
    np.testing.assert_array_equal(ranked(forest, x, LOWER), sums(forest, x))


def test_more_edges_than_a_column_has_are_several_columns() -> None:
    edges = np.arange(700, dtype=np.float32)
    forest = stumps(Comparison.LESS, edges)
    tables = ranked_tables(forest, LOWER)
    assert tables is not None and len(tables[0]) == 6
    x = np.concatenate([edges - 0.5, edges[-1:], [np.nan]]).astype(np.float32).reshape(-1, 1)
    np.testing.assert_array_equal(ranked(forest, x, LOWER), sums(forest, x))


def test_what_it_cannot_express() -> None:
    assert ranked_tables(stumps(Comparison.EQUAL, EDGES), LOWER) is None
    wide = stumps(Comparison.LESS, np.zeros(MOST_COLUMNS, np.float32))
    wide = replace(wide, features=MOST_COLUMNS, feature=np.repeat(np.arange(MOST_COLUMNS, dtype=np.int32), 2))
    assert ranked_tables(wide, LOWER) is None
