"""A forest is immutable, equal by content, and is what its text and its arrays say."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.forest import (
    Forest,
    ForestSyntaxError,
    StoredForestError,
    from_arrays,
    parse_forest,
    print_forest,
    to_arrays,
)
from tests.ir.forest.examples import EXAMPLE, TEXT
from tests.ir.forest.strategies import forests


@given(forests())
def test_text_round_trips(forest: Forest) -> None:
    text = print_forest(forest)
    assert parse_forest(text) == forest
    assert print_forest(parse_forest(text)) == text
    assert parse_forest(text.replace("\n", " ")) == forest


@given(forests())
def test_arrays_round_trip(forest: Forest) -> None:
    assert from_arrays(to_arrays(forest)) == forest


@given(forests())
def test_arrays_that_lack_one_are_refused(forest: Forest) -> None:
    for name in to_arrays(forest):
        with pytest.raises(StoredForestError, match=name):
            from_arrays({key: array for key, array in to_arrays(forest).items() if key != name})


@given(forests(), st.data())
def test_any_change_is_another_forest(forest: Forest, data: st.DataObject) -> None:
    leaf = forest.leaf_id.copy()
    if leaf.size:
        leaf[data.draw(st.integers(0, leaf.size - 1))] += 1
        assert replace(forest, leaf_id=leaf) != forest
    assert replace(forest, features=forest.features + 1) != forest
    assert replace(forest) == forest
    assert hash(replace(forest)) == hash(forest)


def test_nobody_can_write_to_a_forest() -> None:
    given_arrays = {name: array.copy() for name, array in to_arrays(EXAMPLE).items()}
    forest = from_arrays(given_arrays)
    given_arrays["threshold"][:] = 7
    assert forest == EXAMPLE
    for field in fields(forest):
        if field.name != "features":
            assert not getattr(forest, field.name).flags.writeable


def test_text_is_readable() -> None:
    assert print_forest(EXAMPLE) == TEXT


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("f32[3]", "f16[3]", "head of a forest"),
        ("s1:", "s2:", "expected s1"),
        ("v0:", "v1:", "expected v0"),
        ("missing left", "missing", "expected a split or a leaf"),
        ("tree 1", "trees 1", "expected a tree"),
        ("? s1", "? s9", "child that does not exist"),
        ("? s1", "? s99999999999999", "child that does not exist"),
        ("x2 <", "x99999999999 <", "does not fit 32 bits"),
        ("0.5, id 3", "[0.5, 1.0], id 3", "a leaf has 1 values, found 2"),
    ],
)
def test_wrong_text_is_refused(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ForestSyntaxError, match=message):
        parse_forest(TEXT.replace(old, new, 1))


def test_text_behind_a_forest_is_refused() -> None:
    with pytest.raises(ForestSyntaxError, match="end of the text") as caught:
        parse_forest(TEXT + " more")
    assert caught.value.position == len(TEXT)


def test_derived_numbers() -> None:
    np.testing.assert_array_equal(EXAMPLE.first_leaf, [0, 3, 4])
    np.testing.assert_array_equal(EXAMPLE.roots, [0, ~3])
    assert (EXAMPLE.trees, EXAMPLE.splits, EXAMPLE.leaves, EXAMPLE.width, EXAMPLE.outputs) == (2, 2, 4, 1, 2)
