"""Statistics of forests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from compiler.ir.forest import Forest, node_shares, parse_forest, profile_of
from compiler.ir.forest.profile import leaf_depths, leaf_shares
from tests.ir.forest.examples import EXAMPLE
from tests.ir.forest.strategies import forests


def test_of_a_small_forest() -> None:
    profile = profile_of(EXAMPLE)
    assert (profile.trees, profile.leaves, profile.members, profile.categories) == (2, 4, 1, 2)
    assert (profile.thresholds, profile.thresholds_of_one_feature, profile.features_used) == (1, 1, 2)
    assert (profile.most_leaves, profile.max_depth, profile.mean_depth) == (3, 2, 1.25)
    assert profile.expected_path == (12 / 40 * 2 + 8 / 40 * 2 + 20 / 40 * 1) / 2


def test_without_covers_both_ways_are_equally_likely() -> None:
    text = "f32[1] -> [0.0] width 1 { tree 0 { s0: x0 < 1 ? v0 : s1, missing left s1: x0 < 2 ? v1 : v2, missing left"
    profile = profile_of(parse_forest(text + " v0: 1, id 1 v1: 2, id 3 v2: 2, id 4 } }"))
    assert profile.expected_path == 1.5


def test_equal_thresholds_count_once() -> None:
    text = (
        "f32[1] -> [0.0] width 1 { tree 0 { s0: x0 < 0.0 ? v0 : s1, missing left s1: x0 < -0.0 ? v1 : v2, missing left"
    )
    assert profile_of(parse_forest(text + " v0: 1, id 1 v1: 2, id 3 v2: 2, id 4 } }")).thresholds == 1


@given(forests())
def test_depths_and_shares(forest: Forest) -> None:
    depth = leaf_depths(forest)
    shares = leaf_shares(forest, depth)
    for tree in range(forest.trees):
        own = slice(int(forest.first_leaf[tree]), int(forest.first_leaf[tree + 1]))
        assert np.ldexp(1.0, -depth[own]).sum() == 1  # Kraft: the tree is complete
        assert shares[own].sum() == pytest.approx(1)
    of_nodes = node_shares(forest)
    assert of_nodes[forest.splits :].tolist() == shares.tolist()
    for split in range(forest.splits):
        children = [c if c >= 0 else forest.splits + ~c for c in (forest.left[split], forest.right[split])]
        assert of_nodes[split] == pytest.approx(of_nodes[children].sum())
    profile = profile_of(forest)
    assert 0 <= profile.expected_path <= profile.max_depth
    assert 0 <= profile.biased_trees <= 1
