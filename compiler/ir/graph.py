"""Graph, Node and Value: SSA form with use lists.

A graph is an ordered list of nodes that ends in a ``return`` node, whose operands are the graph's outputs,
so that being an output is a use like any other. Nested graphs (regions) see only their own inputs.
Everything here is to be read only: all mutation goes through ``compiler.ir.rewriter.Rewriter``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.ir.op import Op
from compiler.ir.printer import print_graph
from compiler.ir.types import TensorType


@dataclass(frozen=True, slots=True)
class Use:
    """Operand number ``index`` of ``node``."""

    node: Node
    index: int


class Value:
    """A graph input (``producer`` is None) or result number ``index`` of its producer."""

    __slots__ = ("index", "producer", "type", "uses")

    def __init__(self, type: TensorType, producer: Node | None, index: int) -> None:
        self.type = type
        self.producer = producer
        self.index = index
        self.uses: dict[Use, None] = {}

    @property
    def users(self) -> list[Node]:
        """The nodes that use this value, each once, in the order of first use."""
        return list(dict.fromkeys(use.node for use in self.uses))

    def __repr__(self) -> str:
        origin = self.producer.op.name if self.producer else "input"
        return f"<Value {self.type} of {origin}#{self.index}>"


class Node:
    """One application of an op. ``origin`` names the source model's node, for messages and profiles."""

    __slots__ = ("erased", "graph", "next", "op", "operands", "origin", "previous", "regions", "results")

    def __init__(
        self,
        graph: Graph,
        op: Op,
        operands: tuple[Value, ...],
        result_types: tuple[TensorType, ...],
        regions: tuple[Graph, ...] = (),
        origin: str = "",
    ) -> None:
        self.graph = graph
        self.op = op
        self.operands = operands
        self.regions = regions
        self.origin = origin
        self.results = tuple(Value(type, self, index) for index, type in enumerate(result_types))
        self.previous: Node | None = None
        self.next: Node | None = None
        self.erased = False

    @property
    def result(self) -> Value:
        """The only result."""
        (value,) = self.results
        return value

    @property
    def is_dead(self) -> bool:
        """Whether no result is used."""
        return not any(value.uses for value in self.results)

    def __repr__(self) -> str:
        return f"<Node {self.op}>"


@dataclass(frozen=True)
class Return(Op):
    """The terminator; its operands are the graph's outputs."""

    name = "return"

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        return ()


class Graph:
    """An SSA graph with named inputs and outputs.

    ``Graph(name)`` is empty; fill it through a ``Rewriter``. Iterating yields the nodes in execution
    order without the final ``return``; the node just yielded may be erased or replaced meanwhile.
    """

    def __init__(self, name: str = "main") -> None:
        self.name = name
        self.input_names: list[str] = []
        self.output_names: list[str] = []
        self.input_values: list[Value] = []
        self.terminator = Node(self, Return(), (), ())
        self.first = self.terminator
        self.size = 0

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The input values, in the order of ``input_names``."""
        return tuple(self.input_values)

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The output values, in the order of ``output_names``."""
        return self.terminator.operands

    @property
    def nodes(self) -> list[Node]:
        """A snapshot of the nodes in execution order."""
        return list(self)

    def __iter__(self) -> Iterator[Node]:
        node = self.first
        while node is not self.terminator:
            if not node.erased:
                yield node
            assert node.next is not None  # an erased node keeps its link, so that iteration can go on
            node = node.next

    def __reversed__(self) -> Iterator[Node]:
        node = self.terminator.previous
        while node is not None:
            if not node.erased:
                yield node
            node = node.previous

    def __len__(self) -> int:
        return self.size

    def __str__(self) -> str:
        return print_graph(self)

    def __eq__(self, other: object) -> bool:
        """Structural equality: same text, hence same ops, attributes, constants (by digest) and names."""
        return isinstance(other, Graph) and (self is other or str(self) == str(other))

    __hash__ = object.__hash__
