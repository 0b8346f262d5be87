"""From an ``Ensemble`` and the rows that it sees to forests over these rows."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from compiler.ir.forest import Comparison, Forest, ForestError, LinkError, Numbering, narrowed, numbering
from compiler.ir.literal import Array
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from frontends.onnx.context import MalformedModel, Unsupported
from frontends.onnx.converters.term import Term
from frontends.onnx.converters.trees.ensemble import Ensemble, Votes
from frontends.onnx.converters.trees.ranking import Tests, tests_of

_MOST_VALUES = 1 << 27
"""Values of all leaves together: 1 GB in float64."""


class Trees:
    """The trees of a node, ready to be evaluated on ``x f32 or f64[rows, features]``.

    Raises MalformedModel if the nodes are no trees or refer to what does not exist.
    """

    def __init__(self, ensemble: Ensemble, x: Term) -> None:
        self.ensemble = ensemble
        self.place = f"{x.ctx.op_type} {x.ctx.name!r}"
        self._check(x.shape[1])
        self.numbering = self._numbering()
        self.tests = tests_of(ensemble, x)

    def sums(self, votes: Votes, dtype: type[np.generic]) -> Term:
        """``[rows, outputs]``: what the leaves that a row reaches add up to, tree by tree, from zero on."""
        forest = self._forest(*self._dense(votes, dtype))
        return self.tests.x.apply(ForestSums(forest))

    def leaves(self) -> Term:
        """``i32[rows, trees]``: the number of the leaf that a row reaches, as ``numbering`` has them."""
        values = np.zeros((self.numbering.leaves.size, 1), np.float32)
        forest = self._forest(np.zeros(self.ensemble.roots.size, np.int32), values, outputs=1)
        return self.tests.x.apply(ForestLeaves(forest))

    def always_voted(self, votes: Votes) -> Array:
        """bool[outputs]: outputs for which all leaves of some tree vote, so that every row has a vote for them."""
        tree_of = self.numbering.tree
        leaves_of = np.bincount(tree_of[self.numbering.leaves], minlength=self.ensemble.roots.size)
        pairs = np.unique(np.stack([votes.node, votes.output]), axis=1)
        reached = tree_of[pairs[0]] >= 0
        flat = tree_of[pairs[0]][reached] * self.ensemble.outputs + pairs[1][reached]
        numbers, counts = np.unique(flat, return_counts=True)
        full = counts == leaves_of[numbers // self.ensemble.outputs]
        result = np.zeros(self.ensemble.outputs, np.bool_)
        result[numbers[full] % self.ensemble.outputs] = True
        return result

    def fail(self, node: int, reason: str) -> MalformedModel:
        """The error for a node of a tree."""
        return MalformedModel(f"{self.place}: {self.ensemble.label(node)} {reason}")

    def _check(self, features: int) -> None:
        trees = self.ensemble
        is_member = trees.comparison == Comparison.MEMBER
        faults = {
            f"tests a feature that is not one of {features}": (trees.feature < 0) | (trees.feature >= features),
            "has a threshold that is not a number": ~is_member & np.isnan(trees.threshold),
        }
        for reason, where in faults.items():
            if (where & trees.is_split).any():
                raise self.fail(int((where & trees.is_split).argmax()), reason)
        outside = (trees.votes.output < 0) | (trees.votes.output >= trees.outputs)
        if outside.any():
            node = int(trees.votes.node[outside.argmax()])
            raise self.fail(node, f"votes for an output that is not one of {trees.outputs}")
        if np.isnan(trees.votes.weight).any():
            raise self.fail(int(trees.votes.node[np.isnan(trees.votes.weight).argmax()]), "has a weight that is NaN")

    def _numbering(self) -> Numbering:
        try:
            return numbering(self.ensemble.roots, self.ensemble.left, self.ensemble.right)
        except LinkError as error:
            raise self.fail(error.node, error.reason) from error

    def _dense(self, votes: Votes, dtype: type[np.generic]) -> tuple[Array, Array]:
        """The first output of each tree, and the values of leaves for as many outputs as the tree needs that votes for
        the widest range."""
        trees, outputs = self.ensemble.roots.size, self.ensemble.outputs
        tree = self.numbering.tree[votes.node]
        votes, tree = votes.only_where(tree >= 0), tree[tree >= 0]
        first, last = np.full(trees, outputs), np.full(trees, -1)
        np.minimum.at(first, tree, votes.output)
        np.maximum.at(last, tree, votes.output)
        width = int(max((last - first).max(initial=0) + 1, 1))
        first = np.minimum(first, outputs - width)
        if width * self.numbering.leaves.size > _MOST_VALUES:
            raise Unsupported(f"{self.numbering.leaves.size} leaves vote for {width} outputs each, which is too much")
        row = np.zeros(self.ensemble.left.size, np.int64)
        row[self.numbering.leaves] = np.arange(self.numbering.leaves.size)
        values = np.zeros((self.numbering.leaves.size, width), dtype)
        np.add.at(values, (row[votes.node], votes.output - first[tree]), votes.weight.astype(dtype))
        return first.astype(np.int32), values

    def _forest(self, target: Array, values: Array, outputs: int | None = None) -> Forest:
        tests, number = self.tests, self.numbering
        comparison, threshold = self._comparisons(tests)
        sets = [tests.categories[node] for node in number.splits.tolist() if node in tests.categories]
        try:
            return Forest(
                features=tests.x.shape[1],
                base=np.zeros(outputs or self.ensemble.outputs, values.dtype),
                first_split=number.first_split,
                target=target,
                feature=tests.feature[number.splits].astype(np.int32),
                comparison=comparison,
                threshold=threshold,
                left=number.left,
                right=number.right,
                default_left=self.ensemble.missing_left[number.splits],
                first_category=np.array([0, *accumulate(members.size for members in sets)], np.int32),
                categories=np.concatenate([np.zeros(0, np.int32), *sets]),
                leaf=values,
                leaf_id=np.arange(number.leaves.size, dtype=np.int32),
                cover=self.ensemble.hits[number.leaves],
            )
        except ForestError as error:
            raise MalformedModel(f"{self.place}: {error}") from error

    def _comparisons(self, tests: Tests) -> tuple[Array, Array]:
        """The arrays of the splits, with float32 thresholds."""
        splits = self.numbering.splits
        comparison = self.ensemble.comparison[splits]
        threshold = np.where(comparison == Comparison.MEMBER, 0, tests.threshold[splits])
        if threshold.dtype == np.float32:
            return comparison, threshold
        return narrowed(comparison, threshold)
