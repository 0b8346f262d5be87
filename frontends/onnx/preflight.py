"""Collects every node that cannot be compiled, and lets the import go on past it.

An unsupported node's outputs become placeholders of the types that the ONNX schema infers, so that the nodes
after it are examined too. Where the types cannot be inferred, what depends on them is skipped in silence:
only causes are listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import NodeProto, TypeProto, checker, defs, shape_inference

from compiler.ir.graph import Value
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import TensorType
from frontends.onnx.errors import Unsupported, UnsupportedModel, UnsupportedNode
from frontends.onnx.structure import normal_domain
from frontends.onnx.types import dtype_of, static_shape, type_proto


class Preflight:
    """The problems found so far, and the placeholders that stand for what they would have computed."""

    def __init__(self, rewriter: Rewriter) -> None:
        self._rewriter = rewriter
        self._nodes: dict[UnsupportedNode, None] = {}
        self._placeholders: set[str] = set()

    def add(self, name: str, op: str, reason: str, help: str = "") -> None:
        """Remember a problem, once."""
        self._nodes[UnsupportedNode(name, op, reason, help)] = None

    def count(self) -> int:
        """How many problems there are so far."""
        return len(self._nodes)

    def placeholders(self, node: NodeProto, opset: int, types: Mapping[str, TensorType]) -> list[Value | None]:
        """A stand-in for each output of an unsupported node, ``None`` where its type cannot be inferred."""
        inferred = inferred_types(node, opset, types)
        return [self._placeholder(inferred.get(name)) for name in node.output]

    def depends_on_problem(self, input_names: Sequence[str]) -> bool:
        """Whether one of these graph inputs is a placeholder."""
        return not self._placeholders.isdisjoint(input_names)

    def raise_if_any(self, model: str) -> None:
        """Raise UnsupportedModel with all problems, if there are any."""
        if self._nodes:
            raise UnsupportedModel(model, list(self._nodes))

    def _placeholder(self, type: TypeProto | None) -> Value | None:
        if type is None or type.WhichOneof("value") != "tensor_type":
            return None
        shape = static_shape(type.tensor_type)
        if shape is None:
            return None
        try:
            tensor_type = TensorType(dtype_of(type.tensor_type.elem_type), shape)
        except Unsupported:
            return None
        name = f"placeholder {len(self._placeholders)}"
        self._placeholders.add(name)
        return self._rewriter.input(name, tensor_type)


def inferred_types(node: NodeProto, opset: int, types: Mapping[str, TensorType]) -> dict[str, TypeProto]:
    """What the operator's ONNX schema says of the node's outputs, by name; empty if it says nothing."""
    try:
        schema = defs.get_schema(node.op_type, opset, normal_domain(node.domain))
    except defs.SchemaError:
        return {}
    if not all(name in types for name in node.input if name):
        return {}
    protos = {name: type_proto(types[name]) for name in node.input if name}
    try:
        return dict(shape_inference.infer_node_outputs(schema, node, protos))
    except (shape_inference.InferenceError, checker.ValidationError, ValueError, RuntimeError):
        return {}  # the types are a courtesy; whatever is wrong with the node is already reported
