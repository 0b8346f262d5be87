"""The trees of fitted objects as one ``Forest``.

Owns the two forms that scikit-learn stores trees in: the arrays of ``sklearn.tree``'s ``Tree``, and the records of the
histogram boosting's ``TreePredictor``. Both go left where ``x <= threshold`` with a float64 threshold, of which a
float32 feature sees the next float32 below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Comparison, Forest, ForestError, LinkError, narrowed, numbering
from compiler.ir.literal import Array
from frontends.errors import MalformedModel
from frontends.sklearn.fitted import Fitted


@dataclass(frozen=True)
class Nodes:
    """The nodes of one tree, the root first; children are -1 in a leaf."""

    left: Array
    right: Array
    feature: Array
    threshold: Array
    missing_left: Array
    value: Array
    """f64[nodes, width]"""
    cover: Array


def nodes_of_tree(estimator: Fitted) -> Nodes:
    """The tree of a ``DecisionTree`` or ``ExtraTree``; its values are ``[nodes, outputs * most classes]``."""
    tree = Fitted(estimator.get("tree_"), estimator.name)
    if not tree.has("missing_go_to_left"):
        tree.refuse("it comes from scikit-learn before 1.3, whose trees store other values")
    value = tree.floats("value")
    return _checked(
        tree,
        left=tree.get("children_left"),
        right=tree.get("children_right"),
        feature=tree.get("feature"),
        threshold=tree.get("threshold"),
        missing=tree.get("missing_go_to_left"),
        value=value.reshape(value.shape[0], -1),
        cover=tree.get("weighted_n_node_samples"),
    )


def nodes_of_predictor(predictor: Fitted) -> Nodes:
    """The tree of a ``TreePredictor``."""
    records = predictor.get("nodes")
    wanted = ("is_leaf", "left", "right", "feature_idx", "num_threshold", "missing_go_to_left", "value", "count")
    if not isinstance(records, np.ndarray) or not set(wanted) <= set(records.dtype.names or ()):
        predictor.fail("its nodes are no records of a tree")
    if "is_categorical" in (records.dtype.names or ()) and records["is_categorical"].any():
        predictor.refuse("it has categorical splits, which are not supported; encode categories before")
    is_leaf = records["is_leaf"] != 0
    return _checked(
        predictor,
        left=np.where(is_leaf, -1, records["left"].astype(np.int64)),
        right=np.where(is_leaf, -1, records["right"].astype(np.int64)),
        feature=records["feature_idx"],
        threshold=records["num_threshold"],
        missing=records["missing_go_to_left"],
        value=records["value"].astype(np.float64)[:, None],
        cover=records["count"],
    )


def forest_of(trees: Sequence[Nodes], target: Array, base: Array, features: int, name: str) -> Forest:
    """The forest of these trees, ``base f64[outputs]``. Raises MalformedModel."""
    first = np.concatenate([[0], np.cumsum([tree.left.size for tree in trees])]).astype(np.int64)

    def joined(columns: Sequence[Array]) -> Array:
        return np.concatenate(columns)

    sides = [
        joined([np.where(child >= 0, child + begin, -1) for child, begin in zip(column, first[:-1], strict=True)])
        for column in ([tree.left for tree in trees], [tree.right for tree in trees])
    ]
    try:
        number = numbering(first[:-1], *sides)
    except LinkError as error:
        tree = int(np.searchsorted(first, error.node, side="right")) - 1
        raise MalformedModel(f"{name}: tree {tree}: node {error.node - first[tree]} {error.reason}") from error
    splits, leaves = number.splits, number.leaves
    comparison, threshold = narrowed(
        np.full(splits.size, Comparison.LESS_EQUAL, np.uint8), joined([tree.threshold for tree in trees])[splits]
    )
    cover = joined([tree.cover for tree in trees])[leaves].astype(np.float32)
    try:
        return Forest(
            features=features,
            base=base,
            first_split=number.first_split,
            target=target,
            feature=joined([tree.feature for tree in trees])[splits].astype(np.int32),
            comparison=comparison,
            threshold=threshold,
            left=number.left,
            right=number.right,
            default_left=joined([tree.missing_left for tree in trees])[splits],
            first_category=np.zeros(1, np.int32),
            categories=np.zeros(0, np.int32),
            leaf=joined([tree.value for tree in trees])[leaves],
            leaf_id=(leaves - first[number.tree[leaves]]).astype(np.int32),
            cover=np.where(np.isfinite(cover) & (cover > 0), cover, np.float32(0)),
        )
    except ForestError as error:
        raise MalformedModel(f"{name}: {error}") from error


def _checked(
    owner: Fitted,
    *,
    left: object,
    right: object,
    feature: object,
    threshold: object,
    missing: object,
    value: Array,
    cover: object,
) -> Nodes:
    columns = [owner.numbers(column, "its nodes") for column in (left, right, feature, threshold, missing, cover)]
    count = value.shape[0]
    if count == 0 or any(column.shape != (count,) for column in columns):
        owner.fail(f"its arrays differ in length: {[column.shape for column in columns]} and {value.shape}")
    sides = [column.astype(np.int64) for column in columns[:2]]
    is_leaf = sides[0] < 0
    for side in sides:
        outside = ~is_leaf & ((side < 0) | (side >= count))
        if outside.any():
            owner.fail(f"node {int(outside.argmax())} has a child that does not exist")
    return Nodes(
        left=np.where(is_leaf, -1, sides[0]),
        right=np.where(is_leaf, -1, sides[1]),
        feature=columns[2].astype(np.int64),
        threshold=columns[3].astype(np.float64),
        missing_left=columns[4] != 0,
        value=value,
        cover=columns[5],
    )
