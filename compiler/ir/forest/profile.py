"""Statistics of a forest: what decides how fast it can be computed, whatever its numbers are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.forest.comparison import Comparison
from compiler.ir.forest.derived import once_per_forest
from compiler.ir.forest.forest import Forest
from compiler.ir.forest.links import roots_and_depths
from compiler.ir.literal import Array


@dataclass(frozen=True)
class Profile:
    """Sizes and depths. A depth counts the splits that a row passes, so a tree of one leaf has depth 0."""

    trees: int
    features: int
    outputs: int
    width: int
    splits: int
    leaves: int
    members: int
    """Splits that test a set."""
    categories: int
    """Elements of all sets together."""
    thresholds: int
    """Distinct pairs of feature and threshold."""
    thresholds_of_one_feature: int
    """The most distinct thresholds that one feature is compared with."""
    features_used: int
    most_leaves: int
    """Of one tree."""
    max_depth: int
    mean_depth: float
    """Of leaves, each counted once."""
    expected_path: float
    """Splits that a row passes in one tree, on average over trees; by the covers, or where they are not known as if
    both ways of each split were equally likely."""
    biased_trees: float
    """Share of trees in which a tenth of the leaves takes nine tenths of the rows."""


@once_per_forest
def profile_of(forest: Forest) -> Profile:
    """The statistics of a forest."""
    depth = leaf_depths(forest)
    shares = leaf_shares(forest, depth)
    counts = np.diff(forest.first_leaf)
    ordered = forest.comparison != Comparison.MEMBER
    pairs = np.unique(forest.feature[ordered].astype(np.int64) << 32 | _key(forest.threshold[ordered]))
    return Profile(
        trees=forest.trees,
        features=forest.features,
        outputs=forest.outputs,
        width=forest.width,
        splits=forest.splits,
        leaves=forest.leaves,
        members=int(np.count_nonzero(~ordered)),
        categories=forest.categories.size,
        thresholds=pairs.size,
        thresholds_of_one_feature=int(np.unique(pairs >> 32, return_counts=True)[1].max(initial=0)),
        features_used=int(np.unique(forest.feature).size),
        most_leaves=int(counts.max(initial=0)),
        max_depth=int(depth.max(initial=0)),
        mean_depth=float(depth.mean()) if depth.size else 0.0,
        expected_path=float((shares * depth).sum() / forest.trees) if forest.trees else 0.0,
        biased_trees=_biased(forest, shares),
    )


def leaf_depths(forest: Forest) -> Array:
    """i64[leaves]: the number of splits above each leaf."""
    return node_depths(forest)[forest.splits :]


def node_depths(forest: Forest) -> Array:
    """i64[splits + leaves]: the number of splits above each split, then above each leaf."""
    _, depth = roots_and_depths(_parents(forest))
    return depth


def _parents(forest: Forest) -> Array:
    """i64[splits + leaves]: the split above each split, then above each leaf; -1 for roots."""
    parent = np.full(forest.splits + forest.leaves, -1, np.int64)
    for side in (forest.left, forest.right):
        parent[np.where(side >= 0, side, forest.splits + ~side)] = np.arange(forest.splits)
    return parent


def node_shares(forest: Forest) -> Array:
    """f64[splits + leaves]: the share of rows that is expected in each split, then in each leaf, of a tree."""
    parent = _parents(forest)
    _, depth = roots_and_depths(parent)
    share = np.concatenate([np.zeros(forest.splits), leaf_shares(forest, depth[forest.splits :])])
    for level in range(int(depth.max(initial=0)), 0, -1):
        nodes = np.flatnonzero(depth == level)
        np.add.at(share, parent[nodes], share[nodes])
    return share


def leaf_shares(forest: Forest, depth: Array) -> Array:
    """f64[leaves]: the share of rows that is expected in each leaf of a tree; a tree's shares sum to 1."""
    tree_of = np.repeat(np.arange(forest.trees), np.diff(forest.first_leaf))
    total = np.bincount(tree_of, forest.cover, minlength=forest.trees)[tree_of]
    known = total > 0
    return np.where(known, forest.cover / np.where(known, total, 1.0), np.ldexp(1.0, -np.minimum(depth, 1074)))


def _key(threshold: Array) -> Array:
    """Thresholds as integers that are not negative, equal for -0 and 0."""
    return (threshold + np.float32(0)).view(np.uint32).astype(np.int64)


def _biased(forest: Forest, shares: Array) -> float:
    counts = np.diff(forest.first_leaf)
    tree = np.repeat(np.arange(forest.trees), counts)
    largest_first = np.lexsort((-shares, tree))
    rank = np.arange(forest.leaves) - np.repeat(forest.first_leaf[:-1], counts)
    is_of_tenth = rank < np.maximum(1, counts // 10)[tree]
    of_tenth = np.bincount(tree[is_of_tenth], shares[largest_first][is_of_tenth], minlength=forest.trees)
    return float(np.count_nonzero(of_tenth >= 0.9)) / forest.trees if forest.trees else 0.0
