"""``branching_forest``: the sums of a tiny forest, whose splits become branches of the kernel's own code."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.forest import Forest, leaf_depths, sums
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.forest import ForestSums, check_rows
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType

MOST_LEAVES = 1000
"""Code of more takes long to compile."""

MOST_CATEGORIES = 1000
"""Of all sets together, which are code too."""

DEEPEST = 64
"""Branches are nested so deep."""


@dataclass(frozen=True)
class BranchingForest(Op):
    """``x f32[rows, features]`` and ``start[rows, outputs]``, f32 or f64, to sums like ``start``: those of ``forest``.

    The forest is a part of the op, so that each has a kernel of its own.
    """

    name = "branching_forest"

    forest: Forest

    def infer(self, x: TensorType, start: TensorType) -> tuple[TensorType, ...]:
        check_rows(self.forest, x)
        require(is_tiny(self.forest), "the forest is too large")
        result = TensorType(self.forest.dtype, (x.shape[0], self.forest.outputs))
        require(start == result, f"sums of {result} cannot start at {start}")
        return (result,)

    def evaluate(self, x: Array, start: Array) -> tuple[Array, ...]:
        return (sums(self.forest, x, start),)

    @classmethod
    def samples(cls) -> list[Sample]:
        return [
            Sample(
                cls(op.forest),
                (sample.operands[0], random_array(len(sample.operands[0]), op.forest.outputs, dtype=op.forest.dtype)),
            )
            for sample in ForestSums.samples()
            if isinstance(op := sample.op, ForestSums)
        ]


def is_tiny(forest: Forest) -> bool:
    """Whether a forest may be code."""
    return (
        forest.leaves <= MOST_LEAVES
        and forest.categories.size <= MOST_CATEGORIES
        and leaf_depths(forest).max(initial=0) <= DEEPEST
    )
