"""Some of the splits of a forest as a forest of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest import Comparison, Forest, Numbering
from compiler.ir.literal import Array


@dataclass(frozen=True)
class Leaves:
    """The leaves of a forest, and what its sums start at: the fields of ``Forest``."""

    base: Array
    target: Array
    leaf: Array
    leaf_id: Array
    cover: Array


def selected(forest: Forest, number: Numbering, leaves: Leaves) -> Forest:
    """The splits of ``forest`` that a numbering of its nodes keeps, splits before leaves, above other leaves."""
    splits = number.splits
    first_category, categories = _sets(forest, splits)
    return Forest(
        features=forest.features,
        base=leaves.base,
        first_split=number.first_split,
        target=leaves.target,
        feature=forest.feature[splits],
        comparison=forest.comparison[splits],
        threshold=forest.threshold[splits],
        left=number.left,
        right=number.right,
        default_left=forest.default_left[splits],
        first_category=first_category,
        categories=categories,
        leaf=leaves.leaf,
        leaf_id=leaves.leaf_id,
        cover=leaves.cover,
    )


def nodes_of(forest: Forest, children: Array) -> Array:
    """i64: children as numbers of nodes, splits before leaves."""
    place = children.astype(np.int64)
    return np.where(place >= 0, place, forest.splits + ~place)


def _sets(forest: Forest, splits: Array) -> tuple[Array, Array]:
    """``first_category`` and ``categories`` of these splits."""
    members = forest.member_of[splits[forest.comparison[splits] == Comparison.MEMBER]]
    sizes = np.diff(forest.first_category)[members]
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    begins = np.repeat(forest.first_category[:-1][members] - first[:-1], sizes)
    return first, forest.categories[begins + np.arange(first[-1])]
