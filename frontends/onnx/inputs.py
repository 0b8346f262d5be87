"""What the graph's inputs are: their types once ``inputs`` has set the open dimensions, and what ``bind`` fixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike
from onnx import GraphProto, TensorShapeProto, TypeProto, ValueInfoProto

from compiler.ir.dtypes import DType, narrow_bf16
from compiler.ir.literal import Array, Literal
from compiler.ir.types import Shape, TensorType
from frontends.errors import InputError, MalformedModel
from frontends.onnx.errors import Unsupported
from frontends.onnx.types import dtype_of

Inputs = Mapping[str, TensorType | Literal | Unsupported]
"""The graph's inputs in order: a type for one that arrives at run time, a literal for a bound one, and for one that
cannot be compiled the reason."""


def resolve_inputs(
    graph: GraphProto,
    inputs: Mapping[str, Sequence[int]] | None = None,
    bind: Mapping[str, ArrayLike] | None = None,
) -> Inputs:
    """The inputs of a graph that are not initializers.

    A symbolic dimension takes its size from ``inputs`` or ``bind``, also where another input has one of its name.

    Raises:
        InputError: an unknown name, a wrong rank, a size that contradicts the model, a bound value that the type
            cannot hold, or dimensions left open (all of them are listed, with what to type).
    """
    infos = _runtime_inputs(graph)
    bound = {name: np.asarray(value) for name, value in (bind or {}).items()}
    shapes = {name: tuple(int(size) for size in shape) for name, shape in (inputs or {}).items()}
    shapes.update((name, array.shape) for name, array in bound.items())
    for name in shapes:
        if name not in infos:
            known = ", ".join(map(repr, infos)) or "none"
            raise InputError(f"the model has no input {name!r}; its inputs are {known}")
    types = {name: _tensor_type(info) for name, info in infos.items()}
    symbols = _symbols({name: type for name, type in types.items() if isinstance(type, TypeProto.Tensor)}, shapes)
    resolved: dict[str, TensorType | Literal | Unsupported] = {}
    open_dimensions: list[str] = []
    for name, type in types.items():
        if isinstance(type, Unsupported):
            resolved[name] = type
        elif name in bound:
            resolved[name] = _bound(name, bound[name], dtype_of(type.elem_type))
        else:
            shape = shapes.get(name, _shape(type, symbols))
            if shape is None:
                open_dimensions.append(_open_dimension(name, type, symbols))
            resolved[name] = TensorType(dtype_of(type.elem_type), shape or ())
    if open_dimensions:
        raise InputError("the model leaves dimensions open: " + "; ".join(open_dimensions))
    return resolved


def _runtime_inputs(graph: GraphProto) -> dict[str, ValueInfoProto]:
    """The inputs that are not initializers: up to IR version 3, initializers are inputs too."""
    constants = {tensor.name for tensor in graph.initializer}
    infos: dict[str, ValueInfoProto] = {}
    for info in graph.input:
        if info.name in infos:
            raise MalformedModel(f"the graph has two inputs named {info.name!r}")
        if info.name not in constants:
            infos[info.name] = info
    return infos


def _tensor_type(info: ValueInfoProto) -> TypeProto.Tensor | Unsupported:
    """The type of an input if it is a tensor that the IR can hold, else why not."""
    type = info.type
    if type.HasField("optional_type"):  # every input of an artifact is given, so an optional one is there
        type = type.optional_type.elem_type
    kind = type.WhichOneof("value")
    if kind != "tensor_type":
        return Unsupported(f"it is a {(kind or 'value of no type').removesuffix('_type')}, not a tensor")
    try:
        dtype_of(type.tensor_type.elem_type)
    except Unsupported as error:
        return error
    return type.tensor_type


def _symbols(types: Mapping[str, TypeProto.Tensor], shapes: Mapping[str, Shape]) -> dict[str, int]:
    """The sizes of named dimensions that follow from the given shapes, which are checked on the way."""
    symbols: dict[str, int] = {}
    for name, shape in shapes.items():
        if name not in types or not types[name].HasField("shape"):
            continue
        dims = types[name].shape.dim
        if len(dims) != len(shape):
            raise InputError(
                f"input {name!r} has {len(dims)} dimensions, [{_spelled(types[name])}],"
                f" but is given {len(shape)}: {list(shape)}"
            )
        for axis, (dim, size) in enumerate(zip(dims, shape, strict=True)):
            expected = _size(dim, symbols)
            if size < 0 or expected not in (None, size):
                stated = "open" if expected is None else expected
                raise InputError(f"input {name!r}: dimension {axis} is {stated} in the model, but is given {size}")
            if dim.dim_param:
                symbols[dim.dim_param] = size
    return symbols


def _size(dim: TensorShapeProto.Dimension, symbols: Mapping[str, int]) -> int | None:
    """The size of a dimension, ``None`` if it is open; some exporters write -1 for that."""
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value >= 0 else None
    return symbols.get(dim.dim_param)


def _shape(type: TypeProto.Tensor, symbols: Mapping[str, int]) -> Shape | None:
    """The shape by the model and the known symbols, ``None`` if something is open."""
    if not type.HasField("shape"):
        return None
    sizes = [_size(dim, symbols) for dim in type.shape.dim]
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == len(sizes) else None


def _open_dimension(name: str, type: TypeProto.Tensor, symbols: Mapping[str, int]) -> str:
    """What is open about an input, and what to type."""
    if not type.HasField("shape"):
        return f"input {name!r} has no stated rank (--input {name}:<shape>)"
    axis = next(axis for axis, dim in enumerate(type.shape.dim) if _size(dim, symbols) is None)
    symbol = type.shape.dim[axis].dim_param
    label = f"dimension {axis}" + (f", {symbol!r}," if symbol else "")
    return f"{label} of input {name!r} (--input {name}:{_spelled(type)})"


def _spelled(type: TypeProto.Tensor) -> str:
    """The shape with ``<N>`` for what is open."""
    return ",".join(
        f"{size}" if (size := _size(dim, {})) is not None else f"<{dim.dim_param or '?'}>" for dim in type.shape.dim
    )


def _bound(name: str, value: Array, dtype: DType) -> Literal:
    """The bound value in the input's element type; InputError if that changes it by more than rounding."""
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
