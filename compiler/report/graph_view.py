"""A graph as a picture that scales to thousands of nodes: one line per node, in order, with arcs from
producer to user on the left. Constants are left out; they are counted in the heading."""

from __future__ import annotations

from compiler.codegen.plan import call_name
from compiler.ir import Graph, Node, Value
from compiler.ir.ops.constant import Constant
from compiler.report.html import escape

_ROW = 18
_ARCS = 120
_MOST_NODES = 3000
"""Browsers show more only slowly; what is left out is said."""


def graph_view(graph: Graph, title: str) -> str:
    """A section with the drawing of ``graph``."""
    nodes = [node for node in graph if not isinstance(node.op, Constant)]
    shown = nodes[:_MOST_NODES]
    rows: dict[Value, int] = {value: row for row, value in enumerate(graph.inputs)}
    labels = [f"input {name}: {value.type}" for name, value in zip(graph.input_names, graph.inputs, strict=True)]
    arcs: list[str] = []
    for node in (*shown, graph.terminator):
        row = len(labels)
        arcs += [_arc(rows[value], row) for value in dict.fromkeys(node.operands) if value in rows]
        rows.update(dict.fromkeys(node.results, row))
        labels.append("return" if node is graph.terminator else _label(node))
    lines = "".join(
        f'<text x="{_ARCS + 8}" y="{row * _ROW + 13}">{escape(label)}</text>'
        f'<circle cx="{_ARCS}" cy="{row * _ROW + 9}" r="3"/>'
        for row, label in enumerate(labels)
    )
    left_out = f", {len(nodes) - len(shown)} not shown" if len(nodes) > len(shown) else ""
    width = _ARCS + 16 + 7 * max(map(len, labels))
    return (
        f"<section><h3>{escape(title)}: {len(nodes)} nodes, {len(graph) - len(nodes)} constants{left_out}</h3>"
        f'<div class="scroll"><svg class="graph" width="{width}" height="{len(labels) * _ROW + 4}">'
        f"{''.join(arcs)}{lines}</svg></div></section>"
    )


def _arc(start: int, end: int) -> str:
    """An arc from one row to a later one, further out the longer it is."""
    top, bottom = start * _ROW + 9, end * _ROW + 9
    reach = min(_ARCS - 6, 10 + 6 * (end - start))
    middle = _ARCS - reach
    return f'<path d="M{_ARCS} {top} C{middle} {top} {middle} {bottom} {_ARCS} {bottom}"/>'


def _label(node: Node) -> str:
    results = ", ".join(str(value.type) for value in node.results)
    inner = [inner.op.name for region in node.regions for inner in region if not isinstance(inner.op, Constant)]
    ops = f"{node.op.name}[{' '.join(inner)}]" if inner else node.op.name
    return f"{ops} -> {results}" + (f"  {call_name(node)}" if node.origin else "")
