"""The ONNX frontend: a model file becomes a ``compiler.ir.Graph`` of static shapes, or one clear error.

Knows ONNX and the IR; nothing of targets, passes or code generation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike
from onnx import ModelProto

from compiler.ir.graph import Graph
from frontends.errors import InputError, MalformedModel, ModelError, UnreadableModel
from frontends.onnx.errors import ConversionError, UnsupportedModel, UnsupportedNode
from frontends.onnx.importer import import_model
from frontends.onnx.inputs import resolve_inputs
from frontends.onnx.loader import GivenModel, read_model

__all__ = [
    "ConversionError",
    "InputError",
    "MalformedModel",
    "ModelError",
    "UnreadableModel",
    "UnsupportedModel",
    "UnsupportedNode",
    "load",
    "serialized",
]


def load(
    source: GivenModel,
    *,
    inputs: Mapping[str, Sequence[int]] | None = None,
    bind: Mapping[str, ArrayLike] | None = None,
) -> Graph:
    """The graph of an ONNX model.

    Args:
        source: a path, the bytes of a file, or an ``onnx.ModelProto``.
        inputs: shapes of inputs by name; sets symbolic dimensions.
        bind: values of inputs by name; they become constants and are inputs no more.

    Raises:
        ModelError: see its subclasses; UnsupportedModel lists every node that cannot be compiled.
    """
    model, name = read_model(source)
    return import_model(model, name, resolve_inputs(model.graph, inputs, bind))


def serialized(source: bytes | ModelProto) -> bytes:
    """The bytes of a model that is given as an object, for its identity."""
    return source if isinstance(source, bytes) else source.SerializeToString()
