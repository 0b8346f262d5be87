"""``NodeContext``: everything a converter may know of the ONNX node that it turns into IR ops.

A converter is a function ``(NodeContext) -> Value | Sequence[Item]``: it reads inputs and attributes here,
emits IR ops here, and returns the node's outputs in order (``None`` for one that it leaves out because nobody
uses it). It never sees protobuf graphs, scopes or other nodes.

bfloat16 reaches only converters that move elements without computing: for others, the importer widens such
inputs to float32 and narrows the results.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import AttributeProto, GraphProto

from compiler.ir.dtypes import DType, narrow_bf16
from compiler.ir.graph import Value
from compiler.ir.literal import Array, Literal
from compiler.ir.op import Op
from compiler.ir.ops.movement import Broadcast, Reshape, Transpose
from compiler.ir.ops.unary import Cast
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import Shape, TensorType
from frontends.errors import MalformedModel
from frontends.onnx.errors import Unsupported
from frontends.onnx.known_values import KnownValues, UnknownValue
from frontends.onnx.types import element_type, is_narrow, literal_of

__all__ = [
    "Converter",
    "Item",
    "MalformedModel",
    "NodeContext",
    "OptionalItem",
    "TensorSequence",
    "Unsupported",
]


@dataclass(frozen=True)
class TensorSequence:
    """An ONNX sequence: its length and elements are known while the model is imported."""

    elements: tuple[Item, ...]


@dataclass(frozen=True)
class OptionalItem:
    """An ONNX optional, known at import to be empty (``None``) or not."""

    element: Item


Item = Value | TensorSequence | OptionalItem | None
"""What a name in an ONNX graph stands for. ``None``: an omitted optional input or output."""


@dataclass(frozen=True)
class NodeContext:
    """One node being converted. ``opset`` is the version of the node's domain; ``name`` is unique enough to
    print."""

    op_type: str
    name: str
    opset: builtins.int
    rw: Rewriter
    items: tuple[Item, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, AttributeProto]
    known: KnownValues
    narrow: dict[Value, builtins.int]
    """ONNX's element types of constants that the IR holds in a wider one: int4, float8 and the like."""
    inline: Callable[[GraphProto, Sequence[Item], str], list[Item]]
    """Import a nested graph here, its inputs bound to items; gives its outputs. The text tells copies apart
    in names."""

    problems: Callable[[], builtins.int]
    """How many unsupported nodes the import has met so far."""

    # -- inputs -----------------------------------------------------------------------------------

    @property
    def inputs(self) -> tuple[Value | None, ...]:
        """The tensor inputs; ``None`` for an omitted one. Raises Unsupported if one is a sequence or an
        optional."""
        return tuple(None if item is None else self._tensor(i, item) for i, item in enumerate(self.items))

    def has(self, index: builtins.int) -> bool:
        """Whether input number ``index`` is present."""
        return index < len(self.items) and self.items[index] is not None

    def input(self, index: builtins.int) -> Value:
        """Tensor input number ``index``; raises MalformedModel if it is absent."""
        if not self.has(index):
            raise MalformedModel(f"{self.op_type} {self.name!r} lacks its input {index}")
        return self._tensor(index, self.items[index])

    def constant(self, index: builtins.int) -> Array | None:
        """The value of input number ``index`` if it is known at import: it follows from constants and shapes
        alone.

        ``None`` if it depends on a graph input, or is absent.
        """
        return self.known.of(self.input(index)) if self.has(index) else None

    def require_constant(self, index: builtins.int, what: str) -> Array:
        """``constant(index)``, or Unsupported naming ``what``: ``require_constant(1, "the shape")``."""
        value = self.constant(index)
        if value is None:
            raise UnknownValue(what, self.known.unknown_inputs(self.input(index)))
        return value

    def element_type(self, index: builtins.int) -> builtins.int:
        """ONNX's code for the element type of input number ``index``: a narrow one where the IR holds a wider
        one."""
        value = self.input(index)
        return self.narrow.get(value, element_type(value.type.dtype))

    def _tensor(self, index: builtins.int, item: Item) -> Value:
        if not isinstance(item, Value):
            kind = "a sequence" if isinstance(item, TensorSequence) else "an optional"
            raise Unsupported(f"input {index} is {kind}, which this operator does not take here")
        return item

    # -- outputs ----------------------------------------------------------------------------------

    @property
    def output_count(self) -> builtins.int:
        """Number of outputs that the node lists, unnamed ones included."""
        return len(self.outputs)

    def output_used(self, index: builtins.int) -> bool:
        """Whether the node names output number ``index``."""
        return index < len(self.outputs) and self.outputs[index] != ""

    # -- attributes -------------------------------------------------------------------------------

    def has_attribute(self, name: str) -> bool:
        """Whether the node states the attribute."""
        return name in self.attributes

    def int(self, name: str, default: builtins.int | None = None) -> builtins.int:
        """An integer attribute; without a default it is required (MalformedModel)."""
        attribute = self._attribute(name, AttributeProto.INT, default is None)
        if attribute is not None:
            return attribute.i
        assert default is not None
        return default

    def float(self, name: str, default: builtins.float | None = None) -> builtins.float:
        """A float attribute (a float32 in the file); without a default it is required."""
        attribute = self._attribute(name, AttributeProto.FLOAT, default is None)
        if attribute is not None:
            return attribute.f
        assert default is not None
        return default

    def string(self, name: str, default: str | None = None) -> str:
        """A text attribute; without a default it is required."""
        attribute = self._attribute(name, AttributeProto.STRING, default is None)
        if attribute is not None:
            return attribute.s.decode()
        assert default is not None
        return default

    def ints(self, name: str, default: Sequence[builtins.int] | None = None) -> tuple[builtins.int, ...]:
        """A list of integers; without a default it is required."""
        attribute = self._attribute(name, AttributeProto.INTS, default is None)
        return tuple(attribute.ints if attribute is not None else default or ())

    def floats(self, name: str, default: Sequence[builtins.float] | None = None) -> tuple[builtins.float, ...]:
        """A list of floats; without a default it is required."""
        attribute = self._attribute(name, AttributeProto.FLOATS, default is None)
        return tuple(attribute.floats if attribute is not None else default or ())

    def strings(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """A list of texts; without a default it is required."""
        attribute = self._attribute(name, AttributeProto.STRINGS, default is None)
        return tuple(s.decode() for s in attribute.strings) if attribute is not None else tuple(default or ())

    def tensor(self, name: str) -> Literal | None:
        """A tensor attribute with its element type, or ``None`` if absent."""
        attribute = self._attribute(name, AttributeProto.TENSOR, required=False)
        return None if attribute is None else literal_of(attribute.t)

    def tensor_constant(self, name: str) -> Value:
        """Add a required tensor attribute as a constant."""
        attribute = self._attribute(name, AttributeProto.TENSOR, required=True)
        assert attribute is not None
        value = self.const(literal_of(attribute.t))
        if is_narrow(attribute.t.data_type):
            self.narrow[value] = attribute.t.data_type
        return value

    def graph(self, name: str) -> GraphProto:
        """A required nested graph, to be given to ``inline``."""
        attribute = self._attribute(name, AttributeProto.GRAPH, required=True)
        assert attribute is not None
        return attribute.g

    def _attribute(self, name: str, kind: builtins.int, required: bool) -> AttributeProto | None:
        attribute = self.attributes.get(name)
        if attribute is None and required:
            raise MalformedModel(f"{self.op_type} {self.name!r} lacks its attribute {name!r}")
        if attribute is not None and attribute.type != kind:
            stated, wanted = (AttributeProto.AttributeType.Name(k) for k in (attribute.type, kind))
            raise MalformedModel(f"{self.op_type} {self.name!r}: attribute {name!r} is {stated}, expected {wanted}")
        return attribute

    # -- emitting ---------------------------------------------------------------------------------

    def emit(self, op: Op, *values: Value) -> Value:
        """Add an IR op with one result, which remembers this node's name as its origin."""
        return self.rw.emit(op, *values, origin=self.name)

    def const(self, array: Array | Literal) -> Value:
        """Add a constant."""
        return self.rw.constant(array)

    def scalar(self, value: builtins.int | builtins.float | bool, like: Value | DType) -> Value:
        """Add a constant of shape [] and the element type of ``like``."""
        dtype = like if isinstance(like, DType) else like.type.dtype
        if dtype is DType.BF16:
            return self.const(Literal(narrow_bf16(np.array(value, np.float32)).reshape(()), dtype))
        return self.const(np.array(value, dtype.numpy))

    def cast(self, value: Value, dtype: DType) -> Value:
        """``value`` converted to an element type; itself if it has that type."""
        return value if value.type.dtype is dtype else self.emit(Cast(dtype), value)

    def reshape(self, value: Value, shape: Shape) -> Value:
        """``value`` in another shape of as many elements; itself if it has that shape."""
        return value if value.type.shape == shape else self.emit(Reshape(shape), value)

    def transpose(self, value: Value, permutation: Sequence[builtins.int]) -> Value:
        """``value`` with its axes reordered; itself if they already are in that order."""
        order = tuple(permutation)
        return value if order == tuple(range(len(order))) else self.emit(Transpose(order), value)

    def broadcast(self, value: Value, shape: Shape) -> Value:
        """``value`` broadcast to ``shape``; itself if it has that shape."""
        return value if value.type.shape == shape else self.emit(Broadcast(shape), value)

    def zeros(self, type: TensorType) -> Value:
        """Zeros of a type."""
        return self.broadcast(self.scalar(0, type.dtype), type.shape)


Converter = Callable[[NodeContext], "Item | Sequence[Item]"]
