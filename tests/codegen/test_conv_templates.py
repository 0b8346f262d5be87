"""The convolution and matrix-product templates over shapes, strides, paddings, tails and epilogues."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.codegen.schedules.conv_blocked import ConvBlocked
from compiler.codegen.space import Choice
from compiler.ir import Graph, Layout, Rewriter, TensorType
from compiler.ir.dtypes import DType
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.binary import Add, Maximum
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.sampling import random_array
from compiler.targets import resolve
from tests.codegen.native import CORTEX_A72
from tests.codegen.task_kernels import (
    HOST,
    check_that_knobs_matter,
    load_kernel,
    load_kernels,
    run_kernel,
    sampled_choices,
)
from tests.codegen.test_computes import assert_close


def conv_graph(x, w, op: Conv, block: int) -> Graph:
    """relu(conv(x, w) + bias + residual) with weights packed in blocks."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    image = rewriter.input("x", TensorType(DType.F32, x))
    weights = rewriter.input("w", TensorType(DType.F32, w, Layout(((0, block),) if block else ())))
    result = rewriter.emit(op, image, weights)
    shape = result.type.shape
    bias = rewriter.input("bias", TensorType(DType.F32, (1, shape[1], *(1 for _ in shape[2:]))))
    residual = rewriter.input("residual", TensorType(DType.F32, shape))
    total = rewriter.emit(Add(), rewriter.emit(Add(), result, bias), residual)
    rewriter.output("y", rewriter.emit(Maximum(), total, rewriter.constant(np.array(0, np.float32))))
    return graph


def conv2d(stride=1, low=0, high=0, dilation=1, groups=1):
    return Conv((stride,) * 2, (low,) * 2, (high,) * 2, (dilation,) * 2, groups)


CASES = {
    "3x3": ((1, 5, 14, 17), (32, 5, 3, 3), conv2d(1, 1, 1), 32),
    "3x3 stride 2": ((2, 5, 15, 16), (16, 5, 3, 3), conv2d(2, 1, 1), 16),
    "stem": ((1, 3, 32, 33), (24, 3, 7, 7), conv2d(2, 3, 3), 16),
    "1x1": ((1, 19, 7, 7), (40, 19, 1, 1), conv2d(), 32),
    "1x1 stride 2": ((1, 8, 9, 9), (16, 8, 1, 1), conv2d(2), 16),
    "dilated": ((1, 4, 12, 40), (8, 4, 3, 3), conv2d(1, 2, 2, 2), 8),
    "grouped": ((1, 12, 9, 9), (24, 4, 3, 3), conv2d(1, 1, 1, 1, 3), 8),
    "few filters": ((1, 6, 8, 30), (3, 6, 3, 3), conv2d(1, 1, 1), 4),
    "large padding": ((1, 2, 4, 4), (8, 2, 3, 3), conv2d(1, 3, 3), 8),
    "padded 1x1": ((1, 5, 6, 6), (24, 5, 1, 1), conv2d(1, 1, 1), 8),
    "one axis": ((1, 6, 50), (16, 6, 5), Conv((2,), (2,), (1,), (1,)), 16),
    "several spans": ((1, 5, 20, 41), (40, 5, 1, 1), conv2d(), 32),
    "several spans of padded rows": ((1, 3, 3, 300), (40, 3, 3, 3), conv2d(1, 1, 1), 32),
    "asymmetric": ((1, 3, 10, 11), (8, 3, 4, 4), conv2d(2, 0, 1), 8),
}


@pytest.mark.parametrize("name", CASES)
def test_conv_direct_equals_reference(name: str) -> None:
    x, w, op, block = CASES[name]
    graph = conv_graph(x, w, op, block)
    operands = [random_array(*v.type.shape, seed=i) for i, v in enumerate(graph.inputs)]
    kernel = load_kernel(graph)
    assert kernel.info.template.startswith("conv_direct/")
    expected = run_graph(graph, operands)
    (actual,) = run_kernel(kernel, operands)
    assert_close(actual / np.abs(expected[0]).max(), expected[0] / np.abs(expected[0]).max())


