"""The tables of ``leafwise_forest`` compute what their forest does, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Comparison, Forest, parse_forest, sums
from compiler.ir.literal import Array
from compiler.ir.ops.leafwise_forest import LINE, MOST_LEAVES, LeafwiseForest
from compiler.passes.forests.leafwise import leafwise_tables
from tests.ir.forest.examples import chain_text
from tests.ir.forest.strategies import forests, rows_for
from tests.passes.forests.test_bitslicing import EDGES, KINDS, stumps


def grown(forest: Forest, x: Array) -> Array:
    """The sums by way of the op's reference."""
    tables = leafwise_tables(forest)
    assert tables is not None
    start = np.broadcast_to(forest.base, (len(x), forest.outputs)).astype(forest.leaf.dtype)
    (result,) = LeafwiseForest().evaluate(x, start, *tables)
    return result


@given(st.data())
def test_random_forests(data: st.DataObject) -> None:
    """Of trees that fill no line, a line and several."""
    forest = data.draw(forests(max_splits=data.draw(st.sampled_from([3, 9, 20]))).filter(lambda f: f.splits > 0))
    x = data.draw(rows_for(forest))
    assert grown(forest, x).tobytes() == sums(forest, x).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_each_comparison_at_the_edges_of_floats(kind: Comparison) -> None:
    forest = stumps(kind, EDGES)
    with np.errstate(over="ignore"):
        values = np.concatenate([EDGES, np.nextafter(EDGES, np.inf), np.nextafter(EDGES, -np.inf), [np.nan]])
    x = values.astype(np.float32).reshape(-1, 1)
    np.testing.assert_array_equal(grown(forest, x), sums(forest, x))


@pytest.mark.parametrize("depth", [6, 7, 8, 14, 15, 16, 254, MOST_LEAVES - 1])
def test_chains_of_splits(depth: int) -> None:
    """As deep as trees of so many leaves can be; lines are full or not."""
    forest = parse_forest(chain_text(depth))
    tables = leafwise_tables(forest)
    assert tables is not None
    leaves = depth + 1
    assert tables[6].shape == (-(-leaves // LINE), LINE)
    assert tables[9].shape[1] == max(LINE, 1 << (leaves - 1).bit_length())
    x = np.linspace(-1, depth + 1, 1200, dtype=np.float32).reshape(600, 2)
    x[::7] = np.nan
    np.testing.assert_array_equal(grown(forest, x), sums(forest, x))


def test_what_it_cannot_express() -> None:
    assert leafwise_tables(parse_forest(chain_text(MOST_LEAVES))) is None
    assert leafwise_tables(stumps(Comparison.LESS, np.arange(1 << 16, dtype=np.float32))) is None
