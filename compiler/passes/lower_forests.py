"""Replace whole forests by the algorithm that computes them, and its tables.

Before::

    %1 = forest(%0) {forest = forest<...>} : f32[1024,3]

After, for many rows and shallow trees::

    %1 = constant() ... : i32[28]            the tables
    ...
    %10 = broadcast(...) : f32[1024,3]       the base values of each row
    %11 = bitsliced_forest(%0, %10, %1, ...) {depth = 8} : f32[1024,3]

else, with ``sparse_walk`` in place of ``perfect_walk`` for deep trees, and ``forest_walk`` for sets::

    %9 = perfect_walk(%0, %1) {depth = 8} : i32[64,100]
    %11 = sum_leaves(%9, %10, ...) : f32[64,3]

``forest_leaves`` becomes a walk and a ``gather`` of the names of leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest import Forest, profile_of
from compiler.ir.graph import Graph, Value
from compiler.ir.literal import Array
from compiler.ir.ops.bitsliced_forest import DEEPEST, BitslicedForest
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.ops.forest_walk import ForestWalk, SumLeaves
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.movement import Broadcast
from compiler.ir.ops.perfect_walk import PerfectWalk
from compiler.ir.ops.sparse_walk import SparseWalk
from compiler.ir.ops.unary import Cast
from compiler.ir.rewriter import Rewriter
from compiler.passes.base import Pass, PipelineError, Statistics
from compiler.passes.context import PassContext, TargetCapabilities
from compiler.passes.forests.bitslicing import BitslicedTables, bitsliced_tables
from compiler.passes.forests.choice import bitsliced_cycles, is_nearly_perfect, walk_cycles
from compiler.passes.forests.walking import perfect_tables, sparse_tables, walk_tables

AUTO, BITSLICED, WALK = "auto", "bitsliced", "walk"


@dataclass(frozen=True)
class LowerForests(Pass):
    """``algorithm``: ``bitsliced`` or ``walk`` for all forests that it can compute, or ``auto``, the one that takes
    fewer cycles by the rule of ``compiler.passes.forests.choice``."""

    name = "lower-forests"

    algorithm: str = AUTO

    def __post_init__(self) -> None:
        if self.algorithm not in (AUTO, BITSLICED, WALK):
            raise PipelineError(f"pass {self.name!r}: algorithm is {AUTO}, {BITSLICED} or {WALK}, not {self.algorithm}")

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        rewriter = Rewriter(graph)
        lowered = 0
        for node in graph:
            match node.op:
                case ForestSums(forest):
                    x, *start = node.operands
                    rewriter.before(node)
                    result = self._sums(rewriter, forest, x, start[0] if start else None, context.target)
                case ForestLeaves(forest):
                    rewriter.before(node)
                    reached, leaf = _walk(rewriter, forest, node.operands[0])
                    names = rewriter.constant(_filled(forest.leaf_id[leaf]))
                    result = rewriter.emit(Gather(0), names, rewriter.emit(Cast(DType.I64), reached))
                case _:
                    continue
            rewriter.replace(node, result)
            lowered += 1
        return {"lowered": lowered}

    def _sums(
        self, rewriter: Rewriter, forest: Forest, x: Value, start: Value | None, target: TargetCapabilities | None
    ) -> Value:
        rows = x.type.shape[0]
        if start is None:
            start = rewriter.emit(Broadcast((rows, forest.outputs)), rewriter.constant(forest.base))
        if forest.trees == 0:
            return start
        if (tables := self._bitsliced(forest, rows, target)) is not None:
            constants = (rewriter.constant(table) for table in tables.operands)
            return rewriter.emit(BitslicedForest(tables.depth), x, start, *constants)
        reached, leaf = _walk(rewriter, forest, x)
        tables = (rewriter.constant(table) for table in (forest.target, forest.leaf[leaf]))
        return rewriter.emit(SumLeaves(), reached, start, *tables)

    def _bitsliced(self, forest: Forest, rows: int, target: TargetCapabilities | None) -> BitslicedTables | None:
        """The tables of ``bitsliced_forest`` if it computes the forest, and is wanted."""
        profile = profile_of(forest)
        if self.algorithm == WALK or not 1 <= profile.max_depth <= DEEPEST:
            return None
        tables = bitsliced_tables(forest, profile.max_depth)
        if tables is None or self.algorithm == BITSLICED:
            return tables
        return tables if bitsliced_cycles(tables, profile, rows, target) < walk_cycles(forest, profile, rows) else None


def _walk(rewriter: Rewriter, forest: Forest, x: Value) -> tuple[Value, Array]:
    """Where rows end, numbers per row and tree; and which leaf each number is."""
    profile = profile_of(forest)
    if is_nearly_perfect(profile) and (perfect := perfect_tables(forest, profile.max_depth)) is not None:
        node, leaf = perfect
        return rewriter.emit(PerfectWalk(profile.max_depth), x, rewriter.constant(node)), leaf.reshape(-1)
    if (sparse := sparse_tables(forest)) is not None:
        root, node = (rewriter.constant(table) for table in sparse)
        return rewriter.emit(SparseWalk(profile.max_depth), x, root, node), np.arange(forest.leaves)
    tables = [rewriter.constant(table) for table in walk_tables(forest)]
    return rewriter.emit(ForestWalk(profile.max_depth), x, *tables), np.arange(forest.leaves)


def _filled(table: Array) -> Array:
    """The table, or one zero."""
    return table if table.size else np.zeros(1, table.dtype)
