"""Convolution by Winograd's minimal filtering: fewer products than there are taps, on transformed weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compiler.ir.cook_toom import POINTS, TAPS, Matrix, filtering
from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.contraction import pad_or_crop
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType


@dataclass(frozen=True)
class WinogradConv(Op):
    """``x[n, c, h, w]`` by ``u[(outputs + 2)^2, o, c]`` to ``[n, o, h', w']``: a 3x3 convolution of stride 1.

    ``u`` is what ``transformed_weights`` makes of the convolution's weights, ``low`` and ``high`` are its zero padding
    (may be negative: crop). Each tile of ``outputs x outputs`` results takes ``(outputs + 2)^2`` products per channel
    and filter, where the direct algorithm takes ``9 * outputs^2``. Results are unspecified if an operand is not finite,
    or so large that sums of tiles overflow.
    """

    name = "winograd_conv"

    outputs: int
    low: tuple[int, ...]
    high: tuple[int, ...]

    def infer(self, x: TensorType, u: TensorType) -> tuple[TensorType, ...]:
        require(x.dtype is DType.F32 and u.dtype is DType.F32, "operands must be f32")
        require(self.outputs in POINTS, f"outputs must be one of {', '.join(map(str, POINTS))}")
        require(x.rank == 4 and len(self.low) == len(self.high) == 2, "x needs rank 4, low and high two entries")
        require(u.rank == 3 and u.shape[0] == (self.outputs + TAPS - 1) ** 2, "u must be [(outputs + 2)^2, o, c]")
        require(u.shape[2] == x.shape[1], f"{x.shape[1]} channels do not fit the weights")
        sizes = [size + lo + hi - TAPS + 1 for size, lo, hi in zip(x.shape[2:], self.low, self.high, strict=True)]
        require(min(sizes) > 0, f"the window is larger than the padded input: result sizes {sizes}")
        return (x.with_shape((x.shape[0], u.shape[1], *sizes)),)

    def evaluate(self, x: Array, u: Array) -> tuple[Array, ...]:
        matrices = filtering(self.outputs)
        return (self.filtered(x, u, as_array(matrices.input), as_array(matrices.output)).astype(x.dtype),)

    def filtered(self, x: Array, u: Array, into: Array, back: Array) -> Array:
        """The results in float64, with these matrices in the places of B^T and A^T."""
        (type_,) = self.infer(TensorType(DType.F32, x.shape), TensorType(DType.F32, u.shape))
        size = len(into)
        down, across = (-(-extent // self.outputs) for extent in type_.shape[2:])
        padded = pad_or_crop(x.astype(np.float64), self.low, self.high)
        wanted = (tiles * self.outputs + TAPS - 1 for tiles in (down, across))
        missing = [(0, want - have) for want, have in zip(wanted, padded.shape[2:], strict=True)]
        padded = np.pad(padded, ((0, 0), (0, 0), *missing))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (2, 3))
        tiles = windows[:, :, :: self.outputs, :: self.outputs]  # [n, c, down, across, size, size]
        spectrum = np.einsum("pr,ncyxrs,qs->pqcnyx", into, tiles, into, optimize=True)
        flat = spectrum.reshape(size * size, x.shape[1], -1)
        products = (u.astype(np.float64) @ flat).reshape(size, size, u.shape[1], x.shape[0], down, across)
        pixels = np.einsum("ip,pqonyx,jq->noyixj", back, products, back, optimize=True)
        image = pixels.reshape(x.shape[0], u.shape[1], down * self.outputs, across * self.outputs)
        return np.ascontiguousarray(image[:, :, : type_.shape[2], : type_.shape[3]])

    @classmethod
    def samples(cls) -> list[Sample]:
        def conv(outputs: int, c: int, o: int, h: int, w: int, low: int = 1, high: int = 1, n: int = 1) -> Sample:
            u = transformed_weights(random_array(o, c, TAPS, TAPS, seed=1), outputs)
            return Sample(cls(outputs, (low, low), (high, high)), (random_array(n, c, h, w), u))

        return [
            conv(2, 3, 5, 9, 8),
            conv(4, 3, 5, 9, 8),
            conv(4, 17, 3, 4, 13, n=2),
            conv(2, 2, 1, 5, 6, 0, 0),
            conv(4, 1, 2, 8, 7, 2, -1),
        ]


def transformed_weights(weights: Array, outputs: int) -> Array:
    """``G g G^T`` of weights ``f32[o, c, 3, 3]``, as ``f32[(outputs + 2)^2, o, c]``; computed in float64, rounded
    once."""
    matrix = as_array(filtering(outputs).weights)
    filters, channels = weights.shape[:2]
    wide = weights.reshape(filters * channels, TAPS, TAPS).transpose(1, 2, 0).astype(np.float64)
    # Sums in a fixed order: a library's matrix product has one of its own on each processor.
    half = matrix[:, 0, None, None] * wide[0]
    for tap in range(1, TAPS):
        half += matrix[:, tap, None, None] * wide[tap]
    full = matrix[None, :, 0, None] * half[:, None, 0]
    for tap in range(1, TAPS):
        full += matrix[None, :, tap, None] * half[:, None, tap]
    return full.astype(np.float32).reshape(-1, filters, channels)


def as_array(matrix: Matrix) -> NDArray[np.float64]:
    """A matrix of fractions in float64."""
    return np.array([[float(entry) for entry in row] for row in matrix])
