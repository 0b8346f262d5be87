"""The template for depthwise convolutions and pools, over strides, paddings, window sizes and narrow planes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from compiler.ir import DType, Graph, Op, Rewriter, TensorType
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.binary import Maximum
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.pooling import MaxPool, SumPool
from compiler.ir.ops.sampling import random_array
from tests.codegen.task_kernels import load_kernel, run_kernel


@dataclass(frozen=True)
class Window:
    """A window op on planes of shape ``spatial``."""

    spatial: tuple[int, ...]
    taps: tuple[int, ...]
    strides: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    dilations: tuple[int, ...]


def square(
    spatial: tuple[int, int], taps: int, stride: int = 1, low: int = 0, high: int = 0, dilation: int = 1
) -> Window:
    """A window that treats both axes alike."""
    return Window(spatial, (taps,) * 2, (stride,) * 2, (low,) * 2, (high,) * 2, (dilation,) * 2)


WINDOWS = {
    "3x3": square((14, 33), 3, 1, 1, 1),
    "stride 2": square((15, 40), 3, 2, 1, 1),
    "stride 2, no padding": square((15, 40), 3, 2),
    "stride 2, odd width": square((9, 35), 3, 2, 0, 1),
    "stride 2, even window": square((8, 8), 2, 2),
    "stride 2, dilated": square((20, 37), 3, 2, 2, 2, 2),
    "stride 3": square((16, 50), 5, 3, 1, 2),
    "stride wider than the window": square((9, 21), 1, 4),
    "narrow": square((5, 3), 3, 1, 1, 1),
    "one column": square((5, 1), 3, 1, 1, 1),
    "large": square((13, 13), 13, 1, 6, 6),
    "large, stride 2": square((22, 19), 7, 2, 3, 3),
    "one axis": Window((70,), (5,), (2,), (2,), (1,), (1,)),
}


def plane_graph(op: Op, window: Window, multiplier: int = 1) -> Graph:
    """max(op(x), 0.1) for x f32[2, 3, ...], with weights if the op is a convolution."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    operands = [rewriter.input("x", TensorType(DType.F32, (2, 3, *window.spatial)))]
    if isinstance(op, Conv):
        operands.append(rewriter.input("w", TensorType(DType.F32, (3 * multiplier, 1, *window.taps))))
    floor = rewriter.constant(np.full((), 0.1, np.float32))
    rewriter.output("y", rewriter.emit(Maximum(), rewriter.emit(op, *operands), floor))
    return graph


def assert_equals_reference(graph: Graph) -> None:
    operands = [random_array(*value.type.shape, seed=i) for i, value in enumerate(graph.inputs)]
    kernel = load_kernel(graph)
    assert kernel.info.template.startswith("planes/")
    (actual,) = run_kernel(kernel, operands)
    (expected,) = run_graph(graph, operands)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("kind", [MaxPool, SumPool])
def test_pool_equals_reference(kind: type[MaxPool | SumPool], name: str) -> None:
    window = WINDOWS[name]
    op = kind(window.taps, window.strides, window.low, window.high, window.dilations)
    assert_equals_reference(plane_graph(op, window))


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("name", [name for name in WINDOWS if name != "large"])
def test_depthwise_convolution_equals_reference(name: str, multiplier: int) -> None:
    window = WINDOWS[name]
    op = Conv(window.strides, window.low, window.high, window.dilations, 3)
    assert_equals_reference(plane_graph(op, window, multiplier))


def test_a_pool_of_nan_is_nan() -> None:
    graph = plane_graph(MaxPool((5, 5), (1, 1), (2, 2), (2, 2), (1, 1)), square((9, 20), 5))
    x = random_array(2, 3, 9, 20, seed=0)
    x[0, 1, 4, 7] = np.nan
    (actual,) = run_kernel(load_kernel(graph), [x])
    np.testing.assert_array_equal(actual, run_graph(graph, [x])[0])
