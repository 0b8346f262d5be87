"""Forests that are walked from split to split, with tables of any content."""

from __future__ import annotations

from compiler.ir import DType, Op, TensorType, Value
from compiler.ir.ops import forest_walk, perfect_walk, ranked_forest, ranked_leaves, sparse_walk
from tests.differential.drawing import Region, operand
from tests.differential.graphs.step import Step


def _walk(region: Region, x: Value) -> Value:
    """A walk, some of them with the sum of the leaves that it reaches."""
    trees, splits, outputs = (region.number(1, 3) for _ in range(3))
    if region.chance(3):
        depth = region.number(1, 4)
        node = region.input(TensorType(DType.I32, (trees, perfect_walk.blocks_of_tree(depth), perfect_walk.BLOCK, 2)))
        return region.emit(perfect_walk.PerfectWalk(depth), x, node)
    if region.chance(2):
        first, node = (region.input(TensorType(DType.I32, shape)) for shape in ((trees,), (splits + 1, 2)))
        return region.emit(sparse_walk.SparseWalk(*sorted(region.number(0, 5) for _ in range(2))), x, first, node)
    by_split = ((DType.I32, splits), (DType.U8, splits), (DType.F32, splits), (DType.I32, splits), (DType.I32, splits))
    types = [TensorType(dtype, (size,)) for dtype, size in ((DType.I32, trees), *by_split)]
    sets = [TensorType(DType.I32, (size,)) for size in (splits + 1, 4)]
    tables = [region.input(type_) for type_ in (*types, *sets)]
    reached = region.emit(forest_walk.ForestWalk(region.number(0, 5)), x, *tables)
    leaf = region.input(TensorType(DType.F32, (region.number(1, 4), region.number(1, outputs))))
    target = region.input(TensorType(DType.I32, (trees,)))
    start = operand(region, TensorType(DType.F32, (x.type.shape[0], outputs)))
    return region.emit(forest_walk.SumLeaves(), reached, start, target, leaf)


def _ranked(region: Region, x: Value) -> Value:
    outputs = region.number(1, 3)
    depth, tables = _ranked_tables(region, region.number(1, outputs))
    start = operand(region, TensorType(DType.F32, (x.type.shape[0], outputs)))
    target = region.input(TensorType(DType.I32, tables[-1].type.shape[:1]))
    return region.emit(ranked_forest.RankedForest(depth), x, start, *tables, target)


def _ranked_leaves(region: Region, x: Value) -> Value:
    depth, tables = _ranked_tables(region, region.number(1, 3))
    return region.emit(ranked_leaves.RankedLeaves(depth), x, *tables)


def _ranked_tables(region: Region, width: int) -> tuple[int, list[Value]]:
    """The depth of perfect trees, and their tables, of which the last are leaves of ``width`` values."""
    trees, columns = (region.number(1, 3) for _ in range(2))
    depth = region.number(ranked_forest.LOWER, 5)
    blocks = 1 << (depth - ranked_forest.LOWER)
    types = (
        TensorType(DType.I32, (columns,)),
        TensorType(DType.I32, (columns, 17, 16)),
        TensorType(DType.U8, (1, blocks, 2, ranked_forest.GROUP)),
        TensorType(DType.U8, (trees, blocks, 2, ranked_forest.BLOCK)),
        TensorType(DType.F32, (trees, 1 << depth, width)),
    )
    return depth, [region.input(type_) for type_ in types]


STEPS: tuple[Step, ...] = (_walk, _ranked, _ranked_leaves)

COVERED: tuple[type[Op], ...] = (
    *(forest_walk.ForestWalk, forest_walk.SumLeaves, perfect_walk.PerfectWalk, sparse_walk.SparseWalk),
    *(ranked_forest.RankedForest, ranked_leaves.RankedLeaves),
)
