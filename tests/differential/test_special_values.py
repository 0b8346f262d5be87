"""Elementwise ops on the edges of floating point: zeros of both signs, subnormals, infinities, NaN, the largest."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportOperatorIssue=false
# numpy, hypothesis and onnx.helper take more than their annotations say.

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir import DType, Graph, Op, Rewriter, TensorType
from compiler.ir.literal import Array
from compiler.ir.ops import binary, unary
from tests.codegen.task_kernels import load_kernels, run_kernel
from tests.differential.drawing import BINARY, UNARY

ULP = {DType.F16: 1.0, DType.F32: 4.0, DType.F64: 2.0}
"""Units in the last place: what the vector math documents, and the C library for float64."""
FREE_ZERO_SIGN = (binary.Maximum, binary.Minimum)
"""IEEE 754-2008 leaves open which of two zeros of different sign is the larger."""
NUDGES = (0.1, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 10.0, 80.0, 88.6, 89.5, 104.0, 127.5, 1000.0, 2.0**23, 1e7)


def edges(dtype: DType) -> Array:
    """Positive and negative edges of a float type, among ordinary numbers."""
    limits = np.finfo(dtype.numpy)
    extremes = [0.0, limits.smallest_subnormal, limits.tiny, limits.eps, limits.max, np.inf, np.nan]
    with np.errstate(over="ignore"):
        values = np.array([*extremes, *NUDGES], np.float64).astype(dtype.numpy)
    return np.concatenate([values, -values])


def elementwise_graph(op: Op, operands: list[Array]) -> Graph:
    graph = Graph("task")
    rewriter = Rewriter(graph)
    inputs = [rewriter.input(f"x{i}", TensorType(DType.of(a.dtype), a.shape)) for i, a in enumerate(operands)]
    rewriter.output("y", rewriter.emit(op, *inputs))
    return graph


def errors_in_ulp(actual: Array, exact: Array) -> Array:
    """Distances from float64 results, in units of the last place of the type of ``actual``; 0 where both are the same
    infinity or NaN, infinite where only one is."""
    rounded = exact.astype(actual.dtype)
    same = (actual == rounded) | (np.isnan(actual) & np.isnan(rounded))
    unit = np.spacing(np.abs(rounded)).astype(np.float64)
    distance = np.abs(actual.astype(np.float64) - exact) / unit
    return np.where(same, 0.0, np.where(np.isfinite(distance), distance, np.inf))


@np.errstate(all="ignore")
def check(ops: list[Op], operands: list[Array], dtype: DType) -> None:
    """Each op on the operands (as many as it takes) agrees with numpy's result in float64."""
    kernels = load_kernels((elementwise_graph(op, operands), None) for op in ops)
    for op, kernel in zip(ops, kernels, strict=True):
        (actual,) = run_kernel(kernel, operands)
        assert isinstance(op, unary.Unary | binary.Binary)
        if actual.dtype.kind != "f":
            np.testing.assert_array_equal(actual, op.evaluate(*operands)[0], op.name)
            continue
        exact = np.asarray(op.apply(*(array.astype(np.float64) for array in operands)))
        errors = errors_in_ulp(actual, exact)
        worst = np.unravel_index(int(np.argmax(errors)), errors.shape)
        where = f"{op.name}({', '.join(repr(array[worst]) for array in operands)})"
        assert errors[worst] <= ULP[dtype], f"{where} = {actual[worst]!r}, expected {exact[worst]!r}"
        if not isinstance(op, FREE_ZERO_SIGN):
            wrong = (exact == 0) & (np.signbit(actual) != np.signbit(exact))
            assert not wrong.any(), f"{op.name}: {int(wrong.sum())} zeros of the wrong sign, {operands[0][wrong][:3]}"


@pytest.mark.parametrize("dtype", ULP, ids=lambda dtype: dtype.value)
def test_unary(dtype: DType) -> None:
    check([cls() for cls in UNARY if cls.accepts(dtype)], [edges(dtype)], dtype)


@pytest.mark.parametrize("dtype", ULP, ids=lambda dtype: dtype.value)
def test_binary(dtype: DType) -> None:
    values = edges(dtype)
    pairs = [np.ascontiguousarray(side) for side in np.meshgrid(values, values, indexing="ij")]
    check([cls() for cls in BINARY if cls.accepts(dtype)], pairs, dtype)
