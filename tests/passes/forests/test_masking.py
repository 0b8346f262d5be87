"""The tables of ``masked_forest`` compute what their forest does, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Comparison, Forest, parse_forest, sums
from compiler.ir.literal import Array
from compiler.ir.ops.masked_forest import MOST_LEAVES, MaskedForest
from compiler.passes.forests.masking import MOST_NUMBERS, masked_tables
from tests.ir.forest.examples import chain_text
from tests.ir.forest.strategies import forests, rows_for
from tests.passes.forests.test_bitslicing import EDGES, KINDS, stumps


def masked(forest: Forest, x: Array) -> Array:
    """The sums by way of the op's reference."""
    tables = masked_tables(forest)
    assert tables is not None
    start = np.broadcast_to(forest.base, (len(x), forest.outputs)).astype(forest.leaf.dtype)
    (result,) = MaskedForest().evaluate(x, start, *tables)
    return result


@given(st.data())
def test_random_forests(data: st.DataObject) -> None:
    """With words of a byte and wider ones."""
    forest = data.draw(forests(max_splits=data.draw(st.sampled_from([3, 9, 20]))).filter(lambda f: f.splits > 0))
    x = data.draw(rows_for(forest))
    assert masked(forest, x).tobytes() == sums(forest, x).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_each_comparison_at_the_edges_of_floats(kind: Comparison) -> None:
    with np.errstate(over="ignore"):
        values = np.concatenate([EDGES, np.nextafter(EDGES, np.inf), np.nextafter(EDGES, -np.inf), [np.nan]])
    x, forest = values.astype(np.float32).reshape(-1, 1), stumps(kind, EDGES)
    np.testing.assert_array_equal(masked(forest, x), sums(forest, x))


@pytest.mark.parametrize("kind", [Comparison.LESS, Comparison.EQUAL])
@pytest.mark.parametrize("count", [254, 255, 256, 600])
def test_questions_of_several_columns(kind: Comparison, count: int) -> None:
    numbers = 3 * np.arange(count, dtype=np.float32)
    forest = stumps(kind, numbers)
    x = np.concatenate([numbers - 1, numbers, numbers + 1, [-np.inf, np.inf, np.nan]]).astype(np.float32)
    np.testing.assert_array_equal(masked(forest, x.reshape(-1, 1)), sums(forest, x.reshape(-1, 1)))


@pytest.mark.parametrize("depth", [7, 8, 15, 16, 31, 32, MOST_LEAVES - 1])
def test_words_of_each_size(depth: int) -> None:
    forest = parse_forest(chain_text(depth))
    x = np.linspace(-1, depth + 1, 1200, dtype=np.float32).reshape(600, 2)
    x[::7] = np.nan
    np.testing.assert_array_equal(masked(forest, x), sums(forest, x))


def test_what_it_cannot_express() -> None:
    assert masked_tables(parse_forest(chain_text(MOST_LEAVES))) is None
    count = 1 << 14
    assert 2 * count * (2 * count // 64) > MOST_NUMBERS
    assert masked_tables(stumps(Comparison.LESS, np.arange(count, dtype=np.float32))) is None
