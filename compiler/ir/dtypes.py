"""Element types: their names in IR text, their numpy storage and their widths.

Owns nothing but the enum. bfloat16 has no numpy type, so its arrays are stored as uint16 bit patterns;
``widen_bf16`` and ``narrow_bf16`` convert to and from float32 (round to nearest even).
"""

from __future__ import annotations

import enum

import numpy as np
from numpy.typing import NDArray


class DType(enum.Enum):
    """An element type; the value is its spelling in IR text, for example ``f32``."""

    F16 = "f16"
    BF16 = "bf16"
    F32 = "f32"
    F64 = "f64"
    I8 = "i8"
    I16 = "i16"
    I32 = "i32"
    I64 = "i64"
    U8 = "u8"
    U16 = "u16"
    U32 = "u32"
    U64 = "u64"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy storage type (uint16 for bfloat16)."""
        return _NUMPY[self]

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and the largest value of an integer type."""
        bits = 8 * self.bytes
        return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if self.is_signed else (0, (1 << bits) - 1)

    @property
    def bytes(self) -> int:
        """Bytes per element; a bool takes one byte that is 0 or 1."""
        return _NUMPY[self].itemsize

    @property
    def is_float(self) -> bool:
        """Whether this is a floating-point type."""
        return self in _FLOATS

    @property
    def is_signed(self) -> bool:
        """Whether values may be negative (floats and signed integers)."""
        return self in _FLOATS or self.value.startswith("i")

    @property
    def is_integer(self) -> bool:
        """Whether this is an integer type (bool is not)."""
        return self not in _FLOATS and self is not DType.BOOL

    def __repr__(self) -> str:
        return self.value

    @staticmethod
    def of(dtype: np.dtype[np.generic] | type[np.generic]) -> DType:
        """The element type whose storage is ``dtype``; raises KeyError for types the IR has no name for."""
        return _FROM_NUMPY[np.dtype(dtype)]


_FLOATS = frozenset((DType.F16, DType.BF16, DType.F32, DType.F64))

_NUMPY: dict[DType, np.dtype[np.generic]] = {
    DType.F16: np.dtype(np.float16),
    DType.BF16: np.dtype(np.uint16),
    DType.F32: np.dtype(np.float32),
    DType.F64: np.dtype(np.float64),
    DType.I8: np.dtype(np.int8),
    DType.I16: np.dtype(np.int16),
    DType.I32: np.dtype(np.int32),
    DType.I64: np.dtype(np.int64),
    DType.U8: np.dtype(np.uint8),
    DType.U16: np.dtype(np.uint16),
    DType.U32: np.dtype(np.uint32),
    DType.U64: np.dtype(np.uint64),
    DType.BOOL: np.dtype(np.bool_),
}

_FROM_NUMPY = {storage: dtype for dtype, storage in _NUMPY.items() if dtype is not DType.BF16}


def widen_bf16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """bfloat16 bit patterns as float32 values (exact)."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def narrow_bf16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """float32 values rounded to nearest-even bfloat16 bit patterns; NaN stays a quiet NaN."""
    bits = np.asarray(values, np.float32, order="C").view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    quiet_nan = (bits >> np.uint32(16)) | np.uint32(0x40)
    return np.where(np.isnan(values), quiet_nan, rounded).astype(np.uint16)
