"""Fourier transforms as products with constant matrices, and window functions."""

from __future__ import annotations

import math

import numpy as np

from compiler.ir import DType, Value
from compiler.ir.literal import Array
from compiler.ir.ops.contraction import MatMul
from frontends.onnx.context import Converter, NodeContext, Unsupported
from frontends.onnx.converters.term import Term
from frontends.onnx.types import dtype_of

MAX_ELEMENTS = 1 << 23
"""A transform whose matrix has more elements (64 MiB) is refused."""


def dft_matrix(size: int, parts: int, length: int, *, inverse: bool, onesided: bool) -> Array:
    """float64[size * parts, out * out_parts]: the transform of rows of (real, imaginary) pairs or of reals.

    It is linear, so its rows are what it makes of the unit vectors. It zero-pads or cuts to ``length``.
    ``inverse`` and ``onesided`` together expect half of a symmetric spectrum and give real numbers.
    """
    unit = np.eye(size * parts).reshape(-1, size, parts)
    signal = unit[..., 0] + (1j * unit[..., 1] if parts == 2 else 0)
    if inverse and onesided:
        return np.fft.irfft(signal, length)
    result = np.fft.ifft(signal, length) if inverse else np.fft.fft(signal, length)
    if onesided:
        result = result[:, : length // 2 + 1]
    return np.stack([result.real, result.imag], -1).reshape(len(unit), -1)


def _transform(x: Term, length: int, *, inverse: bool, onesided: bool) -> Term:
    """The transform of ``[.., size, parts]`` along its second-last axis.

    In double precision: the rounding errors of a dense product grow with n, those of an FFT only with log n.
    """
    *lead, size, parts = x.shape
    if 2 * size * parts * length > MAX_ELEMENTS:
        raise Unsupported(f"a transform of {size} to {length} elements is too long for a product with its matrix")
    matrix = dft_matrix(size, parts, length, inverse=inverse, onesided=onesided)
    rows = x.reshape(-1, size * parts).cast(DType.F64)
    product = rows.apply(MatMul(), Term.const(x.ctx, matrix)).cast(x.dtype)
    return product.reshape(*lead, -1, 1 if inverse and onesided else 2)


def _dft(ctx: NodeContext) -> Value:
    x = Term.input(ctx, 0, min_rank=2)
    inverse, onesided = bool(ctx.int("inverse", 0)), bool(ctx.int("onesided", 0))
    if ctx.opset < 20:
        axis = ctx.int("axis", 1)
    else:
        axis = int(ctx.require_constant(2, "the axis").reshape(-1)[0]) if ctx.has(2) else -2
    axis %= x.rank
    if axis == x.rank - 1:
        raise Unsupported("the last axis holds real and imaginary parts and cannot be transformed")
    length = 2 * (x.shape[axis] - 1) if inverse and onesided else x.shape[axis]
    if ctx.has(1):
        length = int(ctx.require_constant(1, "the length of the transform").reshape(-1)[0])
    order = [a for a in range(x.rank - 1) if a != axis] + [axis, x.rank - 1]
    result = _transform(x.transpose(*order), length, inverse=inverse, onesided=onesided)
    return result.transpose(*(order.index(a) for a in range(x.rank))).value


def _stft(ctx: NodeContext) -> Value:
    """Windowed transforms of overlapping frames: ``[n, length, parts] -> [n, frames, bins, 2]``."""
    x = Term.input(ctx, 0, min_rank=2)
    x = x.reshape(*x.shape, 1) if x.rank == 2 else x
    step = int(ctx.require_constant(1, "the frame step").reshape(-1)[0])
    window = Term.input(ctx, 2) if ctx.has(2) else None
    if ctx.has(3):
        length = int(ctx.require_constant(3, "the frame length").reshape(-1)[0])
    else:
        length = window.shape[0] if window is not None else x.shape[1]
    if window is not None and window.shape != (length,):
        raise Unsupported(f"the window has {window.shape[0]} elements, the frames {length}")
    starts = np.arange(0, x.shape[1] - length + 1, step)
    positions = (starts[:, np.newaxis] + np.arange(length)).astype(np.int64)
    frames = x.gather(1, Term.const(ctx, positions))
    if window is not None:
        frames = frames * window.reshape(length, 1)
    return _transform(frames, length, inverse=False, onesided=bool(ctx.int("onesided", 1))).value


# -- windows and filter banks ----------------------------------------------------------------------------


def _cosine_window(*coefficients: float) -> Converter:
    """A sum of cosines of multiples of 2 pi i / n, or of 2 pi i / (n - 1) if not ``periodic``."""

    def convert(ctx: NodeContext) -> Value:
        size = int(ctx.require_constant(0, "the size").reshape(-1)[0])
        count = size if ctx.int("periodic", 1) else size - 1
        angles = 2 * math.pi * np.arange(size) / max(count, 1)
        values = sum(c * np.cos(k * angles) for k, c in enumerate(coefficients))
        return ctx.const(np.asarray(values).astype(dtype_of(ctx.int("output_datatype", 1)).numpy))

    return convert


def _mel_weight_matrix(ctx: NodeContext) -> Value:
    """Triangular filters, equally spaced on the mel scale, as ``[bins of the spectrum, mel bins]``.

    Filter i rises from edge i to edge i + 1 and falls to edge i + 2; edges are whole bins of the spectrum.
    """
    bins = int(ctx.require_constant(0, "the number of mel bins").reshape(-1)[0])
    length = int(ctx.require_constant(1, "the length of the transform").reshape(-1)[0])
    rate, low, high = (Term.input(ctx, i).reshape().cast(DType.F64) for i in (2, 3, 4))
    low, high = ((hertz * (1 / 700) + 1).log() * (2595 / math.log(10)) for hertz in (low, high))
    mels = low + Term.const(ctx, np.arange(bins + 2.0)) * (high - low) / (bins + 2)
    hertz = ((mels * (math.log(10) / 2595)).exp() - 1) * 700
    edges = (hertz * (length + 1) / rate).floor()
    lower, center, upper = (edges.slice(0, i, bins) for i in range(3))
    position = Term.const(ctx, np.arange(length // 2 + 1.0).reshape(-1, 1))
    rise = (position - lower) / (center - lower).maximum(1)
    fall = (upper - position) / (upper - center).maximum(1)
    slopes = (position < center).select(rise, fall).maximum(0)
    weights = position.equals(center).select(slopes.lift(1), slopes)
    return weights.cast(dtype_of(ctx.int("output_datatype", 1))).value


CONVERTERS: dict[str, Converter] = {
    "BlackmanWindow": _cosine_window(0.42, -0.5, 0.08),
    "DFT": _dft,
    "HammingWindow": _cosine_window(25 / 46, -21 / 46),
    "HannWindow": _cosine_window(0.5, -0.5),
    "MelWeightMatrix": _mel_weight_matrix,
    "STFT": _stft,
}
