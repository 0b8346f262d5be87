"""The trees of a model as one ``Forest``: whole arrays of all trees at once.

Members of a categorical split's set go right in XGBoost. Since in a ``Forest`` they go left, such splits are turned
around.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.ir.forest import Comparison, Forest, ForestError
from compiler.ir.literal import Array
from frontends.errors import MalformedModel
from frontends.xgboost.categories import sets_of
from frontends.xgboost.fields import Field
from frontends.xgboost.nodes import Nodes, float_column, gathered, has_column


def forest_of(
    trees: Sequence[Field], targets: Array, weights: Array | None, base: Array, features: int, width: int
) -> Forest:
    """The forest of these trees.

    ``targets i32[trees]``: the output that each adds to. ``weights f32[trees]``: what dart multiplies its leaves
    by. ``base f32[outputs]``. ``width``: values per leaf. Raises MalformedModel.
    """
    nodes = gathered(trees, features)
    number = nodes.numbered()
    splits, leaves = number.splits, number.leaves
    turned = nodes.is_categorical[splits]
    sets = sets_of(nodes, splits[turned])
    values = _leaf_values(nodes, leaves, width)
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
            first_category=sets.first.astype(np.int32),
            categories=sets.members,
            leaf=values,
            leaf_id=(leaves - nodes.first[nodes.tree[leaves]]).astype(np.int32),
            cover=nodes.cover[leaves],
        )
    except ForestError as error:
        raise MalformedModel(f"{trees[0].path if trees else 'the model'}: {error}") from error


def _leaf_values(nodes: Nodes, leaves: Array, width: int) -> Array:
    """``f32[leaves, width]``."""
    if width == 1:
        return nodes.condition[leaves][:, None]
    tree = nodes.tree[leaves]
    # Since 3.2 a leaf's right child says which row of the leaves' values it has.
    is_new = has_column(nodes.trees, "leaf_weights")
    values, sizes = float_column(nodes.trees, "leaf_weights" if is_new else "base_weights")
    row = nodes.stored_right[leaves] if is_new else leaves - nodes.first[tree]
    far = np.zeros(nodes.left.size, np.bool_)
    far[leaves] = (row < 0) | (row >= sizes[tree] // width)
    nodes.fail_where(far, "has values that do not exist")
    begin = (np.cumsum(sizes) - sizes)[tree] + row.astype(np.int64) * width
    return values[begin[:, None] + np.arange(width)]
