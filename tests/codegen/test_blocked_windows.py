"""Depthwise convolutions and pools on blocked activations, over strides, paddings, windows and tails of channels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from compiler.codegen.schedules import Template
from compiler.codegen.schedules.depthwise_blocked import DepthwiseBlocked
from compiler.codegen.schedules.pool_blocked import PoolBlocked
from compiler.codegen.space import Choice
from compiler.ir import ROW_MAJOR, DType, Graph, Layout, Rewriter, Shape, TensorType, Value
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.binary import Add, Maximum, Mul
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.pooling import MaxPool, Pool, SumPool
from compiler.ir.ops.reduction import Reduce, ReduceMax, ReduceSum
from compiler.ir.ops.sampling import random_array
from compiler.ir.ops.unary import Abs
from tests.codegen.blocked_regions import (
    LANES,
    blocked_region,
    blocked_type,
    check_blocked,
    per_channel,
    row_major_region,
)
from tests.codegen.task_kernels import HOST, load_kernel, run_kernel


@dataclass(frozen=True)
class Window:
    """A window op on ``x``, blocked activations."""

    x: Shape
    taps: tuple[int, ...]
    strides: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    dilations: tuple[int, ...]


def square(x: Shape, taps: int, stride: int = 1, low: int = 0, high: int = 0, dilation: int = 1) -> Window:
    """A window that treats both axes alike."""
    return Window(x, (taps,) * 2, (stride,) * 2, (low,) * 2, (high,) * 2, (dilation,) * 2)


WINDOWS = {
    "3x3": square((1, 32, 9, 33), 3, 1, 1, 1),
    "3x3 stride 2": square((2, 16, 15, 40), 3, 2, 1, 1),
    "tail of channels": square((2, 37, 7, 7), 3, 1, 1, 1),
    "fewer channels than lanes": square((1, 3, 8, 9), 3, 2, 0, 1),
    "no padding": square((1, 16, 9, 35), 3, 2),
    "5x5": square((1, 16, 14, 14), 5, 1, 2, 2),
    "5x5 stride 2": square((1, 16, 14, 15), 5, 2, 2, 2),
    "dilated": square((1, 16, 20, 37), 3, 1, 2, 2, 2),
    "stride wider than the window": square((1, 16, 9, 21), 1, 4),
    "narrow": square((1, 16, 5, 3), 3, 1, 1, 1),
    "one column": square((1, 16, 5, 1), 3, 1, 1, 1),
    "window as large as the image": square((1, 16, 5, 5), 5, 1, 2, 2),
    "more padding than window": square((1, 16, 4, 4), 3, 1, 3, 3),
    "crop": square((1, 16, 8, 9), 3, 1, -1, -1),
    "one axis": Window((2, 24, 50), (5,), (2,), (2,), (1,), (1,)),
    "asymmetric": Window((1, 16, 10, 11), (3, 4), (2, 1), (0, 1), (1, 2), (1, 2)),
}


def tilings(template: Template, graph: Graph) -> list[Choice | None]:
    """The default, the narrowest and the widest tile, and a middling one, for spans of one row and of several."""
    tiles = template.space(graph, HOST).knobs[0].values
    some = {min(tiles): 3, max(tiles): 1, tiles[len(tiles) // 2]: 2}
    return [None, *(Choice.of(template.name, {"tile": tile, "span": span}) for tile, span in some.items())]


def depthwise_region(window: Window, lanes: int = LANES) -> Graph:
    """relu(conv(x, w) + bias + residual)."""
    channels = window.x[1]

    def result(rewriter: Rewriter) -> Value:
        x = rewriter.input("x", blocked_type(*window.x, lanes=lanes))
        weights = TensorType(DType.F32, (channels, 1, *window.taps), Layout(((0, lanes),)))
        op = Conv(window.strides, window.low, window.high, window.dilations, channels)
        total = rewriter.emit(op, x, rewriter.input("w", weights))
        shape = total.type.shape
        total = rewriter.emit(Add(), total, rewriter.input("bias", blocked_type(*per_channel(shape), lanes=lanes)))
        total = rewriter.emit(Add(), total, rewriter.input("residual", blocked_type(*shape, lanes=lanes)))
        return rewriter.emit(Maximum(), total, rewriter.constant(np.array(0, np.float32)))

    return blocked_region(result, lanes)


@pytest.mark.parametrize("name", WINDOWS)
def test_depthwise_equals_reference_in_all_tilings(name: str) -> None:
    graph = depthwise_region(WINDOWS[name])
    check_blocked(graph, "depthwise_blocked", tilings(DepthwiseBlocked(), graph))


def pool_region(kind: type[Pool], window: Window, lanes: int = LANES) -> Graph:
    """kind(x * scale) * reciprocal + residual: a prologue per channel, an average per pixel, a sum."""

    def result(rewriter: Rewriter) -> Value:
        x = rewriter.input("x", blocked_type(*window.x, lanes=lanes))
        scale = rewriter.input("scale", blocked_type(*per_channel(window.x), lanes=lanes))
        scaled = rewriter.emit(Mul(), x, scale)
        total = rewriter.emit(kind(window.taps, window.strides, window.low, window.high, window.dilations), scaled)
        shape = total.type.shape
        reciprocal = rewriter.input("reciprocal", TensorType(DType.F32, (1, 1, *shape[2:])))
        residual = rewriter.input("residual", blocked_type(*shape, lanes=lanes))
        return rewriter.emit(Add(), rewriter.emit(Mul(), total, reciprocal), residual)

    return blocked_region(result, lanes)


def can_pool(window: Window) -> bool:
    """Whether pools have such padding, and a tap for every result: infinities have no average."""
    padded = max((*window.low, *window.high))
    return min((*window.low, *window.high)) >= 0 and padded < min(window.taps)


@pytest.mark.parametrize("kind", [MaxPool, SumPool])
@pytest.mark.parametrize("name", [name for name, window in WINDOWS.items() if can_pool(window)])
def test_pool_equals_reference_in_all_tilings(kind: type[Pool], name: str) -> None:
    graph = pool_region(kind, WINDOWS[name])
    check_blocked(graph, "pool_blocked", tilings(PoolBlocked(), graph))


def test_a_pool_of_nan_is_nan_and_of_padding_alone_is_the_lowest() -> None:
    window = square((1, LANES, 9, 20), 2, 1, 2, 2)
    op = MaxPool(window.taps, window.strides, window.low, window.high, window.dilations)
    graph = blocked_region(lambda rewriter: rewriter.emit(op, rewriter.input("x", blocked_type(*window.x))))
    x = random_array(*window.x)
    x[0, 1, 4, 7] = np.nan
    (actual,) = run_kernel(load_kernel(graph), [x])
    np.testing.assert_array_equal(actual, run_graph(graph, [x])[0])


GLOBAL_POOLS = {
    "7x7": (2, 48, 7, 7),
    "one row": (1, 16, 1, 37),
    "one column": (1, 16, 19, 1),
    "wide": (1, 32, 5, 40),
    "tail of channels": (2, 37, 6, 9),
    "fewer channels than lanes": (1, 5, 4, 4),
    "one axis": (2, 24, 11),
    "three axes": (1, 20, 3, 4, 5),
}


def global_pool_region(kind: type[Reduce], shape: Shape, *, keep: bool, blocked: bool, lanes: int = LANES) -> Graph:
    """kind(|x|) * 1/pixels + bias."""

    def result(rewriter: Rewriter) -> Value:
        size = rewriter.emit(Abs(), rewriter.input("x", blocked_type(*shape, lanes=lanes)))
        total = rewriter.emit(kind(tuple(range(2, len(shape))), keep), size)
        pixels = np.array(1 / math.prod(shape[2:]), np.float32)
        mean = rewriter.emit(Mul(), total, rewriter.constant(pixels))
        layout = Layout(((1, lanes),)) if blocked else ROW_MAJOR
        return rewriter.emit(
            Add(), mean, rewriter.input("bias", TensorType(DType.F32, (1, *mean.type.shape[1:]), layout))
        )

    return blocked_region(result, lanes) if blocked else row_major_region(result)


@pytest.mark.parametrize("blocked", [True, False], ids=["blocked", "row-major"])
@pytest.mark.parametrize("keep", [True, False], ids=["keep", "drop"])
@pytest.mark.parametrize("name", GLOBAL_POOLS)
def test_global_pool_equals_reference(name: str, keep: bool, blocked: bool) -> None:
    for kind, chains in ((ReduceSum, 1), (ReduceMax, 16)):
        graph = global_pool_region(kind, GLOBAL_POOLS[name], keep=keep, blocked=blocked)
        check_blocked(graph, "global_pool_blocked", [None, Choice.of("global_pool_blocked", {"chains": chains})])
