"""The shape of an ONNX graph as a graph: names are defined once, before they are used, and nothing goes in
circles."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence

from onnx import AttributeProto, GraphProto, NodeProto

from frontends.errors import MalformedModel


def node_label(node: NodeProto) -> str:
    """What to call a node: its name, or else its first output."""
    return node.name or next((name for name in node.output if name), node.op_type)


def normal_domain(domain: str) -> str:
    """A domain of operators, the default one spelled ``""``."""
    return "" if domain == "ai.onnx" else domain


def ordered_nodes(nodes: Sequence[NodeProto], defined: Iterable[str], outer: Collection[str] = ()) -> list[NodeProto]:
    """The nodes, each after those whose outputs it reads; in the given order where that already holds.

    ``defined`` are the names that the graph defines without a node (inputs, initializers), ``outer`` those of
    the graphs around it.

    Raises:
        MalformedModel: a name is defined twice or nowhere, or nodes depend on each other in a circle.
    """
    available = set(defined)
    producers = _producers(nodes, available)
    waiting: dict[int, set[str]] = {}
    for index, node in enumerate(nodes):
        reads = names_read(node)
        for name in reads:
            if name not in available and name not in producers and name not in outer:
                raise MalformedModel(f"{node.op_type} {node_label(node)!r} reads {name!r}, which nothing defines")
        waiting[index] = {name for name in reads if name in producers}
    return [nodes[index] for index in _sorted(nodes, waiting)]


def _producers(nodes: Sequence[NodeProto], available: Collection[str]) -> dict[str, int]:
    producers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in filter(None, node.output):
            if name in producers or name in available:
                raise MalformedModel(f"{node.op_type} {node_label(node)!r} defines {name!r}, which is already defined")
            producers[name] = index
    return producers


def _sorted(nodes: Sequence[NodeProto], waiting: dict[int, set[str]]) -> list[int]:
    """Kahn's algorithm, of the nodes that are ready the first one first; ``waiting``: names that a node needs."""
    readers: dict[str, list[int]] = {}
    for index, names in waiting.items():
        for name in names:
            readers.setdefault(name, []).append(index)
    missing = {index: len(names) for index, names in waiting.items()}
    ready = [index for index, count in missing.items() if count == 0]  # ascending, hence a heap
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for name in filter(None, nodes[index].output):
            for reader in readers.get(name, ()):
                missing[reader] -= 1
                if missing[reader] == 0:
                    heapq.heappush(ready, reader)
    if len(order) < len(nodes):
        left = sorted(missing.keys() - set(order))[:4]
        names = ", ".join(repr(node_label(nodes[index])) for index in left)
        raise MalformedModel(f"the graph has a cycle: these nodes need each other's results: {names}")
    return order


def names_read(node: NodeProto) -> set[str]:
    """The names that a node reads, those that its nested graphs take from around them included."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        graphs = (attribute.g,) if attribute.type == AttributeProto.GRAPH else attribute.graphs
        for graph in graphs:
            names |= _captured(graph)
    return names


def _captured(graph: GraphProto) -> set[str]:
    own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    read = {output.name for output in graph.output}
    for node in graph.node:
        own.update(node.output)
        read |= names_read(node)
    return read - own - {""}
