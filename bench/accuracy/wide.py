"""A graph in double the precision: what a model of float32 would give if its arithmetic did not round.

A function of the IR alone. Weights keep their values, which float64 has all of; what changes is how results round.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from compiler.ir import DType, Graph, InferenceError, Literal, Node, Op, Rewriter, TensorType, Value
from compiler.ir.literal import Array


class NotWidenable(ValueError):
    """A graph with an op that is about float32 itself, such as its bits."""

    def __init__(self, node: Node, cause: InferenceError) -> None:
        super().__init__(f"{node.origin or node.op.name} has no meaning in float64: {cause}")


def widened(graph: Graph) -> Graph:
    """The graph with float64 in the place of float32: inputs, outputs, constants, casts and what is between them.

    Raises NotWidenable.
    """
    wide = Graph(graph.name)
    rewriter = Rewriter(wide)
    values: dict[Value, Value] = {
        value: rewriter.input(name, _wide_type(value.type))
        for name, value in zip(graph.input_names, graph.inputs, strict=True)
    }
    for node in graph:
        operands = [values[operand] for operand in node.operands]
        regions = [widened(region) for region in node.regions]
        try:
            made = rewriter.node(_wide_op(node.op), operands, regions, node.origin)
        except InferenceError as error:
            raise NotWidenable(node, error) from error
        values.update(zip(node.results, made.results, strict=True))
    for name, value in zip(graph.output_names, graph.outputs, strict=True):
        rewriter.output(name, values[value])
    return wide


def wide_array(array: Array) -> Array:
    """The array in float64 if it is in float32."""
    return array.astype(np.float64) if array.dtype == np.float32 else array


def _wide_type(type_: TensorType) -> TensorType:
    return type_.with_dtype(_wide_dtype(type_.dtype))


def _wide_dtype(dtype: DType) -> DType:
    return DType.F64 if dtype is DType.F32 else dtype


def _wide_op(op: Op) -> Op:
    """The op with those of its attributes widened that name a type or hold values."""
    changes: dict[str, object] = {}
    for field in fields(op):
        value: object = getattr(op, field.name)
        if isinstance(value, DType):
            changes[field.name] = _wide_dtype(value)
        elif isinstance(value, Literal) and value.dtype is DType.F32:
            changes[field.name] = Literal(wide_array(value.array))
    return replace(op, **changes) if changes else op
