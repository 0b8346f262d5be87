"""The estimate of a forest's kernels: what decides when rows are computed one by one."""

from __future__ import annotations

from compiler.codegen.analytic.estimate import estimate
from compiler.codegen.plan import graph_tasks
from compiler.ir import DType, Graph, Rewriter, TensorType
from compiler.ir.ops.forest import ForestSums
from compiler.passes import PassManager
from compiler.targets import resolve
from tests.ir.forest.examples import EXAMPLE


def seconds(rows: int) -> float:
    graph = Graph("forest")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (rows, EXAMPLE.features)))
    rewriter.output("y", rewriter.emit(ForestSums(EXAMPLE), x))
    lowered = PassManager.parse("lower-forests,fold-constants,dce,fuse").run(graph, None)
    return sum(estimate(task.graph(), resolve("x86-64-v3")) for task in graph_tasks(lowered).values())


def test_walks_take_time_by_the_row() -> None:
    assert 100 < seconds(256) / seconds(1) <= 256
