"""Put a depthwise convolution and the 1x1 convolution of its result into one group, where that is cheaper.

Before::

    %4 = fused(%0, %1, %2) [ graph "conv" (...) { ... conv(%0, %1) {..., groups = 96} ... } ] : f32[1,96,56,56]
    %5 = fused(%4, %3) [ graph "conv" (...) { ... conv(%0, %1) {...} ... } ] : f32[1,24,56,56]

After::

    %4 = fused(%0, %1, %2, %3) [
        graph "depthwise" (...) {
          %4 = conv(%0, %1) {..., groups = 96} : f32[1,96,56,56]
          ...
          %7 = conv(%6, %3) {...} : f32[1,24,56,56]
          ...
        }
      ] : f32[1,24,56,56]

The depthwise result is then kept in the caches of a core, a few rows at a time, instead of being written and read
again. The kernel computes blocked activations with packed weights: what it costs in that form is compared with the
cheapest forms of the two groups. Runs between ``fuse`` and ``choose-layouts``, and changes nothing without costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.ir.graph import Graph, Node, Value
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.region import Fused
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import Layout
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import CostsOf, PassContext
from compiler.passes.fusion.outline import joined_origin
from compiler.passes.layouts.alternatives import depthwise_pair_forms, forms_of
from compiler.passes.layouts.regions import copy_nodes, input_index, only_node, region_of
from compiler.passes.op_kinds import constant_of


@dataclass(frozen=True)
class FuseDepthwise(Pass):
    """Depthwise convolutions join the 1x1 convolutions behind them, by cost."""

    name = "fuse-depthwise"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        if context.costs is None or not context.layouts:
            return {}
        rewriter = Rewriter(graph)
        joined = 0
        for depthwise, product in list(_pairs(graph)):
            joined += _join_if_cheaper(rewriter, depthwise, product, context.layouts[0], context.costs)
        return {"joined": joined}


def _pairs(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """Groups around a depthwise convolution, each with the group around a 1x1 convolution that alone reads it."""
    for node in graph:
        if not _is_depthwise(node) or len(node.result.uses) != 1:
            continue
        (user,) = node.result.users
        if _multiplies(user, node.result):
            yield node, user


def _convolution(node: Node) -> tuple[Graph, Node] | None:
    """A group's region and its only convolution, whose weights are constant; None for another node."""
    if not isinstance(node.op, Fused | Conv) or len(node.results) != 1:
        return None
    region = region_of(node)
    conv = only_node(region, Conv)
    if conv is None or conv.operands[1] not in region.inputs:
        return None
    weights = node.operands[input_index(region, conv.operands[1])]
    return (region, conv) if constant_of(weights) is not None else None


def _is_depthwise(node: Node) -> bool:
    found = _convolution(node)
    if found is None:
        return False
    _, conv = found
    assert isinstance(conv.op, Conv)
    x, w = (operand.type for operand in conv.operands)
    return x.rank in (3, 4) and w.shape[:2] == (x.shape[1], 1) and conv.op.groups == x.shape[1] > 1


def _multiplies(node: Node, value: Value) -> bool:
    """Whether a group is a 1x1 convolution of ``value``, which nothing else in it reads."""
    found = _convolution(node)
    if found is None:
        return False
    region, conv = found
    assert isinstance(conv.op, Conv)
    x, w = conv.operands
    pixelwise = set(w.type.shape[2:]) | set(conv.op.strides) | {conv.op.groups} == {1}
    direct = x in region.inputs and node.operands[input_index(region, x)] is value and len(x.uses) == 1
    return pixelwise and not any((*conv.op.low, *conv.op.high)) and direct


def _join_if_cheaper(rewriter: Rewriter, depthwise: Node, product: Node, blocks: Layout, costs: CostsOf) -> bool:
    region, arguments = _joined(depthwise, product)
    together = [form.tasks for form in depthwise_pair_forms(region, blocks)]
    first, second = (forms_of(node, blocks) for node in (depthwise, product))
    apart = [a.tasks + b.tasks for a in first for b in second]
    seconds = costs([*together, *apart])
    if min(seconds[: len(together)]) >= min(seconds[len(together) :]):
        return False
    made = rewriter.before(product).node(Fused(), arguments, (region,), joined_origin((depthwise, product)))
    rewriter.replace(product, made.result)
    rewriter.erase(depthwise)
    return True


def _joined(depthwise: Node, product: Node) -> tuple[Graph, list[Value]]:
    """The region of both, and the values outside that it reads, in order of first use."""
    region = Graph("depthwise")
    inner = Rewriter(region)
    arguments: dict[Value, Value] = {}
    made: dict[Value, Value] = {}
    for node in (depthwise, product):
        own = region_of(node)
        mapping: dict[Value, Value] = {}
        for parameter, operand in zip(own.inputs, node.operands, strict=True):
            if operand not in made and operand not in arguments:
                arguments[operand] = inner.input(f"in{len(arguments)}", operand.type)
            mapping[parameter] = made[operand] if operand in made else arguments[operand]
        copy_nodes(inner, own, mapping)
        made[node.result] = mapping[own.outputs[0]]
    inner.output("out0", made[product.result])
    return region, list(arguments)
