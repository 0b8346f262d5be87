"""What is no forest is refused, with the place and the reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import Forest, ForestError, from_arrays, parse_forest, sums, to_arrays
from tests.ir.forest.examples import EXAMPLE
from tests.ir.forest.strategies import forests

I32, F32 = np.int32, np.float32


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("features", 0, "at least one feature"),
        ("features", 2, "tree 0: split 0: its feature is not one of 2"),
        ("feature", np.array([2, -1], I32), "tree 0: split 1: its feature"),
        ("feature", np.array([2, 0], np.int64), "feature must be int32 of rank 1, not int64"),
        ("feature", np.array([2], I32), "comparison has 2 entries, expected 1"),
        ("comparison", np.array([0, 0], np.uint8), "first_category has 2 entries, expected 1"),
        ("comparison", np.array([7, 6], np.uint8), "tree 0: split 0: its comparison is unknown"),
        ("threshold", np.array([np.nan, 0], F32), "tree 0: split 0: its threshold is not a number"),
        ("threshold", np.array([0.25, 1], F32), "tree 0: split 1: it tests a set and has a threshold"),
        ("left", np.array([2, ~0], I32), "split 0: it has a child that does not exist"),
        ("left", np.array([1, ~4], I32), "split 1: it has a child that does not exist"),
        ("left", np.array([1, ~3], I32), "split 1: it has a child in another tree"),
        ("left", np.array([~0, ~0], I32), "split 1 is the child of 0 splits"),
        ("left", np.array([1, ~1], I32), "leaf 0 is the child of 0 splits"),
        ("left", np.array([1, 0], I32), "split 0 is the child of 1 splits"),
        ("categories", np.array([3, 1], I32), "split 1: its categories must be"),
        ("categories", np.array([1, 1], I32), "split 1: its categories must be"),
        ("categories", np.array([-1, 1], I32), "split 1: its categories must be"),
        ("first_category", np.array([0, 1], I32), "first_category must rise from 0 to 2"),
        ("first_split", np.array([0, 3, 2], I32), "first_split must rise from 0 to 2"),
        ("target", np.array([1, 2], I32), "tree 1: 1 values from output 2 on exceed 2 outputs"),
        ("target", np.array([-1, 0], I32), "tree 0"),
        ("leaf", np.array([[0.5], [np.nan], [1.5], [0]], F32), "tree 0: leaf 1: a leaf's value is not a number"),
        ("leaf", np.zeros((4, 1)), "base is float32, leaves are float64"),
        ("leaf", np.zeros((4, 0), F32), "one value per leaf"),
        ("cover", np.array([1, 1, 1, -1], F32), "tree 1: leaf 3: a leaf's cover"),
        ("cover", np.array([1, 1, np.inf, 1], F32), "tree 0: leaf 2: a leaf's cover"),
        ("base", np.array([np.nan, 0], F32), "a base value is not a number"),
        ("base", np.zeros(0, F32), "at least one feature, one output"),
    ],
)
def test_what_is_no_forest_is_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(ForestError, match=message):
        replace(EXAMPLE, **{field: value})


def test_a_cycle_beside_the_tree_is_refused() -> None:
    # The root has two leaves; splits 1 and 2 are each other's children, and have a leaf each.
    with pytest.raises(ForestError, match="split 1 is on a cycle"):
        Forest(
            features=1,
            base=np.zeros(1, F32),
            first_split=np.array([0, 3], I32),
            target=np.zeros(1, I32),
            feature=np.zeros(3, I32),
            comparison=np.zeros(3, np.uint8),
            threshold=np.zeros(3, F32),
            left=np.array([~0, 2, 1], I32),
            right=np.array([~1, ~2, ~3], I32),
            default_left=np.zeros(3, np.bool_),
            first_category=np.zeros(1, I32),
            categories=np.zeros(0, I32),
            leaf=np.zeros((4, 1), F32),
            leaf_id=np.zeros(4, I32),
            cover=np.zeros(4, F32),
        )


@given(forests(), st.data())
def test_any_numbers_make_a_forest_that_can_be_run_or_an_error(forest: Forest, data: st.DataObject) -> None:
    arrays = {name: array.copy() for name, array in to_arrays(forest).items()}
    name = data.draw(st.sampled_from(sorted(arrays.keys() - {"features"})))
    array = arrays[name].reshape(-1)
    if array.size:
        kind = st.integers(-9, 9) if array.dtype.kind == "i" else st.integers(0, 7)
        array[data.draw(st.integers(0, array.size - 1))] = data.draw(kind)
    try:
        changed = from_arrays(arrays)
    except ForestError:
        return
    sums(changed, np.zeros((2, changed.features), F32))


def test_a_chain_of_a_million_splits_is_no_hardship() -> None:
    depth = 1_000_000
    chain = Forest(
        features=1,
        base=np.zeros(1, F32),
        first_split=np.array([0, depth], I32),
        target=np.zeros(1, I32),
        feature=np.zeros(depth, I32),
        comparison=np.zeros(depth, np.uint8),
        threshold=np.zeros(depth, F32),
        left=np.append(np.arange(1, depth, dtype=I32), I32(~depth)),
        right=~np.arange(depth, dtype=I32),
        default_left=np.zeros(depth, np.bool_),
        first_category=np.zeros(1, I32),
        categories=np.zeros(0, I32),
        leaf=np.zeros((depth + 1, 1), F32),
        leaf_id=np.zeros(depth + 1, I32),
        cover=np.zeros(depth + 1, F32),
    )
    assert chain.leaves == depth + 1


def test_text_cannot_make_what_is_no_forest() -> None:
    with pytest.raises(ValueError, match="leaf 0 is the child of 2 splits"):
        parse_forest(
            "f32[1] -> [0.0] width 1 { tree 0 { s0: x0 < 1 ? v0 : v0, missing left v0: 1, id 1 v1: 2, id 2 } }"
        )
