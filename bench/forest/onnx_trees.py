"""A forest of XGBoost or LightGBM as an ONNX model: one TreeEnsembleRegressor and the objective's transform.

python -m bench.forest.onnx_trees MODEL.json MODEL.onnx
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from bench.forest.source import read_forest
from bench.peers import DATA, PREDICTION, RefusedForest
from compiler.ir.forest import Comparison, Forest

ML_DOMAIN = "ai.onnx.ml"
ML_VERSION, VERSION, IR_VERSION = 3, 17, 8

_MODES = {
    Comparison.LESS: "BRANCH_LT",
    Comparison.LESS_EQUAL: "BRANCH_LEQ",
    Comparison.GREATER: "BRANCH_GT",
    Comparison.GREATER_EQUAL: "BRANCH_GTE",
    Comparison.EQUAL: "BRANCH_EQ",
    Comparison.NOT_EQUAL: "BRANCH_NEQ",
}
_TRANSFORMS = {
    "binary:logistic": "Sigmoid",
    "reg:logistic": "Sigmoid",
    "multi:softprob": "Softmax",
    "reg:squarederror": "Identity",
    "regression": "Identity",
    "regression_l1": "Identity",
    "binary sigmoid:1": "Sigmoid",
}
"""Operators: ONNX Runtime 1.31 leaves a `post_transform` of LOGISTIC out where there is one target."""


def onnx_model(forest: Forest, objective: str) -> onnx.ModelProto:
    """The model from `DATA` to `PREDICTION`, with an open batch; raises RefusedForest."""
    if objective not in _TRANSFORMS:
        raise RefusedForest(f"the objective {objective} has no counterpart in a TreeEnsembleRegressor")
    if Comparison.MEMBER in forest.comparison:
        raise RefusedForest("its version of TreeEnsembleRegressor has no splits by categories")
    trees = helper.make_node(
        "TreeEnsembleRegressor",
        [DATA],
        ["sums"],
        domain=ML_DOMAIN,
        n_targets=forest.outputs,
        base_values=forest.base.tolist(),
    )
    columns = {**_nodes(forest), **_leaves(forest)}
    trees.attribute.extend(helper.make_attribute(name, values) for name, values in columns.items())
    shape = [-1, forest.outputs] if forest.outputs > 1 else [-1]
    wanted = helper.make_tensor("shape", TensorProto.INT64, [len(shape)], shape)
    inputs = [helper.make_tensor_value_info(DATA, TensorProto.FLOAT, [None, forest.features])]
    outputs = [helper.make_tensor_value_info(PREDICTION, TensorProto.FLOAT, [None, *shape[1:]])]
    reshape = helper.make_node("Reshape", ["sums", "shape"], ["margins"])
    transform = helper.make_node(_TRANSFORMS[objective], ["margins"], [PREDICTION])
    graph = helper.make_graph([trees, reshape, transform], "forest", inputs, outputs, [wanted])
    opsets = [helper.make_opsetid("", VERSION), helper.make_opsetid(ML_DOMAIN, ML_VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def _nodes(forest: Forest) -> dict[str, list[int] | list[float] | list[str]]:
    """A tree's nodes are its splits and then its leaves, each numbered from 0 within the tree."""
    splits, leaves = np.diff(forest.first_split), np.diff(forest.first_leaf)
    order = np.argsort(np.concatenate([_tree(splits), _tree(leaves)]), kind="stable")

    def column(of_splits: np.ndarray, of_leaf: object) -> list[int] | list[float] | list[str]:
        of_leaves = np.full(forest.leaves, of_leaf, of_splits.dtype)
        return np.concatenate([of_splits, of_leaves])[order].tolist()

    tree = _tree(splits)
    modes = np.array([_MODES.get(comparison, "") for comparison in Comparison], object)[forest.comparison]
    return {
        "nodes_treeids": np.concatenate([tree, _tree(leaves)])[order].tolist(),
        "nodes_nodeids": _within(splits + leaves).tolist(),
        "nodes_featureids": column(forest.feature, 0),
        "nodes_values": column(forest.threshold, 0.0),
        "nodes_modes": column(modes, "LEAF"),
        "nodes_truenodeids": column(_node(forest, forest.left, tree), 0),
        "nodes_falsenodeids": column(_node(forest, forest.right, tree), 0),
        "nodes_missing_value_tracks_true": column(forest.default_left.astype(np.int64), 0),
    }


def _leaves(forest: Forest) -> dict[str, list[int] | list[float]]:
    leaves = np.diff(forest.first_leaf)
    tree = np.repeat(_tree(leaves), forest.width)
    number = _within(leaves) + np.diff(forest.first_split)[_tree(leaves)]
    targets = forest.target[_tree(leaves), None] + np.arange(forest.width)
    return {
        "target_treeids": tree.tolist(),
        "target_nodeids": np.repeat(number, forest.width).tolist(),
        "target_ids": targets.reshape(-1).tolist(),
        "target_weights": forest.leaf.reshape(-1).tolist(),
    }


def _tree(counts: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(counts.size), counts)


def _within(counts: np.ndarray) -> np.ndarray:
    """The numbers from 0 in each tree."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)


def _node(forest: Forest, child: np.ndarray, tree: np.ndarray) -> np.ndarray:
    """The number of each child within its tree."""
    leaf = ~child - forest.first_leaf[tree] + np.diff(forest.first_split)[tree]
    return np.where(child >= 0, child - forest.first_split[tree], leaf).astype(np.int64)


def main(arguments: list[str]) -> None:
    """Write the model."""
    source, converted = map(Path, arguments)
    found = read_forest(source)
    if found.is_prepared:
        raise RefusedForest("some of its features are changed before they are compared")
    onnx.save(onnx_model(found.forest, found.objective), converted)


if __name__ == "__main__":
    main(sys.argv[1:])
