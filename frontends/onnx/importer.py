"""Walks an ONNX graph in order and turns each node into IR ops: by its converter, or by its function's body.

What names stand for is kept in ``scopes``, what an operator means is its converter's business.
"""

from __future__ import annotations

from collections.abc import Sequence

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, defs

from compiler.ir.graph import Graph, Value
from compiler.ir.literal import Literal
from compiler.ir.op import InferenceError
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import TensorType
from frontends.errors import MalformedModel, ModelError
from frontends.onnx.bfloat16 import narrowed, widened
from frontends.onnx.context import Converter, Item, NodeContext, TensorSequence
from frontends.onnx.converters import CONVERTERS, MOVERS, NARROW_READERS
from frontends.onnx.errors import Blocked, ConversionError, Unsupported
from frontends.onnx.functions import Call, Functions, resolved_attributes, standard_call
from frontends.onnx.inputs import Inputs
from frontends.onnx.known_values import KnownValues, UnknownValue
from frontends.onnx.loader import opsets
from frontends.onnx.preflight import Preflight
from frontends.onnx.scopes import BLOCKED, BlockedItem, Scope, required
from frontends.onnx.structure import normal_domain, ordered_nodes
from frontends.onnx.types import dtype_of, element_type_name, is_narrow, literal_of, type_proto


def import_model(model: ModelProto, name: str, inputs: Inputs) -> Graph:
    """The IR graph of a model.

    Raises:
        MalformedModel: the graph breaks the ONNX specification.
        UnsupportedModel: some nodes cannot be compiled; the error lists all of them.
    """
    return _Importer(model, name).run(inputs)


