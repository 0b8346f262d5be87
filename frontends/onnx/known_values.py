"""Which values of a graph under construction are known already, and what they are.

The importer needs some values eagerly (the target of a Reshape, the condition of an If). A value is known if
all that it is computed from are constants and shapes; the reference interpreter computes it. Nothing is added
to the graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.ir.graph import Graph, Node, Value
from compiler.ir.interpreter import evaluate_node
from compiler.ir.literal import Array
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.movement import ShapeOf
from frontends.onnx.errors import Unsupported


class UnknownValue(Unsupported):
    """A node needs a value now that depends on graph inputs."""

    def __init__(self, what: str, inputs: Sequence[str]) -> None:
        super().__init__(f"{what} depends on data", " ".join(f"--bind {name}=VALUE" for name in inputs))
        self.inputs = tuple(inputs)


class KnownValues:
    """The known values of one graph, remembered: a node is evaluated at most once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._arrays: dict[Value, Array] = {}
        self._known: dict[Value, bool] = {}

    def of(self, value: Value) -> Array | None:
        """The value as an array, or ``None`` if it depends on a graph input. bfloat16 comes as bits."""
        if not self.is_known(value):
            return None
        for node in _slice_of(value, self._arrays):
            operands = [] if isinstance(node.op, ShapeOf) else [self._arrays[v] for v in node.operands]
            self._arrays.update(zip(node.results, _evaluate(node, operands), strict=True))
        return self._arrays[value]

    def is_known(self, value: Value) -> bool:
        """Whether ``of`` would give an array; costs no evaluation."""
        pending = [value]
        while pending:
            current = pending[-1]
            if current in self._known:
                pending.pop()
                continue
            inputs = _dependencies(current)
            open_inputs = [v for v in inputs if v not in self._known]
            if open_inputs:
                pending += open_inputs
                continue
            self._known[current] = current.producer is not None and all(self._known[v] for v in inputs)
            pending.pop()
        return self._known[value]

    def unknown_inputs(self, value: Value) -> list[str]:
        """The names of the graph inputs that the value depends on, in the graph's order."""
        seen: set[Value] = set()
        pending = [value]
        while pending:
            current = pending.pop()
            if current not in seen:
                seen.add(current)
                pending += _dependencies(current)
        names = zip(self._graph.input_names, self._graph.inputs, strict=True)
        return [name for name, input in names if input in seen]


def _dependencies(value: Value) -> tuple[Value, ...]:
    """What a value is computed from. A shape is known without its tensor."""
    if value.producer is None or isinstance(value.producer.op, ShapeOf):
        return ()
    return value.producer.operands


def _slice_of(value: Value, computed: dict[Value, Array]) -> list[Node]:
    """The nodes that lead to ``value`` and are not computed yet, each after those that it needs."""
    order: dict[Node, None] = {}
    pending = [value]
    while pending:
        node = pending[-1].producer
        assert node is not None
        if pending[-1] in computed or node in order:
            pending.pop()
            continue
        missing = [v for v in _dependencies(pending[-1]) if v not in computed and v.producer not in order]
        if missing:
            pending += missing
        else:
            order[node] = None
            pending.pop()
    return list(order)


def _evaluate(node: Node, operands: list[Array]) -> list[Array]:
    if isinstance(node.op, ShapeOf):
        return [np.array(node.operands[0].type.shape, np.int64)]
    if isinstance(node.op, Constant):
        return [node.op.value.array]
    return evaluate_node(node, operands)
