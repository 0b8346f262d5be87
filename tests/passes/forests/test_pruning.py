"""Pruned forests compute what they did, to the bit, and have no split left that some value does not decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Comparison, Forest, leaves_reached, sums
from compiler.ir.literal import Array
from compiler.ir.ops.forest import ForestSums
from compiler.passes.forests.pruning import pruned
from frontends.xgboost import Prediction, load
from tests.frontends.xgboost.test_zoo_models import file_of
from tests.ir.forest.strategies import forests, rows_for

ORDERED = tuple(kind for kind in Comparison if kind < Comparison.EQUAL)
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 3.4028235e38, -3.4028235e38], np.float32)


def values_of(forest: Forest) -> Array:
    """``f32``: a value of every kind that any split can tell from others."""
    thresholds = np.concatenate([forest.threshold, forest.categories.astype(np.float32), SPECIAL])
    with np.errstate(over="ignore"):
        near = [np.nextafter(thresholds, np.float32(side)) for side in (np.inf, -np.inf)]
    return np.unique(np.concatenate([thresholds, *near]).astype(np.float32))


def ways(forest: Forest) -> set[tuple[int, bool]]:
    """The splits of a forest of one feature that some value passes, and the sides to which it goes there."""
    found: set[tuple[int, bool]] = set()
    x = values_of(forest)[:, None]
    for tree in range(forest.trees):
        for leaf in np.unique(leaves_reached(forest, x)[:, tree]):
            found |= set(ways_above(forest, int(leaf)))
    return found


def ways_above(forest: Forest, leaf: int) -> list[tuple[int, bool]]:
    """The splits above a leaf, and whether the leaf is to the left of each."""
    result: list[tuple[int, bool]] = []
    child = ~leaf
    while True:
        above = np.flatnonzero((forest.left == child) | (forest.right == child))
        if not above.size:
            return result
        result.append((int(above[0]), bool(forest.left[above[0]] == child)))
        child = int(above[0])


@pytest.mark.parametrize("comparisons", [ORDERED, tuple(Comparison)], ids=["ordered", "all"])
@given(data=st.data())
def test_results_stay(comparisons: tuple[Comparison, ...], data: st.DataObject) -> None:
    forest = data.draw(forests(max_splits=9, comparisons=comparisons))
    x = data.draw(rows_for(forest))
    x = np.concatenate([x, np.resize(SPECIAL, (SPECIAL.size, forest.features))])
    smaller = pruned(forest)
    assert smaller.trees == forest.trees
    assert sums(forest, x).tobytes() == sums(smaller, x).tobytes()
    np.testing.assert_array_equal(
        forest.leaf_id[leaves_reached(forest, x)], smaller.leaf_id[leaves_reached(smaller, x)]
    )


@pytest.mark.parametrize("comparisons", [ORDERED, tuple(Comparison)], ids=["ordered", "all"])
@given(data=st.data())
def test_nothing_decided_is_left(comparisons: tuple[Comparison, ...], data: st.DataObject) -> None:
    """Of one feature: then a way that no value takes is one that splits above have decided."""
    many = forests(max_splits=9, comparisons=comparisons).filter(lambda forest: forest.features == 1)
    forest = data.draw(many)
    smaller = pruned(forest)
    assert len(ways(smaller)) == 2 * smaller.splits
    assert pruned(smaller) is smaller


def test_a_long_chain() -> None:
    """Each split of one feature is decided by the first, or by none."""
    splits = 400
    thresholds = np.concatenate([[0.0], np.linspace(1, 2, splits - 1)]).astype(np.float32)
    forest = Forest(
        features=1,
        base=np.zeros(1, np.float32),
        first_split=np.array([0, splits], np.int32),
        target=np.zeros(1, np.int32),
        feature=np.zeros(splits, np.int32),
        comparison=np.full(splits, Comparison.LESS, np.uint8),
        threshold=thresholds,
        left=np.append(np.arange(1, splits), ~np.int32(0)).astype(np.int32),
        right=~np.arange(1, splits + 1, dtype=np.int32),
        default_left=np.zeros(splits, np.bool_),
        first_category=np.zeros(1, np.int32),
        categories=np.zeros(0, np.int32),
        leaf=np.arange(splits + 1, dtype=np.float32)[:, None],
        leaf_id=np.arange(splits + 1, dtype=np.int32),
        cover=np.zeros(splits + 1, np.float32),
    )
    smaller = pruned(forest)
    assert smaller.splits == 1
    assert smaller.leaf_id.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["higgs", "airline"])
def test_trained_forests(zoo: Path, name: str) -> None:
    """Their trainers leave little to prune; what is pruned changes nothing."""
    graph = load(Prediction(file_of(zoo, name), "margin"))
    (forest,) = (node.op.forest for node in graph if isinstance(node.op, ForestSums))
    smaller = pruned(forest)
    x = np.random.default_rng(0).choice(values_of(forest), (200, forest.features))
    assert sums(forest, x).tobytes() == sums(smaller, x).tobytes()
