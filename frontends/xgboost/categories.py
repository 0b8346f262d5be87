"""The sets of categories that splits test, of all trees at once.

In the document a tree has an array of categories, and for each categorical split where its own begin and how many there
are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.ir.literal import Array
from frontends.xgboost.fields import Field
from frontends.xgboost.nodes import Nodes, has_column, integer_column

_BITS = 24
"""Category numbers are below ``2**24``: float32 has all integers up to there."""


@dataclass(frozen=True)
class CategorySets:
    """``members[first[i] : first[i + 1]]`` is the i-th set, sorted and distinct."""

    first: Array
    members: Array


def sets_of(nodes: Nodes, wanted: Array) -> CategorySets:
    """The sets of these nodes, in this order. Raises MalformedModel."""
    trees = nodes.trees
    number = np.full(nodes.left.size, -1, np.int64)
    sets = CategorySets(np.zeros(1, np.int64), np.zeros(0, np.int32))
    if has_column(trees, "categories_nodes"):
        owner, sets = _all_sets(nodes)
        number[owner] = np.arange(owner.size)
    chosen = number[wanted]
    is_bare = np.zeros(nodes.left.size, np.bool_)
    is_bare[wanted[chosen < 0]] = True
    nodes.fail_where(is_bare, "is categorical and has no categories")
    sizes = np.diff(sets.first)[chosen]
    first = np.concatenate([[0], np.cumsum(sizes)])
    return CategorySets(first, sets.members[_ranges(sets.first[:-1][chosen], sizes)])


def _all_sets(nodes: Nodes) -> tuple[Array, CategorySets]:
    """The node of each set, and the sets, in the order of the document."""
    trees = nodes.trees
    names = ("categories_nodes", "categories_segments", "categories_sizes")
    (owner, count), (segment, of_segments), (size, of_sizes) = (integer_column(trees, name) for name in names)
    categories, of_categories = integer_column(trees, "categories")
    _fail_at(trees, (count != of_segments) | (count != of_sizes), "the arrays of its categories differ in length")
    tree = np.repeat(np.arange(len(trees)), count)
    far = (segment < 0) | (size < 0) | (segment.astype(np.int64) + size > of_categories[tree])
    _fail_at(trees, _any_of(tree, far, len(trees)), "a node has categories that do not exist")
    total = np.bincount(tree, size, minlength=len(trees))
    _fail_at(trees, total > of_categories, "two of its nodes share categories")
    wrong = (categories < 0) | (categories >> _BITS != 0)
    tree_of_category = np.repeat(np.arange(len(trees)), of_categories)
    _fail_at(trees, _any_of(tree_of_category, wrong, len(trees)), f"a category is not in 0..{2**_BITS - 1}")
    strange = (owner < 0) | (owner >= np.diff(nodes.first)[tree])
    _fail_at(trees, _any_of(tree, strange, len(trees)), "a node with categories does not exist")
    begin = (np.cumsum(of_categories) - of_categories)[tree] + segment
    keys = np.repeat(np.arange(owner.size) << _BITS, size) | categories[_ranges(begin, size)]
    distinct = np.unique(keys)
    sizes = np.bincount(distinct >> _BITS, minlength=owner.size)
    members = (distinct & (2**_BITS - 1)).astype(np.int32)
    return nodes.first[tree] + owner, CategorySets(np.concatenate([[0], np.cumsum(sizes)]), members)


def _ranges(begin: Array, size: Array) -> Array:
    """The numbers ``begin[i] .. begin[i] + size[i] - 1`` of all i, one after the other."""
    within = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
    return np.repeat(begin, size) + within


def _any_of(tree: Array, where: Array, trees: int) -> Array:
    """Which trees it holds for anywhere."""
    found = np.zeros(trees, np.bool_)
    found[tree[where]] = True
    return found


def _fail_at(trees: Sequence[Field], where: Array, reason: str) -> None:
    if where.any():
        trees[int(where.argmax())].fail(reason)
