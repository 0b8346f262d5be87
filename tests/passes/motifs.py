"""A hypothesis strategy for what passes look for: movements, reductions and elementwise ops on one tensor.

Attributes are drawn to fit the values at hand, so that chains get long: pairs of transposes, slices of
slices, broadcasts, softmax-like diamonds. ``tests.ir.strategies`` covers the whole op table, but meets few
patterns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from compiler.ir import DType, Graph, Rewriter, Shape, TensorType, Value
from compiler.ir.op import Op
from compiler.ir.ops import binary, movement, reduction, unary
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.indexing import Gather
from compiler.ir.ops.pooling import MaxPool, SumPool
from compiler.ir.ops.sampling import random_array

_MAX_ELEMENTS = 2048
_UNARY = (unary.Neg(), unary.Abs(), unary.Exp(), unary.Sigmoid(), unary.Sqrt(), unary.Floor())
_BINARY = (binary.Add(), binary.Sub(), binary.Mul(), binary.Div(), binary.Maximum(), binary.Minimum())
_NUMBERS = (0.0, -0.0, 1.0, 2.0, -1.0, 0.5, 3.0, float("inf"), -float("inf"))
_SIZES = st.sampled_from((1, 1, 2, 3, 6))


ARITHMETIC = ("unary", "number", "number", "binary")
VIEWS = ("reshape", "transpose", "broadcast", "tile", "reduce", "unary", "binary", "number")
SLICES = ("slice", "slice", "pad", "concat", "gather", "unary")
TURNS = ("transpose", "sandwich", "sandwich", "unary", "binary", "number", "reduce", "concat")
KERNELS = ("softmax", "unary", "binary", "number", "transpose", "slice", "reduce", "broadcast")
NETWORKS = ("convolution", "convolution", "matmul", "pad", "concat", "unary", "number", "binary", "sandwich")
ALL = tuple(dict.fromkeys((*VIEWS, *SLICES, *TURNS, *KERNELS, *NETWORKS)))
"""Families of steps; a step stands twice where it should come twice as often."""


@st.composite
def motif_graphs(draw: st.DrawFn, steps: Sequence[str], max_steps: int = 10, exact: bool = True) -> Graph:
    """A float32 graph of the given ``steps`` with one input ``x`` of rank 1 to 4.

    Without ``exact`` there is nothing that jumps or overflows, and the rank is 4.
    """
    graph = Graph("motif")
    builder = _Motif(draw, Rewriter(graph), exact)
    methods = [getattr(builder, name) for name in steps]
    shape = tuple(draw(st.lists(_SIZES, min_size=1 if exact else 4, max_size=4)))
    builder.values.append(builder.rewriter.input("x", TensorType(DType.F32, shape)))
    for _ in range(draw(st.integers(1, max_steps))):
        builder.step(draw(st.sampled_from(methods)))
    unused = [node.result for node in graph if not node.result.uses]
    for number, value in enumerate(unused):
        builder.rewriter.output(f"y{number}", value)
    return graph


class _Motif:
    def __init__(self, draw: st.DrawFn, rewriter: Rewriter, exact: bool) -> None:
        self.draw = draw
        self.rewriter = rewriter
        self.values: list[Value] = []
        self.jumps = exact

    def step(self, method: Callable[[Value], Value | None]) -> None:
        """Apply one op to a value, most often the newest."""
        recent = self.draw(st.booleans())
        x = self.values[-1] if recent else self.draw(st.sampled_from(self.values))
        result = method(x)
        if result is not None:
            self.values.append(result)

    def emit(self, op: Op, *operands: Value) -> Value:
        return self.rewriter.emit(op, *operands)

    def transpose(self, x: Value) -> Value:
        return self.emit(movement.Transpose(tuple(self.draw(st.permutations(range(x.type.rank))))), x)

    def reshape(self, x: Value) -> Value:
        shapes: list[Shape] = [(x.type.elements,), (*x.type.shape, 1), (1, *x.type.shape)]
        shapes += [tuple(size for size in x.type.shape if size != 1)]
        shapes += [
            (*x.type.shape[:axis], math.prod(x.type.shape[axis : axis + 2]), *x.type.shape[axis + 2 :])
            for axis in range(x.type.rank - 1)
        ]
        return self.emit(movement.Reshape(self.draw(st.sampled_from(shapes))), x)

    def broadcast(self, x: Value) -> Value | None:
        sizes = [self.draw(_SIZES) if size == 1 else size for size in x.type.shape]
        return self.grown(movement.Broadcast((*self.draw(st.sampled_from(((), (1,), (2,)))), *sizes)), x)

    def grown(self, op: Op, *operands: Value) -> Value | None:
        """The result of an op that enlarges, unless it would be too large."""
        (type_,) = op.infer(*(operand.type for operand in operands))
        small = type_.elements <= _MAX_ELEMENTS and type_.rank <= 5
        return self.emit(op, *operands) if small else None

    def slice(self, x: Value) -> Value:
        starts, sizes, steps = [], [], []
        for size in x.type.shape:
            step = self.draw(st.sampled_from((1, 1, 2, -1)))
            start = self.draw(st.integers(0, size - 1)) if size else 0
            reach = (size - 1 - start) if step > 0 else start
            starts.append(start)
            steps.append(step)
            sizes.append(self.draw(st.integers(1, reach // abs(step) + 1)) if size else 0)
        return self.emit(movement.Slice(tuple(starts), tuple(sizes), tuple(steps)), x)

    def pad(self, x: Value) -> Value | None:
        pads = st.lists(st.integers(0, 1), min_size=x.type.rank, max_size=x.type.rank)
        value = self.rewriter.constant(np.array(self.draw(st.sampled_from((0.0, 1.0, -np.inf))), np.float32))
        return self.grown(movement.Pad(tuple(self.draw(pads)), tuple(self.draw(pads))), x, value)

    def concat(self, x: Value) -> Value | None:
        if x.type.rank == 0:
            return None
        alike = [value for value in self.values if value.type == x.type]
        parts = self.draw(st.lists(st.sampled_from(alike), min_size=1, max_size=2))
        return self.grown(movement.Concat(self.draw(st.integers(0, x.type.rank - 1))), x, *parts)

    def tile(self, x: Value) -> Value | None:
        return self.grown(movement.Tile(tuple(self.draw(st.integers(1, 2)) for _ in x.type.shape)), x)

    def gather(self, x: Value) -> Value | None:
        if x.type.rank == 0 or x.type.elements == 0:
            return None
        axis = self.draw(st.integers(0, x.type.rank - 1))
        size = x.type.shape[axis]
        shape = self.draw(st.sampled_from(((), (1,), (2,), (3,))))
        indices = [self.draw(st.integers(-size, size - 1)) for _ in range(math.prod(shape))]
        constant = self.rewriter.constant(np.array(indices, np.int64).reshape(shape))
        return self.grown(Gather(axis), x, constant)

    def reduce(self, x: Value) -> Value:
        kinds = (reduction.ReduceSum, reduction.ReduceMax, reduction.ReduceMin)
        axes = sorted(self.draw(st.sets(st.integers(0, x.type.rank - 1)))) if x.type.rank else []
        return self.emit(self.draw(st.sampled_from(kinds))(tuple(axes), self.draw(st.booleans())), x)

    def unary(self, x: Value) -> Value:
        ops = _UNARY if self.jumps else _UNARY[:-2]
        return self.emit(self.draw(st.sampled_from(ops)), x)

    def binary(self, x: Value) -> Value | None:
        """With another value that broadcasts to its shape, or the same."""
        others = [value for value in self.values if _broadcasts(value.type.shape, x.type.shape)]
        operands = [x, self.draw(st.sampled_from(others))]
        ops = _BINARY if self.jumps else tuple(op for op in _BINARY if not isinstance(op, binary.Div))
        return self.emit(self.draw(st.sampled_from(ops)), *self.draw(st.permutations(operands)))

    def number(self, x: Value) -> Value:
        """With a constant: a scalar, a splat, or one that varies."""
        number = self.draw(st.sampled_from(_NUMBERS if self.jumps else _NUMBERS[:7]))
        shape = self.draw(st.sampled_from(((), x.type.shape, (1,) * x.type.rank, x.type.shape[-1:])))
        array = np.full(shape, number, np.float32)
        if self.draw(st.booleans()) and array.size > 1:
            array = random_array(*shape)
        operands = [x, self.rewriter.constant(array)]
        ops = _BINARY if self.jumps else tuple(op for op in _BINARY if not isinstance(op, binary.Div))
        if number == 0:  # nobody says which zero is the larger one, and 0 / 0 is of no interest
            ops = _BINARY[:3]
        return self.emit(self.draw(st.sampled_from(ops)), *self.draw(st.permutations(operands)))

    def softmax(self, x: Value) -> Value | None:
        if x.type.rank == 0:
            return None
        axes = (x.type.rank - 1,) if self.draw(st.booleans()) else (0,)
        largest = self.emit(reduction.ReduceMax(axes), x)
        powers = self.emit(unary.Exp(), self.emit(binary.Sub(), x, largest))
        total = self.emit(reduction.ReduceSum(axes), powers)
        return self.emit(binary.Div(), powers, total)

    def sandwich(self, x: Value) -> Value:
        """Some elementwise ops between a transpose and its inverse."""
        permutation = self.draw(st.permutations(range(x.type.rank)))
        turned = y = self.emit(movement.Transpose(tuple(permutation)), x)
        for _ in range(self.draw(st.integers(1, 3))):
            step = self.draw(st.sampled_from((self.unary, self.number)))
            y = self.emit(binary.Add(), y, turned) if self.draw(st.booleans()) else step(y)
        if y.type.rank != x.type.rank:
            return y
        back = sorted(range(x.type.rank), key=permutation.__getitem__)
        return self.emit(movement.Transpose(tuple(back)), y)

    def matmul(self, x: Value) -> Value | None:
        if x.type.rank < 2:
            return None
        transposed, k = self.draw(st.booleans()), x.type.shape[-1]
        weights = random_array(*((3, k) if transposed else (k, 3)))
        return self.emit(MatMul(transpose_b=transposed), x, self.rewriter.constant(weights))

    def convolution(self, x: Value) -> Value | None:
        """A pool, or a convolution with its batch normalization."""
        if x.type.rank != 4 or x.type.elements == 0:
            return None
        low, high = self.draw(st.sampled_from((((0, 0), (0, 0)), ((1, 0), (0, 1)))))
        kind = self.draw(st.sampled_from(("conv", "conv", "max", "sum")))
        if kind != "conv":
            return self.emit((MaxPool if kind == "max" else SumPool)((1, 1), (1, 1), low, high, (1, 1)), x)
        weights = self.rewriter.constant(random_array(2, x.type.shape[1], 1, 1))
        y = self.emit(Conv((1, 1), low, high, (1, 1)), x, weights)
        for _ in range(self.draw(st.integers(0, 3))):
            op = self.draw(st.sampled_from((binary.Add(), binary.Mul())))
            shape = self.draw(st.sampled_from(((2, 1, 1), (1, 2, 1, 1), ())))
            y = self.emit(op, y, self.rewriter.constant(random_array(*shape)))
        return y


def _broadcasts(shape: Shape, wanted: Shape) -> bool:
    tail = wanted[len(wanted) - len(shape) :]
    return len(shape) <= len(wanted) and all(size in (1, other) for size, other in zip(shape, tail, strict=True))
