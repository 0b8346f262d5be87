"""Lowered forests compute what whole ones do, to the bit."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir import DType, Graph, Op, Rewriter, TensorType, evaluate, verify
from compiler.ir.forest import Forest, parse_forest
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from compiler.ir.ops.forest_walk import ForestWalk
from compiler.ir.ops.leafwise_forest import MOST_LEAVES, LeafwiseForest
from compiler.ir.ops.set_features import SetFeatures
from compiler.ir.ops.sparse_walk import SparseWalk
from compiler.passes import PassManager
from tests.ir.forest.examples import chain_text
from tests.ir.forest.strategies import forests, rows_for


def forest_graph(forest: Forest, rows: int, *, starts: bool) -> Graph:
    """The sums and the leaves of a forest, sums with starts of their own if wanted."""
    graph = Graph("forest")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (rows, forest.features)))
    start = [rewriter.input("start", TensorType(forest.dtype, (rows, forest.outputs)))] if starts else []
    rewriter.output("sums", rewriter.emit(ForestSums(forest), x, *start))
    rewriter.output("leaves", rewriter.emit(ForestLeaves(forest), x))
    return graph


@given(st.data())
def test_results_stay(data: st.DataObject) -> None:
    forest = data.draw(forests())
    x = data.draw(rows_for(forest))
    starts = data.draw(st.booleans())
    graph = forest_graph(forest, len(x), starts=starts)
    inputs = {"x": x}
    if starts:
        inputs["start"] = np.arange(len(x) * forest.outputs, dtype=forest.leaf.dtype).reshape(len(x), forest.outputs)
    algorithms = ["auto", "bitsliced", "leafwise", "masked", "ranked", "walk", "branching"]
    algorithm = data.draw(st.sampled_from(algorithms))
    lowered = PassManager.parse(f"lower-forests{{algorithm={algorithm}}}").run(graph, None)
    verify(lowered)
    assert not any(isinstance(node.op, ForestSums | ForestLeaves) for node in lowered)
    before, after = evaluate(graph, inputs), evaluate(lowered, inputs)
    assert before["sums"].tobytes() == after["sums"].tobytes()
    np.testing.assert_array_equal(before["leaves"], after["leaves"])


def test_deep_trees_are_bit_sliced_in_their_upper_levels() -> None:
    check_choice(MOST_LEAVES, DeepForest)


def test_trees_of_few_leaves_grow_leaf_by_leaf() -> None:
    check_choice(30, LeafwiseForest)


@pytest.mark.parametrize(("algorithm", "op"), [("auto", SparseWalk), ("bitsliced", DeepForest)])
def test_sets_of_large_trees_become_features(algorithm: str, op: type[Op]) -> None:
    text = re.sub(r"x1 < (\d+)\.0", r"x1 in {\1}", chain_text(MOST_LEAVES))
    forest = parse_forest(text)
    rows = 1 if algorithm == "auto" else 600
    graph = forest_graph(forest, rows, starts=False)
    lowered = PassManager.parse(f"lower-forests{{algorithm={algorithm}}}").run(graph, "x86-64-v3")
    kinds = {type(node.op) for node in lowered}
    assert {SetFeatures, op} <= kinds and ForestWalk not in kinds
    for seed in range(3):
        x = np.random.default_rng(seed).uniform(-1, 40, (rows, 2)).astype(np.float32)
        x[seed::7] = np.nan
        before, after = evaluate(graph, {"x": x}), evaluate(lowered, {"x": x})
        assert before["sums"].tobytes() == after["sums"].tobytes()
        np.testing.assert_array_equal(before["leaves"], after["leaves"])


def check_choice(splits: int, op: type[Op]) -> None:
    """A chain of splits becomes this op for many rows, and computes the same."""
    graph = forest_graph(parse_forest(chain_text(splits)), 600, starts=False)
    lowered = PassManager.parse("lower-forests").run(graph, "x86-64-v3")
    assert any(isinstance(node.op, op) for node in lowered)
    x = np.linspace(-1, splits + 1, 1200, dtype=np.float32).reshape(600, 2)
    x[::7] = np.nan
    before, after = evaluate(graph, {"x": x}), evaluate(lowered, {"x": x})
    assert before["sums"].tobytes() == after["sums"].tobytes()
