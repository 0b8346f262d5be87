"""Models that are damaged are one clear error each, in bounded time and memory."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compiler.ir.forest import profile_of
from compiler.ir.ops.forest import ForestSums
from frontends.xgboost import (
    MalformedModel,
    ModelError,
    UnreadableModel,
    UnsupportedModel,
    load,
)

FIXTURES = Path(__file__).parent / "fixtures"
MODEL = json.loads((FIXTURES / "3.1.3" / "partition.json").read_text())
SEEDS = [path.read_bytes() for path in sorted((FIXTURES / "3.1.3").glob("*")) if path.suffix in (".json", ".ubj")]


def tree_of(model: dict[str, Any], number: int = 0) -> dict[str, Any]:
    return model["learner"]["gradient_booster"]["model"]["trees"][number]


def put(name: str, place: int, value: object, tree: int = 0) -> Callable[[dict[str, Any]], None]:
    def damage(model: dict[str, Any]) -> None:
        tree_of(model, tree)[name][place] = value

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


def with_shared_categories(model: dict[str, Any]) -> None:
    """A file must not say how much memory its sets take by naming the same categories again and again."""
    tree = tree_of(model)
    for name in ("nodes", "segments", "sizes"):
        tree[f"categories_{name}"] += tree[f"categories_{name}"][:1] * 100


def with_a_list_for_a_tree(model: dict[str, Any]) -> None:
    model["learner"]["gradient_booster"]["model"]["trees"][1] = []


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
        (put("left_children", 0, [1]), r"left_children: is no array of 32-bit integers"),
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
        (put("split_indices", 0, 1.5, 1), r"trees\[1\].split_indices: is no array of 32-bit integers"),
        (put("sum_hessian", 0, "1", 1), r"trees\[1\].sum_hessian: is no array of numbers"),
        (put("split_conditions", 0, 10**400, 1), r"trees\[1\].split_conditions: is no array of numbers"),
        (parameter(f"{BOOSTER}.trees.1.default_left", [0]), r"trees\[1\]: its arrays differ in length: \[\d+, .* 1, "),
        (with_a_list_for_a_tree, r"trees\[1\]: is no object"),
        (parameter(f"{BOOSTER}.trees.1.tree_param", "x"), r"trees\[1\].tree_param: is no object"),
        (lambda model: tree_of(model, 1).pop("right_children"), r"trees\[1\]: has no 'right_children'"),
        (lambda model: tree_of(model, 1).pop("categories"), r"trees\[1\]: has no 'categories'"),
        (lambda model: tree_of(model, 1).pop("split_type"), r"trees\[1\]: has no 'split_type'"),
        (with_shared_categories, r"trees\[0\]: two of its nodes share categories"),
        (parameter("learner_model_param.num_class", str(2**30)), "has 1073741824 outputs; at most 1048576"),
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


def test_a_tree_that_is_too_deep() -> None:
    model = copy.deepcopy(MODEL)
    depth = 5000
    count = 2 * depth + 1
    tree = tree_of(model)
    for name, column in tree.items():
        if isinstance(column, list):
            tree[name] = [] if name.startswith("categories") else [0] * count
    # Node 2i is a split with the leaf 2i + 1 and the next split.
    tree["left_children"] = [*(child for i in range(depth) for child in (2 * i + 1, -1)), -1]
    tree["right_children"] = [*(child for i in range(depth) for child in (2 * i + 2, -1)), -1]
    tree["tree_param"]["num_nodes"] = str(count)
    with pytest.raises(MalformedModel, match=r"trees\[0\]: node \d+ has more than 4096 splits above it"):
        load(json.dumps(model).encode())


def test_features_that_a_file_only_names() -> None:
    model = copy.deepcopy(MODEL)
    model["learner"]["learner_model_param"]["num_feature"] = str(2**31 - 1)
    tree_of(model)["split_indices"][0] = 2**31 - 2
    (forest,) = (node.op.forest for node in load(json.dumps(model).encode()) if isinstance(node.op, ForestSums))
    assert profile_of(forest).features == 2**31 - 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b'{"learner": 1, "learner": 2}', "the key 'learner' stands twice in an object"),
        (b"{i\x01aZi\x01aZ}", "the key 'a' stands twice in an object"),
        (b"{i\x01a[#i\x02TT", "announced|left"),
        (b"binf\x00\x00", "neither JSON nor UBJSON"),
        (b'{"learner": {', "truncated"),
        (b"[1]", "a list, as a dump of trees is"),
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
