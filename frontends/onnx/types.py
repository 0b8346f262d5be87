"""ONNX element types and tensors as IR types and literals.

Knows which element types the IR can hold. The sub-byte integers and the 8-bit and 4-bit floats exist only as
constants that a converter reads (dequantization, casts): they are held in the next wider type with the same
values.
"""

from __future__ import annotations

from typing import Final

import ml_dtypes
import numpy as np
from onnx import TensorProto, TypeProto, helper, numpy_helper

from compiler.ir.dtypes import DType
from compiler.ir.literal import Literal
from compiler.ir.types import Shape, TensorType
from frontends.onnx.errors import Unsupported

_DTYPES: Final[dict[int, DType]] = {
    TensorProto.FLOAT: DType.F32,
    TensorProto.DOUBLE: DType.F64,
    TensorProto.FLOAT16: DType.F16,
    TensorProto.BFLOAT16: DType.BF16,
    TensorProto.INT8: DType.I8,
    TensorProto.INT16: DType.I16,
    TensorProto.INT32: DType.I32,
    TensorProto.INT64: DType.I64,
    TensorProto.UINT8: DType.U8,
    TensorProto.UINT16: DType.U16,
    TensorProto.UINT32: DType.U32,
    TensorProto.UINT64: DType.U64,
    TensorProto.BOOL: DType.BOOL,
}
_ELEMENT_TYPES: Final = {dtype: code for code, dtype in _DTYPES.items()}

_WIDENED: Final[dict[int, DType]] = {
    TensorProto.INT4: DType.I8,
    TensorProto.INT2: DType.I8,
    TensorProto.UINT4: DType.U8,
    TensorProto.UINT2: DType.U8,
    TensorProto.FLOAT8E4M3FN: DType.F32,
    TensorProto.FLOAT8E4M3FNUZ: DType.F32,
    TensorProto.FLOAT8E5M2: DType.F32,
    TensorProto.FLOAT8E5M2FNUZ: DType.F32,
    TensorProto.FLOAT8E8M0: DType.F32,
    TensorProto.FLOAT4E2M1: DType.F32,
}


def element_type_name(code: int) -> str:
    """The name of an ONNX element type in messages: ``float8e5m2``."""
    known = code in TensorProto.DataType.values()
    return TensorProto.DataType.Name(code).lower() if known else f"type {code}"  # type: ignore[arg-type]


def dtype_of(code: int) -> DType:
    """The IR's element type for ONNX's; raises Unsupported for one that no IR value can have."""
    dtype = _DTYPES.get(code)
    if dtype is None:
        raise Unsupported(f"tensors of {element_type_name(code)} are not supported")
    return dtype


def is_narrow(code: int) -> bool:
    """Whether constants of this ONNX element type are held in a wider IR type."""
    return code in _WIDENED


def element_type(dtype: DType) -> int:
    """ONNX's code for an IR element type."""
    return _ELEMENT_TYPES[dtype]


def type_proto(type: TensorType) -> TypeProto:
    """The ONNX type of an IR value."""
    return helper.make_tensor_type_proto(element_type(type.dtype), type.shape)


def literal_of(tensor: TensorProto) -> Literal:
    """The value of a tensor whose data is inside the message.

    Narrow element types are widened (see the module docstring). Raises Unsupported for texts and complex
    numbers, and ValueError if the data does not fill the shape.
    """
    dtype = _WIDENED.get(tensor.data_type) or dtype_of(tensor.data_type)
    array = numpy_helper.to_array(tensor)
    if array.dtype == ml_dtypes.bfloat16:
        array = array.view(np.uint16)
    return Literal(array.astype(dtype.numpy, copy=False), dtype)


def static_shape(type: TypeProto.Tensor) -> Shape | None:
    """The shape of a tensor type, or ``None`` if the rank or a dimension is not a number."""
    if not type.HasField("shape") or not all(dim.HasField("dim_value") for dim in type.shape.dim):
        return None
    return tuple(dim.dim_value for dim in type.shape.dim)
