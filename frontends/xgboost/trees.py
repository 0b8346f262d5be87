"""The trees of a model as one ``Forest``: whole arrays of all trees at once.

Owns XGBoost's format of trees (``doc/model.schema``, and ``src/tree/``): a node whose left child is -1 is a leaf, its
value stands in the array of thresholds; nodes that no split refers to have been deleted. Members of a categorical
split's set go right. Since in a ``Forest`` they go left, such splits are turned around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from compiler.ir.forest import Comparison, Forest, ForestError, LinkError, Numbering, numbering
from compiler.ir.literal import Array
from frontends.errors import MalformedModel
from frontends.xgboost.fields import Field

_CATEGORIES = 1 << 24
"""Category numbers are below this: float32 has all integers up to there."""


@dataclass(frozen=True)
class _Nodes:
    """The nodes of all trees, numbered through; children are numbers of nodes, -1 in a leaf."""

    first: Array
    left: Array
    right: Array
    feature: Array
    condition: Array
    default_left: Array
    is_categorical: Array
    cover: Array
    sets: Sequence[tuple[int, Array]]
    """Node and categories, as found."""

    @property
    def tree(self) -> Array:
        """The tree of each node."""
        return np.repeat(np.arange(self.first.size - 1), np.diff(self.first))


def forest_of(
    trees: Sequence[Field], targets: Array, weights: Array | None, base: Array, features: int, width: int
) -> Forest:
    """The forest of these trees.

    ``targets i32[trees]``: the output that each adds to. ``weights f32[trees]``: what dart multiplies its leaves
    by. ``base f32[outputs]``. ``width``: values per leaf. Raises MalformedModel.
    """
    nodes = _gathered(trees)
    _check(trees, nodes, features)
    number = _numbering(trees, nodes)
    splits, leaves = number.splits, number.leaves
    turned = nodes.is_categorical[splits]
    sets = _sets(trees, nodes, splits[turned])
    values = _leaf_values(trees, nodes, leaves, width)
    if weights is not None:
        # As XGBoost does: it adds the leaf to zero, multiplies, and adds the product, so that no -0 is left.
        values = (values + np.float32(0)) * weights[nodes.tree[leaves], None]
    try:
        return Forest(
            features=features,
            base=base,
            first_split=number.first_split,
            target=targets,
            feature=nodes.feature[splits],
            comparison=np.where(turned, Comparison.MEMBER, Comparison.LESS).astype(np.uint8),
            threshold=np.where(turned, np.float32(0), nodes.condition[splits]),
            left=np.where(turned, number.right, number.left),
            right=np.where(turned, number.left, number.right),
            default_left=nodes.default_left[splits] ^ turned,
            first_category=np.array([0, *accumulate(len(members) for members in sets)], np.int32),
            categories=np.concatenate([np.zeros(0, np.int32), *sets]),
            leaf=values,
            leaf_id=(leaves - nodes.first[nodes.tree[leaves]]).astype(np.int32),
            cover=nodes.cover[leaves],
        )
    except ForestError as error:
        raise MalformedModel(f"{trees[0].path if trees else 'the model'}: {error}") from error


def _gathered(trees: Sequence[Field]) -> _Nodes:
    parts: list[tuple[Array, ...]] = []
    sets: list[tuple[int, Array]] = []
    first = [0]
    for tree in trees:
        left, right = tree["left_children"].integers(), tree["right_children"].integers()
        count = left.size
        columns = (
            left,
            right,
            tree["split_indices"].integers(),
            tree["split_conditions"].floats(),
            tree["default_left"].integers() != 0,
            _optional(tree, "split_type", np.zeros(count, np.int32)) != 0,
            _optional(tree, "sum_hessian", np.zeros(count, np.float32)),
        )
        if count == 0 or any(column.size != count for column in columns):
            tree.fail(f"its arrays differ in length: {[column.size for column in columns]}")
        if tree["tree_param"]["num_nodes"].count() != count:
            tree.fail(f"it states {tree['tree_param']['num_nodes'].text()} nodes and has {count}")
        outside = (left < -1) | (left >= count) | ((left >= 0) & ((right < 0) | (right >= count)))
        if outside.any():
            tree.fail(f"node {int(outside.argmax())} has a child that does not exist")
        sets += [(first[-1] + node, members) for node, members in _own_sets(tree)]
        parts.append(
            (np.where(left >= 0, left + first[-1], -1), np.where(left >= 0, right + first[-1], -1), *columns[2:])
        )
        first.append(first[-1] + count)
        if first[-1] > 2**30:
            tree.fail("the model has more than 2^30 nodes")
    if not parts:
        empty = np.zeros(0, np.int32)
        parts = [(empty, empty, empty, np.zeros(0, np.float32), empty != 0, empty != 0, np.zeros(0, np.float32))]
    left, right, feature, condition, default_left, is_categorical, cover = map(np.concatenate, zip(*parts, strict=True))
    cover = np.where(np.isfinite(cover) & (cover > 0), cover, np.float32(0))
    return _Nodes(np.array(first), left, right, feature, condition, default_left, is_categorical, cover, sets)


def _optional(tree: Field, name: str, absent: Array) -> Array:
    field = tree.get(name)
    if field is None:
        return absent
    return field.floats() if absent.dtype == np.float32 else field.integers()


def _own_sets(tree: Field) -> list[tuple[int, Array]]:
    """Node and categories of the categorical splits of one tree."""
    if tree.get("categories_nodes") is None:
        return []
    nodes, segments, sizes = (tree[f"categories_{name}"].integers() for name in ("nodes", "segments", "sizes"))
    categories = tree["categories"].integers()
    if not nodes.size == segments.size == sizes.size:
        tree.fail("the arrays of its categories differ in length")
    if ((segments < 0) | (sizes < 0) | (segments.astype(np.int64) + sizes > categories.size)).any():
        tree.fail("a node has categories that do not exist")
    if categories.size and not 0 <= categories.min() <= categories.max() < _CATEGORIES:
        tree.fail(f"a category is not in 0..{_CATEGORIES - 1}")
    if ((nodes < 0) | (nodes >= tree["left_children"].integers().size)).any():
        tree.fail("a node with categories does not exist")
    rows = zip(nodes.tolist(), segments.tolist(), sizes.tolist(), strict=True)
    return [(node, np.unique(categories[start : start + size])) for node, start, size in rows]


def _sets(trees: Sequence[Field], nodes: _Nodes, wanted: Array) -> list[Array]:
    """The categories of these nodes."""
    known = dict(nodes.sets)
    for node in wanted.tolist():
        if node not in known:
            tree = int(nodes.tree[node])
            trees[tree].fail(f"node {node - int(nodes.first[tree])} is categorical and has no categories")
    return [known[node] for node in wanted.tolist()]


def _check(trees: Sequence[Field], nodes: _Nodes, features: int) -> None:
    is_split = nodes.left >= 0
    faults = {
        f"tests a feature that is not one of {features}": (nodes.feature < 0) | (nodes.feature >= features),
        "has a threshold that is not a number": ~nodes.is_categorical & np.isnan(nodes.condition),
    }
    for reason, where in faults.items():
        _fail_where(trees, nodes, where & is_split, reason)


def _numbering(trees: Sequence[Field], nodes: _Nodes) -> Numbering:
    try:
        return numbering(nodes.first[:-1], nodes.left, nodes.right)
    except LinkError as error:
        tree = int(nodes.tree[error.node])
        trees[tree].fail(f"node {error.node - int(nodes.first[tree])} {error.reason}")


def _leaf_values(trees: Sequence[Field], nodes: _Nodes, leaves: Array, width: int) -> Array:
    """``f32[leaves, width]``."""
    if width == 1:
        return nodes.condition[leaves][:, None]
    rows: list[Array] = []
    for number, tree in enumerate(trees):
        begin, end = nodes.first[number], nodes.first[number + 1]
        own = leaves[(leaves >= begin) & (leaves < end)] - begin
        stored = tree.get("leaf_weights")
        # Since 3.2 a leaf's right child says which row of the leaves' values it has.
        row = tree["right_children"].integers()[own] if stored is not None else own
        values = (stored or tree["base_weights"]).floats()
        if row.size and not 0 <= row.min() <= row.max() < values.size // width:
            tree.fail("a leaf has values that do not exist")
        rows.append(values[: values.size // width * width].reshape(-1, width)[row])
    return np.concatenate([np.zeros((0, width), np.float32), *rows])


def _fail_where(trees: Sequence[Field], nodes: _Nodes, where: Array, reason: str) -> None:
    if where.any():
        node = int(where.argmax())
        tree = int(nodes.tree[node])
        trees[tree].fail(f"node {node - int(nodes.first[tree])} {reason}")
