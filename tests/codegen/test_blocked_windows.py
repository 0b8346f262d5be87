"""Depthwise convolutions and pools on blocked activations, over strides, paddings, windows and tails of channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from compiler.codegen.schedules import Template
from compiler.codegen.schedules.depthwise_blocked import DepthwiseBlocked
from compiler.ir import DType, Graph, Layout, Rewriter, Shape, TensorType, Value
from compiler.ir.ops.binary import Add, Maximum
from compiler.ir.ops.contraction import Conv
from tests.codegen.blocked_regions import LANES, blocked_region, blocked_type, check_blocked, per_channel
from tests.codegen.task_kernels import HOST, Choice


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
    """The default, and the narrowest, the widest and a middling tile for spans of one row and of several."""
    tiles = template.space(graph, HOST).knobs[0].values
    some = sorted({min(tiles), max(tiles), tiles[len(tiles) // 2]})
    return [None, *((template.name, {"tile": tile, "span": span}) for tile in some for span in (1, 3))]


def depthwise_region(window: Window) -> Graph:
    """relu(conv(x, w) + bias + residual)."""
    channels = window.x[1]

    def result(rewriter: Rewriter) -> Value:
        x = rewriter.input("x", blocked_type(*window.x))
        weights = TensorType(DType.F32, (channels, 1, *window.taps), Layout(((0, LANES),)))
        op = Conv(window.strides, window.low, window.high, window.dilations, channels)
        total = rewriter.emit(op, x, rewriter.input("w", weights))
        shape = total.type.shape
        total = rewriter.emit(Add(), total, rewriter.input("bias", blocked_type(*per_channel(shape))))
        total = rewriter.emit(Add(), total, rewriter.input("residual", blocked_type(*shape)))
        return rewriter.emit(Maximum(), total, rewriter.constant(np.array(0, np.float32)))

    return blocked_region(result)


@pytest.mark.parametrize("name", WINDOWS)
def test_depthwise_equals_reference_in_all_tilings(name: str) -> None:
    graph = depthwise_region(WINDOWS[name])
    check_blocked(graph, "depthwise_blocked", tilings(DepthwiseBlocked(), graph))
