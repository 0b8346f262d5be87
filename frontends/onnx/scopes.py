"""What names stand for: in a graph, in the graphs nested in it, in a function's body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from onnx import AttributeProto, NodeProto, TensorProto

from frontends.errors import MalformedModel
from frontends.onnx.context import Item
from frontends.onnx.errors import Blocked
from frontends.onnx.structure import node_label, normal_domain


class BlockedItem:
    """Stands for what depends on an unsupported node, which is reported itself."""


BLOCKED: Final = BlockedItem()


@dataclass
class Scope:
    """The names of one graph or function body, and those around it."""

    opsets: Mapping[str, int]
    items: dict[str, Item | BlockedItem] = field(default_factory=dict[str, "Item | BlockedItem"])
    tensors: dict[str, TensorProto] = field(default_factory=dict[str, TensorProto])
    """Initializers that nothing has used so far."""
    arguments: Mapping[str, AttributeProto] = field(default_factory=dict[str, AttributeProto])
    """The attributes of the surrounding function's call."""
    parent: Scope | None = None
    prefix: str = ""
    """Begins the names of the nodes in here, so that they tell where they come from."""

    def add_initializers(self, tensors: Iterable[TensorProto]) -> None:
        """Define initializers; MalformedModel if a name is taken."""
        for tensor in tensors:
            if tensor.name in self.tensors or tensor.name in self.items:
                raise MalformedModel(f"initializer {tensor.name!r} is defined twice")
            self.tensors[tensor.name] = tensor

    def owner(self, name: str) -> Scope:
        """The innermost scope that defines the name; MalformedModel if there is none."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.items or name in scope.tensors:
                return scope
            scope = scope.parent
        raise MalformedModel(f"{name!r} is used, but nothing defines it")

    def names(self) -> set[str]:
        """All names that are visible here."""
        outer = self.parent.names() if self.parent is not None else set[str]()
        return {*self.items, *self.tensors, *outer}

    def label(self, node: NodeProto) -> str:
        """What to call a node of this scope."""
        return self.prefix + node_label(node)

    def opset(self, node: NodeProto) -> int:
        """The version of the node's operator set; MalformedModel if the model does not state it."""
        version = self.opsets.get(normal_domain(node.domain))
        if version is None:
            domain = normal_domain(node.domain) or "ai.onnx"
            raise MalformedModel(
                f"{node.op_type} {self.label(node)!r}: the model states no version of operator set {domain!r}"
            )
        return version


def required(item: Item | BlockedItem) -> Item:
    """The item, or Blocked."""
    if isinstance(item, BlockedItem):
        raise Blocked
    return item
