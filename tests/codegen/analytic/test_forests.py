"""The estimate of a forest's kernels: what decides when rows are computed one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.codegen.analytic.estimate import estimate
from compiler.codegen.plan import graph_tasks
from compiler.ir import DType, Graph, Rewriter, TensorType
from compiler.ir.forest import Comparison, Forest, parse_forest
from compiler.ir.ops.forest import ForestSums
from compiler.passes import PassManager
from compiler.targets import resolve
from tests.ir.forest.examples import EXAMPLE, chains_text, full_tree
from tests.passes.forests.test_bitslicing import stumps


def seconds(rows: int) -> float:
    graph = Graph("forest")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (rows, EXAMPLE.features)))
    rewriter.output("y", rewriter.emit(ForestSums(EXAMPLE), x))
    lowered = PassManager.parse("lower-forests,fold-constants,dce,fuse").run(graph, None)
    return sum(estimate(task.graph(), resolve("x86-64-v3")) for task in graph_tasks(lowered).values())


def chosen(forest: Forest, rows: int, target: str = "x86-64-v3", algorithm: str = "auto") -> set[str]:
    """The ops that compute a forest."""
    graph = Graph("forest")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (rows, forest.features)))
    rewriter.output("y", rewriter.emit(ForestSums(forest), x))
    return {node.op.name for node in PassManager.parse(f"lower-forests{{algorithm={algorithm}}}").run(graph, target)}


def test_tiny_forests_are_code_for_a_row() -> None:
    """Of a tree of depth 9 bit slices are faster for many rows; a row that walks waits for each step."""
    assert "branching_forest" in chosen(full_tree(9), 1)
    assert "deep_forest" in chosen(full_tree(9), 512)
    assert "branching_forest" not in chosen(stumps(Comparison.LESS, np.arange(200, dtype=np.float32)), 512)


def test_trees_of_several_outputs_are_added_side_by_side() -> None:
    forest = stumps(Comparison.LESS, np.arange(1000, dtype=np.float32))
    rounds = replace(forest, base=np.zeros(40, np.float32), target=np.arange(2000, dtype=np.int32) % 40)
    one = replace(forest, base=np.zeros(1, np.float32), target=np.zeros(2000, np.int32))
    assert {"ranked_leaves", "ordered_sum"} <= chosen(rounds, 1, "znver4", "ranked")
    assert not {"ranked_leaves", "ordered_sum"} & chosen(one, 1, "znver4", "ranked")


def test_masks_of_many_nearly_perfect_trees_take_too_much_memory() -> None:
    few, many = (stumps(Comparison.LESS, np.arange(count, dtype=np.float32)) for count in (100, 10_000))
    assert "masked_forest" in chosen(few, 1, algorithm="masked")
    assert "masked_forest" not in chosen(many, 1, algorithm="masked")


def test_masks_of_large_unbalanced_trees_take_too_much_memory() -> None:
    """Chains of 40 tests, each with a mask of its own."""
    few, many = (parse_forest(chains_text(trees, 40)) for trees in (20, 400))
    assert "masked_forest" in chosen(few, 1, algorithm="masked")
    assert "masked_forest" not in chosen(many, 1, algorithm="masked")
    assert "sparse_walk" in chosen(many, 1)


def test_walks_take_time_by_the_row() -> None:
    assert 100 < seconds(256) / seconds(1) <= 256