class _Importer:
    def __init__(self, model: ModelProto, name: str) -> None:
        self.model = model
        self.name = name
        self.graph = Graph(model.graph.name or "main")
        self.rewriter = Rewriter(self.graph)
        self.known = KnownValues(self.graph)
        self.preflight = Preflight(self.rewriter)
        self.functions = Functions(model)
        self.calls: list[str] = []
        """The functions of the model whose bodies are being imported, the innermost last."""
        self.narrow: dict[Value, int] = {}
        """ONNX's element type of constants that the IR holds in a wider one."""

    def run(self, inputs: Inputs) -> Graph:
        scope = Scope(opsets(self.model.opset_import))
        for name, entry in inputs.items():
            match entry:
                case TensorType():
                    scope.items[name] = self.rewriter.input(name, entry)
                case Literal():
                    scope.items[name] = self.rewriter.constant(entry)
                case Unsupported():
                    self.preflight.add(name, "input", entry.reason, entry.help)
                    scope.items[name] = BLOCKED
        self._import_nodes(self.model.graph, scope)
        for info in self.model.graph.output:
            self._output(info.name, info.type.tensor_type.elem_type, self._item(info.name, scope))
        self.preflight.raise_if_any(self.name)
        return self.graph

    def _output(self, name: str, stated: int, item: Item | BlockedItem) -> None:
        if name in self.graph.output_names:
            raise MalformedModel(f"the graph has two outputs named {name!r}")
        if isinstance(item, BlockedItem):
            return
        if not isinstance(item, Value):
            self.preflight.add(name, "output", "it is a sequence or an optional, not a tensor")
            return
        narrow = self.narrow.get(item)
        if narrow is not None:
            self.preflight.add(name, "output", f"tensors of {element_type_name(narrow)} are not supported")
        elif stated != TensorProto.UNDEFINED:
            self._check_output(name, stated, item)
        self.rewriter.output(name, item)

    def _check_output(self, name: str, stated: int, value: Value) -> None:
        try:
            dtype = dtype_of(stated)
        except Unsupported as error:
            self.preflight.add(name, "output", error.reason, error.help)
            return
        if dtype is not value.type.dtype:
            raise MalformedModel(
                f"output {name!r} is declared as {dtype.value}, but its node gives {value.type.dtype.value}"
            )

    # -- graphs and names ---------------------------------------------------------------------------

    def _import_nodes(self, graph: GraphProto, scope: Scope) -> None:
        if graph.sparse_initializer:
            name = graph.sparse_initializer[0].values.name
            raise MalformedModel(f"initializer {name!r} is sparse; Kiln takes dense ones only")
        scope.add_initializers(graph.initializer)
        outer = scope.parent.names() if scope.parent is not None else ()
        for node in ordered_nodes(graph.node, [*scope.items, *scope.tensors], outer):
            self._import_node(node, scope)

    def _inline_graph(self, graph: GraphProto, arguments: Sequence[Item], parent: Scope, label: str) -> list[Item]:
        """Import a nested graph; raises Blocked if an output depends on an unsupported node."""
        if len(arguments) != len(graph.input):
            raise MalformedModel(f"{label}: its graph takes {len(graph.input)} inputs, but is given {len(arguments)}")
        scope = Scope(parent.opsets, arguments=parent.arguments, parent=parent, prefix=f"{label}/")
        scope.items.update((info.name, a) for info, a in zip(graph.input, arguments, strict=True))
        self._import_nodes(graph, scope)
        return [required(self._item(output.name, scope)) for output in graph.output]

    def _item(self, name: str, scope: Scope) -> Item | BlockedItem:
        """What a name stands for. An initializer becomes a constant at its first use."""
        if name == "":
            return None
        owner = scope.owner(name)
        if name not in owner.items:
            try:
                owner.items[name] = self._constant(owner.tensors[name])
            except Unsupported as error:
                self.preflight.add(name, "initializer", error.reason, error.help)
                owner.items[name] = BLOCKED
        return owner.items[name]

    def _constant(self, tensor: TensorProto) -> Value:
        try:
            value = self.rewriter.constant(literal_of(tensor))
        except ValueError as error:
            raise MalformedModel(f"tensor {tensor.name!r} is damaged: {error}") from None
        if is_narrow(tensor.data_type):
            self.narrow[value] = tensor.data_type
        return value

    # -- nodes ----------------------------------------------------------------------------------------

    def _import_node(self, node: NodeProto, scope: Scope) -> None:
        results: Sequence[Item | BlockedItem]
        try:
            items = [required(self._item(name, scope)) for name in node.input]
            try:
                results = self._results(node, items, scope)
            except (Unsupported, InferenceError) as error:
                self._report(node, scope, error)
                values = self.preflight.placeholders(node, scope.opset(node), _types(node, items))
                results = [BLOCKED if value is None else value for value in values]
        except Blocked:
            results = [BLOCKED] * len(node.output)
        for name, item in zip(node.output, results, strict=False):
            if name:
                scope.items[name] = item

    def _report(self, node: NodeProto, scope: Scope, error: Unsupported | InferenceError) -> None:
        if isinstance(error, UnknownValue) and self.preflight.depends_on_problem(error.inputs):
            return  # a consequence
        help = error.help if isinstance(error, Unsupported) else ""
        self.preflight.add(scope.label(node), node.op_type, str(error), help)

    def _results(self, node: NodeProto, items: list[Item], scope: Scope) -> Sequence[Item | BlockedItem]:
        """The node's outputs. Raises Unsupported, InferenceError, Blocked."""
        attributes = resolved_attributes(node, scope.arguments)
        call = self.functions.call(node, attributes)
        if call is not None:
            return self._call(call, node, items, scope, recursion_of=call.function.name)
        converter = CONVERTERS.get(normal_domain(node.domain), {}).get(node.op_type)
        if converter is not None:
            return self._converted(converter, node, items, scope)
        types = [_item_type(item) for item in items]
        call = standard_call(node, scope.opset(node), attributes, types)
        if call is not None:
            return self._call(call, node, items, scope)
        raise _unknown(node, scope)

    def _converted(self, converter: Converter, node: NodeProto, items: list[Item], scope: Scope) -> Sequence[Item]:
        self._check_narrow(node, items)
        label = scope.label(node)
        # What only moves elements moves bfloat16 as well; everything else computes in float32.
        wide = items if node.op_type in MOVERS else [widened(i, self.rewriter, label) for i in items]
        try:
            results = converter(self._context(node, wide, scope))
        except (ModelError, InferenceError):
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ConversionError(f"{node.op_type} {label!r} makes no sense: {error!r}") from error
        results = results if isinstance(results, Sequence) else [results]
        if wide == items:
            return results
        return narrowed(results, node, scope.opset(node), _types(node, items), self.rewriter, label)

    def _check_narrow(self, node: NodeProto, items: Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, Value) and item in self.narrow and node.op_type not in NARROW_READERS:
                name = element_type_name(self.narrow[item])
                raise Unsupported(f"it computes with {name}, which Kiln only reads from constants")

    def _context(self, node: NodeProto, items: Sequence[Item], scope: Scope) -> NodeContext:
        label = scope.label(node)

        def inline(graph: GraphProto, arguments: Sequence[Item], step: str) -> list[Item]:
            return self._inline_graph(graph, arguments, scope, f"{label}/{step}" if step else label)

        return NodeContext(
            op_type=node.op_type,
            name=label,
            opset=scope.opset(node),
            rw=self.rewriter,
            items=tuple(items),
            outputs=tuple(node.output),
            attributes=resolved_attributes(node, scope.arguments),
            known=self.known,
            narrow=self.narrow,
            inline=inline,
            problems=self.preflight.count,
        )

    def _call(
        self, call: Call, node: NodeProto, items: Sequence[Item], scope: Scope, recursion_of: str = ""
    ) -> list[Item | BlockedItem]:
        """Import a function's body in place of the node that calls it."""
        function = call.function
        if recursion_of in self.calls:
            raise MalformedModel(f"function {recursion_of!r} calls itself")
        versions = {**scope.opsets, **opsets(function.opset_import)}
        body = Scope(versions, arguments=call.attributes, prefix=f"{scope.label(node)}/")
        padded = [*items, *[None] * (len(function.input) - len(items))]
        body.items.update(zip(function.input, padded, strict=False))
        if recursion_of:
            self.calls.append(recursion_of)
        for inner in ordered_nodes(function.node, body.items):
            self._import_node(inner, body)
        if recursion_of:
            self.calls.pop()
        # A body need not define the outputs that this call does not use.
        used = [inner if outer else "" for inner, outer in zip(function.output, node.output, strict=False)]
        return [self._item(name, body) for name in used]


def _unknown(node: NodeProto, scope: Scope) -> Unsupported:
    domain = normal_domain(node.domain)
    if domain not in CONVERTERS:
        return Unsupported(
            f"operators of {domain!r} are no part of ONNX", "export the model without them, or as functions"
        )
    if not defs.has(node.op_type, scope.opset(node), domain):
        return Unsupported(f"operator set {domain or 'ai.onnx'} {scope.opset(node)} has no such operator")
    return Unsupported("Kiln does not have this operator")


def _types(node: NodeProto, items: Sequence[Item]) -> dict[str, TensorType]:
    """The types of a node's tensor inputs by name."""
    named = zip(node.input, items, strict=True)
    return {name: item.type for name, item in named if isinstance(item, Value)}


def _item_type(item: Item) -> TypeProto:
    """The ONNX type of an item as far as it is known; an empty one for an omitted input."""
    if isinstance(item, Value):
        return type_proto(item.type)
    proto = TypeProto()
    if isinstance(item, TensorSequence):
        element = _item_type(item.elements[0]) if item.elements else TypeProto()
        proto.sequence_type.elem_type.CopyFrom(element)
    return proto