def blocked_graph(x, w, op: Conv, lanes: int, vectors: int, *, blocked_image: bool) -> Graph:
    """relu(conv(x, w) + bias + residual), with result and residual in blocks of ``lanes`` channels and weights for
    ``vectors`` of them at once."""
    inner, block = lanes if blocked_image else min(lanes, w[1]), vectors * lanes
    vector = Layout(((1, lanes),))
    graph = Graph("task")
    rewriter = Rewriter(graph)
    image = rewriter.input("x", TensorType(DType.F32, x, vector if blocked_image else Layout()))
    result = rewriter.emit(op, image, rewriter.input("w", TensorType(DType.F32, w, Layout(((1, inner), (0, block))))))
    shape = result.type.shape
    bias = rewriter.input("bias", TensorType(DType.F32, (1, shape[1], *(1 for _ in shape[2:])), vector))
    residual = rewriter.input("residual", TensorType(DType.F32, shape, vector))
    total = rewriter.emit(Add(), rewriter.emit(Add(), result, bias), residual)
    relu = rewriter.emit(Maximum(), total, rewriter.constant(np.array(0, np.float32)))
    rewriter.output("y", rewriter.emit(Relayout(vector), relu))
    return graph


BLOCKED_CASES = {
    "narrow": ((1, 20, 9, 4), (32, 20, 3, 3), conv2d(1, 1, 1), 1, True),
    "narrow stride 2": ((2, 16, 11, 7), (48, 16, 3, 3), conv2d(2, 1, 1), 2, True),
    "narrow, all rows at an edge": ((1, 16, 3, 5), (16, 16, 5, 5), conv2d(1, 2, 2), 1, True),
    "3x3": ((1, 40, 9, 33), (64, 40, 3, 3), conv2d(1, 1, 1), 2, True),
    "3x3 stride 2": ((2, 32, 15, 16), (40, 32, 3, 3), conv2d(2, 1, 1), 1, True),
    "stem": ((1, 3, 32, 61), (24, 3, 7, 7), conv2d(2, 3, 3), 2, False),
    "1x1": ((1, 19, 7, 7), (80, 19, 1, 1), conv2d(), 2, True),
    "1x1 of many pixels": ((1, 16, 40, 41), (48, 16, 1, 1), conv2d(), 3, True),
    "1x1 stride 2": ((1, 32, 9, 9), (64, 32, 1, 1), conv2d(2), 4, True),
    "dilated": ((1, 16, 12, 40), (16, 16, 3, 3), conv2d(1, 2, 2, 2), 1, True),
    "grouped": ((1, 48, 9, 9), (96, 16, 3, 3), conv2d(1, 1, 1, 1, 3), 1, True),
    "row-major groups": ((1, 48, 9, 9), (96, 16, 3, 3), conv2d(1, 1, 1, 1, 3), 2, False),
    "few filters": ((1, 6, 8, 30), (3, 6, 3, 3), conv2d(1, 1, 1), 1, True),
    "large padding": ((1, 16, 4, 4), (16, 16, 3, 3), conv2d(1, 3, 3), 1, True),
    "crop": ((1, 16, 8, 9), (16, 16, 3, 3), conv2d(1, -1, -1), 1, True),
    "padded 1x1": ((1, 5, 6, 6), (24, 5, 1, 1), conv2d(1, 1, 1), 1, True),
    "one axis": ((1, 6, 50), (16, 6, 5), Conv((2,), (2,), (1,), (1,)), 1, True),
    "long axis": ((1, 32, 400), (32, 32, 1), Conv((1,), (0,), (0,), (1,)), 1, True),
    "long window": ((1, 1, 176), (34, 1, 64), Conv((16,), (0,), (0,), (1,)), 1, False),
    "wide window": ((1, 20, 5, 30), (32, 20, 1, 12), Conv((1, 2), (0, 0), (0, 1), (1, 1)), 1, True),
}


@pytest.mark.parametrize("name", BLOCKED_CASES)
def test_conv_blocked_equals_reference_whatever_the_configuration(name: str) -> None:
    x, w, op, vectors, blocked_image = BLOCKED_CASES[name]
    graph = blocked_graph(x, w, op, HOST.lanes(4), vectors, blocked_image=blocked_image)
    operands = [random_array(*v.type.shape, seed=i) for i, v in enumerate(graph.inputs)]
    (expected,) = run_graph(graph, operands)
    configs = [None, *sampled_choices(ConvBlocked(), graph, HOST, 3)]
    for kernel in load_kernels([(graph, config) for config in configs]):
        assert kernel.info.template.startswith("conv_blocked/")
        (actual,) = run_kernel(kernel, operands)
        assert_close(actual / np.abs(expected).max(), expected / np.abs(expected).max())


@pytest.mark.parametrize("name", BLOCKED_CASES)
def test_knobs_of_conv_blocked_matter(name: str) -> None:
    x, w, op, vectors, blocked_image = BLOCKED_CASES[name]
    for target in (HOST, CORTEX_A72):
        graph = blocked_graph(x, w, op, target.lanes(4), vectors, blocked_image=blocked_image)
        check_that_knobs_matter(ConvBlocked(), graph, target)


