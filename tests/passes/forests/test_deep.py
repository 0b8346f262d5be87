"""The tables of ``deep_forest`` compute what their forest does, to the bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Comparison, Forest, profile_of, sums
from compiler.ir.literal import Array
from compiler.ir.ops.deep_forest import DeepForest
from compiler.passes.forests.deep import DeepTables, deep_tables
from tests.ir.forest.strategies import forests, rows_for
from tests.passes.forests.test_bitslicing import EDGES, stumps
from tests.passes.forests.test_walking import ORDERED


def computed(tables: DeepTables, forest: Forest, x: Array) -> Array:
    """The sums by way of the op's reference."""
    start = np.broadcast_to(forest.base, (len(x), forest.outputs)).astype(forest.leaf.dtype)
    (result,) = DeepForest(tables.depth, tables.usual, tables.most).evaluate(x, start, *tables.operands)
    return result


@given(st.data())
def test_random_forests(data: st.DataObject) -> None:
    forest = data.draw(forests(max_splits=12, comparisons=ORDERED).filter(lambda forest: forest.splits > 0))
    x = data.draw(rows_for(forest))
    depth = data.draw(st.integers(1, 4))
    tables = deep_tables(forest, depth)
    assert tables is not None
    assert tables.usual <= tables.most == max(0, profile_of(forest).max_depth - depth)
    assert computed(tables, forest, x).tobytes() == sums(forest, x).tobytes()


@given(st.data())
def test_sets_are_for_the_upper_levels(data: st.DataObject) -> None:
    forest = data.draw(forests(max_splits=8).filter(lambda forest: forest.splits > 0))
    x = data.draw(rows_for(forest))
    tables = deep_tables(forest, 2)
    if tables is None:
        kinds = (Comparison.EQUAL, Comparison.NOT_EQUAL, Comparison.MEMBER)
        assert np.isin(forest.comparison, kinds).any()
        assert profile_of(forest).max_depth > 2
    else:
        assert computed(tables, forest, x).tobytes() == sums(forest, x).tobytes()


def test_each_edge_of_floats_below_the_upper_levels() -> None:
    """Stumps one below another: two splits, of which the second one is walked."""
    for kind in ORDERED:
        flat = stumps(kind, EDGES)
        tables = deep_tables(_below_a_root(flat), 1)
        assert tables is not None
        assert tables.most == 1
        with np.errstate(over="ignore"):
            values = np.concatenate([EDGES, np.nextafter(EDGES, np.inf), np.nextafter(EDGES, -np.inf), [np.nan]])
        x = values.astype(np.float32).reshape(-1, 1)
        forest = _below_a_root(flat)
        np.testing.assert_array_equal(computed(tables, forest, x), sums(forest, x))


def _below_a_root(stumps: Forest) -> Forest:
    """Each stump to the left of a split that all rows but those of infinity pass to the left."""
    trees = stumps.trees
    first, three = np.arange(trees, dtype=np.int32), np.arange(3 * trees, dtype=np.int32).reshape(trees, 3)

    def both(upper: float | bool, lower: Array) -> Array:
        return np.stack([np.full(trees, upper, lower.dtype), lower], axis=1).reshape(-1)

    return Forest(
        features=1,
        base=stumps.base,
        first_split=2 * np.arange(trees + 1, dtype=np.int32),
        target=stumps.target,
        feature=np.zeros(2 * trees, np.int32),
        comparison=both(Comparison.LESS, stumps.comparison),
        threshold=both(np.inf, stumps.threshold),
        left=np.stack([2 * first + 1, ~three[:, 0]], axis=1).reshape(-1),
        right=np.stack([~three[:, 2], ~three[:, 1]], axis=1).reshape(-1),
        default_left=both(True, stumps.default_left),
        first_category=stumps.first_category,
        categories=stumps.categories,
        leaf=np.tile(np.array([[1], [0], [2]], np.float32), (trees, 1)),
        leaf_id=np.zeros(3 * trees, np.int32),
        cover=np.zeros(3 * trees, np.float32),
    )
