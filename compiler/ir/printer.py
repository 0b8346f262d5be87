"""Graph -> text. ``compiler.ir.parser`` reads exactly this back.

The grammar, by example (regions are nested in the same form, indented)::

    graph "main" (%0 "x": f32[1,3,8,8]) {
      %1 = constant() {value = dense<f32[]: 2.0>} : f32[]
      %2 = mul(%0, %1) : f32[1,3,8,8] @"Mul_0"
      return %2 "y"
    }

Attributes that have their default value are left out. Literals of up to ``literal.INLINE_LIMIT`` elements are spelled
out, larger ones stand as ``dense<f32[64,3,7,7]: sha256:...>`` and live in a side file (``compiler.ir.textfile``). So do
forests, ``forest<sha256:...>``, unless they have few leaves.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest import Forest, print_forest
from compiler.ir.literal import Literal
from compiler.ir.types import Layout, TensorType

if TYPE_CHECKING:
    from compiler.ir.graph import Graph, Node, Value
    from compiler.ir.op import Op

NoteOf = Callable[["Node"], str]


def print_graph(graph: Graph, note: NoteOf | None = None) -> str:
    """The text of a graph, ending in a newline; ``note(node)`` may add a line of comment under a node."""
    return "\n".join(_GraphPrinter(graph, indent=0, note=note).lines()) + "\n"


class _GraphPrinter:
    def __init__(self, graph: Graph, indent: int, note: NoteOf | None) -> None:
        self.graph = graph
        self.indent = indent
        self.note = note
        self.names: dict[Value, str] = {}

    def name(self, value: Value) -> str:
        """The %number of a value; one from outside this graph shows as %undefined."""
        return self.names.get(value, "%undefined")

    def define(self, value: Value) -> str:
        self.names[value] = f"%{len(self.names)}"
        return self.names[value]

    def lines(self) -> list[str]:
        pad = "  " * self.indent
        inputs = ", ".join(
            f"{self.define(value)} {json.dumps(name)}: {value.type}"
            for name, value in zip(self.graph.input_names, self.graph.inputs, strict=True)
        )
        lines = [f"{pad}graph {json.dumps(self.graph.name)} ({inputs}) {{"]
        for node in self.graph:
            lines += self.node_lines(node)
        outputs = ", ".join(
            f"{self.name(value)} {json.dumps(name)}"
            for name, value in zip(self.graph.output_names, self.graph.outputs, strict=True)
        )
        lines.append(f"{pad}  return {outputs}".rstrip())
        lines += self.notes(self.graph.terminator)
        return [*lines, f"{pad}}}"]

    def notes(self, node: Node) -> list[str]:
        text = self.note(node) if self.note else ""
        return [f"{'  ' * self.indent}  // {line}" for line in text.splitlines()]

    def node_lines(self, node: Node) -> list[str]:
        operands = ", ".join(self.name(operand) for operand in node.operands)
        results = ", ".join(self.define(result) for result in node.results)
        types = ", ".join(str(result.type) for result in node.results)
        origin = f" @{json.dumps(node.origin)}" if node.origin else ""
        head = f"{'  ' * self.indent}  {results} = {node.op.name}({operands}){print_attributes(node.op)}"
        tail = f" : {types}{origin}"
        if not node.regions:
            return [head + tail, *self.notes(node)]
        lines = [head + " ["]
        for region in node.regions:
            lines += _GraphPrinter(region, self.indent + 2, self.note).lines()
        return [*lines, f"{'  ' * self.indent}  ]{tail}", *self.notes(node)]


def print_attributes(op: Op) -> str:
    """`` {name = value, ...}`` of the attributes that differ from their defaults, or nothing."""
    shown = [
        f"{field.name} = {print_attribute(getattr(op, field.name))}"
        for field in dataclasses.fields(op)
        if getattr(op, field.name) != field.default
    ]
    return " {" + ", ".join(shown) + "}" if shown else ""


def print_attribute(value: object) -> str:
    """One attribute value: bool, int, float, str, None, DType, TensorType, Layout, Literal, Forest or a tuple of
    those."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return print_float(value)
        case str():
            return json.dumps(value)
        case DType():
            return value.value
        case TensorType():
            return f"type<{value}>"
        case Layout():
            return f"layout<{value}>"
        case Literal():
            return print_literal(value)
        case Forest():
            text = print_forest(value, indent=1) if value.is_inline else f"sha256:{value.digest}"
            return f"forest<{text}>"
        case tuple():
            items = cast("tuple[object, ...]", value)
            return "[" + ", ".join(map(print_attribute, items)) + "]"
        case _:
            raise TypeError(f"an attribute cannot be a {type(value).__name__}")


def print_float(value: float) -> str:
    """The shortest decimal that reads back to the same double; ``inf``, ``-inf`` and ``nan`` by name."""
    return repr(float(value))


def print_literal(literal: Literal) -> str:
    """``dense<type: elements>``, or ``dense<type: sha256:digest>`` above the inline limit."""
    if not literal.is_inline:
        return f"dense<{literal.type}: sha256:{literal.digest}>"
    flat = literal.array.reshape(-1)
    return f"dense<{literal.type}: {', '.join(_print_element(flat, i) for i in range(flat.size))}>"


def _print_element(flat: np.ndarray, index: int) -> str:
    """An element of a literal; a NaN as its bits in hexadecimal, so that its payload survives."""
    element = flat[index]
    if flat.dtype == np.bool_:
        return "true" if element else "false"
    if flat.dtype.kind != "f":
        return str(int(element))
    if np.isnan(element):
        return hex(int(flat[index : index + 1].view(f"u{flat.dtype.itemsize}")[0]))
    return repr(element.item()) if flat.dtype == np.float64 else str(element)
