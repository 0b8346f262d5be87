"""What kernels of forests are measured on: tables in which nothing is out of range, and rows that go everywhere."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from compiler.autotune.measure.forest_tables import forest_operands, is_of_forest, walks_one_row
from compiler.autotune.measure.task_data import MOST_COPIES, task_data
from compiler.ir import DType, Graph, Rewriter, Task, TensorType
from compiler.ir.interpreter import run_graph
from compiler.ir.op import Op
from compiler.ir.ops import tree_tables
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.forest_walk import ForestWalk, SumLeaves
from compiler.ir.ops.leafwise_forest import LINE, LeafwiseForest
from compiler.ir.ops.masked_forest import MaskedForest
from compiler.ir.ops.perfect_walk import PerfectWalk, blocks_of_tree
from compiler.ir.ops.ranked_forest import GROUP, RankedForest
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.ir.ops.sparse_walk import SparseWalk, source_bits
from compiler.ir.ops.tree_tables import FAN
from compiler.targets import resolve

F32, I32, U8, U16, U64 = DType.F32, DType.I32, DType.U8, DType.U16, DType.U64
ROWS, FEATURES, TREES, DEPTH = 512, 6, 10, 5

TESTS = (
    TensorType(I32, (3,)),
    TensorType(I32, (3, 1 + FAN, FAN)),
    TensorType(I32, (7,)),
    TensorType(I32, (9, 2)),
    TensorType(I32, (1,)),
    TensorType(U8, (1, FAN * FAN)),
)
"""Of columns with ranks, single compares and a set."""

PARTS: dict[str, tuple[Op, tuple[TensorType, ...]]] = {
    "bitsliced": (
        BitslicedForest(DEPTH),
        (
            TensorType(F32, (ROWS, FEATURES)),
            TensorType(F32, (ROWS, 2)),
            *TESTS,
            TensorType(U16, (TREES, 1 << DEPTH)),
            TensorType(F32, (TREES, 1 << DEPTH, 1)),
            TensorType(I32, (TREES,)),
        ),
    ),
    "deep": (
        DeepForest(2, DEPTH - 2, DEPTH),
        (
            TensorType(F32, (ROWS, FEATURES)),
            TensorType(F32, (ROWS, 2)),
            *TESTS,
            TensorType(U16, (TREES, 4)),
            TensorType(I32, (TREES, 4)),
            TensorType(I32, (TREES,)),
            TensorType(I32, (TREES * 31 + 1, 2)),
            TensorType(F32, (40, 1)),
            TensorType(I32, (TREES,)),
        ),
    ),
    "leafwise": (
        LeafwiseForest(),
        (
            TensorType(F32, (ROWS, FEATURES)),
            TensorType(F32, (ROWS, 2)),
            *TESTS,
            TensorType(U16, (4 * TREES - 3, LINE)),
            TensorType(U8, (4 * TREES - 3, LINE)),
            TensorType(I32, (TREES + 1,)),
            TensorType(F32, (TREES, 32, 1)),
            TensorType(I32, (TREES,)),
        ),
    ),
    "masked": (
        MaskedForest(),
        (
            TensorType(F32, (ROWS, FEATURES)),
            TensorType(F32, (ROWS, 2)),
            TensorType(I32, (5,)),
            TensorType(I32, (5, 1 + FAN, FAN)),
            TensorType(I32, (5,)),
            TensorType(I32, (4,)),
            TensorType(U16, (90, 2)),
            TensorType(I32, (2,)),
            TensorType(U64, (70, 8)),
            TensorType(F32, (TREES, 64, 1)),
            TensorType(I32, (TREES,)),
        ),
    ),
    "ranked": (
        RankedForest(DEPTH),
        (
            TensorType(F32, (ROWS, FEATURES)),
            TensorType(F32, (ROWS, 2)),
            TensorType(I32, (3,)),
            TensorType(I32, (3, 1 + FAN, FAN)),
            TensorType(U8, (1, 4, 2, GROUP)),
            TensorType(U8, (TREES, 4, 2, 8)),
            TensorType(F32, (TREES, 1 << DEPTH, 1)),
            TensorType(I32, (TREES,)),
        ),
    ),
    "ranked leaves": (
        RankedLeaves(DEPTH),
        (
            TensorType(F32, (ROWS, FEATURES)),
            TensorType(I32, (3,)),
            TensorType(I32, (3, 1 + FAN, FAN)),
            TensorType(U8, (1, 4, 2, GROUP)),
            TensorType(U8, (TREES, 4, 2, 8)),
            TensorType(F32, (TREES, 1 << DEPTH, 1)),
        ),
    ),
    "perfect": (
        PerfectWalk(DEPTH),
        (TensorType(F32, (ROWS, FEATURES)), TensorType(I32, (TREES, blocks_of_tree(DEPTH), 8, 2))),
    ),
    "sparse": (
        SparseWalk(DEPTH, DEPTH),
        (
            TensorType(F32, (ROWS, FEATURES)),
            TensorType(I32, (TREES,)),
            TensorType(I32, (TREES * (2 * ((1 << DEPTH) - 1) + 1) + 1, 2)),
        ),
    ),
    "walk": (
        ForestWalk(DEPTH + 1),
        (
            TensorType(F32, (ROWS, FEATURES)),
            TensorType(I32, (TREES,)),
            *(TensorType(dtype, (TREES * 31,)) for dtype in (I32, U8, F32, I32, I32)),
            TensorType(I32, (TREES * 31 + 1,)),
            TensorType(I32, (90,)),
        ),
    ),
    "sums": (
        SumLeaves(),
        (
            TensorType(I32, (ROWS, TREES)),
            TensorType(F32, (ROWS, 3)),
            TensorType(I32, (TREES,)),
            TensorType(F32, (TREES * 32, 2)),
        ),
    ),
}
each_part = pytest.mark.parametrize("name", PARTS)


def region_of(op: Op, types: tuple[TensorType, ...]) -> Graph:
    graph = Graph("task")
    rewriter = Rewriter(graph)
    operands = [rewriter.input(f"in{number}", type_) for number, type_ in enumerate(types)]
    rewriter.output("out0", rewriter.emit(op, *operands))
    return graph


@each_part
def test_tables_are_operands_of_the_region(name: str) -> None:
    region = region_of(*PARTS[name])
    assert is_of_forest(region)
    operands = forest_operands(region, 1)
    assert operands is not None
    assert [(array.dtype, array.shape) for array in operands] == [
        (value.type.dtype.numpy, value.type.shape) for value in region.inputs
    ]
    run_graph(region, operands)


@pytest.mark.parametrize("name", ["perfect", "sparse"])
def test_rows_reach_many_leaves_of_every_tree(name: str) -> None:
    region = region_of(*PARTS[name])
    operands = forest_operands(region, 1)
    assert operands is not None
    (reached,) = run_graph(region, operands)
    assert all(len(np.unique(reached[:, tree])) >= 1 << (DEPTH - 2) for tree in range(TREES))
    assert len(np.unique(reached)) == sum(len(np.unique(reached[:, tree])) for tree in range(TREES))


def test_tests_and_leaves_are_in_range() -> None:
    sliced = forest_operands(region_of(*PARTS["bitsliced"]), 1)
    assert sliced is not None
    tests = tree_tables.tests_of(*(PARTS["bitsliced"][1][number] for number in (4, 5, 7)))
    assert sliced[8].max() < tests and len(np.unique(sliced[8])) > tests // 2
    assert (np.diff(sliced[3][:, 1:].reshape(3, -1), axis=1) >= 0).all()
    assert (sliced[4] >> 4).max() < 3 and len(np.unique(sliced[4])) == 7
    grown = forest_operands(region_of(*PARTS["leafwise"]), 1)
    assert grown is not None
    origin, first = grown[9:11]
    for begin, end in itertools.pairwise(first):
        assert (
            3 <= end - begin <= 4
            and origin[begin:end].tolist() == (np.arange(8 * (end - begin)) // 2).reshape(-1, 8).tolist()
        )
    masked = forest_operands(region_of(*PARTS["masked"]), 1)
    assert masked is not None
    line, begin, mask = masked[6:9]
    assert (line.max(axis=0) < np.diff([*begin, len(mask)])).all() and begin.tolist() == [0, 35]
    assert masked[4].max() < 4 and masked[5].max() < 90
    deep = forest_operands(region_of(*PARTS["deep"]), 1)
    assert deep is not None
    entry, first, lower = deep[9:12]
    child = lower[:, 1] >> source_bits(FEATURES)
    begins = np.append(first, len(lower) - 1)
    for tree in range(TREES):
        assert child[begins[tree] : begins[tree + 1]].max() + first[tree] < begins[tree + 1]
    assert (entry.max(axis=1) < np.diff(begins)).all()
    sums = forest_operands(region_of(*PARTS["sums"]), 1)
    assert sums is not None
    assert (sums[0] // 32 == np.arange(TREES)).all() and sums[2].max() <= 1


def test_results_are_compared_to_the_bit_and_a_single_row_walks_through_several_tables(tmp_path: Path) -> None:
    op, (x, root, node) = PARTS["sparse"][0], PARTS["sparse"][1][:3]
    row = region_of(op, (TensorType(F32, (1, FEATURES)), root, node))
    assert walks_one_row(row) and not walks_one_row(region_of(op, (x, root, node)))
    target = resolve("x86-64-v3")
    data = task_data(Task.of(row), target, tmp_path)
    first, *tables = data.operands
    assert first.copies == 1 and all(table.copies > 1 for table in tables)
    assert all(table.copies == min(MOST_COPIES, target.l2_bytes // table.bytes) for table in tables)
    whole = task_data(Task.of(region_of(*PARTS["sums"])), resolve("x86-64-v3"), tmp_path)
    assert (whole.results[0].absolute, whole.results[0].relative) == (0.0, 0.0)
