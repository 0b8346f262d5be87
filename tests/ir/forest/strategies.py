"""Hypothesis strategies for small random forests and for rows to run them on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from compiler.ir.forest import Comparison, Forest

NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, 1.0, -1.0, 2.0, 1e-45, 3e38]), st.floats(-4, 4, width=32, allow_nan=False)
)
VALUES = st.one_of(NUMBERS, st.sampled_from([float("nan"), float("inf"), float("-inf"), 1.5, 3.0, -0.5, 2.0**24]))


@st.composite
def forests(
    draw: st.DrawFn, max_trees: int = 4, max_splits: int = 6, comparisons: Sequence[Comparison] = tuple(Comparison)
) -> Forest:
    """A forest of up to ``max_trees`` trees, whose splits and leaves lie in any order that is allowed."""
    dtype = np.dtype(draw(st.sampled_from([np.float32, np.float64])))
    features, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    width = draw(st.integers(1, outputs))
    builder = _Builder(draw, features, comparisons)
    targets = [
        builder.tree(draw(st.integers(0, max_splits)), outputs, width) for _ in range(draw(st.integers(0, max_trees)))
    ]
    leaves = len(builder.leaf_id)
    numbers = draw(st.lists(NUMBERS, min_size=leaves * width + outputs, max_size=leaves * width + outputs))
    known = draw(st.booleans())
    return Forest(
        features=features,
        base=np.array(numbers[:outputs], dtype),
        first_split=np.array(builder.first_split, np.int32),
        target=np.array(targets, np.int32),
        feature=np.array(builder.feature, np.int32),
        comparison=np.array(builder.comparison, np.uint8),
        threshold=np.array(builder.threshold, np.float32),
        left=np.array(builder.left, np.int32),
        right=np.array(builder.right, np.int32),
        default_left=np.array(builder.default_left, np.bool_),
        first_category=np.array(builder.first_category, np.int32),
        categories=np.array(builder.categories, np.int32),
        leaf=np.array(numbers[outputs:], dtype).reshape(leaves, width),
        leaf_id=np.array(builder.leaf_id, np.int32),
        cover=np.array([draw(st.integers(0, 9)) if known else 0 for _ in range(leaves)], np.float32),
    )


class _Builder:
    def __init__(self, draw: st.DrawFn, features: int, comparisons: Sequence[Comparison]) -> None:
        self.draw = draw
        self.features = features
        self.comparisons = comparisons
        self.first_split = [0]
        self.first_category = [0]
        self.categories: list[int] = []
        self.feature: list[int] = []
        self.comparison: list[int] = []
        self.threshold: list[float] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.default_left: list[bool] = []
        self.leaf_id: list[int] = []

    def tree(self, splits: int, outputs: int, width: int) -> int:
        """Add a tree and return its target: split by split, each in the place of an open child."""
        draw, first, first_leaf = self.draw, len(self.feature), len(self.leaf_id)
        open_places: list[tuple[list[int], int]] = []
        for number in range(first, first + splits):
            if number > first:
                side, place = open_places.pop(draw(st.integers(0, len(open_places) - 1)))
                side[place] = number
            self.split()
            open_places += [(self.left, number), (self.right, number)]
        for leaf, (side, place) in enumerate(draw(st.permutations(open_places)), start=first_leaf):
            side[place] = ~leaf
        self.leaf_id += draw(st.lists(st.integers(0, 99), min_size=splits + 1, max_size=splits + 1))
        self.first_split.append(len(self.feature))
        return draw(st.integers(0, outputs - width))

    def split(self) -> None:
        draw = self.draw
        kind = draw(st.sampled_from(self.comparisons))
        self.feature.append(draw(st.integers(0, self.features - 1)))
        self.comparison.append(kind)
        self.threshold.append(0.0 if kind is Comparison.MEMBER else draw(NUMBERS))
        self.default_left.append(draw(st.booleans()))
        self.left.append(0)
        self.right.append(0)
        if kind is Comparison.MEMBER:
            self.categories += sorted(draw(st.sets(st.one_of(st.integers(0, 4), st.just(2**24)), max_size=3)))
            self.first_category.append(len(self.categories))


@st.composite
def rows_for(draw: st.DrawFn, forest: Forest, most: int = 6) -> NDArray[Any]:
    """Up to ``most`` rows for a forest, with NaN, infinities and values that equal thresholds."""
    values = st.one_of(VALUES, st.sampled_from(forest.threshold.tolist() or [0.0]))
    rows = draw(st.lists(st.lists(values, min_size=forest.features, max_size=forest.features), max_size=most))
    return np.array(rows, np.float32).reshape(len(rows), forest.features)
