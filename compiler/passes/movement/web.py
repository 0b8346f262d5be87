"""Webs: elementwise ops of one shape that feed each other, and what another order of axes would gain.

Knows how to count, not how to rewrite.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from compiler.ir.graph import Graph, Node, Value
from compiler.ir.ops.movement import Transpose
from compiler.ir.types import ROW_MAJOR, Shape
from compiler.passes.op_kinds import constant_of, is_elementwise

Permutation = tuple[int, ...]


def inverse(permutation: Permutation) -> Permutation:
    """The permutation that undoes ``permutation``."""
    places = sorted(range(len(permutation)), key=permutation.__getitem__)
    return tuple(places)


def compose(first: Permutation, second: Permutation) -> Permutation:
    """The permutation of a transpose by ``first`` followed by one by ``second``."""
    return tuple(first[axis] for axis in second)


def permutation_of(value: Value) -> Permutation | None:
    """The permutation by which a value was transposed, None if it was not."""
    producer = value.producer
    return producer.op.permutation if producer is not None and isinstance(producer.op, Transpose) else None


@dataclass(eq=False)
class Web:
    """Connected elementwise nodes whose results all have ``shape``, with their positions in the graph."""

    shape: Shape
    nodes: dict[Node, int] = field(default_factory=lambda: dict[Node, int]())

    def in_order(self) -> list[Node]:
        """The nodes in execution order."""
        return sorted(self.nodes, key=self.nodes.__getitem__)

    def inputs(self) -> list[Value]:
        """The values that members read from outside, each once."""
        read = dict.fromkeys(operand for node in self.nodes for operand in node.operands)
        return [value for value in read if value.producer not in self.nodes]

    def outputs(self) -> list[Value]:
        """The results that are used outside."""
        return [node.result for node in self.nodes if any(use.node not in self.nodes for use in node.result.uses)]

    def best_permutation(self) -> Permutation | None:
        """The permutation P such that computing before ``transpose(P)`` instead of behind moves fewest
        elements; None if no permutation moves fewer than now."""
        candidates = Counter(
            permutation for value in self.inputs() if (permutation := permutation_of(value)) is not None
        )
        best = max(candidates, key=self._gain, default=None)
        return best if best is not None and self._gain(best) > 0 else None

    def _gain(self, permutation: Permutation) -> int:
        """By how many fewer elements transposes move if the web is computed before
        ``transpose(permutation)``."""
        return sum(self._input_gain(value, permutation) for value in self.inputs()) + sum(
            self._output_gain(value, permutation) for value in self.outputs()
        )

    def _input_gain(self, value: Value, permutation: Permutation) -> int:
        if constant_of(value) is not None or value.type.elements == 1:
            return 0
        own = permutation_of(value)
        read_by_web_only = all(use.node in self.nodes for use in value.uses)
        if own == permutation:
            return value.type.elements if read_by_web_only else 0
        return 0 if own is not None and read_by_web_only else -value.type.elements

    def _output_gain(self, value: Value, permutation: Permutation) -> int:
        outside = [use.node for use in value.uses if use.node not in self.nodes]
        transposes = [node for node in outside if isinstance(node.op, Transpose)]
        cancelled = [
            node
            for node in transposes
            if isinstance(node.op, Transpose) and node.op.permutation == inverse(permutation)
        ]
        new = len(transposes) < len(outside)
        return value.type.elements * (len(cancelled) - new)


def find_webs(graph: Graph) -> list[Web]:
    """The webs that read a transposed value, in linear time."""
    web_of: dict[Node, Web] = {}
    for position, node in enumerate(graph):
        if not _can_belong(node):
            continue
        producers = [operand.producer for operand in node.operands]
        fed_by = dict.fromkeys(web_of[p] for p in producers if p is not None and p in web_of)
        joined = [web for web in fed_by if web.shape == node.result.type.shape]
        web = max(joined, key=lambda web: len(web.nodes), default=Web(node.result.type.shape))
        for other in joined:
            if other is not web:  # the smaller joins the larger, so that no node moves more than log(n) times
                web.nodes.update(other.nodes)
                web_of.update(dict.fromkeys(other.nodes, web))
        web.nodes[node] = position
        web_of[node] = web
    webs = dict.fromkeys(web_of.values())
    return [web for web in webs if any(permutation_of(value) is not None for value in web.inputs())]


def _can_belong(node: Node) -> bool:
    """Whether a node is elementwise, row-major and of at least two axes."""
    if not is_elementwise(node.op) or node.result.type.rank < 2:
        return False
    return all(value.type.layout == ROW_MAJOR for value in (*node.operands, *node.results))
