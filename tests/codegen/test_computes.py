"""Every op's kernel against its reference, on the op's own samples."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from compiler.codegen.computes import COMPUTES
from compiler.codegen.kernels import build_kernel
from compiler.codegen.plan.packing import pack
from compiler.ir import DType, Graph, RegionOp, Rewriter, Sample, Task, TensorType, print_graph
from compiler.ir.interpreter import run_graph
from compiler.ir.ops import OPS
from compiler.ir.ops.constant import Constant
from compiler.targets import resolve

TOLERANCE = {"float16": (2e-3, 2e-3), "float32": (2e-5, 1e-5), "float64": (1e-12, 1e-12)}
UNCOMPUTED = {op for op in OPS if issubclass(op, RegionOp)} | {Constant}


def sample_graph(sample: Sample) -> Graph:
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


def compile_and_run(graph: Graph, operands, folder: Path) -> list[np.ndarray]:
    """Build the graph as one task for this machine and call the kernel, in two parts if it can be split."""
    data, info = build_kernel(Task(print_graph(graph)), resolve("host"))
    (folder / "kernel.o").write_bytes(data)
    library = folder / "kernel.so"
    subprocess.run(["cc", "-shared", "-o", library, folder / "kernel.o", "-lm"], check=True)
    results = [np.full(out.type.physical_shape, 77).astype(out.type.dtype.numpy) for out in graph.outputs]
    arrays = [np.ascontiguousarray(operand) for operand in operands] + results
    if info.scratch_bytes:
        arrays.append(np.zeros(info.scratch_bytes, np.uint8))
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
    function = getattr(ctypes.CDLL(str(library)), info.symbol)
    middle = info.extent // 2
    for begin, end in ((middle, info.extent), (0, middle)):
        function(*pointers, ctypes.c_int32(begin), ctypes.c_int32(end))
    return results


def assert_close(actual: np.ndarray, expected: np.ndarray) -> None:
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected)
        return
    rtol, atol = TOLERANCE[expected.dtype.name]
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def test_the_table_is_complete():
    assert set(OPS) - UNCOMPUTED == set(COMPUTES), "every op needs a row in codegen/computes"


@pytest.mark.parametrize("op", [op for op in OPS if op in COMPUTES], ids=lambda op: op.name)
def test_compiled_equals_reference(op, tmp_path):
    for number, sample in enumerate(op.samples()):
        graph = sample_graph(sample)
        expected = run_graph(graph, sample.operands)
        if not all(array.size for array in expected):
            continue  # the plan never calls a kernel for an empty result
        folder = tmp_path / str(number)
        folder.mkdir()
        actual = compile_and_run(graph, sample.operands, folder)
        for got, want, output in zip(actual, expected, graph.outputs, strict=True):
            try:
                assert_close(got, pack(want, output.type.layout))
            except AssertionError as error:
                shapes = [f"{a.dtype}{list(a.shape)}" for a in sample.operands]
                raise AssertionError(f"{sample.op} on {shapes}: {error}") from None
