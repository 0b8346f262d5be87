"""Replace whole forests by the algorithm that computes them, and its tables.

Before::

    %1 = forest(%0) {forest = forest<...>} : f32[1024,3]

After, for many rows and shallow trees::

    %1 = constant() ... : i32[28]            the tables
    ...
    %10 = broadcast(...) : f32[1024,3]       the base values of each row
    %11 = bitsliced_forest(%0, %10, %1, ...) {depth = 8} : f32[1024,3]

In its place may be

- ``leafwise_forest``, for many rows and trees of few leaves in any shape;
- ``deep_forest``, for many rows and deep trees, of which some upper levels are bit-sliced;
- ``masked_forest``, for few rows and trees of few leaves, by the leaves that features leave open;
- ``ranked_forest``, for few rows and nearly perfect trees, where the ranks of features are bytes;
- ``branching_forest``, for tiny forests, which become code: the op has the forest as its attribute.

Where there are several outputs, what ranks lead to may be added afterwards::

    %7 = ranked_leaves(%0, %1, ...) {depth = 6} : f32[1,2600,1]
    %8 = reshape(%7) : f32[1,100,26]
    %11 = ordered_sum(%10, %8) : f32[1,26]

Else rows walk, in deep trees by ``sparse_walk`` in place of ``perfect_walk``, and where trees test sets behind
``set_features``, or by ``forest_walk``::

    %9 = perfect_walk(%0, %1) {depth = 8} : i32[64,100]
    %11 = sum_leaves(%9, %10, ...) : f32[64,3]

``forest_leaves`` becomes a walk and a ``gather`` of the names of leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest import Forest, Profile, once_per_forest, profile_of
from compiler.ir.graph import Graph, Value
from compiler.ir.literal import Array
from compiler.ir.op import Op
from compiler.ir.ops.bitsliced_forest import DEEPEST, BitslicedForest
from compiler.ir.ops.branching_forest import BranchingForest, is_tiny
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.ops.forest_walk import ForestWalk, SumLeaves
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.leafwise_forest import LeafwiseForest
from compiler.ir.ops.masked_forest import MaskedForest
from compiler.ir.ops.movement import Broadcast, Reshape
from compiler.ir.ops.ordered import OrderedSum
from compiler.ir.ops.perfect_walk import DEEPEST as DEEPEST_PERFECT
from compiler.ir.ops.perfect_walk import PerfectWalk
from compiler.ir.ops.ranked_forest import DEEPEST as DEEPEST_RANKED
from compiler.ir.ops.ranked_forest import LOWER, RankedForest
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.ir.ops.set_features import SetFeatures
from compiler.ir.ops.sparse_walk import SparseWalk
from compiler.ir.ops.unary import Cast
from compiler.ir.rewriter import Rewriter
from compiler.ir.task import Task, task_of_op
from compiler.ir.types import TensorType
from compiler.passes.base import Pass, PipelineError, Statistics
from compiler.passes.context import CostsOf, PassContext
from compiler.passes.forests.bitslicing import bitsliced_tables
from compiler.passes.forests.columns import is_set_test
from compiler.passes.forests.deep import deep_tables
from compiler.passes.forests.leafwise import leafwise_tables
from compiler.passes.forests.masking import masked_tables
from compiler.passes.forests.ranking import ranked_tables, rounds_of_trees
from compiler.passes.forests.set_features import with_set_features
from compiler.passes.forests.walk_steps import walk_steps
from compiler.passes.forests.walking import perfect_tables, sparse_tables, walk_tables

AUTO, BITSLICED, LEAFWISE, MASKED, RANKED = "auto", "bitsliced", "leafwise", "masked", "ranked"
WALK, BRANCHING = "walk", "branching"

UPPER_LEVELS = (8, 7, 6, 5)
"""How many levels of deep trees may be bit-sliced."""

PADDING = 16
"""Places of perfect trees per leaf, on average, beyond which their tables are too large."""

TOGETHER = 12
"""Trees whose walks end together, as ``walks`` takes them."""

MOST_MASKS = 1 << 19
"""Bytes of masks that a small forest may have, or one that ranks can compute: masks take up to 90 bytes a split, ranks
about 6, and the nodes of a walk 16."""

FEW_LEAVES, MASKS_OF_LEAF = 1 << 13, 24
"""Beyond so many leaves, which XGBoost writes into 1 MB, masks may have so many bytes per leaf: a fifth of what it
writes."""


@dataclass(frozen=True)
class LowerForests(Pass):
    """``algorithm``: ``bitsliced``, ``leafwise``, ``masked``, ``ranked``, ``branching`` or ``walk`` for all forests
    that it can compute, or ``auto``, the one that costs least; where nothing is known of costs, a walk."""

    name = "lower-forests"

    algorithm: str = AUTO

    def __post_init__(self) -> None:
        known = (AUTO, *_WHOLE, WALK)
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
                    (x,) = node.operands
                    walks = _walks(forest)
                    walk = walks[_cheapest([walk.tasks(x.type) for walk in walks], context.costs)]
                    names = rewriter.constant(_filled(forest.leaf_id[walk.leaf]))
                    result = rewriter.emit(Gather(0), names, rewriter.emit(Cast(DType.I64), walk.emit(rewriter, x)))
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
        walks = [] if whole and self.algorithm in _WHOLE else _walks(forest)
        walked = [(walk, _Step(SumLeaves(), (forest.target, forest.leaf[walk.leaf]))) for walk in walks]
        ways = [step.tasks(x.type, start.type) for step in whole]
        reached = TensorType(DType.I32, (x.type.shape[0], forest.trees))
        ways += [[*walk.tasks(x.type), *sums.tasks(reached, start.type)] for walk, sums in walked]
        cheapest = _cheapest(ways, costs)
        if cheapest < len(whole):
            return whole[cheapest].emit(rewriter, x, start)
        walk, sums = walked[cheapest - len(whole)]
        return sums.emit(rewriter, walk.emit(rewriter, x), start)

    def _whole(self, forest: Forest, costs: CostsOf | None) -> list[_Step | _Apart]:
        """The wanted forms in which one op computes the forest, or what its trees give, if it can."""
        wanted = tuple(_WHOLE) if self.algorithm == AUTO and costs is not None else (self.algorithm,)
        depth = profile_of(forest).max_depth
        possible = [steps for name, steps in _WHOLE.items() if name in wanted and (depth or name == BRANCHING)]
        return [step for steps in possible for step in steps(forest, depth)]


@once_per_forest
def _bitsliced(forest: Forest, depth: int) -> list[_Step]:
    """Bit slicing in the forms that compute the forest: of whole trees, or of some levels."""
    if depth <= DEEPEST:
        tables = bitsliced_tables(forest, depth)
        return [] if tables is None else [_Step(BitslicedForest(tables.depth), tables.operands)]
    if found := _deep(forest, None):
        return found
    answering = _answering(forest)
    return _deep(answering[1], answering[0]) if answering else []


def _deep(forest: Forest, before: _Step | None) -> list[_Step]:
    of_levels = (deep_tables(forest, levels) for levels in UPPER_LEVELS)
    return [_Step(DeepForest(t.depth, t.usual, t.most), t.operands, before) for t in of_levels if t is not None]


@once_per_forest
def _leafwise(forest: Forest, depth: int) -> list[_Step]:
    """Bit slices of leaves, if trees have few."""
    tables = leafwise_tables(forest)
    return [] if tables is None else [_Step(LeafwiseForest(), tables)]


@once_per_forest
def _masked(forest: Forest, depth: int) -> list[_Step]:
    """Masks of leaves, if trees have few, and masks not far more bytes than what else there is for single rows."""
    tables = masked_tables(forest)
    if tables is None:
        return []
    # The leaves, which come last, are those of ``leafwise_forest``, too.
    masks = sum(table.nbytes for table in tables[:-2])
    if masks > _most_masks(forest) and not is_set_test(forest).any():
        return []
    return [_Step(MaskedForest(), tables)]


def _most_masks(forest: Forest) -> int:
    """How many bytes masks may take."""
    if forest.leaves <= FEW_LEAVES or _is_nearly_perfect(profile_of(forest), DEEPEST_RANKED):
        return MOST_MASKS
    return MASKS_OF_LEAF * forest.leaves


@once_per_forest
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


def _branching(forest: Forest, depth: int) -> list[_Step]:
    """Code, if there are few leaves."""
    return [_Step(BranchingForest(forest), ())] if is_tiny(forest) else []


_WHOLE: dict[str, Callable[[Forest, int], Sequence[_Step | _Apart]]] = {
    BITSLICED: _bitsliced,
    LEAFWISE: _leafwise,
    MASKED: _masked,
    RANKED: _ranked,
    BRANCHING: _branching,
}
"""The algorithms that compute a whole forest in one op, or all but its sums: by its depth, the forms that can."""


@dataclass(frozen=True)
class _Step:
    """An op of a lowered forest, and the tables that it has after its other operands; and what makes of a row the one
    that it computes with, if that is another one."""

    op: Op
    tables: tuple[Array, ...]
    before: _Step | None = None

    def tasks(self, x: TensorType, *others: TensorType) -> list[Task]:
        """What there is to compute for other operands of these types."""
        first = self.before.tasks(x) if self.before else []
        types = self._types(self.before.type_for(x) if self.before else x, *others)
        return [*first, task_of_op(self.op, types)]

    def type_for(self, *operands: TensorType) -> TensorType:
        """The type of the result."""
        (result,) = self.op.infer(*self._types(*operands))
        return result

    def emit(self, rewriter: Rewriter, x: Value, *others: Value) -> Value:
        """The nodes, and their tables as constants."""
        first = self.before.emit(rewriter, x) if self.before else x
        return rewriter.emit(self.op, first, *others, *map(rewriter.constant, self.tables))

    def _types(self, *operands: TensorType) -> list[TensorType]:
        return [*operands, *(TensorType(DType.of(table.dtype), table.shape) for table in self.tables)]


@dataclass(frozen=True)
class _Apart:
    """What the trees give for a row, ``values`` in all, in rounds that add one to every output; then the sums."""

    leaves: _Step
    values: int

    def tasks(self, x: TensorType, start: TensorType) -> list[Task]:
        """Of both ops."""
        return [*self.leaves.tasks(x), task_of_op(OrderedSum(), [start, TensorType(start.dtype, self._terms(start))])]

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

    leaf: Array = field(kw_only=True)


@once_per_forest
def _walks(forest: Forest) -> list[_Walk]:
    """The walks that compute the forest, and whose tables are not much larger than it is; what is always possible, or
    else usually takes the fewest cycles, comes first."""
    if found := _walks_over_keys(forest, None):
        return found
    whole = _Walk(ForestWalk(profile_of(forest).max_depth), walk_tables(forest), leaf=np.arange(forest.leaves))
    answering = _answering(forest)
    return [whole, *(_walks_over_keys(answering[1], answering[0]) if answering else [])]


def _walks_over_keys(forest: Forest, before: _Step | None) -> list[_Walk]:
    """Those without sets and branches."""
    profile = profile_of(forest)
    depth = profile.max_depth
    found: list[_Walk] = []
    if _is_nearly_perfect(profile, DEEPEST_PERFECT) and (perfect := perfect_tables(forest, depth)) is not None:
        node, leaf = perfect
        found.append(_Walk(PerfectWalk(depth), (node,), before, leaf=leaf.reshape(-1)))
    if (sparse := sparse_tables(forest)) is not None:
        tables, leaf = sparse
        found.append(_Walk(SparseWalk(*walk_steps(forest, 0, TOGETHER)), tables, before, leaf=leaf))
    return found


def _answering(forest: Forest) -> tuple[_Step, Forest] | None:
    """What answers the tests of sets of a forest beforehand, and the forest that asks for its answers."""
    found = with_set_features(forest)
    return None if found is None else (_Step(SetFeatures(), found[0]), found[1])


def _cheapest(ways: list[list[Task]], costs: CostsOf | None) -> int:
    """The number of the way that costs least; of the first one if nothing is known of costs."""
    seconds = costs(ways) if costs is not None else [0.0] * len(ways)
    return seconds.index(min(seconds))


def _is_nearly_perfect(profile: Profile, deepest: int) -> bool:
    """Whether tables of perfect trees of a limited depth are not much larger than the forest."""
    return 1 <= profile.max_depth <= deepest and profile.trees << profile.max_depth <= PADDING * profile.leaves


def _filled(table: Array) -> Array:
    """The table, or one zero."""
    return table if table.size else np.zeros(1, table.dtype)
