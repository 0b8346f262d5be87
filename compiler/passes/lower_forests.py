"""Replace whole forests by walks over tables and the sums of what they reach.

Before::

    %1 = forest(%0) {forest = forest<...>} : f32[64,3]

After::

    %1 = constant() ... : i32[100]           the tables
    ...
    %9 = forest_walk(%0, %1, ...) {depth = 8} : i32[64,100]
    %10 = broadcast(...) : f32[64,3]         the base values of each row
    %11 = sum_leaves(%9, %10, ...) : f32[64,3]

``forest_leaves`` becomes a walk and a ``gather`` of the names of leaves. That is one algorithm for all forests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest import Comparison, Forest, profile_of
from compiler.ir.graph import Graph, Value
from compiler.ir.literal import Array
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.ops.forest_walk import ForestWalk, SumLeaves, Ways
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.movement import Broadcast
from compiler.ir.ops.unary import Cast
from compiler.ir.rewriter import Rewriter
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext

_WAYS = {
    Comparison.LESS: Ways.LESS,
    Comparison.LESS_EQUAL: Ways.LESS | Ways.EQUAL,
    Comparison.GREATER: Ways.GREATER,
    Comparison.GREATER_EQUAL: Ways.GREATER | Ways.EQUAL,
    Comparison.EQUAL: Ways.EQUAL,
    Comparison.NOT_EQUAL: Ways.LESS | Ways.GREATER,
    Comparison.MEMBER: Ways.SET | Ways.LESS,
}


@dataclass(frozen=True)
class LowerForests(Pass):
    """Tables that would be empty get an entry that nothing reaches."""

    name = "lower-forests"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        rewriter = Rewriter(graph)
        lowered = 0
        for node in graph:
            match node.op:
                case ForestSums(forest):
                    x, *start = node.operands
                    rewriter.before(node)
                    result = _sums(rewriter, forest, x, start[0] if start else None)
                case ForestLeaves(forest):
                    rewriter.before(node)
                    reached = rewriter.emit(Cast(DType.I64), _walk(rewriter, forest, node.operands[0]))
                    result = rewriter.emit(Gather(0), rewriter.constant(_filled(forest.leaf_id)), reached)
                case _:
                    continue
            rewriter.replace(node, result)
            lowered += 1
        return {"lowered": lowered}


def _sums(rewriter: Rewriter, forest: Forest, x: Value, start: Value | None) -> Value:
    if start is None:
        rows = x.type.shape[0]
        start = rewriter.emit(Broadcast((rows, forest.outputs)), rewriter.constant(forest.base))
    if forest.trees == 0:
        return start
    target, leaf = rewriter.constant(forest.target), rewriter.constant(forest.leaf)
    return rewriter.emit(SumLeaves(), _walk(rewriter, forest, x), start, target, leaf)


def _walk(rewriter: Rewriter, forest: Forest, x: Value) -> Value:
    tables = [rewriter.constant(table) for table in _tables(forest)]
    return rewriter.emit(ForestWalk(profile_of(forest).max_depth), x, *tables)


def _tables(forest: Forest) -> tuple[Array, ...]:
    """The operands of ``forest_walk`` after ``x``."""
    ways = np.array([_WAYS[comparison] for comparison in Comparison], np.uint8)[forest.comparison]
    ways |= np.where(forest.default_left, Ways.MISSING, 0).astype(np.uint8)
    sizes = np.zeros(forest.splits, np.int32)
    sizes[forest.comparison == Comparison.MEMBER] = np.diff(forest.first_category)
    if not forest.splits:
        sizes = np.zeros(1, np.int32)
    by_split = (forest.feature, ways, forest.threshold, forest.left, forest.right)
    first_category = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return (forest.roots, *map(_filled, by_split), first_category, _filled(forest.categories))


def _filled(table: Array) -> Array:
    """The table, or one zero."""
    return table if table.size else np.zeros(1, table.dtype)