RESNET = {
    "128<-128 3x3/2 28x28": ((1, 128, 56, 56), (128, 128, 3, 3), conv2d(2, 1, 1), 2, True),
    "128<-128 3x3 28x28": ((1, 128, 28, 28), (128, 128, 3, 3), conv2d(1, 1, 1), 2, True),
    "512<-128 1x1 28x28": ((1, 128, 28, 28), (512, 128, 1, 1), conv2d(), 2, True),
    "256<-1024 1x1 14x14": ((1, 1024, 14, 14), (256, 1024, 1, 1), conv2d(), 2, True),
    "2048<-512 1x1 7x7": ((1, 512, 7, 7), (2048, 512, 1, 1), conv2d(), 4, True),
    "64<-3 7x7/2": ((1, 3, 224, 224), (64, 3, 7, 7), conv2d(2, 3, 3), 2, False),
}


@pytest.mark.parametrize("name", RESNET)
def test_spaces_of_real_convolutions_are_rich(name: str) -> None:
    x, w, op, vectors, blocked_image = RESNET[name]
    target = resolve("znver4")
    space = ConvBlocked().space(blocked_graph(x, w, op, 16, vectors, blocked_image=blocked_image), target)
    assert 500 <= space.size <= 4000
    assert space.default in space


def test_a_long_window_may_be_written_out_in_parts() -> None:
    """As the short-time Fourier transform of a sound: there is one channel, and nothing else to unroll."""
    op = Conv((128,), (0,), (0,), (1,))
    graph = blocked_graph((1, 1, 640), (258, 1, 256), op, CORTEX_A72.lanes(4), 4, blocked_image=False)
    space = ConvBlocked().space(graph, CORTEX_A72)
    assert {config["unrolls_taps"] for config in space} == {0, 2, 4, 8, 16}
    assert space.size >= 75


@pytest.mark.parametrize("name", ["1x1", "3x3 stride 2", "edges", "joined rows"])
def test_passes_over_the_channels_change_no_bit(name: str) -> None:
    lanes = HOST.lanes(4)
    x, w, op = {
        "1x1": ((2, 32 * lanes, 5, 9), (3 * lanes, 32 * lanes, 1, 1), conv2d()),
        "3x3 stride 2": ((1, 16 * lanes, 9, 9), (2 * lanes, 16 * lanes, 3, 3), conv2d(2, 1, 1)),
        "edges": ((1, 16 * lanes, 6, 31), (2 * lanes, 16 * lanes, 3, 3), conv2d(1, 2, 2, 2)),
        "joined rows": ((1, 16 * lanes, 9, 4), (16 * lanes, 16 * lanes, 3, 3), conv2d(1, 1, 1)),
    }[name]
    graph = blocked_graph(x, w, op, lanes, 1 if name == "joined rows" else 2, blocked_image=True)
    space = ConvBlocked().space(graph, HOST)
    counts = next(knob.values for knob in space.knobs if knob.name == "passes")
    assert len(counts) > 1
    base = next(config for config in space if (config["rows"] > 1) == (name == "joined rows"))
    operands = [random_array(*v.type.shape, seed=i) for i, v in enumerate(graph.inputs)]
    configs = [{**base, "passes": count} for count in counts]
    kernels = load_kernels([(graph, Choice.of(ConvBlocked.name, config)) for config in configs])
    results = [run_kernel(kernel, operands)[0] for kernel in kernels]
    (expected,) = run_graph(graph, operands)
    assert_close(results[0] / np.abs(expected).max(), expected / np.abs(expected).max())
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_small_tiles_take_channels_in_passes_and_large_ones_do_not() -> None:
    x, w = (1, 1024, 14, 14), (256, 1024, 1, 1)
    for name, vectors, passes in (("znver3", 3, 16), ("znver4", 2, 1), ("arm_cortex_a72", 2, 1)):
        target = resolve(name)
        graph = blocked_graph(x, w, conv2d(), target.lanes(4), vectors, blocked_image=True)
        space = ConvBlocked().space(graph, target)
        assert space.default["passes"] == passes


def test_a_single_filter_makes_no_block() -> None:
    graph = blocked_graph((1, 16, 5, 5), (1, 16, 1, 1), conv2d(), HOST.lanes(4), 1, blocked_image=False)
    assert not ConvBlocked().matches(graph, HOST)


