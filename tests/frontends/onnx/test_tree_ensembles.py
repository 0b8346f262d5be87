"""Tree ensembles of ai.onnx.ml against ONNX Runtime, and against the onnx package where that is exact and it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.ir.literal import Array
from frontends import onnx as frontend
from tests.differential.fuzzing import fuzz
from tests.frontends.onnx.nodes import by_onnx, by_onnxruntime, imported
from tests.frontends.onnx.tree_models import (
    FEATURES,
    ROWS,
    VALUES,
    Tree,
    branches,
    model_of,
    named_nodes,
    rows_for,
    tensor_of,
    trees,
)

AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
SEEDS = st.integers(0, 2**32 - 1)


def compare(model: onnx.ModelProto, x: Array, *, exact: bool) -> None:
    ours, theirs = imported(model, {"x": x}), by_onnxruntime(model, {"x": x})
    for a, b in zip(ours, theirs, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if exact or a.dtype == np.int64:
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@settings(max_examples=40)
@given(st.data())
def test_regressors(data: st.DataObject) -> None:
    outputs = data.draw(st.integers(1, 3))
    base = data.draw(st.sampled_from([None, [0.25, -0.5, 0.1][:outputs]]))
    forest = data.draw(st.lists(trees(outputs, all_vote=base is not None), min_size=1, max_size=5))
    attributes = named_nodes(forest, "target")
    transform = data.draw(st.sampled_from(TRANSFORMS[:3] if outputs > 1 else TRANSFORMS[:1]))
    attributes |= {
        "n_targets": outputs,
        "aggregate_function": data.draw(st.sampled_from(AGGREGATES)),
        "post_transform": transform,
        "base_values": base,
    }
    compare(model_of("TreeEnsembleRegressor", attributes), rows_for(data.draw(SEEDS)), exact=transform == "NONE")


@settings(max_examples=40)
@given(st.data())
def test_classifiers_of_several_classes(data: st.DataObject) -> None:
    outputs = data.draw(st.integers(3, 4))
    forest = data.draw(st.lists(trees(outputs, all_vote=data.draw(st.booleans())), min_size=1, max_size=5))
    attributes = named_nodes(forest, "class")
    transform = data.draw(st.sampled_from(TRANSFORMS[:3]))
    attributes |= {
        "classlabels_int64s": [7, -2, 5, 2**40][:outputs],
        "post_transform": transform,
        "base_values": data.draw(st.sampled_from([None, [0.25, -0.5, 0.1, 0.0][:outputs]])),
    }
    model = model_of("TreeEnsembleClassifier", attributes, outputs=2)
    compare(model, rows_for(data.draw(SEEDS)), exact=transform == "NONE")


@settings(max_examples=40)
@given(st.data())
def test_classifiers_of_two_classes(data: st.DataObject) -> None:
    forest = data.draw(st.lists(trees(1), min_size=1, max_size=5))
    attributes = named_nodes(forest, "class")
    if data.draw(st.booleans()):
        attributes["class_weights"] = [abs(weight) / len(forest) for weight in attributes["class_weights"]]
    transform = data.draw(st.sampled_from(["NONE", "LOGISTIC"]))
    attributes |= {
        "classlabels_int64s": [7, -2],
        "post_transform": transform,
        "base_values": data.draw(st.sampled_from([None, [0.25]])),
    }
    model = model_of("TreeEnsembleClassifier", attributes, outputs=2)
    compare(model, rows_for(data.draw(SEEDS)), exact=transform == "NONE")


@settings(max_examples=40)
@given(st.data())
def test_double_thresholds_weights_and_inputs(data: st.DataObject) -> None:
    forest = data.draw(st.lists(trees(2, all_vote=True), min_size=1, max_size=4))
    attributes = named_nodes(forest, "target")
    for name in ("nodes_values", "target_weights"):
        values = np.array(attributes.pop(name), np.float64)
        attributes[f"{name}_as_tensor"] = tensor_of(name, values * (1 + 2**-40))
    attributes |= {"n_targets": 2, "base_values_as_tensor": tensor_of("base", np.array([0.1, 0.3]))}
    x = rows_for(data.draw(SEEDS), np.float64)
    x = np.where(np.random.default_rng(0).random(x.shape) < 0.3, x * (1 + 2**-40), x)
    compare(model_of("TreeEnsembleRegressor", attributes, dtype=np.float64), x, exact=True)


@settings(max_examples=40)
@given(st.data())
def test_tree_ensembles_with_sets(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    # The package's reference takes the wrong leaf for a tree that is one.
    forest = data.draw(st.lists(trees(3, modes=7, is_split=True).map(one_vote), min_size=1, max_size=4))
    sets = [[0.5, 3.7, 8.0], [-1.5, 0.1], [2.0]]
    attributes = branches(forest, sets, dtype) | {"n_targets": 3, "aggregate_function": 1, "post_transform": 0}
    model = model_of("TreeEnsemble", attributes, version=5, dtype=dtype)
    x = rows_for(data.draw(SEEDS), dtype)
    (ours,), (theirs,) = imported(model, {"x": x}), by_onnx(model, {"x": x})
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def one_vote(tree: Any) -> Any:
    sides = None if tree.sides is None else tuple(one_vote(side) for side in tree.sides)
    return type(tree)(tree.feature, tree.mode, tree.value, tree.missing, sides, tree.votes[:1])


@pytest.mark.parametrize("aggregate", range(4))
def test_aggregates_of_tree_ensembles(aggregate: int) -> None:
    attributes = {
        "n_targets": 1,
        "aggregate_function": aggregate,
        "tree_roots": [0, 1],
        "nodes_featureids": [0, 1],
        "nodes_modes": tensor_of("nodes_modes", np.zeros(2, np.uint8)),
        "nodes_splits": tensor_of("nodes_splits", np.array([0.5, 0.5], np.float32)),
        "nodes_truenodeids": [0, 1],
        "nodes_falsenodeids": [1, 2],
        "nodes_trueleafs": [1, 1],
        "nodes_falseleafs": [1, 1],
        "leaf_targetids": [0, 0, 0],
        "leaf_weights": tensor_of("leaf_weights", np.array([1.0, -3.0, 2.0], np.float32)),
    }
    x = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]], np.float32)
    model = model_of("TreeEnsemble", attributes, version=5, rows=4)
    (ours,) = imported(model, {"x": x})
    np.testing.assert_array_equal(ours, by_onnxruntime(model, {"x": x})[0])
    first, second = np.where(x[:, 0] <= 0.5, 1, -3), np.where(x[:, 1] <= 0.5, -3, 2)
    want = [(first + second) / 2, first + second, np.minimum(first, second), np.maximum(first, second)][aggregate]
    np.testing.assert_array_equal(ours[:, 0], want.astype(np.float32))


def test_a_tree_that_is_a_leaf() -> None:
    tree = Tree(0, 0, 0.0, 0, None, ((1, 0.5),))
    model = model_of("TreeEnsemble", branches([tree, tree], [], np.float32) | {"n_targets": 2}, version=5)
    (ours,) = imported(model, {"x": rows_for(0)})
    np.testing.assert_array_equal(ours, np.tile(np.array([0, 1], np.float32), (ROWS, 1)))


@pytest.mark.parametrize("transform", ["SOFTMAX_ZERO", "PROBIT"])
def test_the_rarer_transforms(transform: str) -> None:
    attributes = one_split("target", [(1, 0, 0.25), (1, 2, 0.7), (2, 1, 0.4), (2, 2, 0.9)])
    attributes |= {"n_targets": 3, "post_transform": transform}
    x = np.array([[-1, 0, 0], [1, 0, 0]], np.float32)
    compare(model_of("TreeEnsembleRegressor", attributes, rows=2), x, exact=False)


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_integers_are_compared_as_float32(dtype: type[np.generic]) -> None:
    attributes = one_split("target", [(1, 0, 0.25), (2, 0, 0.7)]) | {"n_targets": 1}
    x = np.array([[-1, 0, 0], [0, 0, 0], [1, 2, 3]], dtype)
    model = model_of("TreeEnsembleRegressor", attributes, rows=3, dtype=dtype)
    np.testing.assert_array_equal(imported(model, {"x": x})[0], np.array([[0.25], [0.25], [0.7]], np.float32))


def one_split(prefix: str, votes: list[tuple[int, int, float]]) -> dict[str, Any]:
    """A tree of one split, ``x[0] <= 0``, and leaves 1 and 2."""
    return {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_values": [0.0, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        f"{prefix}_treeids": [0 for _ in votes],
        f"{prefix}_nodeids": [node for node, _, _ in votes],
        f"{prefix}_ids": [output for _, output, _ in votes],
        f"{prefix}_weights": [weight for _, _, weight in votes],
    }


REGRESSOR = one_split("target", [(1, 0, 0.5), (2, 0, -0.5)]) | {"n_targets": 1}
CLASSIFIER = one_split("class", [(1, 0, 0.5), (2, 0, -0.5)]) | {"classlabels_int64s": [0, 1]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_targets": 0}, r"n_targets must be in 1\.\."),
        ({"n_targets": 2**40}, r"n_targets must be in 1\.\."),
        ({"nodes_truenodeids": [9, 0, 0]}, "tree 0: node 0 has a child that does not exist"),
        ({"nodes_truenodeids": [0, 0, 0]}, "tree 0: node 0 is the root and a child"),
        ({"nodes_truenodeids": [2, 0, 0]}, "tree 0: node 2 is the child of two nodes"),
        ({"nodes_nodeids": [0, 1, 1]}, "tree 0: node 1 occurs twice"),
        ({"nodes_featureids": [3, 0, 0]}, "tree 0: node 0 tests a feature that is not one of 3"),
        ({"nodes_featureids": [-1, 0, 0]}, "tree 0: node 0 tests a feature"),
        ({"nodes_values": [float("nan"), 0.0, 0.0]}, "tree 0: node 0 has a threshold that is not a number"),
        ({"nodes_values": [0.0]}, "its attributes of nodes have 1 and 3 entries"),
        ({"nodes_modes": ["BRANCH_UP", "LEAF", "LEAF"]}, "unknown mode 'BRANCH_UP'"),
        ({"target_ids": [0, 1]}, "tree 0: node 2 votes for an output that is not one of 1"),
        ({"target_nodeids": [1, 7]}, "tree 0: node 7 votes and does not exist"),
        ({"target_weights": [0.5]}, "its attributes of votes differ in length"),
        ({"target_weights": [0.5, float("nan")]}, "tree 0: node 2 has a weight that is NaN"),
        ({"base_values": [0.5, 0.5]}, "it has 2 base values for 1 outputs"),
        ({"aggregate_function": "MEDIAN"}, "unknown aggregate_function 'MEDIAN'"),
        ({"post_transform": "CUBE"}, "unknown post_transform 'CUBE'"),
        ({"post_transform": "LOGISTIC"}, "ONNX Runtime leaves out the transform LOGISTIC"),
        ({"nodes_values_as_tensor": tensor_of("v", np.zeros(3))}, "both nodes_values and nodes_values_as_tensor"),
    ],
)
def test_damaged_regressors(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(frontend.ModelError, match=message):
        frontend.load(model_of("TreeEnsembleRegressor", REGRESSOR | changed))


def test_base_values_without_votes_are_refused() -> None:
    with pytest.raises(frontend.UnsupportedModel, match="disagree on whether a base value counts"):
        frontend.load(model_of("TreeEnsembleRegressor", REGRESSOR | {"n_targets": 2, "base_values": [0.5, 0.5]}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"classlabels_int64s": None, "classlabels_strings": ["a", "b"]}, "its classes are texts"),
        ({"classlabels_int64s": [3]}, "runtimes disagree on what two classes are"),
        ({"class_ids": [0, 1]}, "runtimes disagree on what two classes are"),
        ({"base_values": [0.5, 0.5]}, "runtimes disagree on what 2 base values of two classes are"),
        ({"post_transform": "SOFTMAX"}, "runtimes disagree on what SOFTMAX makes of two classes"),
    ],
)
def test_classifiers_that_mean_different_things_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(frontend.UnsupportedModel, match=message):
        frontend.load(model_of("TreeEnsembleClassifier", CLASSIFIER | changed, outputs=2))


def test_a_cycle_is_an_error() -> None:
    attributes: dict[str, Any] = REGRESSOR | {
        "nodes_treeids": [0] * 7,
        "nodes_nodeids": list(range(7)),
        "nodes_featureids": [0] * 7,
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_values": [0.0] * 7,
        "nodes_truenodeids": [1, 0, 0, 4, 3, 0, 0],
        "nodes_falsenodeids": [2, 0, 0, 5, 6, 0, 0],
    }
    with pytest.raises(frontend.MalformedModel, match="tree 0: node 3 is on a cycle or below one"):
        frontend.load(model_of("TreeEnsembleRegressor", attributes))


def check_mutated(data: st.DataObject) -> None:
    """A node whose attributes are changed loads or is an error of ours."""
    forest = data.draw(st.lists(trees(2), min_size=1, max_size=3))
    attributes: dict[str, Any] = named_nodes(forest, "target") | {"n_targets": 2}
    numbers = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 2**31, 2**63 - 1])
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(attributes)))
        column = attributes[name]
        if name == "n_targets":
            attributes[name] = data.draw(numbers)
        elif column and data.draw(st.booleans()):
            del column[data.draw(st.integers(0, len(column) - 1)) :]
        elif column:
            value = column[0]
            kind = (
                st.sampled_from(["LEAF", "BRANCH_LEQ", "", "x"])
                if isinstance(value, str)
                else numbers
                if isinstance(value, int)
                else st.sampled_from([float("nan"), float("inf"), 1.0])
            )
            column[data.draw(st.integers(0, len(column) - 1))] = data.draw(kind)
    try:
        frontend.load(model_of("TreeEnsembleRegressor", attributes))
    except frontend.ModelError as error:
        assert "trees" in str(error)
        assert not isinstance(error, frontend.ConversionError)


@settings(max_examples=50)
@given(st.data())
def test_mutated_regressors(data: st.DataObject) -> None:
    check_mutated(data)


@pytest.mark.long
def test_mutated_regressors_at_length() -> None:
    fuzz(check_mutated)


def test_rows_hit_thresholds() -> None:
    x = rows_for(0)
    assert x.shape == (ROWS, FEATURES) and np.isnan(x).any()
    assert np.isin(x, np.array(VALUES, np.float32)).any()
