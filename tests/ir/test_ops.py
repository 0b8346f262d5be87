"""Every op, on its own samples: inferred types, text round trip, verifier and reference agree."""

from __future__ import annotations

import pytest

from compiler.ir import (
    DType,
    Graph,
    InferenceError,
    RegionOp,
    Rewriter,
    Sample,
    TensorType,
    parse_graph,
    print_graph,
    verify,
)
from compiler.ir.interpreter import run_graph
from compiler.ir.ops import OPS
from compiler.ir.ops.indexing import Gather, GatherElements, GatherNd
from compiler.ir.textfile import outlined_literals

SAMPLES = [sample for op in OPS for sample in op.samples()]


def sample_graph(sample: Sample) -> Graph:
    """A graph whose inputs are the sample's operands and whose outputs are the op's results."""
    graph = Graph("sample")
    rewriter = Rewriter(graph)
    operands = [
        rewriter.input(f"x{i}", TensorType(DType.of(array.dtype), array.shape))
        for i, array in enumerate(sample.operands)
    ]
    node = rewriter.node(sample.op, operands)
    for index, result in enumerate(node.results):
        rewriter.output(f"y{index}", result)
    return graph


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_every_op_has_samples(op):
    assert issubclass(op, RegionOp) or op.samples(), f"{op.name} has no samples"
    assert op.__doc__, f"{op.name} has no docstring"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.op.name)
def test_reference_has_the_inferred_type_and_text_round_trips(sample):
    graph = sample_graph(sample)
    verify(graph)
    run_graph(graph, sample.operands)  # raises if a result contradicts its inferred type
    assert parse_graph(print_graph(graph), {lit.digest: lit for lit in outlined_literals(graph)}) == graph


def test_an_empty_axis_has_no_elements_to_index():
    empty, rows = TensorType(DType.F32, (0, 3)), TensorType(DType.F32, (4, 0, 3))
    index, none = TensorType(DType.I64, (2, 1)), TensorType(DType.I64, (0, 1))
    for op, x, indices in (
        (Gather(0), empty, index),
        (GatherElements(0), empty, index),
        (GatherNd(), empty, index),
        (GatherNd(1), rows, TensorType(DType.I64, (4, 1))),
    ):
        with pytest.raises(InferenceError, match="cannot index an empty axis"):
            op.infer(x, indices)
    assert GatherElements(0).infer(empty, none) == (TensorType(DType.F32, (0, 1)),)
    assert GatherNd().infer(empty, none) == (TensorType(DType.F32, (0, 3)),)
