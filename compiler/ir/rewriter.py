"""``Rewriter``: the only way to build or change a graph.

Keeping every mutation behind one object keeps use lists, types and statistics right, and tells a pass
which nodes to look at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from compiler.ir.graph import Graph, Node, Use, Value
from compiler.ir.literal import Array, Literal
from compiler.ir.op import InferenceError, Op, RegionOp
from compiler.ir.ops.constant import Constant
from compiler.ir.types import TensorType


class Rewriter:
    """Builds and edits one graph. New nodes go before ``self.insertion_point`` (at first: the end).

    ``changes`` counts mutations; ``touched`` collects nodes created or whose operands changed, for worklists.
    ``origin`` is given to new nodes that do not name one.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.insertion_point: Node = graph.terminator
        self.changes = 0
        self.touched: dict[Node, None] = {}
        self.origin = ""

    # -- building ---------------------------------------------------------------------------------

    def input(self, name: str, type: TensorType) -> Value:
        """Append a graph input."""
        if name in self.graph.input_names:
            raise ValueError(f"graph already has an input named {name!r}")
        value = Value(type, None, len(self.graph.input_values))
        self.graph.input_names.append(name)
        self.graph.input_values.append(value)
        self.changes += 1
        return value

    def output(self, name: str, value: Value) -> None:
        """Append a graph output."""
        self.graph.output_names.append(name)
        self._set_operands(self.graph.terminator, (*self.graph.outputs, value))

    def node(self, op: Op, operands: Sequence[Value], regions: Sequence[Graph] = (), origin: str = "") -> Node:
        """Insert a node; its result types are inferred. Raises InferenceError naming the op and operand types."""
        types = [operand.type for operand in operands]
        node = Node(self.graph, op, (), infer_types(op, types, regions), tuple(regions), origin or self.origin)
        self._link(node)
        self._set_operands(node, tuple(operands))
        return node

    def emit(self, op: Op, *operands: Value, origin: str = "") -> Value:
        """Insert a node with one result and return that result."""
        return self.node(op, operands, origin=origin).result

    def constant(self, array: Array | Literal) -> Value:
        """Insert a constant."""
        literal = array if isinstance(array, Literal) else Literal(array)
        return self.node(Constant(literal), ()).result

    # -- editing ----------------------------------------------------------------------------------

    def before(self, node: Node) -> Rewriter:
        """Set the insertion point to before ``node`` and inherit its origin; returns self for chaining."""
        self.insertion_point = node
        self.origin = node.origin
        return self

    def after(self, node: Node) -> Rewriter:
        """Set the insertion point to right after ``node``; returns self for chaining."""
        assert node.next is not None
        self.insertion_point = node.next
        self.origin = node.origin
        return self

    def replace(self, node: Node, *values: Value) -> None:
        """Let ``values`` take the place of ``node``'s results everywhere, then erase ``node``.

        Raises InferenceError if a type would change: a rewrite must keep types.
        """
        if len(values) != len(node.results):
            raise ValueError(f"{node.op.name} has {len(node.results)} results, got {len(values)} values")
        for old, new in zip(node.results, values, strict=True):
            self.replace_uses(old, new)
        self.erase(node)

    def replace_uses(self, old: Value, new: Value, users: Iterable[Node] | None = None) -> None:
        """Let ``new`` take the place of ``old`` in all uses, or in those by ``users`` only."""
        if old.type != new.type:
            raise InferenceError(f"replacement has type {new.type}, expected {old.type}")
        if old is new:
            return
        only = None if users is None else set(users)
        for use in list(old.uses):
            if only is None or use.node in only:
                self._set_operand(use, new)

    def set_operands(self, node: Node, operands: Sequence[Value]) -> None:
        """Give ``node`` other operands; raises InferenceError if its result types would change."""
        types = infer_types(node.op, [operand.type for operand in operands], node.regions)
        if types != tuple(result.type for result in node.results):
            raise InferenceError(f"new operands change the result types of {node.op.name}")
        self._set_operands(node, tuple(operands))

    def set_output(self, index: int, value: Value) -> None:
        """Let ``value`` be graph output number ``index`` (the type may change)."""
        outputs = list(self.graph.outputs)
        outputs[index] = value
        self._set_operands(self.graph.terminator, tuple(outputs))

    def erase(self, node: Node) -> None:
        """Remove a node that has no uses; raises ValueError if it has."""
        if not node.is_dead:
            raise ValueError(f"cannot erase {node.op.name}: its results are still used")
        self._set_operands(node, ())
        self.touched.pop(node, None)
        if node.previous is None:
            assert node.next is not None
            self.graph.first = node.next
        else:
            node.previous.next = node.next
        if node.next is not None:
            node.next.previous = node.previous
        if self.insertion_point is node:
            assert node.next is not None
            self.insertion_point = node.next
        node.erased = True
        self.graph.size -= 1

    def inline(self, graph: Graph, arguments: Sequence[Value]) -> list[Value]:
        """Copy all nodes of ``graph`` to the insertion point with its inputs bound to ``arguments``;
        returns what its outputs became."""
        mapping: dict[Value, Value] = dict(zip(graph.inputs, arguments, strict=True))
        for node in graph:
            operands = [mapping[operand] for operand in node.operands]
            copy = self.node(node.op, operands, [clone(region) for region in node.regions], node.origin)
            mapping.update(zip(node.results, copy.results, strict=True))
        return [mapping[output] for output in graph.outputs]

    # -- internals --------------------------------------------------------------------------------

    def _set_operands(self, node: Node, operands: tuple[Value, ...]) -> None:
        for index, operand in enumerate(node.operands):
            del operand.uses[Use(node, index)]
            if operand.producer is not None:
                self.touched[operand.producer] = None
        node.operands = operands
        for index, operand in enumerate(operands):
            operand.uses[Use(node, index)] = None
        self.touched[node] = None
        self.changes += 1

    def _set_operand(self, use: Use, value: Value) -> None:
        """Change one operand; the use lists of the others stay, so that a node may have very many."""
        node, old = use.node, use.node.operands[use.index]
        del old.uses[use]
        if old.producer is not None:
            self.touched[old.producer] = None
        node.operands = (*node.operands[: use.index], value, *node.operands[use.index + 1 :])
        value.uses[use] = None
        self.touched[node] = None
        self.changes += 1

    def _link(self, node: Node) -> None:
        following = self.insertion_point
        preceding = following.previous
        node.next, node.previous = following, preceding
        following.previous = node
        if preceding is None:
            self.graph.first = node
        else:
            preceding.next = node
        self.graph.size += 1


def infer_types(op: Op, operands: Sequence[TensorType], regions: Sequence[Graph]) -> tuple[TensorType, ...]:
    """Result types of an op; an InferenceError gets the op's name and the operand types prepended.

    Inference sees logical types: a result is row-major whatever the layouts of the operands, except that of a
    ``relayout``.
    """
    try:
        if isinstance(op, RegionOp):
            return op.infer_regions(operands, regions)
        return op.infer(*(operand.logical for operand in operands))
    except InferenceError as error:
        raise InferenceError(f"{op.name}({', '.join(map(str, operands))}): {error}") from None
    except TypeError as error:
        if "positional argument" not in str(error):
            raise
        raise InferenceError(f"{op.name}: does not take {len(operands)} operands") from None


def clone(graph: Graph) -> Graph:
    """A structurally equal copy that shares ops, types and literals."""
    copy = Graph(graph.name)
    rewriter = Rewriter(copy)
    arguments = [rewriter.input(name, value.type) for name, value in zip(graph.input_names, graph.inputs, strict=True)]
    outputs = rewriter.inline(graph, arguments)
    for name, value in zip(graph.output_names, outputs, strict=True):
        rewriter.output(name, value)
    return copy
