"""``branching_forest``: a row takes the branches that a forest's splits are, tree by tree.

A branch that a core foretells costs next to nothing, another one some fifteen cycles, so that this is for trees of
which most rows take the same ways, or for so few that tables are not worth their while. Floats are compared as such,
one at a time: even where vectors take subnormal numbers for zeros, scalars do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast as as_type

import numpy as np
from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.schedules.region import is_one_op, parameters
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.codegen.tir import Array, KernelBuilder, arithmetic_type, is_nan, literal
from compiler.ir import Graph
from compiler.ir.forest import Comparison, Forest
from compiler.ir.literal import Array as Numbers
from compiler.ir.ops.branching_forest import BranchingForest
from compiler.targets import Target

_OPPOSITE = {
    Comparison.LESS: Comparison.GREATER_EQUAL,
    Comparison.LESS_EQUAL: Comparison.GREATER,
    Comparison.GREATER: Comparison.LESS_EQUAL,
    Comparison.GREATER_EQUAL: Comparison.LESS,
}


class BranchingForests:
    """A region of one ``branching_forest``."""

    name = "branching_forest"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op on its inputs in order."""
        return is_one_op(region, BranchingForest)

    def space(self, region: Graph, target: Target) -> Space:
        """Nothing to choose."""
        return Space()

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """An iteration of the parallel loop is a row."""
        (node,) = region.nodes
        forest = as_type(BranchingForest, node.op).forest
        k = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes, scalar=True)
        (x, start), (result,) = parameters(k, region)
        totals = k.registers("totals", result.dtype, (forest.outputs,))
        values = k.registers("values", result.dtype, (forest.width,))
        with k.parallel(x.shape[0], "row") as row:
            for output in range(forest.outputs):
                totals[output] = start[row, output]
            branches = _Branches(k, forest, x, row, values)
            for root, target_output in zip(forest.roots.tolist(), forest.target.tolist(), strict=True):
                branches.emit(root)
                for value in range(forest.width):
                    totals[target_output + value] = totals[target_output + value] + values[value]
            for output in range(forest.outputs):
                result[row, output] = totals[output]
        return Kernel(k.finish())


@dataclass(frozen=True)
class _Branches:
    """The splits of a row's way, which ends with the ``values`` of a leaf."""

    k: KernelBuilder
    forest: Forest
    x: Array
    row: Expr
    values: Array

    def emit(self, child: int) -> None:
        """From a split on, or the leaf ``~child``."""
        forest = self.forest
        if child < 0:
            for place, value in enumerate(forest.leaf[~child].tolist()):
                self.values[place] = literal(value, arithmetic_type(forest.dtype))
            return
        comparison = Comparison(int(forest.comparison[child]))
        holds, fails = int(forest.left[child]), int(forest.right[child])
        holds_for_missing = bool(forest.default_left[child])
        if comparison is Comparison.NOT_EQUAL or (comparison in _OPPOSITE and holds_for_missing):
            comparison = _OPPOSITE.get(comparison, Comparison.EQUAL)
            holds, fails, holds_for_missing = fails, holds, not holds_for_missing
        value = self.k.let(self.x[self.row, int(forest.feature[child])], "value")
        condition = self._holds(child, comparison, value)
        with self.k.if_(tirx.Or(condition, is_nan(value)) if holds_for_missing else condition):
            self.emit(holds)
        with self.k.else_():
            self.emit(fails)

    def _holds(self, split: int, comparison: Comparison, value: Expr) -> Expr:
        """Whether a comparison holds; it does not for missing values."""
        threshold = literal(float(self.forest.threshold[split]), "float32")
        match comparison:
            case Comparison.LESS:
                return value < threshold
            case Comparison.LESS_EQUAL:
                return value <= threshold
            case Comparison.GREATER:
                return value > threshold
            case Comparison.GREATER_EQUAL:
                return value >= threshold
            case Comparison.EQUAL:
                return tirx.EQ(value, threshold)
            case _:
                return self._is_member(split, value)

    def _is_member(self, split: int, value: Expr) -> Expr:
        forest, member = self.forest, self.forest.member_of[split]
        categories = forest.categories[forest.first_category[member] : forest.first_category[member + 1]]
        found: Expr = tirx.const(False, "bool")
        for first, end in _runs(categories):
            within = tirx.And(value >= literal(first, "float32"), value < literal(end, "float32"))
            found = tirx.Or(found, within)
        return found


def _runs(categories: Numbers) -> list[tuple[float, float]]:
    """The floats that, rounded toward zero, are some categories in ascending order: from a first one on, before an
    end."""
    if not categories.size:
        return []
    parts = np.split(categories, np.flatnonzero(np.diff(categories) > 1) + 1)
    return [(_least_float(int(part[0])), _least_float(int(part[-1]) + 1)) for part in parts]


def _least_float(number: int) -> float:
    """The least float32 that is not below an integer."""
    rounded = np.float32(number)
    return float(rounded if float(rounded) >= number else np.nextafter(rounded, np.float32(np.inf)))
