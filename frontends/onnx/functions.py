"""Operators that ONNX, or the model, defines by a body of other operators: which body a node stands for.

The bodies come from the model and from the onnx package, never from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto, TypeProto, defs

from frontends.errors import MalformedModel
from frontends.onnx.structure import normal_domain


@dataclass(frozen=True)
class Call:
    """A function, and the attributes of one call of it: the node's own, and defaults for the others."""

    function: FunctionProto
    attributes: Mapping[str, AttributeProto]


class Functions:
    """The functions that a model defines itself."""

    def __init__(self, model: ModelProto) -> None:
        self._functions = {
            (function.domain, function.name, function.overload): function for function in model.functions
        }

    def call(self, node: NodeProto, given: Mapping[str, AttributeProto]) -> Call | None:
        """The call of a function of the model, which goes before an operator of its name; else ``None``.

        Raises MalformedModel if the function has no such attribute as the node gives it.
        """
        function = self._functions.get((node.domain, node.op_type, node.overload))
        if function is None:
            return None
        defaults = {attribute.name: attribute for attribute in function.attribute_proto}
        unknown = given.keys() - {*function.attribute, *defaults}
        if unknown:
            names = ", ".join(map(repr, sorted(unknown)))
            raise MalformedModel(f"function {function.name!r} has no attribute {names}")
        return Call(function, {**defaults, **given})


def standard_call(
    node: NodeProto,
    opset: int,
    given: Mapping[str, AttributeProto],
    input_types: Sequence[TypeProto],
) -> Call | None:
    """The call of the body that the ONNX standard gives the operator, or ``None`` if it is a primitive.

    Of the bodies written for several operator sets, the newest that is not newer than ``opset``; where none
    is so old, the oldest. ``input_types`` has one entry per input, an empty type for an omitted one.
    """
    try:
        schema = defs.get_schema(node.op_type, opset, normal_domain(node.domain))
    except defs.SchemaError:
        return None
    body = _body(cast(_BodySchema, schema), node, opset, [type.SerializeToString() for type in input_types])
    if body is None:
        return None
    defaults = {
        name: attribute.default_value
        for name, attribute in schema.attributes.items()
        if attribute.default_value.type != AttributeProto.UNDEFINED
    }
    return Call(FunctionProto.FromString(body), {**defaults, **given})


class _BodySchema(Protocol):
    """The members of ``OpSchema`` that the onnx package's stubs leave out."""

    has_function: bool
    function_opset_versions: Sequence[int]
    has_context_dependent_function: bool
    context_dependent_function_opset_versions: Sequence[int]

    def get_function_with_opset_version(self, version: int) -> bytes: ...

    def get_context_dependent_function_with_opset_version(
        self, version: int, node: bytes, input_types: list[bytes]
    ) -> bytes: ...


def _body(schema: _BodySchema, node: NodeProto, opset: int, input_types: list[bytes]) -> bytes | None:
    if schema.has_function:
        return schema.get_function_with_opset_version(_version(schema.function_opset_versions, opset))
    if schema.has_context_dependent_function:
        version = _version(schema.context_dependent_function_opset_versions, opset)
        return schema.get_context_dependent_function_with_opset_version(version, node.SerializeToString(), input_types)
    return None


def _version(versions: Sequence[int], opset: int) -> int:
    return max((version for version in versions if version <= opset), default=min(versions))


def resolved_attributes(node: NodeProto, arguments: Mapping[str, AttributeProto]) -> dict[str, AttributeProto]:
    """A node's attributes, those that refer to an attribute of the surrounding function replaced by its
    value.

    A reference to an attribute that the call leaves out is left out as well.
    """
    resolved: dict[str, AttributeProto] = {}
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            resolved[attribute.name] = attribute
        elif attribute.ref_attr_name in arguments:
            value = AttributeProto()
            value.CopyFrom(arguments[attribute.ref_attr_name])
            value.name = attribute.name
            resolved[attribute.name] = value
    return resolved
