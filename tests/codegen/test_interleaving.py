"""Results whose last axis has a few elements: upsampling, phases of a transposed convolution, channels last."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir import DType, Graph, Op, Rewriter, TensorType
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.binary import Add
from compiler.ir.ops.movement import Broadcast, Slice, Transpose
from compiler.ir.ops.sampling import random_array
from tests.codegen.task_kernels import load_kernel, run_kernel

MOVES = {
    "nearest neighbour": ((3, 26, 1, 26, 1), Broadcast((3, 26, 2, 26, 2))),
    "phases": ((2, 3, 3, 7, 21), Transpose((0, 3, 1, 4, 2))),
    "channels last": ((2, 4, 37), Transpose((0, 2, 1))),
    "too many to interleave": ((2, 5, 37), Transpose((0, 2, 1))),
    "one element": ((2, 1, 37), Transpose((0, 2, 1))),
    "columns of a matrix": ((41, 6), Slice((0, 1), (41, 3), (1, 2))),
}


@pytest.mark.parametrize("dtype", [DType.F32, DType.F16, DType.I64, DType.I8, DType.BOOL], ids=lambda d: d.value)
@pytest.mark.parametrize("name", MOVES)
def test_elements_are_where_the_reference_has_them(name: str, dtype: DType) -> None:
    shape, op = MOVES[name]
    assert_equals_reference(shape, op, dtype, with_offset=False)


@pytest.mark.parametrize("name", MOVES)
def test_an_epilogue_reads_its_other_operand_at_the_result(name: str) -> None:
    shape, op = MOVES[name]
    assert_equals_reference(shape, op, DType.F32, with_offset=True)


def assert_equals_reference(shape: tuple[int, ...], op: Op, dtype: DType, *, with_offset: bool) -> None:
    """``op(x)``, or ``op(x) + offset`` with one offset per element of the last axis."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    result = rewriter.emit(op, rewriter.input("x", TensorType(dtype, shape)))
    if with_offset:
        offset = rewriter.input("offset", TensorType(dtype, result.type.shape[-1:]))
        result = rewriter.emit(Add(), result, offset)
    rewriter.output("y", result)
    operands = [(100 * random_array(*v.type.shape, seed=i)).astype(dtype.numpy) for i, v in enumerate(graph.inputs)]
    (actual,) = run_kernel(load_kernel(graph), operands)
    np.testing.assert_array_equal(actual, run_graph(graph, operands)[0])
