"""Inputs for a model: which shapes it wants, and seeded random values of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from bench.peers.signature import Signature, write_signature

FIRST_IR_WITH_CONSTANTS = 4


def input_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """The shape of every input that is fed at run time; symbolic dimensions are 1."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return {
        value.name: tuple(d.dim_value or 1 for d in value.type.tensor_type.shape.dim)
        for value in model.graph.input
        if value.name not in stored
    }


def with_known_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose inputs have the dimensions of `input_shapes`, so that every engine can specialize.

    Weights are no inputs of it: files of before IR version 4 list them as both, and an engine must then expect other
    values at run time and cannot fold them.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    shapes = input_shapes(fixed)
    fed = [value for value in fixed.graph.input if value.name in shapes]
    del fixed.graph.input[:]
    fixed.graph.input.extend(fed)
    fixed.ir_version = max(fixed.ir_version, FIRST_IR_WITH_CONSTANTS)
    for value in fixed.graph.input:
        for dimension, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False):
            dimension.dim_value = size
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")  # follows from the inputs
    return onnx.shape_inference.infer_shapes(fixed)


def save_model(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """Write the model with known shapes to `path`, its signature beside it, and return it."""
    fixed = with_known_shapes(model)
    onnx.save(fixed, path)
    outputs = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in fixed.graph.output}
    inputs = {name: list(shape) for name, shape in input_shapes(fixed).items()}
    write_signature(path, Signature(inputs, outputs))
    return fixed


def random_inputs(model: onnx.ModelProto, seed: int = 0) -> dict[str, NDArray[np.generic]]:
    """Standard normal values for floats, 0 or 1 for integers and booleans (valid as an index or a mask)."""
    rng = np.random.default_rng(seed)
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, shape in input_shapes(model).items():
        dtype = helper.tensor_dtype_to_np_dtype(types[name])
        values = rng.standard_normal(shape) if dtype.kind == "f" else rng.integers(0, 2, shape)
        arrays[name] = np.asarray(values).astype(dtype)
    return arrays
