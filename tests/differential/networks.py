"""Random convolutional networks: chains of window ops with residuals, joins, splits and resizes, of constant weights.

Channel counts are such that blocks of any vector width are full, partial, or one channel.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from compiler.ir import DType, Graph, Rewriter, TensorType, Value
from compiler.ir.literal import Array
from compiler.ir.ops.binary import Add, Maximum, Mul
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.movement import Concat, Pad, Reshape, Slice
from compiler.ir.ops.pooling import MaxPool, Pool, SumPool
from compiler.ir.ops.reduction import ReduceMax, ReduceSum
from compiler.ir.ops.resampling import Resample
from compiler.ir.ops.unary import Sigmoid
from tests.differential.drawing import Drawn

CHANNELS = (1, 3, 5, 8, 16, 20, 32, 48)
MOST_STEPS = 6


class Network:
    """A graph under construction over images of one batch."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.graph = Graph("network")
        self.rewriter = Rewriter(self.graph)
        self.numbers = np.random.default_rng(draw(st.integers(0, 1000)))
        images = draw(st.sampled_from((1, 1, 2)))
        shape = (images, draw(st.sampled_from(CHANNELS)), draw(st.integers(3, 15)), draw(st.integers(3, 19)))
        self.values = [self.rewriter.input("x", TensorType(DType.F32, shape))]
        self.array = self.random(*shape)

    def random(self, *shape: int) -> Array:
        """Normally distributed numbers."""
        return self.numbers.standard_normal(shape).astype(np.float32)

    def constant(self, *shape: int, scale: float = 1.0) -> Value:
        """A constant of random numbers."""
        return self.rewriter.constant(self.random(*shape) * np.float32(scale))

    def one_of(self, *options: int) -> int:
        """One of some numbers."""
        return self.draw(st.sampled_from(options))

    def convolution(self, x: Value) -> Value:
        """With a bias and an activation more often than not."""
        _, channels, height, width = x.type.shape
        window = self.one_of(1, 1, 3, 3, 3, 5)
        stride, dilation, pad = self.one_of(1, 1, 2), self.one_of(1, 1, 1, 2), self.one_of(0, window // 2)
        if (window - 1) * dilation + 1 > min(height, width) + 2 * pad:
            window, pad = 1, 0
        groups = self.one_of(1, 1, channels, *(g for g in (2, 3) if channels % g == 0))
        filters = channels if groups == channels else groups * self.one_of(1, 4, 16, 24) if groups > 1 else None
        filters = filters or self.draw(st.sampled_from(CHANNELS))
        op = Conv((stride,) * 2, (pad,) * 2, (pad,) * 2, (dilation,) * 2, groups)
        weights = self.constant(filters, channels // groups, window, window, scale=(channels * window) ** -0.5)
        result = self.rewriter.emit(op, x, weights)
        if self.draw(st.booleans()):
            result = self.rewriter.emit(Add(), result, self.constant(1, filters, 1, 1))
        return self.activation(result) if self.draw(st.booleans()) else result

    def activation(self, x: Value) -> Value:
        """A rectifier, or x times its sigmoid."""
        if self.draw(st.booleans()):
            return self.rewriter.emit(Maximum(), x, self.rewriter.constant(np.array(0, np.float32)))
        return self.rewriter.emit(Mul(), x, self.rewriter.emit(Sigmoid(), x))

    def pool(self, x: Value) -> Value:
        """Over windows, or over the whole image, which then scales it."""
        if self.draw(st.booleans()):
            reduce = self.draw(st.sampled_from((ReduceSum, ReduceMax)))
            return self.rewriter.emit(Mul(), x, self.rewriter.emit(reduce((2, 3)), x))
        kind: type[Pool] = self.draw(st.sampled_from((MaxPool, SumPool)))
        stride, pad = self.one_of(1, 2), self.one_of(0, 1)
        window = 3 if min(x.type.shape[2:]) + 2 * pad >= 3 else 1
        return self.rewriter.emit(kind((window,) * 2, (stride,) * 2, (pad,) * 2, (pad,) * 2, (1, 1)), x)

    def join(self, x: Value) -> Value:
        """A sum or a concat with an earlier value of the same image."""
        same = [v for v in self.values if v.type.shape[2:] == x.type.shape[2:]]
        other = self.draw(st.sampled_from(same))
        if other.type.shape == x.type.shape and self.draw(st.booleans()):
            return self.rewriter.emit(Add(), x, other)
        return self.rewriter.emit(Concat(1), x, other)

    def part(self, x: Value) -> Value:
        """Some of the channels, from a whole block on or not."""
        channels = x.type.shape[1]
        start = self.one_of(*(c for c in (0, 4, 5, 8, 16) if c < channels))
        size = (x.type.shape[0], channels - start, *x.type.shape[2:])
        return self.rewriter.emit(Slice((0, start, 0, 0), size, (1,) * 4), x)

    def resize(self, x: Value) -> Value:
        """Rows twice as many, or a border."""
        _, _, height, width = x.type.shape
        if height * width > 400 or self.draw(st.booleans()):
            zero = self.rewriter.constant(np.array(0, np.float32))
            return self.rewriter.emit(Pad((0, 0, 1, 0), (0, 0, 0, 2)), x, zero)
        rows = np.repeat(np.arange(height, dtype=np.int64), 2)[:, None]
        ones = self.rewriter.constant(np.ones(rows.shape, np.float32))
        return self.rewriter.emit(Resample(2), x, self.rewriter.constant(rows), ones)

    def shuffle(self, x: Value) -> Value:
        """The same memory as another image."""
        images, channels, height, width = x.type.shape
        return self.rewriter.emit(Reshape((images, channels, width, height)), x)

    def step(self) -> None:
        """One more value, of the last or of an earlier one."""
        x = self.draw(st.sampled_from((self.values[-1], self.values[-1], *self.values)))
        kinds = (self.convolution, self.convolution, self.convolution, self.pool, self.join, self.part, self.resize)
        grow = self.draw(st.sampled_from((*kinds, self.activation, self.shuffle)))
        self.values.append(grow(x))


@st.composite
def networks(draw: st.DrawFn, max_steps: int = MOST_STEPS) -> Drawn:
    """A network whose last value, and perhaps another one, are results."""
    network = Network(draw)
    for _ in range(draw(st.integers(2, max_steps))):
        network.step()
    outputs = dict.fromkeys((network.values[-1], draw(st.sampled_from(network.values))))
    for index, value in enumerate(outputs):
        network.rewriter.output(f"y{index}", value)
    return Drawn(network.graph, [network.array])