def test_conv_blocked_takes_no_weights_in_larger_blocks_than_the_image() -> None:
    lanes = HOST.lanes(4)
    x, w = (1, lanes + 4, 5, 5), (lanes, lanes + 4, 1, 1)
    graph = Graph("task")
    rewriter = Rewriter(graph)
    image = rewriter.input("x", TensorType(DType.F32, x, Layout(((1, lanes),))))
    weights = rewriter.input("w", TensorType(DType.F32, w, Layout(((1, 2 * lanes), (0, lanes)))))
    result = rewriter.emit(conv2d(), image, weights)
    rewriter.output("y", rewriter.emit(Relayout(Layout(((1, lanes),))), result))
    assert not ConvBlocked().matches(graph, HOST)


MATMULS = {
    "square": ((64, 64), (64, 64), False, 0),
    "tails": ((37, 19), (19, 45), False, 0),
    "one row": ((1, 50), (50, 70), False, 0),
    "one column": ((33, 50), (50, 1), False, 0),
    "batched": ((3, 2, 17, 8), (2, 8, 40), False, 0),
    "transposed": ((2, 30, 16), (2, 41, 16), True, 0),
    "packed": ((100, 24), (96, 24), True, 32),
    "packed tail": ((29, 24), (70, 24), True, 32),
    "packed narrow": ((5, 24), (10, 24), True, 16),
    "packed batch": ((4, 7, 24), (33, 24), True, 16),
}


@pytest.mark.parametrize("name", MATMULS)
def test_matmul_equals_reference(name: str) -> None:
    a, b, transpose, block = MATMULS[name]
    graph = Graph("task")
    rewriter = Rewriter(graph)
    left = rewriter.input("a", TensorType(DType.F32, a))
    layout = Layout(((0, block),)) if block else Layout()
    right = rewriter.input("b", TensorType(DType.F32, b, layout))
    product = rewriter.emit(MatMul(transpose), left, right)
    bias = rewriter.input("bias", TensorType(DType.F32, product.type.shape[-1:]))
    rewriter.output("y", rewriter.emit(Add(), product, bias))
    operands = [random_array(*v.type.shape, seed=i) for i, v in enumerate(graph.inputs)]
    kernel = load_kernel(graph)
    assert kernel.info.template.startswith("matmul_tiled/")
    expected = run_graph(graph, operands)
    (actual,) = run_kernel(kernel, operands)
    np.testing.assert_allclose(actual, expected[0], rtol=1e-4, atol=1e-4)


PLANES = {
    "3x3": ((2, 5, 14, 33), conv2d(1, 1, 1, 1, 5), 5),
    "stride 2": ((1, 6, 15, 40), conv2d(2, 1, 1, 1, 6), 6),
    "multiplier": ((1, 3, 9, 9), conv2d(1, 1, 1, 1, 3), 6),
    "dilated": ((1, 4, 9, 20), conv2d(1, 2, 2, 2, 4), 4),
    "no padding": ((1, 4, 9, 20), conv2d(1, 0, 0, 1, 4), 4),
}


@pytest.mark.parametrize("name", PLANES)
def test_depthwise_equals_reference(name: str) -> None:
    x, op, filters = PLANES[name]
    graph = conv_graph(x, (filters, 1, 3, 3), op, 0)
    operands = [random_array(*v.type.shape, seed=i) for i, v in enumerate(graph.inputs)]
    kernel = load_kernel(graph)
    assert kernel.info.template.startswith("planes/")
    (actual,) = run_kernel(kernel, operands)
    assert_close(actual, run_graph(graph, operands)[0])


PIXELS = {
    "square": ((1, 16, 12, 20), (24, 16, 1, 1), 1),
    "tails": ((2, 5, 7, 9), (13, 5, 1, 1), 1),
    "one axis": ((1, 6, 50), (7, 6, 1), 1),
    "groups": ((2, 12, 5, 9), (21, 4, 1, 1), 3),
    "groups of one filter": ((1, 12, 5, 9), (3, 4, 1, 1), 3),
}


@pytest.mark.parametrize("name", PIXELS)
def test_pixelwise_convolution_equals_reference(name: str) -> None:
    x, w, groups = PIXELS[name]
    axes = len(x) - 2
    graph = conv_graph(x, w, Conv((1,) * axes, (0,) * axes, (0,) * axes, (1,) * axes, groups), 0)
    operands = [random_array(*v.type.shape, seed=i) for i, v in enumerate(graph.inputs)]
    kernel = load_kernel(graph)
    assert kernel.info.template.startswith("conv_pixels/")
    (actual,) = run_kernel(kernel, operands)
    np.testing.assert_allclose(actual, run_graph(graph, operands)[0], rtol=1e-4, atol=1e-5)
