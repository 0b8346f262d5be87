"""Forests with given statistics, made without training: as the JSON that XGBoost writes and loads.

Every tree is grown one split at a time. Which leaf is split next is drawn by a power of the share of rows that it gets:
a large one makes the tree even, a small one lets it hang. Thresholds are among few values per feature, as histograms
leave them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FORMAT = [3, 1, 3]
"""The version of XGBoost whose schema is written."""
ROWS_OF_TRAINING = 100_000.0
"""What covers are shares of."""


@dataclass(frozen=True)
class ForestShape:
    """What is made. A forest of several outputs is one of `multi:softprob`, with a tree per output and round."""

    trees: int
    features: int
    outputs: int
    depth: int
    leaves: int
    """Per tree, at most."""
    evenness: float = 1.0
    """The power; 1 splits where the rows are."""
    one_hot: float = 0.0
    """The share of rows in which a feature is 1, where features are 0 or 1; 0: features are normal numbers."""
    bins: int = 255
    """Distinct thresholds per feature."""
    seed: int = 0

    @property
    def objective(self) -> str:
        """XGBoost's name of the objective."""
        return "multi:softprob" if self.outputs > 1 else "reg:squarederror"


def rows_of(shape: ForestShape, count: int, seed: int = 1) -> NDArray[np.float32]:
    """Rows as the trees' shares assume them."""
    random = np.random.default_rng(seed)
    if shape.one_hot:
        return (random.random((count, shape.features), np.float32) < shape.one_hot).astype(np.float32)
    return random.standard_normal((count, shape.features), np.float32)


def write_forest(shape: ForestShape, path: Path) -> None:
    """Write the model."""
    random = np.random.default_rng(shape.seed)
    cuts = np.sort(random.standard_normal((shape.features, shape.bins)), axis=1).astype(np.float32)
    trees = [_tree(shape, number, cuts, random) for number in range(shape.trees)]
    rounds = shape.trees // shape.outputs
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(shape.trees)},
        "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
        "iteration_indptr": list(range(0, shape.trees + 1, shape.outputs))[: rounds + 1],
        "tree_info": [tree % shape.outputs for tree in range(shape.trees)],
        "trees": trees,
    }
    objective: dict[str, object] = {"name": shape.objective}
    if shape.outputs > 1:
        objective["softmax_multiclass_param"] = {"num_class": str(shape.outputs)}
    else:
        objective["reg_loss_param"] = {"scale_pos_weight": "1"}
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {
            "base_score": "[" + ",".join(["5E-1"] * shape.outputs) + "]",
            "boost_from_average": "1",
            "num_class": str(shape.outputs if shape.outputs > 1 else 0),
            "num_feature": str(shape.features),
            "num_target": "1",
        },
        "objective": objective,
    }
    path.write_text(json.dumps({"learner": learner, "version": FORMAT}, separators=(",", ":")))


@dataclass
class _Leaf:
    """A leaf while a tree grows: `low` and `high` are the bins between which each tested feature still is."""

    node: int
    depth: int
    share: float
    bounds: dict[int, tuple[int, int]]


def _tree(shape: ForestShape, number: int, cuts: NDArray[np.float32], random: np.random.Generator) -> dict[str, object]:
    left, right, parent, feature, condition, share = [-1], [-1], [2**31 - 1], [0], [0.0], [1.0]
    leaves = [_Leaf(0, 0, 1.0, {})]
    while len(leaves) < shape.leaves:
        open_leaves = [leaf for leaf in leaves if leaf.depth < shape.depth]
        if not open_leaves:
            break
        weights = np.array([leaf.share**shape.evenness for leaf in open_leaves])
        leaf = open_leaves[int(random.choice(len(open_leaves), p=weights / weights.sum()))]
        tested, threshold, below, parts = _split(shape, leaf, cuts, random)
        leaves.remove(leaf)
        feature[leaf.node], condition[leaf.node] = tested, threshold
        left[leaf.node], right[leaf.node] = len(left), len(left) + 1
        for bounds, part in zip(parts, (below, 1 - below), strict=True):
            leaves.append(_Leaf(len(left), leaf.depth + 1, leaf.share * part, {**leaf.bounds, tested: bounds}))
            share.append(leaf.share * part)
            for column, value in ((left, -1), (right, -1), (parent, leaf.node), (feature, 0)):
                column.append(value)
            condition.append(0.0)
    for leaf in leaves:
        condition[leaf.node] = float(np.float32(random.normal() * 0.1))
    count = len(left)
    return {
        "base_weights": [0.0] * count,
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "default_left": random.integers(0, 2, count).tolist(),
        "id": number,
        "left_children": left,
        "loss_changes": [0.0] * count,
        "parents": parent,
        "right_children": right,
        "split_conditions": condition,
        "split_indices": feature,
        "split_type": [0] * count,
        "sum_hessian": [float(np.float32(part * ROWS_OF_TRAINING)) for part in share],
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(shape.features),
            "num_nodes": str(count),
            "size_leaf_vector": "1",
        },
    }


def _split(
    shape: ForestShape, leaf: _Leaf, cuts: NDArray[np.float32], random: np.random.Generator
) -> tuple[int, float, float, tuple[tuple[int, int], tuple[int, int]]]:
    """A feature, a threshold, the share of the leaf's rows below it, and the bounds of both sides."""
    while True:
        tested = int(random.integers(shape.features))
        if shape.one_hot:
            if tested in leaf.bounds:
                continue
            return tested, 1.0, 1 - shape.one_hot, ((0, 0), (0, 0))
        low, high = leaf.bounds.get(tested, (0, shape.bins + 1))
        if high - low < 2:
            continue
        # Halfway up to a quarter of the range: what reduces an error most is seldom at the edge.
        middle, spread = (low + high) / 2, (high - low) / 4
        place = int(np.clip(round(random.normal(middle, spread)), low + 1, high - 1))
        return tested, float(cuts[tested, place - 1]), (place - low) / (high - low), ((low, place), (place, high))
