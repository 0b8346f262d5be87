"""Graphs of any size in the shapes that make careless passes quadratic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compiler.ir import DType, Graph, Rewriter, TensorType, Value
from compiler.ir.ops import binary, movement, unary
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.reduction import ReduceMax, ReduceSum
from compiler.ir.ops.sampling import random_array

IMAGE = TensorType(DType.F32, (1, 4, 6, 6))


def long_chain(nodes: int) -> Graph:
    """Elementwise ops in a row, some of which undo each other, with one constant that all share."""

    def build(rewriter: Rewriter, x: Value) -> None:
        two = rewriter.constant(np.array(2, np.float32))
        for number in range(nodes // 3):
            x = rewriter.emit((unary.Neg() if number % 3 else unary.Tanh()), x)
            x = rewriter.emit(unary.Neg(), x)
            x = rewriter.emit(binary.Mul(), two, x)
        rewriter.output("y", x)

    return _graph(build)


def wide_fan(nodes: int) -> Graph:
    """One value with very many users, which meet in one concat and in one sum."""

    def build(rewriter: Rewriter, x: Value) -> None:
        x = rewriter.emit(unary.Tanh(), x)
        branches: list[Value] = []
        for number in range(nodes // 3):
            shift = rewriter.constant(np.array(number, np.float32))
            branches.append(rewriter.emit(unary.Exp(), rewriter.emit(binary.Add(), shift, x)))
        rewriter.output("joined", rewriter.emit(movement.Concat(0), *branches))

    return _graph(build)


def shape_chains(nodes: int) -> Graph:
    """Shape arithmetic, as exporters write it before every reshape, between transposes that cancel."""

    def build(rewriter: Rewriter, x: Value) -> None:
        for number in range(nodes // 10):
            shape = rewriter.emit(movement.ShapeOf(), x)
            index = rewriter.constant(np.array(number % 2, np.int64))
            size = rewriter.emit(movement.Reshape((1,)), rewriter.emit(Gather(0), shape, index))
            sizes = rewriter.emit(movement.Concat(0), size, rewriter.constant(np.array([-1], np.int64)))
            scale = rewriter.emit(unary.Cast(DType.F32), rewriter.emit(movement.Slice((0,), (1,), (1,)), sizes))
            x = rewriter.emit(movement.Transpose((0, 2, 3, 1)), x)
            x = rewriter.emit(movement.Transpose((0, 3, 1, 2)), rewriter.emit(unary.Tanh(), x))
            x = rewriter.emit(binary.Add(), x, scale)
        rewriter.output("y", x)

    return _graph(build)


def residual_network(nodes: int) -> Graph:
    """Blocks of convolution, batch normalization and activation with skip connections, and softmax heads."""

    def build(rewriter: Rewriter, x: Value) -> None:
        weights = random_array(4, 4, 1, 1)
        op = Conv((1, 1), (0, 0), (0, 0), (1, 1))
        for number in range(nodes // 17):
            y = rewriter.emit(op, x, rewriter.constant(weights + np.float32(number)))
            y = rewriter.emit(binary.Mul(), y, rewriter.constant(random_array(1, 4, 1, 1, seed=number)))
            y = rewriter.emit(binary.Add(), y, rewriter.constant(random_array(1, 4, 1, 1, seed=nodes + number)))
            y = rewriter.emit(binary.Maximum(), y, rewriter.constant(np.array(0, np.float32)))
            powers = rewriter.emit(unary.Exp(), rewriter.emit(binary.Sub(), y, rewriter.emit(ReduceMax((3,)), y)))
            y = rewriter.emit(binary.Div(), powers, rewriter.emit(ReduceSum((3,)), powers))
            x = rewriter.emit(binary.Add(), x, y)
        rewriter.output("y", x)

    return _graph(build)


def _graph(build: Callable[[Rewriter, Value], None]) -> Graph:
    graph = Graph("large")
    rewriter = Rewriter(graph)
    build(rewriter, rewriter.input("x", IMAGE))
    return graph
