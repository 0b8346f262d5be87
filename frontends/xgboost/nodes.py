"""The nodes of all trees of a model as columns, checked: children exist, and each tree is one.

Owns the arrays of trees in XGBoost's format (``doc/model.schema``, and ``src/tree/``): a node whose left child is -1 is
a leaf, its value stands in the array of thresholds; nodes that no split refers to have been deleted. Columns are
gathered for all trees at once; only an error looks for the tree that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

import numpy as np

from compiler.ir.forest import LinkError, Numbering, numbering
from compiler.ir.literal import Array
from frontends.xgboost.columns import Parts, floats_of, integers_of, sizes_of
from frontends.xgboost.fields import Field

_MOST_NODES = 2**30


@dataclass(frozen=True)
class Nodes:
    """The nodes of all trees, numbered through; children are numbers of nodes, -1 in a leaf."""

    trees: Sequence[Field]
    first: Array
    """i64[trees + 1]: where each tree's nodes begin, and their total number."""
    tree: Array
    """i64[nodes]"""
    left: Array
    right: Array
    stored_right: Array
    """i32[nodes]: the right children as they stand in the document, also those of leaves."""
    feature: Array
    condition: Array
    default_left: Array
    is_categorical: Array
    cover: Array

    def fail_where(self, where: Array, reason: str) -> None:
        """Raise MalformedModel for the first of these nodes, if any."""
        if where.any():
            self.fail(int(where.argmax()), reason)

    def fail(self, node: int, reason: str) -> NoReturn:
        """Raise MalformedModel for a node."""
        tree = int(self.tree[node])
        self.trees[tree].fail(f"node {node - int(self.first[tree])} {reason}")

    def numbered(self) -> Numbering:
        """Which nodes hang from the root of their tree, in a forest's order. Raises MalformedModel where nodes are no
        tree."""
        try:
            return numbering(self.first[:-1], self.left, self.right)
        except LinkError as error:
            self.fail(error.node, error.reason)


def gathered(trees: Sequence[Field], features: int) -> Nodes:
    """The nodes of these trees, which test some of so many features. Raises MalformedModel."""
    stored_left, sizes = integer_column(trees, "left_children")
    columns = {
        "right_children": integer_column(trees, "right_children"),
        "split_indices": integer_column(trees, "split_indices"),
        "split_conditions": float_column(trees, "split_conditions"),
        "default_left": integer_column(trees, "default_left"),
        "split_type": _optional(trees, "split_type", integer_column, sizes, np.int32),
        "sum_hessian": _optional(trees, "sum_hessian", float_column, sizes, np.float32),
    }
    _check_sizes(trees, sizes, [of_trees for _, of_trees in columns.values()])
    first = np.concatenate([[0], np.cumsum(sizes)])
    tree = np.repeat(np.arange(len(trees)), sizes)
    right, feature, condition, default_left, split_type, cover = (values for values, _ in columns.values())
    is_split = stored_left >= 0
    nodes = Nodes(
        trees=trees,
        first=first,
        tree=tree,
        left=np.where(is_split, stored_left + first[tree], -1),
        right=np.where(is_split, right + first[tree], -1),
        stored_right=right,
        feature=feature,
        condition=condition,
        default_left=default_left != 0,
        is_categorical=split_type != 0,
        cover=np.where(np.isfinite(cover) & (cover > 0), cover, np.float32(0)),
    )
    count = sizes[tree]
    outside = (stored_left < -1) | (stored_left >= count) | (is_split & ((right < 0) | (right >= count)))
    nodes.fail_where(outside, "has a child that does not exist")
    strange = is_split & ((feature < 0) | (feature >= features))
    nodes.fail_where(strange, f"tests a feature that is not one of {features}")
    nan = is_split & ~nodes.is_categorical & np.isnan(condition)
    nodes.fail_where(nan, "has a threshold that is not a number")
    return nodes


def _check_sizes(trees: Sequence[Field], sizes: Array, others: Sequence[Array]) -> None:
    for wrong in np.flatnonzero((sizes == 0) | np.any([sizes != other for other in others], axis=0)).tolist():
        trees[wrong].fail(f"its arrays differ in length: {[int(column[wrong]) for column in (sizes, *others)]}")
    for tree, size in zip(trees, sizes.tolist(), strict=True):
        stated = tree["tree_param"]["num_nodes"].count()
        if stated != size:
            tree.fail(f"it states {stated} nodes and has {size}")
    if int(sizes.sum()) > _MOST_NODES:
        trees[0].fail(f"the model has more than {_MOST_NODES} nodes")


def integer_column(trees: Sequence[Field], name: str) -> tuple[Array, Array]:
    """An array ``i32`` of each tree, one after the other, and how long each is. Raises MalformedModel."""
    return _column(trees, name, integers_of, Field.integers)


def float_column(trees: Sequence[Field], name: str) -> tuple[Array, Array]:
    """An array ``f32`` of each tree, one after the other, and how long each is. Raises MalformedModel."""
    return _column(trees, name, floats_of, Field.floats)


def has_column(trees: Sequence[Field], name: str) -> bool:
    """Whether any tree has an array of that name: formats differ in some."""
    return any(isinstance(tree.value, dict) and name in tree.value for tree in trees)


def _column(
    trees: Sequence[Field], name: str, together: Callable[[Parts], Array | None], alone: Callable[[Field], Array]
) -> tuple[Array, Array]:
    try:
        parts = [cast("dict[str, object]", tree.value)[name] for tree in trees]
    except (KeyError, TypeError):
        parts = [tree[name].value for tree in trees]  # says which tree has no such member
    values = together(parts)
    if values is None:
        values = np.concatenate([alone(tree[name]) for tree in trees])  # says whose is wrong
    return values, sizes_of(parts)


def _optional(
    trees: Sequence[Field],
    name: str,
    column: Callable[[Sequence[Field], str], tuple[Array, Array]],
    sizes: Array,
    dtype: type[np.generic],
) -> tuple[Array, Array]:
    """Zeros where the format does not have it."""
    return column(trees, name) if has_column(trees, name) else (np.zeros(int(sizes.sum()), dtype), sizes)
