"""Models that are damaged are one clear error each, in bounded time and memory."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontends.xgboost import (
    InputError,
    MalformedModel,
    ModelError,
    Prediction,
    UnreadableModel,
    UnsupportedModel,
    load,
)
from tests.differential.fuzzing import fuzz

FIXTURES = Path(__file__).parent / "fixtures"
MODEL = json.loads((FIXTURES / "3.1.3" / "partition.json").read_text())
SEEDS = [path.read_bytes() for path in sorted((FIXTURES / "3.1.3").glob("*")) if path.suffix in (".json", ".ubj")]


def tree_of(model: dict[str, Any]) -> dict[str, Any]:
    return model["learner"]["gradient_booster"]["model"]["trees"][0]


def put(name: str, place: int, value: object) -> Callable[[dict[str, Any]], None]:
    def damage(model: dict[str, Any]) -> None:
        tree_of(model)[name][place] = value

    return damage


def parameter(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def damage(model: dict[str, Any]) -> None:
        *way, last = path.split(".")
        place: Any = model["learner"]
        for key in way:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[last] = value

    return damage


def both(*damages: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def damage(model: dict[str, Any]) -> None:
        for one in damages:
            one(model)

    return damage


def without_categories(model: dict[str, Any]) -> None:
    for name in ("nodes", "segments", "sizes"):
        tree_of(model)[f"categories_{name}"] = []


BOOSTER = "gradient_booster.model"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (put("left_children", 0, 99), r"trees\[0\]: node 0 has a child that does not exist"),
        (put("right_children", 0, -1), r"trees\[0\]: node 0 has a child that does not exist"),
        (put("left_children", 0, 0), r"trees\[0\]: node 0 is the root and a child"),
        (put("left_children", 0, 2), r"trees\[0\]: node 2 is the child of two nodes"),
        (put("left_children", 0, 2**40), r"left_children: is no array of 32-bit integers"),
        (put("left_children", 0, "x"), r"left_children: is no array of 32-bit integers"),
        (put("left_children", 0, [1]), r"left_children: is no array of numbers"),
        (put("split_indices", 0, 4), r"trees\[0\]: node 0 tests a feature that is not one of 4"),
        (
            both(put("split_type", 0, 0), put("split_conditions", 0, float("nan"))),
            r"trees\[0\]: node 0 has a threshold that is not a number",
        ),
        (put("split_conditions", -1, float("nan")), "a leaf's value is not a number"),
        (put("categories", 0, -1), "a category is not in"),
        (put("categories_sizes", 0, 1000), "categories that do not exist"),
        (put("categories_nodes", 0, 1000), "a node with categories does not exist"),
        (without_categories, r"trees\[0\]: node 0 is categorical and has no categories"),
        (parameter(f"{BOOSTER}.trees.0.tree_param.num_nodes", str(2**31)), "is no count"),
        (
            parameter(f"{BOOSTER}.trees.0.tree_param.num_nodes", str(2**31 - 1)),
            r"trees\[0\]: it states 2147483647 nodes",
        ),
        (parameter(f"{BOOSTER}.trees.0.left_children", []), "its arrays differ in length"),
        (parameter(f"{BOOSTER}.trees.0.left_children", 7), "left_children: is no array"),
        (parameter(f"{BOOSTER}.trees", {}), "trees: is no array"),
        (parameter(f"{BOOSTER}.tree_info", [0]), "2 trees, and outputs of 1"),
        (parameter(f"{BOOSTER}.tree_info", [0, 1]), "tree 1: 1 values from output 1 on exceed 1 outputs"),
        (parameter(f"{BOOSTER}.iteration_indptr", [0, 3]), "does not rise from 0 to 2"),
        (parameter("learner_model_param.num_feature", "-1"), "num_feature: is no count"),
        (parameter("learner_model_param.num_feature", "0"), "the model has no features"),
        (parameter("learner_model_param.base_score", "[1E0,2E0]"), "has 2 numbers for 1 outputs"),
        (parameter("learner_model_param.base_score", "none"), "base_score: is no number"),
        (parameter("objective.name", "my:own"), "the objective 'my:own' is not supported"),
        (parameter("gradient_booster.name", "gbforest"), "the booster 'gbforest' is not supported"),
        (parameter("gradient_booster", None), "is no object"),
        (lambda model: model.pop("learner"), "not an XGBoost model"),
    ],
)
def test_damaged_documents(damage: Callable[[dict[str, Any]], object], message: str) -> None:
    model = copy.deepcopy(MODEL)
    damage(model)
    with pytest.raises((MalformedModel, UnsupportedModel), match=message):
        load(json.dumps(model).encode())


def test_a_cycle_beside_the_tree() -> None:
    model = copy.deepcopy(MODEL)
    tree = tree_of(model)
    count = len(tree["left_children"])
    for name, column in tree.items():
        if isinstance(column, list) and len(column) == count and not name.startswith("categories"):
            column += column[-1:] * 2
    tree["left_children"][-2:] = [count + 1, count]
    tree["right_children"][-2:] = [count - 1, count - 2]
    # The last leaves are children of nodes on the cycle, not of the tree.
    for side in ("left_children", "right_children"):
        tree[side][:count] = [-1 if child in (count - 1, count - 2) else child for child in tree[side][:count]]
    tree["left_children"] = [
        -1 if right < 0 else left for left, right in zip(tree["left_children"], tree["right_children"], strict=True)
    ]
    tree["tree_param"]["num_nodes"] = str(count + 2)
    with pytest.raises(MalformedModel, match="is on a cycle or below one"):
        load(json.dumps(model).encode())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"binf\x00\x00", "neither JSON nor UBJSON"),
        (b'{"learner": {', "truncated"),
        (b"[1]", "neither"),
        (b'{"a":' * 100_000, "not a model in JSON"),
        (b"{" + b"L\x00\x00\x00\x00\x00\x00\x00\x01a[" + b"[" * 100_000, "nested more than 64 deep"),
        (b"{L" + struct.pack(">q", 2**62), "announced"),
        (b"{i\x01a[$d#l" + struct.pack(">i", 2**31 - 1), "announced"),
        (b"{i\x01a[$Z#l" + struct.pack(">i", 2**31 - 1), "announced"),
        (b"{i\x01a[#l" + struct.pack(">i", -1), "a length of -1"),
        (b"{i\x01a[$d}", "a type and no length"),
        (b"{i\x01a?", "unknown type"),
        (b"{i\x01\xffZ}", "not UTF-8"),
        (b"{}", "no learner"),
        (b'{"learner": ' + b"1" * 5000 + b"}", "JSON"),
    ],
)
def test_bytes_that_are_no_model(data: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(data)


def test_every_truncation_is_an_error() -> None:
    for seed in SEEDS:
        for end in range(0, len(seed) - 2, 97):
            with pytest.raises(UnreadableModel):
                load(seed[:end])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match=r"gone.json: cannot be read"):
        load(tmp_path / "gone.json")


def check_mutated(data: st.DataObject) -> None:
    """A model whose bytes are changed loads or is an error of ours."""
    model = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(model) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                model[place] = data.draw(st.integers(0, 255))
            case 1:
                model[place] = data.draw(st.sampled_from(b'0123456789-.,[]{}"eELldSUi$#'))
            case 2:
                del model[place : place + data.draw(st.integers(1, 20))]
            case _:
                model[place:place] = model[place : place + data.draw(st.integers(1, 20))]
    try:
        load(Prediction(bytes(model), data.draw(st.sampled_from(["prediction", "leaf"]))))
    except ModelError as error:
        assert str(error) and "\n" not in str(error)
        assert not isinstance(error, InputError)


@settings(max_examples=500)
@given(st.data())
def test_mutated_models(data: st.DataObject) -> None:
    check_mutated(data)


@pytest.mark.long
def test_mutated_models_at_length() -> None:
    fuzz(check_mutated)
