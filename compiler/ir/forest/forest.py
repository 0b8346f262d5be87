"""``Forest``: the immutable structure of arrays that an ensemble of decision trees is.

Owns the representation and its identity. What the arrays must satisfy is checked by ``verifier`` whenever a forest is
made, so that whoever holds one need not ask; what they mean is executable in ``reference``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest.comparison import Comparison
from compiler.ir.forest.verifier import verify_forest
from compiler.ir.literal import Array

INLINE_LEAVES = 1000
"""Forests of at most this many leaves are spelled out in the text of a graph, as those must be that are a kernel's
code; larger ones stand as digests."""


@dataclass(frozen=True, eq=False, repr=False)
class Forest:
    """Trees over the columns of a float32 input, and the sums that they make.

    An output starts at its ``base``, or at a value of the row's own. To it the trees add their leaves strictly in
    order, in the type of the leaves, and each sum is rounded.

    Splits and leaves of all trees are numbered through, a tree's splits and its leaves in a row. Since trees are
    binary, tree ``t`` has one leaf more than splits, and its leaves begin at ``first_split[t] + t``. Its root is its
    first split, or its only leaf. A child ``c >= 0`` is a split, ``c < 0`` is the leaf ``~c``.

    Raises ForestError if the arrays are none of a forest.
    """

    features: int
    """Columns of the input."""
    base: Array
    """f32 or f64[outputs], the type of ``leaf``: what the sums start at."""
    first_split: Array
    """i32[trees + 1]: where each tree's splits begin, and their total number."""
    target: Array
    """i32[trees]: the first output that the tree adds to; it adds to as many as a leaf has values."""
    feature: Array
    """i32[splits]: the column of the input that is tested."""
    comparison: Array
    """u8[splits]: a ``Comparison``; rows for which it holds go left."""
    threshold: Array
    """f32[splits]: what the feature is compared with; 0 where the comparison is ``MEMBER``."""
    left: Array
    """i32[splits]: the child for rows for which the comparison holds."""
    right: Array
    """i32[splits]: the child for the others."""
    default_left: Array
    """bool[splits]: whether rows whose feature is NaN go left."""
    first_category: Array
    """i32[members + 1]: the k-th ``MEMBER`` split has ``categories[first_category[k] : first_category[k + 1]]``."""
    categories: Array
    """i32[...]: the sets, each in ascending order."""
    leaf: Array
    """f32 or f64[leaves, width]: the values of each leaf; the type is that of the sums."""
    leaf_id: Array
    """i32[leaves]: what the model that the forest comes from calls the leaf."""
    cover: Array
    """f32[leaves]: how many rows reached the leaf in training, in any unit that is the same within a tree; zero in the
    whole tree if not known. It has no influence on results."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name != "features":
                object.__setattr__(self, field.name, _frozen(getattr(self, field.name)))
        verify_forest(self)

    @property
    def trees(self) -> int:
        """Number of trees."""
        return self.target.size

    @property
    def splits(self) -> int:
        """Number of splits of all trees."""
        return self.feature.size

    @property
    def leaves(self) -> int:
        """Number of leaves of all trees."""
        return self.leaf.shape[0]

    @property
    def width(self) -> int:
        """Values of a leaf: 1, or more where a tree adds to several outputs."""
        return self.leaf.shape[1]

    @property
    def outputs(self) -> int:
        """Number of sums."""
        return self.base.size

    @property
    def dtype(self) -> DType:
        """The type of leaves and sums, f32 or f64."""
        return DType.of(self.leaf.dtype)

    @property
    def is_inline(self) -> bool:
        """Whether the text of a graph spells the forest out."""
        return self.leaves <= INLINE_LEAVES

    @cached_property
    def first_leaf(self) -> Array:
        """i32[trees + 1]: where each tree's leaves begin, and their total number."""
        return self.first_split + np.arange(self.trees + 1, dtype=np.int32)

    @cached_property
    def roots(self) -> Array:
        """i32[trees]: each tree's root, as children are written."""
        return np.where(np.diff(self.first_split) > 0, self.first_split[:-1], ~self.first_leaf[:-1])

    @cached_property
    def member_of(self) -> Array:
        """i32[splits]: the number of the set that a ``MEMBER`` split tests; unspecified for others."""
        return np.cumsum(self.comparison == Comparison.MEMBER, dtype=np.int32) - np.int32(1)

    @cached_property
    def derived(self) -> dict[Hashable, object]:
        """What ``once_per_forest`` keeps; it is no part of the forest."""
        return {}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything, hexadecimal."""
        content = hashlib.sha256(f"forest {self.features}".encode())
        for field in fields(self):
            if field.name != "features":
                array: Array = getattr(self, field.name)
                content.update(f" {field.name} {array.dtype.str} {array.shape} ".encode())
                content.update(array.tobytes())
        return content.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Forest) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Forest({self.trees} trees, {self.leaves} leaves, {self.digest[:12]})"


def _frozen(array: Array) -> Array:
    """The array in order and read-only; a copy if somebody could write to it."""
    frozen = np.array(array, order="C", copy=True) if array.flags.writeable else np.ascontiguousarray(array)
    frozen.flags.writeable = False
    return frozen
