"""From a node's attributes to an ``Ensemble``: the form of operator sets 1 to 3, and that of ``TreeEnsemble``."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from compiler.ir.forest import Comparison
from compiler.ir.literal import Array
from frontends.onnx.context import MalformedModel, NodeContext, Unsupported
from frontends.onnx.converters.trees.ensemble import Ensemble, Votes

MOST_OUTPUTS = 1 << 20
"""Targets or classes; a node of a few bytes could name any number."""

_MODES = {
    "BRANCH_LEQ": Comparison.LESS_EQUAL,
    "BRANCH_LT": Comparison.LESS,
    "BRANCH_GTE": Comparison.GREATER_EQUAL,
    "BRANCH_GT": Comparison.GREATER,
    "BRANCH_EQ": Comparison.EQUAL,
    "BRANCH_NEQ": Comparison.NOT_EQUAL,
}
_NUMBERED_MODES = (*_MODES.values(), Comparison.MEMBER)
"""As ``TreeEnsemble`` numbers them."""
_LEAF = "LEAF"


def fail(ctx: NodeContext, reason: str) -> NoReturn:
    """Raise MalformedModel for the node."""
    raise MalformedModel(f"{ctx.op_type} {ctx.name!r}: {reason}")


def read_named_nodes(ctx: NodeContext, votes: str, outputs: int) -> Ensemble:
    """The trees of a node whose nodes have ids, and whose votes stand in attributes that begin with ``votes``."""
    trees, nodes = _integers(ctx, "nodes_treeids"), _integers(ctx, "nodes_nodeids")
    count = trees.size
    kinds = np.array([_mode(ctx, mode) for mode in ctx.strings("nodes_modes", ())], np.int64)
    features = _integers(ctx, "nodes_featureids")
    values = floats(ctx, "nodes_values")
    children = [_integers(ctx, f"nodes_{side}nodeids") for side in ("true", "false")]
    missing = _optional(ctx, "nodes_missing_value_tracks_true", count)
    for column in (nodes, kinds, features, values, *children, missing):
        if column.size != count:
            fail(ctx, f"its attributes of nodes have {column.size} and {count} entries")
    if not count:
        fail(ctx, "it has no nodes")
    ids = _Ids(ctx, trees, nodes)
    is_leaf = kinds < 0
    left, right = (np.where(is_leaf, -1, ids.find(trees, np.where(is_leaf, nodes, child))) for child in children)
    for child in (left, right):
        lost = ~is_leaf & (child < 0)
        if lost.any():
            fail(ctx, f"{ids.label(int(lost.argmax()))} has a child that does not exist")
    # In the order in which the trees come first, each tree's first node.
    roots = np.sort(np.unique(trees, return_index=True)[1])
    comparison = np.where(is_leaf, Comparison.LESS_EQUAL, kinds).astype(np.uint8)
    return Ensemble(
        roots=roots,
        left=left,
        right=right,
        feature=features,
        comparison=comparison,
        threshold=values,
        missing_left=(missing != 0) | (comparison == Comparison.NOT_EQUAL),
        members={},
        hits=_hits(ctx, count),
        votes=_named_votes(ctx, ids, votes, is_leaf),
        outputs=outputs,
        label=ids.label,
    )


def read_branches(ctx: NodeContext, outputs: int) -> Ensemble:
    """The trees of a ``TreeEnsemble``, of which nodes are splits, and leaves are listed apart."""
    roots = _integers(ctx, "tree_roots")
    modes = _tensor(ctx, "nodes_modes").astype(np.int64)
    count = modes.size
    features, splits = _integers(ctx, "nodes_featureids"), _numbers(ctx, "nodes_splits")
    children = [_integers(ctx, f"nodes_{side}nodeids") for side in ("true", "false")]
    to_leaf = [_integers(ctx, f"nodes_{side}leafs") != 0 for side in ("true", "false")]
    missing = _optional(ctx, "nodes_missing_value_tracks_true", count)
    targets, weights = _integers(ctx, "leaf_targetids"), _numbers(ctx, "leaf_weights")
    for column in (features, splits, *children, *to_leaf, missing):
        if column.size != count:
            fail(ctx, f"its attributes of nodes have {column.size} and {count} entries")
    if targets.size != weights.size:
        fail(ctx, f"its leaves have {targets.size} targets and {weights.size} weights")
    if ((modes < 0) | (modes >= len(_NUMBERED_MODES))).any():
        fail(ctx, "a node has an unknown mode")
    if ((roots < 0) | (roots >= count)).any() or not roots.size:
        fail(ctx, "a root is not one of its nodes")
    for child, is_leaf in zip(children, to_leaf, strict=True):
        outside = (child < 0) | (child >= np.where(is_leaf, targets.size, count))
        if outside.any():
            fail(ctx, f"node {int(outside.argmax())} has a child that does not exist")
    # A leaf may be shared: each mention of one becomes a node behind the splits.
    mentioned = [np.flatnonzero(is_leaf) for is_leaf in to_leaf]
    leaves = np.concatenate([child[nodes] for child, nodes in zip(children, mentioned, strict=True)])
    sides = [child.copy() for child in children]
    sides[0][mentioned[0]] = count + np.arange(mentioned[0].size)
    sides[1][mentioned[1]] = count + mentioned[0].size + np.arange(mentioned[1].size)
    comparison = np.array(_NUMBERED_MODES, np.uint8)[modes]

    def padded(column: Array, value: float) -> Array:
        return np.concatenate([column, np.full(leaves.size, value, column.dtype)])

    def label(node: int) -> str:
        return f"node {node}" if node < count else f"leaf {leaves[node - count]}"

    return Ensemble(
        roots=roots,
        left=padded(sides[0], -1),
        right=padded(sides[1], -1),
        feature=padded(features, 0),
        comparison=padded(comparison, Comparison.LESS_EQUAL),
        threshold=padded(splits, 0),
        missing_left=padded((missing != 0) | (comparison == Comparison.NOT_EQUAL), False),
        members=_members(ctx, np.flatnonzero(comparison == Comparison.MEMBER)),
        hits=np.zeros(count + leaves.size, np.float32),
        votes=Votes(count + np.arange(leaves.size), targets[leaves], weights[leaves]),
        outputs=outputs,
        label=label,
    )


def count_of(ctx: NodeContext, name: str) -> int:
    """A number of targets."""
    count = ctx.int(name, 0)
    if not 1 <= count <= MOST_OUTPUTS:
        fail(ctx, f"its {name} must be in 1..{MOST_OUTPUTS}, not {count}")
    return count


def floats(ctx: NodeContext, name: str) -> Array:
    """``f32[n]`` from an attribute, or the tensor that may stand in its place; empty if there is neither."""
    listed = np.array(ctx.floats(name, ()), np.float32)
    if not ctx.has_attribute(f"{name}_as_tensor"):
        return listed
    if listed.size:
        fail(ctx, f"it has both {name} and {name}_as_tensor")
    return _numbers(ctx, f"{name}_as_tensor")


class _Ids:
    """Which node has which pair of a tree's and a node's id."""

    def __init__(self, ctx: NodeContext, trees: Array, nodes: Array) -> None:
        self.trees, self.nodes = trees, nodes
        self.known = np.unique(trees), np.unique(nodes)
        keys, _ = self._keys(trees, nodes)
        self.order = np.argsort(keys, kind="stable")
        self.keys = keys[self.order]
        same = self.keys[1:] == self.keys[:-1]
        if same.any():
            fail(ctx, f"{self.label(int(self.order[same.argmax()]))} occurs twice")

    def label(self, node: int) -> str:
        """What messages call a node."""
        return f"tree {self.trees[node]}: node {self.nodes[node]}"

    def find(self, trees: Array, nodes: Array) -> Array:
        """i64[n]: the nodes with these pairs of ids, -1 where there is none."""
        wanted, exists = self._keys(trees, nodes)
        place = np.minimum(np.searchsorted(self.keys, wanted), self.keys.size - 1)
        return np.where(exists & (self.keys[place] == wanted), self.order[place], -1)

    def _keys(self, trees: Array, nodes: Array) -> tuple[Array, Array]:
        """A number for each pair, and whether both ids of it occur."""
        pairs = list(zip(self.known, (trees, nodes), strict=True))
        ranks = [np.minimum(np.searchsorted(known, ids), known.size - 1) for known, ids in pairs]
        exists = [known[rank] == ids for rank, (known, ids) in zip(ranks, pairs, strict=True)]
        return ranks[0] * self.known[1].size + ranks[1], exists[0] & exists[1]


def _named_votes(ctx: NodeContext, ids: _Ids, prefix: str, is_leaf: Array) -> Votes:
    trees, nodes, outputs = (_integers(ctx, f"{prefix}_{field}") for field in ("treeids", "nodeids", "ids"))
    weights = floats(ctx, f"{prefix}_weights")
    if not trees.size == nodes.size == outputs.size == weights.size:
        sizes = [trees.size, nodes.size, outputs.size, weights.size]
        fail(ctx, f"its attributes of votes differ in length: {sizes}")
    places = ids.find(trees, nodes)
    if (places < 0).any():
        lost = int((places < 0).argmax())
        fail(ctx, f"tree {trees[lost]}: node {nodes[lost]} votes and does not exist")
    # Old exporters list votes of splits, which nobody counts.
    return Votes(places, outputs, weights).only_where(is_leaf[places])


def _members(ctx: NodeContext, nodes: Array) -> dict[int, Array]:
    """The sets, one behind the other, each ended by NaN."""
    if not nodes.size:
        return {}
    values = _numbers(ctx, "membership_values")
    ends = np.flatnonzero(np.isnan(values))
    if ends.size != nodes.size:
        fail(ctx, f"it has {nodes.size} nodes that test a set, and {ends.size} sets")
    begins = [0, *(ends[:-1] + 1).tolist()]
    return {node: values[begin:end] for node, begin, end in zip(nodes.tolist(), begins, ends.tolist(), strict=True)}


def _hits(ctx: NodeContext, count: int) -> Array:
    """f32[nodes]; nothing depends on them."""
    hits = floats(ctx, "nodes_hitrates").astype(np.float32)
    return (
        np.where(np.isfinite(hits) & (hits > 0), hits, np.float32(0))
        if hits.size == count
        else np.zeros(count, np.float32)
    )


def _mode(ctx: NodeContext, mode: str) -> int:
    if mode == _LEAF:
        return -1
    if mode not in _MODES:
        fail(ctx, f"a node has the unknown mode {mode[:40]!r}")
    return _MODES[mode]


def _optional(ctx: NodeContext, name: str, count: int) -> Array:
    """Integers that may be left out, and are 0 then."""
    given = np.array(ctx.ints(name, ()), np.int64)
    return given if given.size else np.zeros(count, np.int64)


def _integers(ctx: NodeContext, name: str) -> Array:
    """i64[n]"""
    return np.array(ctx.ints(name, ()), np.int64)


def _numbers(ctx: NodeContext, name: str) -> Array:
    """f32 or f64[n] of a required tensor."""
    array = _tensor(ctx, name)
    if array.dtype not in (np.float32, np.float64):
        raise Unsupported(f"its {name} are {array.dtype}, not float32 or float64")
    return array


def _tensor(ctx: NodeContext, name: str) -> Array:
    literal = ctx.tensor(name)
    if literal is None:
        fail(ctx, f"it lacks its attribute {name!r}")
    if literal.array.ndim != 1:
        fail(ctx, f"its {name} must be a list")
    return literal.array
