"""What the graph's inputs are: their types after ``inputs`` has set the open dimensions, and those that
``bind`` fixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike
from onnx import GraphProto, TypeProto, ValueInfoProto

from compiler.ir.dtypes import DType, narrow_bf16
from compiler.ir.literal import Array, Literal
from compiler.ir.types import Shape, TensorType
from frontends.onnx.errors import InputError, MalformedModel, Unsupported
from frontends.onnx.types import dtype_of


@dataclass(frozen=True)
class Inputs:
    """The graph's inputs in order: a type for one that arrives at run time, a literal for a bound one, and
    for one that cannot be compiled the reason."""

    entries: Mapping[str, TensorType | Literal | Unsupported]


def resolve_inputs(
    graph: GraphProto,
    inputs: Mapping[str, Sequence[int]] | None = None,
    bind: Mapping[str, ArrayLike] | None = None,
) -> Inputs:
    """Types of the inputs that are not initializers.

    A symbolic dimension takes its size from ``inputs`` or ``bind``, also where another input has one of its
    name.

    Raises:
        InputError: an unknown name, a wrong rank, a size that contradicts the model, or dimensions left open
        (all of
            them are listed, with what to type).
    """
    constants = {tensor.name for tensor in graph.initializer}
    infos = {info.name: info for info in graph.input if info.name not in constants}
    if len(infos) != sum(info.name not in constants for info in graph.input):
        raise MalformedModel("the graph has two inputs of one name")
    shapes = {name: tuple(int(size) for size in shape) for name, shape in (inputs or {}).items()}
    bound = {name: np.asarray(value) for name, value in (bind or {}).items()}
    _check_names(infos, shapes, bound)
    shapes.update((name, array.shape) for name, array in bound.items())
    entries: dict[str, TensorType | Literal | Unsupported] = {}
    tensors: dict[str, TypeProto.Tensor] = {}
    for name, info in infos.items():
        try:
            tensors[name] = _tensor_type(info)
            entries[name] = TensorType(dtype_of(tensors[name].elem_type), ())
        except Unsupported as error:
            entries[name] = error
    symbols = _symbols(tensors, shapes)
    open_inputs: list[str] = []
    for name, entry in entries.items():
        if isinstance(entry, TensorType):
            shape = shapes.get(name) or _shape(name, tensors[name], symbols, open_inputs)
            dtype = entry.dtype
            entries[name] = (
                _bound_literal(name, bound[name], dtype) if name in bound else TensorType(dtype, shape)
            )
    if open_inputs:
        raise InputError("the model leaves dimensions open: " + "; ".join(open_inputs))
    return Inputs(entries)


def _check_names(infos: Mapping[str, ValueInfoProto], *given: Mapping[str, object]) -> None:
    for names in given:
        for name in names:
            if name not in infos:
                known = ", ".join(map(repr, infos)) or "none"
                raise InputError(f"the model has no input {name!r}; its inputs are {known}")


def _tensor_type(info: ValueInfoProto) -> TypeProto.Tensor:
    kind = info.type.WhichOneof("value")
    if kind == "optional_type":  # every input of an artifact is given, so an optional one is there
        return _tensor_type(ValueInfoProto(name=info.name, type=info.type.optional_type.elem_type))
    if kind != "tensor_type":
        raise Unsupported(f"it is a {(kind or 'value of no type').removesuffix('_type')}, not a tensor")
    return info.type.tensor_type


def _symbols(tensors: Mapping[str, TypeProto.Tensor], shapes: Mapping[str, Shape]) -> dict[str, int]:
    """The sizes that the given shapes give to named dimensions."""
    symbols: dict[str, int] = {}
    for name, shape in shapes.items():
        if name not in tensors:
            continue
        stated = tensors[name].shape.dim
        if tensors[name].HasField("shape") and len(stated) != len(shape):
            raise InputError(
                f"input {name!r} has {len(stated)} dimensions, [{_spelled(tensors[name])}],"
                f" but is given {len(shape)}: {list(shape)}"
            )
        for axis, (dim, size) in enumerate(zip(stated, shape, strict=False)):
            expected = dim.dim_value if dim.HasField("dim_value") else symbols.get(dim.dim_param, size)
            if size < 0 or expected != size:
                raise InputError(
                    f"input {name!r}: dimension {axis} is {expected} in the model, but is given {size}"
                )
            if dim.dim_param:
                symbols[dim.dim_param] = size
    return symbols


def _shape(name: str, tensor: TypeProto.Tensor, symbols: Mapping[str, int], open_inputs: list[str]) -> Shape:
    """The shape by the model and the known symbols; adds to ``open_inputs`` if that is not enough."""
    if not tensor.HasField("shape"):
        open_inputs.append(f"input {name!r} has no stated rank (--input {name}:<shape>)")
        return ()
    sizes = [
        dim.dim_value if dim.HasField("dim_value") else symbols.get(dim.dim_param) for dim in tensor.shape.dim
    ]
    if None in sizes:
        axis = sizes.index(None)
        symbol = tensor.shape.dim[axis].dim_param
        label = f"dimension {axis}" + (f", {symbol!r}," if symbol else "")
        open_inputs.append(f"{label} of input {name!r} (--input {name}:{_spelled(tensor)})")
    return tuple(cast("list[int]", [size or 0 for size in sizes]))


def _spelled(tensor: TypeProto.Tensor) -> str:
    """The shape with ``<N>`` for what is open."""
    return ",".join(
        str(dim.dim_value) if dim.HasField("dim_value") else f"<{dim.dim_param or '?'}>"
        for dim in tensor.shape.dim
    )


def _bound_literal(name: str, value: Array, dtype: DType) -> Literal:
    """The bound value in the input's element type; InputError if that changes it."""
    if value.dtype == ml_dtypes.bfloat16:
        value = value.astype(np.float32)
    if dtype is DType.BF16:
        return Literal(narrow_bf16(value.astype(np.float32)).reshape(value.shape), dtype)
    with np.errstate(invalid="ignore"):  # what does not fit is found below
        converted = value.astype(dtype.numpy)
    exact = np.array_equal(converted, value, equal_nan=value.dtype.kind == "f")
    if not exact and not (dtype.is_float and value.dtype.kind == "f"):
        raise InputError(f"the value bound to input {name!r} ({value.dtype}) is no {dtype.value}")
    return Literal(converted, dtype)
