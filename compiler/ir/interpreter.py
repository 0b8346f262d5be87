"""The reference interpreter: runs a graph with the numpy semantics of its ops.

Slow and exact; the yardstick for every pass and kernel. Blocked layouts are ignored: the reference sees
logical arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from compiler.ir.graph import Graph, Node, Value
from compiler.ir.literal import Array
from compiler.ir.op import RegionOp
from compiler.ir.types import TensorType


class EvaluationError(ValueError):
    """An input that does not fit, or an op whose reference result contradicts its inferred type."""


def evaluate(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Run the graph on named arrays and return its named outputs. Raises EvaluationError on a bad input."""
    missing = set(graph.input_names) ^ set(inputs)
    if missing:
        raise EvaluationError(f"inputs missing or unknown: {', '.join(sorted(missing))}")
    arrays = [np.asarray(inputs[name]) for name in graph.input_names]
    return dict(zip(graph.output_names, run_graph(graph, arrays), strict=True))


def run_graph(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """Run the graph on arrays in input order; each intermediate is freed after its last use."""
    environment: dict[Value, Array] = {}
    for name, value, array in zip(graph.input_names, graph.inputs, inputs, strict=True):
        check_type(array, value.type, f"input {name!r}")
        environment[value] = array
    remaining = {value: len(value.uses) for value in graph.inputs}
    for node in graph:
        results = evaluate_node(node, [environment[operand] for operand in node.operands])
        for value, array in zip(node.results, results, strict=True):
            environment[value] = array
            remaining[value] = len(value.uses)
        for operand in node.operands:
            remaining[operand] -= 1
            if remaining[operand] == 0:
                del environment[operand]
    return [environment[value] for value in graph.outputs]


def evaluate_node(node: Node, operands: Sequence[Array]) -> list[Array]:
    """Reference results of one node; raises EvaluationError if they contradict the node's types."""
    with np.errstate(all="ignore"):
        if isinstance(node.op, RegionOp):
            results = node.op.evaluate_regions(operands, node.regions, run_graph)
        else:
            results = list(node.op.evaluate_typed([operand.type for operand in node.operands], operands))
    for value, array in zip(node.results, results, strict=True):
        check_type(array, value.type, f"result {value.index} of {node.op.name}")
    return results


def check_type(array: Array, type_: TensorType, what: str) -> None:
    """Raise EvaluationError unless ``array`` has the storage type and logical shape of ``type_``."""
    if array.dtype != type_.dtype.numpy or array.shape != type_.shape:
        raise EvaluationError(f"{what} is {array.dtype}{list(array.shape)}, expected {type_}")
