"""The few layers that the digits network is trained with: forward and backward in numpy, nothing else.

Activations are f32[N, C, H, W]. A layer's `forward` keeps what its `backward` needs; `backward` takes the
gradient of the loss with respect to the layer's result, fills the gradients of its parameters and returns the
one for its input. Owns no network, no data and no optimizer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Parameter:
    """A learned array and the gradient of the last backward pass."""

    def __init__(self, value: NDArray[np.floating]) -> None:
        self.value: Floats = value.astype(np.float32)
        self.gradient: Floats = np.zeros_like(self.value)


class Layer(ABC):
    """One differentiable function of one activation."""

    parameters: tuple[Parameter, ...] = ()

    @abstractmethod
    def forward(self, x: Floats, training: bool) -> Floats: ...

    @abstractmethod
    def backward(self, gradient: Floats) -> Floats: ...


class Conv3x3(Layer):
    """A 3 x 3 convolution at stride 1, padded by 1, without bias: weight f32[O, C, 3, 3]."""

    def __init__(self, rng: np.random.Generator, c_in: int, c_out: int) -> None:
        self.weight = Parameter(rng.standard_normal((c_out, c_in, 3, 3)) * np.sqrt(2.0 / (9 * c_in)))
        self.parameters = (self.weight,)

    def forward(self, x: Floats, training: bool) -> Floats:
        self._columns = _windows(x)
        return _rows_to_image(self._columns @ self._matrix().T, x.shape)

    def backward(self, gradient: Floats) -> Floats:
        c_out, c_in = self.weight.value.shape[:2]
        rows = gradient.transpose(0, 2, 3, 1).reshape(-1, c_out)
        self.weight.gradient = (rows.T @ self._columns).reshape(c_out, c_in, 3, 3)
        # The gradient of a correlation is the correlation with the flipped filter, channels exchanged.
        flipped = self.weight.value[:, :, ::-1, ::-1].transpose(1, 0, 2, 3).reshape(c_in, -1)
        return _rows_to_image(_windows(gradient) @ flipped.T, gradient.shape)

    def _matrix(self) -> Floats:
        return self.weight.value.reshape(self.weight.value.shape[0], -1)


def _windows(x: Floats) -> Floats:
    """Every 3 x 3 neighbourhood as a row: f32[N, C, H, W] to f32[N * H * W, C * 9]."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(padded, (3, 3), axis=(2, 3))  # N, C, H, W, 3, 3
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * 9)


def _rows_to_image(rows: Floats, shape: tuple[int, ...]) -> Floats:
    n, _, h, w = shape
    return np.ascontiguousarray(rows.reshape(n, h, w, -1).transpose(0, 3, 1, 2))


class BatchNorm(Layer):
    """Batch normalization per channel (Ioffe and Szegedy 2015) with running statistics for inference."""

    EPSILON = 1e-5
    MOMENTUM = 0.9

    def __init__(self, channels: int) -> None:
        self.scale = Parameter(np.ones(channels))
        self.shift = Parameter(np.zeros(channels))
        self.parameters = (self.scale, self.shift)
        self.mean: Floats = np.zeros(channels, np.float32)
        self.variance: Floats = np.ones(channels, np.float32)

    def forward(self, x: Floats, training: bool) -> Floats:
        if training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            self.mean = self.MOMENTUM * self.mean + np.float32(1 - self.MOMENTUM) * mean
            self.variance = self.MOMENTUM * self.variance + np.float32(1 - self.MOMENTUM) * variance
        else:
            mean, variance = self.mean, self.variance
        self._deviation = np.sqrt(variance + np.float32(self.EPSILON))
        self._normal = (x - _per_channel(mean)) / _per_channel(self._deviation)
        return self._normal * _per_channel(self.scale.value) + _per_channel(self.shift.value)

    def backward(self, gradient: Floats) -> Floats:
        axes = (0, 2, 3)
        self.shift.gradient = gradient.sum(axes)
        self.scale.gradient = (gradient * self._normal).sum(axes)
        count = np.float32(gradient.size / gradient.shape[1])
        centred = gradient - _per_channel(self.shift.gradient / count)
        centred -= self._normal * _per_channel(self.scale.gradient / count)
        return centred * _per_channel(self.scale.value / self._deviation)


