"""Random ensembles of ai.onnx.ml, and models of one such node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

FEATURES = 3
ROWS = 24
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
VALUES = (-1.5, -0.0, 0.5, 0.1, 1e-30, 2.0, 7.0)
"""Thresholds, which rows hit exactly."""

Array = NDArray[Any]


def model_of(
    op: str,
    attributes: Mapping[str, Any],
    *,
    version: int = 3,
    rows: int | str = ROWS,
    features: int = FEATURES,
    dtype: type[np.generic] = np.float32,
    outputs: int = 1,
) -> onnx.ModelProto:
    """A model of a node of ai.onnx.ml; it takes ``x`` and gives ``y0`` and so on. None leaves out an attribute."""
    names = [f"y{number}" for number in range(outputs)]
    given = {name: value for name, value in attributes.items() if value is not None}
    node = helper.make_node(op, ["x"], names, name="trees", domain="ai.onnx.ml")
    for name, value in given.items():
        empty = onnx.AttributeProto.INTS if isinstance(value, list) and not value else None
        node.attribute.append(helper.make_attribute(name, value, attr_type=empty))
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        [node],
        "test",
        [helper.make_tensor_value_info("x", kind, [rows, features])],
        [onnx.ValueInfoProto(name=name) for name in names],
    )
    sets = [helper.make_opsetid("ai.onnx.ml", version), helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=sets, ir_version=9)


def tensor_of(name: str, array: Array) -> TensorProto:
    """A tensor attribute's value."""
    return onnx.numpy_helper.from_array(array, name)


@dataclass(frozen=True)
class Tree:
    """A split (feature, mode, threshold, missing, children) or a leaf (None, and votes by output)."""

    feature: int
    mode: int
    value: float
    missing: int
    sides: tuple[Tree, Tree] | None
    votes: tuple[tuple[int, float], ...]


@st.composite
def trees(
    draw: st.DrawFn,
    outputs: int,
    *,
    depth: int = 3,
    modes: int = 6,
    all_vote: bool = False,
    is_split: bool = False,
) -> Tree:
    """A tree, with a split if that is asked for; leaves vote for some of the outputs, or all of them."""
    weights = st.floats(-2, 2, width=32)
    if depth == 0 or (not is_split and draw(st.integers(0, 3)) == 0):
        voted = range(outputs) if all_vote else sorted(draw(st.sets(st.integers(0, outputs - 1), min_size=1)))
        return Tree(0, 0, 0.0, 0, None, tuple((output, draw(weights)) for output in voted))
    below = trees(outputs, depth=depth - 1, modes=modes, all_vote=all_vote)
    return Tree(
        draw(st.integers(0, FEATURES - 1)),
        draw(st.integers(0, modes - 1)),
        draw(st.sampled_from(VALUES)),
        draw(st.integers(0, 1)),
        (draw(below), draw(below)),
        (),
    )


def named_nodes(forest: list[Tree], prefix: str) -> dict[str, Any]:
    """The attributes of operator sets 1 to 3."""
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            *(f"nodes_{field}" for field in ("treeids", "nodeids", "featureids", "modes", "values")),
            "nodes_truenodeids",
            "nodes_falsenodeids",
            "nodes_missing_value_tracks_true",
            *(f"{prefix}_{field}" for field in ("treeids", "nodeids", "ids", "weights")),
        )
    }

    def add(tree: Tree, number: int, node: int) -> int:
        """Append a subtree, whose root gets the id ``node``; the first id behind it."""
        place = len(columns["nodes_nodeids"])
        row = (number, node, tree.feature, MODES[tree.mode] if tree.sides else "LEAF", tree.value, 0, 0, tree.missing)
        for column, value in zip(list(columns.values())[:8], row, strict=True):
            column.append(value)
        for output, weight in tree.votes:
            for field, value in zip(
                ("treeids", "nodeids", "ids", "weights"), (number, node, output, weight), strict=True
            ):
                columns[f"{prefix}_{field}"].append(value)
        if tree.sides is None:
            return node + 1
        middle = add(tree.sides[0], number, node + 1)
        columns["nodes_truenodeids"][place], columns["nodes_falsenodeids"][place] = node + 1, middle
        return add(tree.sides[1], number, middle)

    for number, tree in enumerate(forest):
        add(tree, number, 0)
    return columns


def branches(forest: list[Tree], sets: list[list[float]], dtype: type[np.generic]) -> dict[str, Any]:
    """The attributes of ``TreeEnsemble``; splits of mode 6 take the next of ``sets`` in turn."""
    nodes: list[list[Any]] = []
    leaves: list[tuple[int, float]] = []
    members: list[float] = []

    def leaf(tree: Tree) -> int:
        leaves.append(tree.votes[0])
        return len(leaves) - 1

    def add(tree: Tree) -> int:
        place = len(nodes)
        if tree.sides is None:
            number = leaf(tree)
            nodes.append([0, 0, 0.0, 0, number, number, 1, 1])
            return place
        nodes.append([])
        ends = [side.sides is None for side in tree.sides]
        below = [leaf(side) if end else add(side) for side, end in zip(tree.sides, ends, strict=True)]
        nodes[place] = [tree.feature, tree.mode, tree.value, tree.missing, *below, *map(int, ends)]
        return place

    roots = [add(tree) for tree in forest]
    for number in range(sum(node[1] == 6 for node in nodes)):
        members += [*sets[number % len(sets)], float("nan")]
    feature, mode, value, missing, left, right, left_leaf, right_leaf = map(list, zip(*nodes, strict=True))
    return {
        "tree_roots": roots,
        "nodes_featureids": feature,
        "nodes_modes": tensor_of("nodes_modes", np.array(mode, np.uint8)),
        "nodes_splits": tensor_of("nodes_splits", np.array(value, dtype)),
        "nodes_missing_value_tracks_true": missing,
        "nodes_truenodeids": left,
        "nodes_falsenodeids": right,
        "nodes_trueleafs": left_leaf,
        "nodes_falseleafs": right_leaf,
        "leaf_targetids": [output for output, _ in leaves],
        "leaf_weights": tensor_of("leaf_weights", np.array([weight for _, weight in leaves], dtype)),
        "membership_values": tensor_of("membership_values", np.array(members, dtype)) if members else None,
    }


def rows_for(seed: int, dtype: type[np.generic] = np.float32) -> Array:
    """Rows that hit thresholds, miss them by the least, and have missing, infinite and huge values."""
    random = np.random.default_rng(seed)
    x = random.choice(np.array([*VALUES, 8.0, 3.7], dtype), (ROWS, FEATURES))
    x = np.where(random.random(x.shape) < 0.3, np.nextafter(x, dtype(np.inf)), x)
    x = np.where(random.random(x.shape) < 0.2, random.normal(size=x.shape), x)
    odd = np.array([np.nan, np.nan, 0.0, -0.0, np.inf, -np.inf, 3e38], dtype)
    return np.where(random.random(x.shape) < 0.2, random.choice(odd, x.shape), x).astype(dtype)
