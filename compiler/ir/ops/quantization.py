"""Affine quantization as explicit ops: real = (quantized - zero_point) * scale.

Scales and zero points are operands that broadcast to the quantized tensor, so that one pair of ops covers
per-tensor, per-axis and blocked quantization: frontends reshape to say which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.literal import Array
from compiler.ir.op import Op, Sample, require
from compiler.ir.ops.broadcasting import broadcast_shapes
from compiler.ir.ops.sampling import random_array
from compiler.ir.types import TensorType

_STORAGE = (DType.I8, DType.U8, DType.I16, DType.U16, DType.I32)


def _check_parameters(x: TensorType, scale: TensorType, zero_point: TensorType) -> None:
    for what, type_ in (("scale", scale), ("zero point", zero_point)):
        fits = broadcast_shapes(x.shape, type_.shape) == x.shape
        require(fits, f"a {what} of shape {list(type_.shape)} does not broadcast to {list(x.shape)}")


@dataclass(frozen=True)
class Quantize(Op):
    """``saturate(round(x / scale) + zero_point)`` in the zero point's integer type; ties round to even.

    ``x`` and ``scale`` are f32 or f16 of one type; the quotient is a float32 true division, and NaN gives an
    unspecified integer. Source: ONNX QuantizeLinear.
    """

    name = "quantize"

    def infer(self, x: TensorType, scale: TensorType, zero_point: TensorType) -> tuple[TensorType, ...]:
        require(x.dtype in (DType.F32, DType.F16), f"cannot quantize {x.dtype.value}")
        require(scale.dtype is x.dtype, "the scale must have the operand's element type")
        require(zero_point.dtype in _STORAGE, f"cannot quantize to {zero_point.dtype.value}")
        _check_parameters(x, scale, zero_point)
        return (TensorType(zero_point.dtype, x.shape),)

    def evaluate(self, x: Array, scale: Array, zero_point: Array) -> tuple[Array, ...]:
        limits = np.iinfo(zero_point.dtype)
        steps = np.rint(x.astype(np.float32) / scale.astype(np.float32)).astype(np.float64)
        shifted = np.nan_to_num(steps, nan=0.0) + zero_point.astype(np.float64)
        return (np.clip(shifted, limits.min, limits.max).astype(zero_point.dtype),)

    @classmethod
    def samples(cls) -> list[Sample]:
        x = random_array(3, 37, low=-90.0, high=90.0)
        ties = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 300.0, -300.0, 1e30, -np.inf], np.float32)
        per_row = (random_array(3, 1, low=0.3, high=0.9), random_array(3, 1, dtype=DType.U8, low=0, high=200))
        half = random_array(3, 37, dtype=DType.F16, low=-90.0, high=90.0)
        return [
            *(
                Sample(cls(), (x, np.array(0.37, np.float32), np.array(3, dtype.numpy)))
                for dtype in (DType.I8, DType.U8, DType.I16, DType.U16)
            ),
            Sample(cls(), (x, *per_row)),
            Sample(cls(), (ties, np.array(1.0, np.float32), np.array(1, np.int8))),
            Sample(cls(), (half, np.array(0.5, np.float16), np.array(0, np.int8))),
        ]


@dataclass(frozen=True)
class Dequantize(Op):
    """``(x - zero_point) * scale`` in the scale's float type; ``x`` and ``zero_point`` have one integer type.

    The difference is exact and is rounded to float32 before the product. Source: ONNX DequantizeLinear.
    """

    name = "dequantize"

    def infer(self, x: TensorType, scale: TensorType, zero_point: TensorType) -> tuple[TensorType, ...]:
        require(x.dtype in _STORAGE, f"cannot dequantize {x.dtype.value}")
        require(scale.dtype in (DType.F32, DType.F16), "the scale must be f32 or f16")
        require(zero_point.dtype is x.dtype, "the zero point must have the operand's element type")
        _check_parameters(x, scale, zero_point)
        return (TensorType(scale.dtype, x.shape),)

    def evaluate(self, x: Array, scale: Array, zero_point: Array) -> tuple[Array, ...]:
        steps = (x.astype(np.int64) - zero_point.astype(np.int64)).astype(np.float32)
        return ((steps * scale.astype(np.float32)).astype(scale.dtype),)

    @classmethod
    def samples(cls) -> list[Sample]:
        scale = random_array(3, 1, low=0.01, high=0.1)
        return [
            *(
                Sample(
                    cls(),
                    (
                        random_array(3, 37, dtype=dtype, low=0, high=120),
                        scale,
                        random_array(3, 1, dtype=dtype, seed=1, low=0, high=60),
                    ),
                )
                for dtype in _STORAGE
            ),
            Sample(
                cls(),
                (np.arange(-128, 128).astype(np.int8), np.array(0.02, np.float32), np.array(-7, np.int8)),
            ),
            Sample(
                cls(),
                (np.arange(0, 256).astype(np.uint8), np.array(0.5, np.float16), np.array(128, np.uint8)),
            ),
        ]
