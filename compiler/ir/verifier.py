"""Structural checks plus a re-run of type inference.

Runs between passes in tests and under ``KILN_DEBUG``. A failure shows the IR around the fault.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.ir.graph import Graph, Node, Use, Value
from compiler.ir.op import InferenceError
from compiler.ir.printer import print_graph
from compiler.ir.rewriter import infer_types

CONTEXT_LINES = 6


class MalformedGraphError(Exception):
    """A malformed graph; the message shows the IR around the fault with the reason beneath it."""


def verify(graph: Graph) -> None:
    """Raise MalformedGraphError unless the graph, regions included, is well formed:

    operands are defined before use in the same graph, use lists agree with operands, every result type is what
    inference gives, names of inputs and of outputs are unique.
    """
    named = ((graph.input_names, graph.inputs, "input"), (graph.output_names, graph.outputs, "output"))
    for names, values, what in named:
        if len(set(names)) != len(names):
            raise MalformedGraphError(f"graph {graph.name!r} has two {what}s of one name: {', '.join(names)}")
        if len(names) != len(values):  # such a graph cannot be printed
            raise MalformedGraphError(f"graph {graph.name!r} has {len(values)} {what}s, but {len(names)} names of them")
    defined: set[Value] = set(graph.inputs)
    for node in (*graph, graph.terminator):
        _verify_operands(graph, node, defined)
        _verify_types(graph, node)
        for region in node.regions:
            verify(region)
        defined.update(node.results)
    _verify_uses(graph, defined)


def _verify_operands(graph: Graph, node: Node, defined: set[Value]) -> None:
    if node.graph is not graph:
        raise _fault(graph, node, "the node belongs to another graph")
    for index, operand in enumerate(node.operands):
        if operand not in defined:
            raise _fault(graph, node, f"operand {index} is used before its definition or from another graph")
        if Use(node, index) not in operand.uses:
            raise _fault(graph, node, f"operand {index} does not list this use")


def _verify_types(graph: Graph, node: Node) -> None:
    try:
        inferred: Sequence[object] = infer_types(node.op, [operand.type for operand in node.operands], node.regions)
    except InferenceError as error:
        raise _fault(graph, node, str(error)) from None
    stated = tuple(result.type for result in node.results)
    if inferred != stated:
        shown = ", ".join(map(str, inferred))
        raise _fault(graph, node, f"inference gives {shown}, the node states {', '.join(map(str, stated))}")


def _verify_uses(graph: Graph, defined: set[Value]) -> None:
    for value in defined:
        for use in value.uses:
            place = use.node.operands[use.index] if use.index < len(use.node.operands) else None
            if place is not value or use.node.erased:
                raise _fault(graph, value.producer or graph.terminator, "a listed use does not exist")


def _fault(graph: Graph, node: Node, reason: str) -> MalformedGraphError:
    text = print_graph(graph, note=lambda other: f"^ {reason}" if other is node else "").splitlines()
    place = next((i for i, line in enumerate(text) if line.lstrip().startswith("// ^")), len(text) - 1)
    first = max(0, place - CONTEXT_LINES)
    shown = "\n".join(text[first : place + CONTEXT_LINES // 2])
    origin = f" (from {node.origin!r})" if node.origin else ""
    return MalformedGraphError(f"graph {graph.name!r}, {node.op.name}{origin}: {reason}\n{shown}")
