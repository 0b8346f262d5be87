"""Replace whole forests by the algorithm that computes them, and its tables.

Before::

    %1 = forest(%0) {forest = forest<...>} : f32[1024,3]

After, for many rows and shallow trees::

    %1 = constant() ... : i32[28]            the tables
    ...
    %10 = broadcast(...) : f32[1024,3]       the base values of each row
    %11 = bitsliced_forest(%0, %10, %1, ...) {depth = 8} : f32[1024,3]

for many rows and deep trees ``deep_forest``, with tables of the levels below; for few rows ``ranked_forest``, where
features have ranks of a byte, or, where there are several outputs::

    %7 = ranked_leaves(%0, %1, ...) {depth = 6} : f32[1,2600,1]
    %8 = reshape(%7) : f32[1,100,26]
    %11 = ordered_sum(%10, %8) : f32[1,26]

else, with ``sparse_walk`` in place of ``perfect_walk`` for deep trees, and ``forest_walk`` for sets::

    %9 = perfect_walk(%0, %1) {depth = 8} : i32[64,100]
    %11 = sum_leaves(%9, %10, ...) : f32[64,3]

A tiny forest may become code, ``branching_forest(%0, %10) {forest = forest<...>}``.

``forest_leaves`` becomes a walk and a ``gather`` of the names of leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest import Forest, Profile, profile_of
from compiler.ir.graph import Graph, Value
from compiler.ir.literal import Array
from compiler.ir.op import Op
from compiler.ir.ops.bitsliced_forest import DEEPEST, BitslicedForest
from compiler.ir.ops.branching_forest import BranchingForest, is_tiny
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.ops.forest_walk import ForestWalk, SumLeaves
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.movement import Broadcast, Reshape
from compiler.ir.ops.ordered import OrderedSum
from compiler.ir.ops.perfect_walk import DEEPEST as DEEPEST_PERFECT
from compiler.ir.ops.perfect_walk import PerfectWalk
from compiler.ir.ops.ranked_forest import DEEPEST as DEEPEST_RANKED
from compiler.ir.ops.ranked_forest import LOWER, RankedForest
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.ir.ops.sparse_walk import SparseWalk
from compiler.ir.ops.unary import Cast
from compiler.ir.rewriter import Rewriter
from compiler.ir.task import Task, task_of_op
from compiler.ir.types import TensorType
from compiler.passes.base import Pass, PipelineError, Statistics
from compiler.passes.context import CostsOf, PassContext
from compiler.passes.forests.bitslicing import bitsliced_tables
from compiler.passes.forests.deep import deep_tables
from compiler.passes.forests.ranking import ranked_tables, rounds_of_trees
from compiler.passes.forests.walking import perfect_tables, sparse_tables, walk_tables

AUTO, BITSLICED, RANKED, WALK, BRANCHING = "auto", "bitsliced", "ranked", "walk", "branching"

UPPER_LEVELS = (8, 7, 6, 5)
"""How many levels of deep trees may be bit-sliced."""

PADDING = 16
"""Places of perfect trees per leaf, on average, beyond which their tables are too large."""


@dataclass(frozen=True)
class LowerForests(Pass):
    """``algorithm``: ``bitsliced``, ``ranked``, ``walk`` or ``branching`` for all forests that it can compute, or
    ``auto``, the one that costs least; where nothing is known of costs, a walk."""

    name = "lower-forests"

    algorithm: str = AUTO

    def __post_init__(self) -> None:
        known = (AUTO, BITSLICED, RANKED, WALK, BRANCHING)
        if self.algorithm not in known:
            raise PipelineError(f"pass {self.name!r}: algorithm is one of {', '.join(known)}, not {self.algorithm}")

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        rewriter = Rewriter(graph)
        lowered = 0
        for node in graph:
            match node.op:
                case ForestSums(forest):
                    x, *start = node.operands
                    rewriter.before(node)
                    result = self._sums(rewriter, forest, x, start[0] if start else None, context.costs)
                case ForestLeaves(forest):
                    rewriter.before(node)
                    walk = _walks(forest)[0]
                    names = rewriter.constant(_filled(forest.leaf_id[walk.leaf]))
                    result = rewriter.emit(
                        Gather(0), names, rewriter.emit(Cast(DType.I64), walk.emit(rewriter, node.operands[0]))
                    )
                case _:
                    continue
            rewriter.replace(node, result)
            lowered += 1
        return {"lowered": lowered}

    def _sums(self, rewriter: Rewriter, forest: Forest, x: Value, start: Value | None, costs: CostsOf | None) -> Value:
        if start is None:
            rows = x.type.shape[0]
            start = rewriter.emit(Broadcast((rows, forest.outputs)), rewriter.constant(forest.base))
        if forest.trees == 0:
            return start
        whole = self._whole(forest, costs)
        walks = [] if whole and self.algorithm in (BITSLICED, RANKED, BRANCHING) else _walks(forest)
        walked = [(walk, _Step(SumLeaves(), (forest.target, forest.leaf[walk.leaf]))) for walk in walks]
        ways = [step.tasks(x.type, start.type) for step in whole]
        reached = TensorType(DType.I32, (x.type.shape[0], forest.trees))
        ways += [[walk.task(x.type), sums.task(reached, start.type)] for walk, sums in walked]
        seconds = costs(ways) if costs is not None else [0.0] * len(ways)
        cheapest = seconds.index(min(seconds))
        if cheapest < len(whole):
            return whole[cheapest].emit(rewriter, x, start)
        walk, sums = walked[cheapest - len(whole)]
        return sums.emit(rewriter, walk.emit(rewriter, x), start)

    def _whole(self, forest: Forest, costs: CostsOf | None) -> list[_Step | _Apart]:
        """The wanted forms in which one op computes the forest, or what its trees give, if it can."""
        everything = (BITSLICED, RANKED, BRANCHING)
        wanted = everything if self.algorithm == AUTO and costs is not None else (self.algorithm,)
        depth = profile_of(forest).max_depth
        found: list[_Step | _Apart] = []
        if BITSLICED in wanted and depth:
            found += _bitsliced(forest, depth)
        if RANKED in wanted and depth:
            found += _ranked(forest, depth)
        if BRANCHING in wanted and is_tiny(forest):
            found.append(_Step(BranchingForest(forest), ()))
        return found


def _bitsliced(forest: Forest, depth: int) -> list[_Step]:
    """Bit slicing in the forms that compute the forest: of whole trees, or of some levels."""
    if depth <= DEEPEST:
        tables = bitsliced_tables(forest, depth)
        return [] if tables is None else [_Step(BitslicedForest(tables.depth), tables.operands)]
    of_levels = (deep_tables(forest, levels) for levels in UPPER_LEVELS)
    return [_Step(DeepForest(t.depth, t.usual, t.most), t.operands) for t in of_levels if t is not None]


def _ranked(forest: Forest, depth: int) -> list[_Step | _Apart]:
    """Ranks of all features that the trees ask for, if these are nearly perfect: with sums, or before them."""
    if not _is_nearly_perfect(profile_of(forest), DEEPEST_RANKED):
        return []
    depth = max(depth, LOWER)
    tables = ranked_tables(forest, depth)
    if tables is None:
        return []
    whole = _Step(RankedForest(depth), tables)
    order = rounds_of_trees(forest)
    if order is None:
        return [whole]
    if (order != np.arange(forest.trees)).any():
        tables = ranked_tables(forest, depth, order)
        assert tables is not None
    return [whole, _Apart(_Step(RankedLeaves(depth), tables[:-1]), forest.trees * forest.leaf.shape[1])]


@dataclass(frozen=True)
class _Step:
    """An op of a lowered forest, and the tables that it has after its other operands."""

    op: Op
    tables: tuple[Array, ...]

    def task(self, *operands: TensorType) -> Task:
        """What it is to compute for other operands of these types."""
        return task_of_op(
            self.op, [*operands, *(TensorType(DType.of(table.dtype), table.shape) for table in self.tables)]
        )

    def tasks(self, x: TensorType, start: TensorType) -> list[Task]:
        """Of a forest that this op computes as a whole."""
        return [self.task(x, start)]

    def emit(self, rewriter: Rewriter, *operands: Value) -> Value:
        """The node, and its tables as constants."""
        return rewriter.emit(self.op, *operands, *map(rewriter.constant, self.tables))


@dataclass(frozen=True)
class _Apart:
    """What the trees give for a row, ``values`` in all, in rounds that add one to every output; then the sums."""

    leaves: _Step
    values: int

    def tasks(self, x: TensorType, start: TensorType) -> list[Task]:
        """Of both ops."""
        return [self.leaves.task(x), task_of_op(OrderedSum(), [start, TensorType(start.dtype, self._terms(start))])]

    def emit(self, rewriter: Rewriter, x: Value, start: Value) -> Value:
        """The nodes, and tables as constants."""
        terms = rewriter.emit(Reshape(self._terms(start.type)), self.leaves.emit(rewriter, x))
        return rewriter.emit(OrderedSum(), start, terms)

    def _terms(self, start: TensorType) -> tuple[int, int, int]:
        rows, outputs = start.shape
        return rows, self.values // outputs, outputs


@dataclass(frozen=True)
class _Walk(_Step):
    """A walk; ``leaf`` says which leaf each number is that it gives for a row and a tree."""

    leaf: Array


def _walks(forest: Forest) -> list[_Walk]:
    """The walks that compute the forest, and whose tables are not much larger than it is; what usually takes the fewest
    cycles comes first."""
    profile = profile_of(forest)
    depth, everything = profile.max_depth, np.arange(forest.leaves)
    found: list[_Walk] = []
    if _is_nearly_perfect(profile, DEEPEST_PERFECT) and (perfect := perfect_tables(forest, depth)) is not None:
        node, leaf = perfect
        found.append(_Walk(PerfectWalk(depth), (node,), leaf.reshape(-1)))
    if (sparse := sparse_tables(forest)) is not None:
        found.append(_Walk(SparseWalk(depth), *sparse))
    return found or [_Walk(ForestWalk(depth), walk_tables(forest), everything)]


def _is_nearly_perfect(profile: Profile, deepest: int) -> bool:
    """Whether tables of perfect trees of a limited depth are not much larger than the forest."""
    return 1 <= profile.max_depth <= deepest and profile.trees << profile.max_depth <= PADDING * profile.leaves


def _filled(table: Array) -> Array:
    """The table, or one zero."""
    return table if table.size else np.zeros(1, table.dtype)
