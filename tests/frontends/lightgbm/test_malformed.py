"""Models that are damaged are one clear error each, in bounded time and memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontends.lightgbm import (
    InputError,
    MalformedModel,
    ModelError,
    Prediction,
    UnreadableModel,
    UnsupportedModel,
    load,
)
from tests.differential.fuzzing import fuzz
from tests.frontends.lightgbm.comparing import outputs_of

MODEL = """tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=binary sigmoid:1
feature_names=a b c
feature_infos=[0:1] [0:1] 0:1:2
tree_sizes=300 300

Tree=0
num_leaves=3
num_cat=1
split_feature=0 2
split_gain=1 1
threshold=0.5 0
decision_type=2 1
left_child=1 -1
right_child=-3 -2
leaf_value=0.25 -0.5 0.125
leaf_weight=1 1 1
leaf_count=10 20 30
cat_boundaries=0 2
cat_threshold=5 1
is_linear=0
shrinkage=1


Tree=1
num_leaves=1
num_cat=0
leaf_value=0.5
is_linear=0
shrinkage=1


end of trees

feature_importances:
a=1
"""


def changed(old: str, new: str) -> bytes:
    assert old in MODEL
    return MODEL.replace(old, new, 1).encode()


def test_the_model_itself() -> None:
    x = np.array([[0.5, 0, 0], [0.5, 0, 1], [0, 0, 32], [0.6, 0, 0], [np.nan, 0, 2]], np.float32)
    got = outputs_of(Prediction(MODEL.encode(), "margin"), x)
    np.testing.assert_array_equal(got, np.array([0.25, -0.5, 0.25, 0.125, 0.25]) + 0.5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed("left_child=1", "left_child=2"), "tree 0: node 0 has a child that does not exist"),
        (changed("right_child=-3", "right_child=-4"), "tree 0: node 0 has a child that does not exist"),
        (changed("left_child=1", "left_child=0"), "tree 0: split 0 is the child of 1 splits"),
        (changed("right_child=-3 -2", "right_child=-1 -2"), "tree 0: leaf 0 is the child of 2 splits"),
        (changed("left_child=1 -1", "left_child=-1 1"), "tree 0: split 1 is on a cycle or below one|tree 0"),
        (changed("split_feature=0", "split_feature=3"), "tree 0: node 0 tests a feature that is not one of 3"),
        (changed("threshold=0.5", "threshold=nan"), "tree 0: node 0 has a threshold that is not a number"),
        (changed("threshold=0.5 0", "threshold=0.5 7"), "tree 0: node 1 has a set of categories that does not exist"),
        (changed("threshold=0.5", "threshold=zero"), "tree 0: threshold is no list of numbers"),
        (changed("decision_type=2", "decision_type=12"), "tree 0: node 0 has an unknown decision_type"),
        (changed("decision_type=2 1", "decision_type=2"), "tree 0: decision_type has 1 entries, expected 2"),
        (changed("leaf_value=0.25", "leaf_value=nan"), "tree 0: leaf 0 has a value that is not a number"),
        (changed("num_leaves=3", "num_leaves=2147483647"), "tree 0: split_feature has 2 entries, expected 2147483646"),
        (changed("num_leaves=3", "num_leaves=-3"), "tree 0: num_leaves is no count: '-3'"),
        (changed("num_leaves=3", "num_leaves=0"), "tree 0: it has no leaves"),
        (changed("num_leaves=3\n", ""), "tree 0: has no 'num_leaves'"),
        (changed("cat_boundaries=0 2", "cat_boundaries=0 9"), "tree 0: its sets of categories do not exist"),
        (changed("cat_threshold=5", "cat_threshold=-5"), "tree 0: its sets of categories do not exist"),
        (changed("split_feature=0 2", "split_feature=0 9999999999999999999"), "tree 0: split_feature"),
        (changed("max_feature_idx=2", "max_feature_idx=2147483646"), "3 names for 2147483647 features"),
        (changed("num_tree_per_iteration=1", "num_tree_per_iteration=0"), "2 trees are no multiple of 0 trees"),
        (changed("num_tree_per_iteration=1", "num_tree_per_iteration=4"), "2 trees are no multiple of 4 trees"),
        (changed("version=v4", "version=v9"), "format 'v9' is not supported"),
        (changed("objective=binary", "objective=mine"), "the objective 'mine' is not supported"),
        (changed("sigmoid:1", "sigmoid:-1"), "the objective's sigmoid is no positive number"),
        (changed("is_linear=0", "is_linear=1"), "tree 0: its leaves are linear models"),
        (changed("split_feature=0 2", "split_feature=2 2"), "feature 2 is a category in some nodes and a number"),
        (changed("tree_sizes=300 300", "tree_sizes=300"), "it states 1 trees and has 2"),
        (changed("shrinkage=1", "shrink"), "tree 0: truncated"),
        (b"", "empty"),
        (b"tree", "truncated"),
        (b"{}", "begins with a line 'tree'"),
        (b"\xff\xfe\x00" * 10, "begins with a line 'tree'"),
    ],
)
def test_damaged_models(data: bytes, message: str) -> None:
    with pytest.raises((MalformedModel, UnsupportedModel, UnreadableModel), match=message):
        load(data)


def test_every_truncation_is_an_error() -> None:
    data = MODEL.encode()
    last = data.index(b"shrinkage=1", data.index(b"Tree=1")) + len(b"shrinkage=")
    for end in range(last):
        with pytest.raises(ModelError):
            load(data[:end])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match=r"gone.txt: cannot be read"):
        load(tmp_path / "gone.txt")


def check_mutated(data: st.DataObject) -> None:
    """A model whose bytes are changed loads or is an error of ours."""
    model = bytearray(MODEL.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(model) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                model[place] = data.draw(st.integers(0, 255))
            case 1:
                model[place] = data.draw(st.sampled_from(b"0123456789-.=: \ne"))
            case 2:
                del model[place : place + data.draw(st.integers(1, 20))]
            case _:
                model[place:place] = model[place : place + data.draw(st.integers(1, 20))]
    try:
        load(Prediction(bytes(model), data.draw(st.sampled_from(["prediction", "leaf"]))))
    except ModelError as error:
        assert str(error) and "\n" not in str(error)
        assert not isinstance(error, InputError)


@settings(max_examples=250)
@given(st.data())
def test_mutated_models(data: st.DataObject) -> None:
    check_mutated(data)


@pytest.mark.long
def test_mutated_models_at_length() -> None:
    fuzz(check_mutated)