def _per_channel(values: NDArray[np.floating]) -> Floats:
    return values.astype(np.float32, copy=False)[None, :, None, None]


class Relu(Layer):
    """max(x, 0)."""

    def forward(self, x: Floats, training: bool) -> Floats:
        self._positive = x > 0
        return x * self._positive

    def backward(self, gradient: Floats) -> Floats:
        return gradient * self._positive


class MaxPool2x2(Layer):
    """The largest of each 2 x 2 square; H and W are even."""

    def forward(self, x: Floats, training: bool) -> Floats:
        n, c, h, w = x.shape
        squares = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)
        self._winner = squares.argmax(-1)[..., None]
        return np.take_along_axis(squares, self._winner, -1)[..., 0]

    def backward(self, gradient: Floats) -> Floats:
        n, c, h, w = gradient.shape
        squares = np.zeros((n, c, h, w, 4), np.float32)
        np.put_along_axis(squares, self._winner, gradient[..., None], -1)
        return squares.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * w)


class GlobalAveragePool(Layer):
    """The mean of each channel: f32[N, C, H, W] to f32[N, C]."""

    def forward(self, x: Floats, training: bool) -> Floats:
        self._shape = x.shape
        return x.mean((2, 3))

    def backward(self, gradient: Floats) -> Floats:
        area = np.float32(self._shape[2] * self._shape[3])
        return np.broadcast_to(gradient[:, :, None, None] / area, self._shape)


class Dense(Layer):
    """x @ weight.T + bias: weight f32[O, I], bias f32[O]."""

    def __init__(self, rng: np.random.Generator, d_in: int, d_out: int) -> None:
        self.weight = Parameter(rng.standard_normal((d_out, d_in)) * np.sqrt(1.0 / d_in))
        self.bias = Parameter(np.zeros(d_out))
        self.parameters = (self.weight, self.bias)

    def forward(self, x: Floats, training: bool) -> Floats:
        self._x = x
        return x @ self.weight.value.T + self.bias.value

    def backward(self, gradient: Floats) -> Floats:
        self.weight.gradient = gradient.T @ self._x
        self.bias.gradient = gradient.sum(0)
        return gradient @ self.weight.value


def cross_entropy_gradient(logits: Floats, labels: NDArray[np.int64]) -> Floats:
    """The gradient of the mean cross-entropy of softmax(logits f32[N, K]) with respect to the logits."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    gradient = shifted / shifted.sum(1, keepdims=True)
    gradient[np.arange(len(labels)), labels] -= 1
    return gradient / np.float32(len(labels))


class Adam:
    """Adam (Kingma and Ba 2015) with decoupled weight decay on arrays of rank 2 and more."""

    def __init__(self, parameters: list[Parameter], *, weight_decay: float = 1e-3) -> None:
        self.parameters = parameters
        self.weight_decay = weight_decay
        self._first: list[NDArray[np.floating]] = [np.zeros_like(p.value) for p in parameters]
        self._second: list[NDArray[np.floating]] = [np.zeros_like(p.value) for p in parameters]
        self._steps = 0

    def step(self, rate: float) -> None:
        """Move every parameter against its gradient by about `rate`."""
        self._steps += 1
        for i, p in enumerate(self.parameters):
            self._first[i] = 0.9 * self._first[i] + 0.1 * p.gradient
            self._second[i] = 0.999 * self._second[i] + 0.001 * p.gradient**2
            first = self._first[i] / (1 - 0.9**self._steps)
            second = self._second[i] / (1 - 0.999**self._steps)
            decay = self.weight_decay if p.value.ndim > 1 else 0.0
            p.value = (p.value - rate * (first / (np.sqrt(second) + 1e-8) + decay * p.value)).astype(np.float32)
