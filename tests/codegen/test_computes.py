"""Every op's kernel against its reference, on the op's own samples."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.codegen.computes import COMPUTES, Templated
from compiler.codegen.schedules import SCHEDULES
from compiler.ir import DType, Graph, Op, RegionOp, Rewriter, Sample, TensorType
from compiler.ir.interpreter import run_graph
from compiler.ir.literal import Array
from compiler.ir.ops import OPS
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.forest import ForestLeaves, ForestSums
from tests.codegen.task_kernels import load_kernels, run_kernel

TOLERANCE = {"float16": (2e-3, 2e-3), "float32": (2e-5, 1e-5), "float64": (1e-12, 1e-12)}
UNCOMPUTED = {op for op in OPS if issubclass(op, RegionOp)} | {Constant, ForestSums, ForestLeaves}
BATCH = 12
"""Samples whose kernels are linked together: a test of about a second, so that several processes share them evenly."""


def sample_graph(sample: Sample) -> Graph:
    """A region of the sample's op alone."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    operands = [
        rewriter.input(f"in{i}", TensorType(DType.of(array.dtype), array.shape))
        for i, array in enumerate(sample.operands)
    ]
    node = rewriter.node(sample.op, operands)
    for index, result in enumerate(node.results):
        rewriter.output(f"out{index}", result)
    return graph


def assert_close(actual: Array, expected: Array) -> None:
    """Equal, or for floats equal within a tolerance."""
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected)
        return
    rtol, atol = TOLERANCE[expected.dtype.name]
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def batches() -> list[tuple[type[Op], int]]:
    """Each op with the numbers at which batches of its samples start."""
    return [(op, start) for op in OPS if op in COMPUTES for start in range(0, len(op.samples()), BATCH)]


def test_the_table_is_complete() -> None:
    assert set(OPS) - UNCOMPUTED == set(COMPUTES), "every op needs a row in codegen/computes"


def test_templated_ops_name_a_template() -> None:
    wanted = {row.template for row in COMPUTES.values() if isinstance(row, Templated)}
    assert wanted and wanted <= {template.name for template in SCHEDULES}


@pytest.mark.parametrize(("op", "start"), batches(), ids=lambda part: part if isinstance(part, int) else part.name)
def test_compiled_equals_reference(op: type[Op], start: int) -> None:
    samples = op.samples()[start : start + BATCH]
    graphs = [sample_graph(sample) for sample in samples]
    expected = [run_graph(graph, sample.operands) for graph, sample in zip(graphs, samples, strict=True)]
    # The plan never calls a kernel for an empty result.
    wanted = [number for number, results in enumerate(expected) if all(array.size for array in results)]
    kernels = load_kernels((graphs[number], None) for number in wanted)
    for number, kernel in zip(wanted, kernels, strict=True):
        sample = samples[number]
        for got, want in zip(run_kernel(kernel, sample.operands), expected[number], strict=True):
            try:
                assert_close(got, want)
            except AssertionError as error:
                shapes = [f"{a.dtype}{list(a.shape)}" for a in sample.operands]
                raise AssertionError(f"{sample.op} on {shapes}: {error}") from None
