"""Random graphs through the whole compiler and the runtime, compared with the reference interpreter."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportOperatorIssue=false
# numpy, hypothesis and onnx.helper take more than their annotations say.

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

import compiler
from compiler.ir import ROW_MAJOR, DType, Graph, Layout, Node, RegionOp, Rewriter, TensorType
from compiler.ir.literal import Array
from compiler.ir.ops import OPS
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.movement import Relayout
from compiler.passes.table import STANDARD
from tests.differential.drawing import Drawn
from tests.differential.fuzzing import SLOW, fuzz
from tests.differential.graphs import COVERED, forest_graphs, graphs
from tests.differential.running import run_guarded
from tests.differential.sensitivity import assert_as_expected, expectations
from tests.ir.strategies import Case, cases


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kernels and C objects are shared by all examples."""
    return tmp_path_factory.mktemp("cache")


ALGORITHMS = ("auto", "bitsliced")
"""Of ``lower-forests``. So few rows are always walked unless it is told otherwise."""


def check_compiled(graph: Graph, inputs: Mapping[str, Array], cache: Path, algorithm: str = "auto") -> None:
    """The artifact's results are right, and the same bits for two threads."""
    note(f"{algorithm}\n{graph}")
    pipeline = STANDARD.replace("lower-forests", f"lower-forests{{algorithm={algorithm}}}")
    arrays = [np.asarray(inputs[name]) for name in graph.input_names]
    with compiler.compile(graph, "host", pipeline=pipeline, verify=False, workers=1, cache_dir=cache) as artifact:
        one, two = (run_guarded(artifact.directory, graph, arrays, threads) for threads in (1, 2))
    for name, want in zip(graph.output_names, expectations(graph, arrays), strict=True):
        assert_as_expected(one[name], want, name)
        assert one[name].tobytes() == two[name].tobytes(), f"{name} depends on the number of threads"


def test_all_ops_are_covered() -> None:
    assert {op for op in OPS if not issubclass(op, RegionOp | Constant)} == COVERED


def check_graph(drawn: Drawn, algorithm: str, cache: Path) -> None:
    """A graph of ``graphs``."""
    check_compiled(drawn.graph, dict(zip(drawn.graph.input_names, drawn.arrays, strict=True)), cache, algorithm)


def check_case(case: Case, cache: Path) -> None:
    """A graph of samples, whose outputs are made row-major."""
    assume(not any(_reads_blocks(node) for node in case.graph))
    rewriter = Rewriter(case.graph)
    outputs = [
        value if value.type.layout == ROW_MAJOR else rewriter.emit(Relayout(ROW_MAJOR), value)
        for value in case.graph.outputs
    ]
    rewriter.set_operands(case.graph.terminator, tuple(outputs))
    check_compiled(case.graph, case.inputs, cache)


@settings(max_examples=30, suppress_health_check=SLOW)
@given(drawn=graphs(), algorithm=st.sampled_from(ALGORITHMS))
def test_graphs(cache: Path, drawn: Drawn, algorithm: str) -> None:
    check_graph(drawn, algorithm, cache)


@settings(max_examples=10, suppress_health_check=SLOW)
@given(drawn=forest_graphs(), algorithm=st.sampled_from(ALGORITHMS))
def test_graphs_of_forests(cache: Path, drawn: Drawn, algorithm: str) -> None:
    check_graph(drawn, algorithm, cache)


@settings(max_examples=20, suppress_health_check=SLOW)
@given(case=cases(max_nodes=5))
def test_graphs_of_samples(cache: Path, case: Case) -> None:
    check_case(case, cache)


@pytest.mark.long
def test_graphs_at_length(cache: Path) -> None:
    fuzz(lambda data: check_graph(data.draw(graphs(max_steps=12)), data.draw(st.sampled_from(ALGORITHMS)), cache))


@pytest.mark.long
def test_graphs_of_forests_at_length(cache: Path) -> None:
    fuzz(lambda data: check_graph(data.draw(forest_graphs()), data.draw(st.sampled_from(ALGORITHMS)), cache))


@pytest.mark.long
def test_graphs_of_samples_at_length(cache: Path) -> None:
    fuzz(lambda data: check_case(data.draw(cases()), cache))


def _reads_blocks(node: Node) -> bool:
    """Whether an op reads a blocked layout: no kernel but that of ``relayout`` reads what passes never make."""
    blocked = any(operand.type.layout != ROW_MAJOR for operand in node.operands)
    return blocked and not isinstance(node.op, Relayout)


def test_blocked_outputs_are_refused(cache: Path) -> None:
    graph = Graph()
    rewriter = Rewriter(graph)
    image = rewriter.input("image", TensorType(DType.F32, (1, 6, 3, 3)))
    rewriter.output("stored", rewriter.emit(Relayout(Layout(((1, 4),))), image))
    with pytest.raises(compiler.BuildError, match=r"'stored'.*must be row-major"):
        compiler.compile(graph, "host", cache_dir=cache)
