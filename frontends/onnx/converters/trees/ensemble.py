"""``Ensemble``: the trees of a node, of whatever version of the operator, as arrays over all nodes of all trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from compiler.ir.literal import Array

Label = Callable[[int], str]
"""What the model calls a node, for messages: ``tree 3: node 7``."""


@dataclass(frozen=True)
class Votes:
    """What leaves add to outputs, in the order in which they do."""

    node: Array
    """i64[votes]: leaves."""
    output: Array
    """i64[votes]"""
    weight: Array
    """f32 or f64[votes]"""

    def only_where(self, wanted: Array) -> Votes:
        """Some of the votes."""
        return Votes(self.node[wanted], self.output[wanted], self.weight[wanted])


@dataclass(frozen=True)
class Ensemble:
    """Nodes are numbered through. Where the comparison holds, rows go left."""

    roots: Array
    """i64[trees], in the order in which leaves are added."""
    left: Array
    """i64[nodes]: a node that exists; -1 in a leaf."""
    right: Array
    feature: Array
    """i64[nodes]; not looked at in leaves, like the next four."""
    comparison: Array
    """u8[nodes]: a ``Comparison``."""
    threshold: Array
    """f32 or f64[nodes]; any where the comparison is ``MEMBER``."""
    missing_left: Array
    """bool[nodes]: whether rows whose feature is NaN go left."""
    members: Mapping[int, Array]
    """The set of each split that tests one: numbers of any kind, compared as they are."""
    hits: Array
    """f32[nodes]: how often the node was reached in training, or 0."""
    votes: Votes
    outputs: int
    label: Label

    @property
    def is_split(self) -> Array:
        """bool[nodes]"""
        return self.left >= 0

    @property
    def tested(self) -> Array:
        """i64[...]: the features that some split tests, ascending."""
        return np.unique(self.feature[self.is_split])
