"""How element types are stored and how they are computed with.

Owns the map from the IR's ``DType`` to TIR type names and the conversions between the two forms. A value has
a *storage* type (what lies in memory: bfloat16 as uint16 bits, bool as one byte 0/1) and an *arithmetic* type
(what expressions use: float32 for both half formats, one-bit booleans). Knows nothing of buffers or loops.
"""

from __future__ import annotations

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir.expr import cast, is_nan, reinterpret, select
from compiler.ir.dtypes import DType

_STORAGE: dict[DType, str] = {
    DType.F16: "float16",
    DType.BF16: "uint16",
    DType.F32: "float32",
    DType.F64: "float64",
    DType.I8: "int8",
    DType.I16: "int16",
    DType.I32: "int32",
    DType.I64: "int64",
    DType.U8: "uint8",
    DType.U16: "uint16",
    DType.U32: "uint32",
    DType.U64: "uint64",
    DType.BOOL: "uint8",
}

_WIDENED: dict[DType, str] = {DType.F16: "float32", DType.BF16: "float32", DType.BOOL: "bool"}


def storage_type(dtype: DType) -> str:
    """The TIR type of one element in memory."""
    return _STORAGE[dtype]


def arithmetic_type(dtype: DType) -> str:
    """The TIR type in which expressions over ``dtype`` compute."""
    return _WIDENED.get(dtype, _STORAGE[dtype])


def from_storage(value: Expr, dtype: DType) -> Expr:
    """``value`` as loaded from memory, scalar or vector, in the arithmetic type of ``dtype``."""
    if dtype is DType.F16:
        return cast(value, "float32")
    if dtype is DType.BF16:
        return reinterpret(cast(value, "uint32") << 16, "float32")
    if dtype is DType.BOOL:
        return tirx.Not(tirx.EQ(value, cast(tirx.IntImm("uint8", 0), "uint8", like=value)))
    return value


def to_storage(value: Expr, dtype: DType) -> Expr:
    """The inverse of ``from_storage``: narrowing rounds to nearest even, NaN stays NaN, overflow becomes
    infinity."""
    if dtype is DType.BF16:
        return _bfloat16_bits(cast(value, "float32"))
    if dtype is DType.BOOL and value.ty.dtype.is_bool:
        return cast(value, "uint8")
    if dtype is DType.BOOL:
        raise TypeError(f"a bool array stores booleans, not {value.ty.dtype}")
    return cast(value, _STORAGE[dtype])


def rounded_through(value: Expr, dtype: DType) -> Expr:
    """``value`` rounded to the precision of ``dtype`` and widened again, without touching memory."""
    return from_storage(to_storage(value, dtype), dtype)


def _bfloat16_bits(value: Expr) -> Expr:
    """Round float32 to bfloat16 with integer arithmetic, which every target vectorizes.

    Adding 0x7fff plus the lowest kept bit carries into the kept half exactly when round-to-nearest-even goes
    up. A NaN could overflow into infinity that way, so NaNs become the quiet NaN 0x7fc0 with their sign.
    """
    bits = reinterpret(value, "uint32")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet_nan = ((bits >> 16) & 0x8000) | 0x7FC0
    return cast(select(is_nan(value), quiet_nan, rounded), "uint16")
