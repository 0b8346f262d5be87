"""The trees of a model as one ``Forest`` over its features, of which some are prepared (``Preparation``).

Owns LightGBM's format of trees (``src/io/tree.cpp``): splits and leaves are numbered apart, a child ``c < 0`` is the
leaf ``~c``. ``decision_type`` has a bit for a categorical split, one for the way of missing values, and two for what is
missing: nothing, zeros (at most 1e-35 in magnitude) and NaN, or NaN. Where nothing is missing NaN counts as 0, in a
categorical split it is never a member.

LightGBM compares float64 values; a float32 feature compared with such a threshold is the same as compared with the
next float32 below it. It reads values that count as zero as 0 (``src/c_api.cpp``), so that they pass any threshold that
is not negative, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from compiler.ir.forest import Comparison, Forest, ForestError, narrowed
from compiler.ir.literal import Array
from frontends.errors import MalformedModel, UnsupportedModel
from frontends.lightgbm.sections import Section

NEARLY_ZERO = np.float32(1e-35)
"""What is at most this large in magnitude is a zero."""
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NOTHING_MISSING, _ZERO_MISSING, _NAN_MISSING = 0, 1, 2


@dataclass(frozen=True)
class Preparation:
    """What is done to the features before a forest sees them."""

    truncated: Array
    """bool[features]: rounded toward zero. In LightGBM -0.5 is the category 0, in a ``Forest`` it is none."""
    zero_missing: Array
    """bool[features]: zeros become NaN."""
    copied: Array
    """i64[...]: features of which a copy in which zeros are NaN follows all of them: in some splits only they are
    missing."""


@dataclass(frozen=True)
class _Splits:
    """The splits of all trees, numbered through."""

    feature: Array
    threshold: Array
    kind: Array
    left: Array
    right: Array

    @property
    def is_categorical(self) -> Array:
        return (self.kind & _CATEGORICAL) != 0

    @property
    def default_left(self) -> Array:
        return (self.kind & _DEFAULT_LEFT) != 0

    @property
    def missing(self) -> Array:
        return (self.kind >> 2) & 3


def forest_of(trees: Sequence[Section], outputs: int, features: int) -> tuple[Forest, Preparation]:
    """The forest of trees that add to outputs in turn, and what it expects of the features.

    Raises MalformedModel, UnsupportedModel.
    """
    first = [0]
    parts: list[tuple[Array, ...]] = []
    leaves: list[Array] = []
    covers: list[Array] = []
    sets: list[Array] = []
    for tree in trees:
        count = tree.count("num_leaves")
        _check_kind(tree, count)
        splits = _splits(tree, count, features)
        values = _leaf_values(tree, count)
        left, right = (_shifted(child, first[-1], len(first) - 1) for child in splits[3:])
        parts.append((*splits[:3], left, right))
        sets += _sets(tree, splits)
        leaves.append(values)
        covers.append(_covers(tree, count))
        first.append(first[-1] + count - 1)
    empty = np.zeros(0, np.int64)
    parts = parts or [(empty, np.zeros(0), empty, empty, empty)]
    table = _Splits(*map(np.concatenate, zip(*parts, strict=True)))
    preparation, column = _prepared(table, features)
    categorical = table.is_categorical
    comparison = np.where(categorical, Comparison.MEMBER, Comparison.LESS_EQUAL).astype(np.uint8)
    comparison, threshold = narrowed(comparison, np.where(categorical, 0.0, _beside_zeros(table.threshold)))
    counts_as_zero = table.missing == _NOTHING_MISSING
    default_left = np.where(counts_as_zero, table.threshold >= 0, table.default_left) & ~categorical
    try:
        forest = Forest(
            features=features + preparation.copied.size,
            base=np.zeros(outputs),
            first_split=np.array(first, np.int32),
            target=np.arange(len(trees), dtype=np.int32) % np.int32(outputs),
            feature=column.astype(np.int32),
            comparison=comparison,
            threshold=threshold,
            left=table.left.astype(np.int32),
            right=table.right.astype(np.int32),
            default_left=default_left,
            first_category=np.array([0, *accumulate(members.size for members in sets)], np.int32),
            categories=np.concatenate([np.zeros(0, np.int32), *sets]),
            leaf=np.concatenate([np.zeros(0), *leaves])[:, None],
            leaf_id=np.concatenate([np.zeros(0, np.int32), *(np.arange(own.size, dtype=np.int32) for own in leaves)]),
            cover=np.concatenate([np.zeros(0, np.float32), *covers]),
        )
    except ForestError as error:
        name = trees[0].title.rpartition(": ")[0] if trees else "the model"
        raise MalformedModel(f"{name}: {error}") from error
    return forest, preparation


def _beside_zeros(threshold: Array) -> Array:
    """Thresholds that are not among the values that count as zero."""
    limit = float(NEARLY_ZERO)
    below = np.where((threshold < 0) & (threshold >= -limit), np.nextafter(-limit, -1.0), threshold)
    return np.where((below >= 0) & (below < limit), limit, below)


def _check_kind(tree: Section, leaves: int) -> None:
    if leaves < 1:
        tree.fail("it has no leaves")
    if tree.count("is_linear", absent=0):
        raise UnsupportedModel(f"{tree.title}: its leaves are linear models, which Kiln does not compile")


def _splits(tree: Section, leaves: int, features: int) -> tuple[Array, Array, Array, Array, Array]:
    """Feature, threshold, decision type, left and right, numbered within the tree."""
    count = leaves - 1
    if not count:
        empty = np.zeros(0, np.int64)
        return empty, np.zeros(0), empty, empty, empty
    feature, threshold = tree.integers("split_feature", count), tree.floats("threshold", count)
    kind = tree.integers("decision_type", count) if "decision_type" in tree.values else np.zeros(count, np.int64)
    left, right = tree.integers("left_child", count), tree.integers("right_child", count)
    faults = {
        f"tests a feature that is not one of {features}": (feature < 0) | (feature >= features),
        "has a threshold that is not a number": np.isnan(threshold),
        "has an unknown decision_type": (kind < 0) | (kind > 11),
        "has a child that does not exist": ((left >= count) | (right >= count) | (left < -leaves) | (right < -leaves)),
    }
    for reason, where in faults.items():
        if where.any():
            tree.fail(f"node {int(where.argmax())} {reason}")
    return feature, threshold, kind, left, right


def _shifted(child: Array, splits: int, trees: int) -> Array:
    """Children numbered through, behind so many splits, and leaves, of which each tree has one more."""
    return np.where(child >= 0, child + splits, child - splits - trees)


def _leaf_values(tree: Section, leaves: int) -> Array:
    if leaves == 1 and "leaf_value" not in tree.values:
        return np.zeros(1)
    values = tree.floats("leaf_value", leaves)
    if np.isnan(values).any():
        tree.fail(f"leaf {int(np.isnan(values).argmax())} has a value that is not a number")
    return values


def _covers(tree: Section, leaves: int) -> Array:
    if not tree.values.get("leaf_count", "").strip():
        return np.zeros(leaves, np.float32)
    return np.maximum(tree.integers("leaf_count", leaves), 0).astype(np.float32)


def _sets(tree: Section, splits: tuple[Array, ...]) -> list[Array]:
    """The categories that go left, of each categorical split; its threshold says which of the bit sets it has."""
    _, threshold, kind, _, _ = splits
    nodes = np.flatnonzero(kind & _CATEGORICAL)
    if not nodes.size:
        return []
    bounds = tree.integers("cat_boundaries", tree.count("num_cat") + 1)
    words = tree.integers("cat_threshold", limit=2**32)
    if (words < 0).any() or bounds[0] < 0 or bounds[-1] > words.size or (np.diff(bounds) < 0).any():
        tree.fail("its sets of categories do not exist")
    result: list[Array] = []
    for node in nodes.tolist():
        number = threshold[node]
        if not 0 <= number < bounds.size - 1:
            tree.fail(f"node {node} has a set of categories that does not exist")
        own = words[bounds[int(number)] : bounds[int(number) + 1]].astype("<u4")
        result.append(np.flatnonzero(np.unpackbits(own.view(np.uint8), bitorder="little")).astype(np.int32))
    return result


def _prepared(splits: _Splits, features: int) -> tuple[Preparation, Array]:
    """What the features need, and the column that each split tests."""

    def of_features(where: Array) -> Array:
        result = np.zeros(features, np.bool_)
        result[splits.feature[where]] = True
        return result

    categorical = of_features(splits.is_categorical)
    mixed = categorical & of_features(~splits.is_categorical)
    if mixed.any():
        raise UnsupportedModel(f"feature {int(mixed.argmax())} is a category in some nodes and a number in others")
    # Where zeros go the way that their comparison sends them, they need not be missing.
    as_compared = splits.default_left == (splits.threshold >= 0)
    is_zero_missing = ~splits.is_categorical & (splits.missing == _ZERO_MISSING) & ~as_compared
    zero_missing, others = of_features(is_zero_missing), of_features(~is_zero_missing)
    copied = np.flatnonzero(zero_missing & others)
    place = np.zeros(features, np.int64)
    place[copied] = features + np.arange(copied.size)
    moved = is_zero_missing & (place[splits.feature] > 0)
    column = np.where(moved, place[splits.feature], splits.feature)
    return Preparation(truncated=categorical, zero_missing=zero_missing & ~others, copied=copied), column
