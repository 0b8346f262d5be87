"""Bit-sliced tables compute what their forest does, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Comparison, Forest, profile_of, sums
from compiler.ir.literal import Array
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.passes.forests.bitslicing import MOST_TESTS, bitsliced_tables
from tests.ir.forest.strategies import forests, rows_for

KINDS = [kind for kind in Comparison if kind is not Comparison.MEMBER]
EDGES = np.array(
    [0.0, -0.0, 1e-45, -1e-45, 1.0, -1.0, 3.4028235e38, -3.4028235e38, np.inf, -np.inf, 2.0**24, 2.0**31], np.float32
)


def sliced(forest: Forest, x: Array, depth: int) -> Array:
    """The sums by way of the op's reference."""
    tables = bitsliced_tables(forest, depth)
    assert tables is not None
    start = np.broadcast_to(forest.base, (len(x), forest.outputs)).astype(forest.leaf.dtype)
    (result,) = BitslicedForest(depth).evaluate(x, start, *tables.operands)
    return result


def stumps(kind: Comparison, thresholds: Array) -> Forest:
    """A tree for each threshold and way of missing values, each with an output: whether the row goes left."""
    trees = 2 * len(thresholds)
    return Forest(
        features=1,
        base=np.zeros(trees, np.float32),
        first_split=np.arange(trees + 1, dtype=np.int32),
        target=np.arange(trees, dtype=np.int32),
        feature=np.zeros(trees, np.int32),
        comparison=np.full(trees, kind, np.uint8),
        threshold=np.repeat(thresholds, 2),
        left=~np.arange(0, 2 * trees, 2, dtype=np.int32),
        right=~np.arange(1, 2 * trees, 2, dtype=np.int32),
        default_left=np.arange(trees) % 2 == 0,
        first_category=np.zeros(1, np.int32),
        categories=np.zeros(0, np.int32),
        leaf=np.tile(np.array([[1], [0]], np.float32), (trees, 1)),
        leaf_id=np.zeros(2 * trees, np.int32),
        cover=np.zeros(2 * trees, np.float32),
    )


@given(st.data())
def test_random_forests(data: st.DataObject) -> None:
    forest = data.draw(forests().filter(lambda forest: forest.splits > 0))
    x = data.draw(rows_for(forest))
    depth = data.draw(st.integers(profile_of(forest).max_depth, 8))
    assert sliced(forest, x, depth).tobytes() == sums(forest, x).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_each_comparison_at_the_edges_of_floats(kind: Comparison) -> None:
    forest = stumps(kind, EDGES)
    with np.errstate(over="ignore"):
        values = np.concatenate([EDGES, np.nextafter(EDGES, np.inf), np.nextafter(EDGES, -np.inf), [np.nan]])
    x = values.astype(np.float32).reshape(-1, 1)
    np.testing.assert_array_equal(sliced(forest, x, 1), sums(forest, x))


@pytest.mark.parametrize("count", [14, 15, 16, 255, 256, 600])
def test_columns_of_any_size(count: int) -> None:
    thresholds = np.linspace(-1, 1, count, dtype=np.float32)
    forest = stumps(Comparison.LESS, thresholds)
    x = np.concatenate([thresholds, np.linspace(-2, 2, 99, dtype=np.float32), [np.nan]]).reshape(-1, 1)
    np.testing.assert_array_equal(sliced(forest, x.astype(np.float32), 1), sums(forest, x.astype(np.float32)))


@pytest.mark.parametrize("count", [126, 127, 128, 254, 255, 256, 400])
def test_sets_of_any_number_of_borders(count: int) -> None:
    """Each number has two borders, and missing values one."""
    numbers = 3 * np.arange(count, dtype=np.float32)
    forest = stumps(Comparison.EQUAL, numbers)
    x = np.concatenate([numbers - 1, numbers, numbers + 1, [-np.inf, np.inf, np.nan]]).astype(np.float32)
    np.testing.assert_array_equal(sliced(forest, x.reshape(-1, 1), 1), sums(forest, x.reshape(-1, 1)))


def test_what_it_cannot_express() -> None:
    assert bitsliced_tables(stumps(Comparison.EQUAL, np.arange(999, dtype=np.float32)), 1) is not None
    assert bitsliced_tables(stumps(Comparison.LESS, np.arange(MOST_TESTS, dtype=np.float32)), 1) is None
