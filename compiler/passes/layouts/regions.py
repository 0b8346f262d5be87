"""Regions over blocked values: what changes in a group when its operands and result lie in memory in another layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compiler.ir.graph import Graph, Node, Value
from compiler.ir.op import Op
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.region import Fused
from compiler.ir.rewriter import Rewriter, clone
from compiler.ir.types import ROW_MAJOR, Layout


def region_of(node: Node) -> Graph:
    """What a node computes as a region of its own: that of a ``fused`` node, or one around its single op."""
    if isinstance(node.op, Fused):
        return node.regions[0]
    region = Graph(node.op.name)
    rewriter = Rewriter(region)
    arguments = [rewriter.input(f"in{i}", operand.type) for i, operand in enumerate(node.operands)]
    copy = rewriter.node(node.op, arguments, [clone(nested) for nested in node.regions], node.origin)
    for index, result in enumerate(copy.results):
        rewriter.output(f"out{index}", result)
    return region


def in_layouts(region: Graph, operands: Sequence[Layout], result: Layout) -> Graph:
    """The region with operands in these layouts and its only result in ``result``.

    Ops see logical shapes: only the types of inputs change, and a ``relayout`` at the end says where the result goes.
    """
    copy = Graph(region.name)
    rewriter = Rewriter(copy)
    mapping: dict[Value, Value] = {
        value: rewriter.input(name, type(value.type)(value.type.dtype, value.type.shape, layout))
        for name, value, layout in zip(region.input_names, region.inputs, operands, strict=True)
    }
    copy_nodes(rewriter, region, mapping)
    value = mapping[region.outputs[0]]
    rewriter.output(region.output_names[0], value if result == ROW_MAJOR else rewriter.emit(Relayout(result), value))
    return copy


def copy_nodes(
    rewriter: Rewriter, region: Graph, mapping: dict[Value, Value], ops: Mapping[Node, Op] | None = None
) -> None:
    """Copy the nodes of a region whose inputs are in ``mapping``, which gets the results too; ``ops`` says which nodes
    get another op."""
    for node in region:
        op = (ops or {}).get(node, node.op)
        nested = [clone(inner) for inner in node.regions]
        copy = rewriter.node(op, [mapping[operand] for operand in node.operands], nested, node.origin)
        mapping.update(zip(node.results, copy.results, strict=True))


def only_node(region: Graph, ops: type | tuple[type, ...]) -> Node | None:
    """The one node of these ops, None if there is none or there are several."""
    found = [node for node in region if isinstance(node.op, ops)]
    return found[0] if len(found) == 1 else None


def input_index(region: Graph, value: Value) -> int:
    """The number of a region's input."""
    return region.inputs.index(value)
