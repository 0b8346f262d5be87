"""Kernels of the walk through trees and of sums in a fixed order: one walk, or one row, at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast as as_type

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.computes.interface import Compute, Templated, Whole
from compiler.codegen.computes.positions import clamp, safe_index
from compiler.codegen.tir import Array, KernelBuilder, cast, is_nan, literal, select
from compiler.ir import DType, Op
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.branching_forest import BranchingForest
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.forest_walk import ForestWalk, SumLeaves, Ways
from compiler.ir.ops.leafwise_forest import LeafwiseForest
from compiler.ir.ops.masked_forest import MaskedForest
from compiler.ir.ops.ordered import OrderedSum
from compiler.ir.ops.perfect_walk import PerfectWalk
from compiler.ir.ops.ranked_forest import RankedForest
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.ir.ops.set_features import SetFeatures
from compiler.ir.ops.sparse_walk import SparseWalk

Arrays = Sequence[Array]

TOGETHER = 16
"""Sums that are made at once: as many as the widest vector has, and the narrowest registers hold."""


def _walk(k: KernelBuilder, op: Op, operands: Arrays, results: Arrays, scratch: Array | None) -> None:
    depth = as_type(ForestWalk, op).depth
    x, roots, feature, ways, threshold, left, right, first_category, categories = operands
    (reached,) = results
    rows, trees = reached.shape
    with k.parallel(rows * trees) as walk:
        row, tree = k.let(walk // trees, "row"), k.let(walk % trees, "tree")
        place = k.registers("place", DType.I32, (1,))
        steps = k.registers("steps", DType.I32, (1,))
        relation = k.registers("relation", DType.I32, (1,))
        place[0] = roots[tree]
        steps[0] = literal(0, "int32")
        with k.while_(tirx.And(place[0] >= 0, steps[0] < depth)):
            split = k.let(safe_index(k, place[0], feature.shape[0]), "split")
            value = k.let(x[row, k.let(safe_index(k, feature[split], x.shape[1]), "column")], "value")
            way = k.let(cast(ways[split], "int32"), "way")
            edge = k.let(threshold[split], "edge")
            relation[0] = cast(value >= edge, "int32") + cast(value > edge, "int32")
            with k.if_(tirx.NE(way & int(Ways.SET), literal(0, "int32"))):
                _look_up(k, value, relation, categories, *(first_category[split + step] for step in (0, 1)))
            relation[0] = select(is_nan(value), literal(3, "int32"), relation[0])
            goes_left = tirx.NE((way >> relation[0]) & 1, literal(0, "int32"))
            place[0] = select(goes_left, left[split], right[split])
            steps[0] = steps[0] + 1
        reached[row, tree] = select(place[0] < 0, -1 - place[0], literal(0, "int32"))


def _look_up(k: KernelBuilder, value: Expr, relation: Array, categories: Array, first: Expr, last: Expr) -> None:
    """``relation[0]`` becomes 0 if a set has the category, else 2."""
    size = categories.shape[0]
    in_range = k.let(tirx.And(value >= 0.0, value < float(2**31)), "in_range")
    category = k.let(cast(select(in_range, value, 0.0), "int32"), "category")
    place = k.registers("element", DType.I32, (1,))
    place[0] = _between(first, size)
    end = k.let(_between(last, size), "end")
    relation[0] = literal(2, "int32")
    with k.while_(place[0] < end):
        element = categories[cast(place[0], k.index_type)]
        relation[0] = select(tirx.And(in_range, tirx.EQ(element, category)), literal(0, "int32"), relation[0])
        place[0] = place[0] + 1


def _sum(k: KernelBuilder, op: Op, operands: Arrays, results: Arrays, scratch: Array | None) -> None:
    reached, start, target, leaf = operands
    (result,) = results
    rows, outputs = result.shape
    leaves, width = leaf.shape
    with k.parallel(rows) as row:
        if outputs == 1:
            # In a register: the next sum waits for nothing but the last one.
            total = k.registers("total", result.dtype, (1,))
            total[0] = start[row, 0]
            if reached.shape[1]:
                with k.serial(reached.shape[1], "tree") as tree:
                    total[0] = total[0] + leaf[k.let(safe_index(k, reached[row, tree], leaves), "leaf"), 0]
            result[row, 0] = total[0]
            return
        with k.serial(outputs, "output") as output:
            result[row, output] = start[row, output]
        if reached.shape[1]:
            with k.serial(reached.shape[1], "tree") as tree:
                chosen = k.let(safe_index(k, reached[row, tree], leaves), "leaf")
                first = k.let(safe_index(k, target[tree], outputs - width + 1), "first")
                with k.serial(width, "value") as value:
                    result[row, first + value] = result[row, first + value] + leaf[chosen, value]


def _ordered_sum(k: KernelBuilder, op: Op, operands: Arrays, results: Arrays, scratch: Array | None) -> None:
    """Sums side by side, in registers, which LLVM makes vectors of where these compute the same bits."""
    start, terms = operands
    (result,) = results
    rows, outputs = result.shape
    with k.parallel(rows) as row:
        for first, width in k.strips(outputs, TOGETHER, "strip"):
            totals = k.registers("total", result.dtype, (width,))
            for number in range(width):
                totals[number] = start[row, first + number]
            if terms.shape[1]:
                with k.serial(terms.shape[1], "term") as term:
                    for number in range(width):
                        totals[number] = totals[number] + terms[row, term, first + number]
            for number in range(width):
                result[row, first + number] = totals[number]


def _between(index: Expr, size: int) -> Expr:
    """A bound clamped into ``[0, size]``."""
    safe = clamp(index, size + 1)
    assert isinstance(safe, Expr)
    return safe


ROWS: dict[type[Op], Compute] = {
    ForestWalk: Whole(_walk),
    SumLeaves: Whole(_sum),
    OrderedSum: Whole(_ordered_sum),
    BitslicedForest: Templated("bitsliced_forest"),
    BranchingForest: Templated("branching_forest"),
    DeepForest: Templated("deep_forest"),
    LeafwiseForest: Templated("leafwise_forest"),
    MaskedForest: Templated("masked_forest"),
    SetFeatures: Templated("set_features"),
    RankedForest: Templated("ranked_forest"),
    RankedLeaves: Templated("ranked_forest"),
    PerfectWalk: Templated("walks"),
    SparseWalk: Templated("walks"),
}
