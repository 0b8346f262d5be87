"""Pointwise ops, index maps and resamplings on blocked activations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from compiler.codegen.schedules import SCHEDULES
from compiler.codegen.space import Choice
from compiler.ir import DType, Graph, Rewriter, TensorType, Value
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.binary import Add, Maximum, Mul
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.movement import Broadcast, Pad, Reshape, Slice, Tile, Transpose
from compiler.ir.ops.resampling import Resample
from compiler.ir.ops.unary import Cast, Sigmoid
from tests.codegen.blocked_regions import (
    BLOCKED,
    LANES,
    blocked_region,
    blocked_type,
    check_blocked,
    check_results,
    random_operands,
)
from tests.codegen.task_kernels import HOST, load_kernel, packed_operands

CHOICES = [None, Choice.of("elementwise_blocked", {"vectors": 1}), Choice.of("elementwise_blocked", {"vectors": 8})]
SHAPES = {
    "image": (2, 3 * LANES, 5, 7),
    "tail of channels": (1, 2 * LANES + 5, 6, 11),
    "few channels": (1, 3, 4, 4),
    "one pixel": (1, 40, 1, 1),
    "one axis": (2, 24, 300),
    "several chunks": (1, LANES, 30, 31),
    "whole chunks": (1, LANES, 2, 256),
    "rows of a matrix": (3, 40),
    "volume": (1, 20, 3, 4, 5),
}


@pytest.mark.parametrize("name", SHAPES)
def test_flat_pointwise_region_equals_reference(name: str) -> None:
    """sigmoid(x) * x + 1."""

    def result(rewriter: Rewriter) -> Value:
        x = rewriter.input("x", blocked_type(*SHAPES[name]))
        one = rewriter.constant(np.array(1, np.float32))
        return rewriter.emit(Add(), rewriter.emit(Mul(), rewriter.emit(Sigmoid(), x), x), one)

    check_blocked(
        blocked_region(result), "elementwise_blocked", [None, Choice.of("elementwise_blocked", {"vectors": 1})]
    )


@pytest.mark.parametrize("name", SHAPES)
def test_operands_per_channel_and_per_pixel_equal_reference(name: str) -> None:
    """max(x * scale + mask, bias): scale per channel and image, mask per pixel, bias without an axis of images."""
    shape = SHAPES[name]

    def result(rewriter: Rewriter) -> Value:
        x = rewriter.input("x", blocked_type(*shape))
        scale = rewriter.input("scale", blocked_type(*shape[:2], *(1 for _ in shape[2:])))
        mask = rewriter.input("mask", TensorType(DType.F32, (shape[0], 1, *shape[2:])))
        total = rewriter.emit(Add(), rewriter.emit(Mul(), x, scale), mask)
        if shape[1] % LANES:
            return total
        bias = rewriter.input("bias", TensorType(DType.F32, (shape[1], *(1 for _ in shape[2:]))))
        return rewriter.emit(Maximum(), total, bias)

    check_blocked(blocked_region(result), "elementwise_blocked", CHOICES)


@pytest.mark.parametrize("per_channel", [False, True])
def test_the_result_may_overwrite_an_operand(per_channel: bool) -> None:
    shape = (1, 3 * LANES, 9, 40)

    def result(rewriter: Rewriter) -> Value:
        x = rewriter.input("x", blocked_type(*shape))
        other = rewriter.input("other", blocked_type(*(shape[:2] if per_channel else shape), *(1, 1) * per_channel))
        return rewriter.emit(Add(), x, other)

    graph = blocked_region(result)
    operands = random_operands(graph)
    kernel = load_kernel(graph)
    assert kernel.info.in_place == ((0,) if per_channel else (0, 1))
    x, other = packed_operands(graph, operands)
    kernel.call([x, other, x], 0, kernel.info.extent)
    (expected,) = run_graph(graph, operands)
    check_results([x], packed_operands(graph, [expected, expected])[:1])


def test_other_element_types_equal_reference() -> None:
    """i8(x) + y for whole blocks of f32 and i8."""

    def result(rewriter: Rewriter) -> Value:
        x = rewriter.input("x", blocked_type(1, 2 * LANES, 3, 5))
        y = rewriter.input("y", TensorType(DType.I8, (1, 2 * LANES, 1, 1), BLOCKED))
        return rewriter.emit(Add(), rewriter.emit(Cast(DType.I8), x), y)

    check_blocked(blocked_region(result), "elementwise_blocked")


def upsampled(rewriter: Rewriter, x: Value) -> Value:
    """Nearest neighbour, twice the rows and three times the columns, as a frontend writes it."""
    n, c, h, w = x.type.shape
    split = rewriter.emit(Reshape((n, c, h, 1, w, 1)), x)
    return rewriter.emit(Reshape((n, c, 2 * h, 3 * w)), rewriter.emit(Broadcast((n, c, h, 2, w, 3)), split))


def resampled(rewriter: Rewriter, x: Value) -> Value:
    """Both axes to other lengths, by two taps each from anywhere."""
    for axis, size in ((2, 12), (3, 9)):
        indices = rewriter.input(f"indices{axis}", TensorType(DType.I64, (size, 2)))
        x = rewriter.emit(Resample(axis), x, indices, rewriter.input(f"w{axis}", TensorType(DType.F32, (size, 2))))
    return x


Move = Callable[[Rewriter, Value], Value]
MOVES: dict[str, Move] = {
    "slice": lambda r, x: r.emit(Slice((0, 0, 1, 2), (1, x.type.shape[1], 4, 5), (1, 1, 1, 2)), x),
    "slice of channels": lambda r, x: r.emit(Slice((0, LANES, 0, 0), (1, LANES + 2, 6, 13), (1, 1, 1, 1)), x),
    "reversed rows": lambda r, x: r.emit(Slice((0, 0, 5, 0), x.type.shape, (1, 1, -1, 1)), x),
    "pad": lambda r, x: r.emit(Pad((0, 0, 1, 2), (0, 0, 0, 3)), x, r.constant(np.array(0.5, np.float32))),
    "reflect": lambda r, x: r.emit(Pad((0, 0, 2, 0), (0, 0, 1, 3), "reflect"), x),
    "tile": lambda r, x: r.emit(Tile((2, 1, 1, 2)), x),
    "rows and columns swapped": lambda r, x: r.emit(Transpose((0, 1, 3, 2)), x),
    "gather of columns": lambda r, x: r.emit(Gather(3), x, r.input("i", TensorType(DType.I64, (4, 2)))),
    "flat image": lambda r, x: r.emit(Reshape((1, x.type.shape[1], 78)), x),
    "nearest neighbour": upsampled,
    "linear": resampled,
}


@pytest.mark.parametrize("channels", [3 * LANES, 2 * LANES + 3])
@pytest.mark.parametrize("name", MOVES)
def test_index_maps_equal_reference(name: str, channels: int) -> None:
    """move(sigmoid(x)) + residual."""

    def result(rewriter: Rewriter) -> Value:
        x = rewriter.input("x", blocked_type(1, channels, 6, 13))
        moved = MOVES[name](rewriter, rewriter.emit(Sigmoid(), x))
        return rewriter.emit(Add(), moved, rewriter.input("residual", blocked_type(*moved.type.shape)))

    check_blocked(blocked_region(result), "elementwise_blocked", CHOICES)


def other_template(result: Callable[[Rewriter], Value]) -> bool:
    """Whether no template for blocks takes the region."""
    graph: Graph = blocked_region(result)
    return not any(t.matches(graph, HOST) for t in SCHEDULES if t.name == "elementwise_blocked")


MIXED: dict[str, Move] = {
    "channels repeated": lambda r, x: r.emit(Tile((1, 2, 1, 1)), x),
    "channels padded": lambda r, x: r.emit(Pad((0, 1, 0, 0), (0, 0, 0, 0)), x, r.constant(np.array(0.5, np.float32))),
    "channels from the middle of a block": lambda r, x: r.emit(Slice((0, 1, 0, 0), (1, LANES, 6, 13), (1,) * 4), x),
    "channels and rows swapped": lambda r, x: r.emit(Transpose((0, 2, 1, 3)), x),
    "channels joined with rows": lambda r, x: r.emit(Reshape((1, 6 * x.type.shape[1], 13)), x),
    "another layout": lambda r, x: r.emit(Add(), x, r.input("y", TensorType(DType.F32, (1, 1, 6, 13), BLOCKED))),
}


@pytest.mark.parametrize("name", MIXED)
def test_regions_that_move_elements_between_channels_are_not_taken(name: str) -> None:
    assert other_template(lambda r: MIXED[name](r, r.input("x", blocked_type(1, 2 * LANES + 1, 6, 13))))
