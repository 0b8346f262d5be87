"""Put a depthwise convolution, the 1x1 convolution of its result and perhaps the 1x1 convolution that it reads into one
group, where that is cheaper.

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
again; and so is what a 1x1 convolution before it, of an inverted bottleneck, computes for it alone. The kernels compute
blocked activations with packed weights: what they cost in that form is compared with the cheapest forms of the groups
that they are made of. Runs between ``fuse`` and ``choose-layouts``, and changes nothing without costs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.ir.graph import Graph, Node, Value
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.region import Fused
from compiler.ir.rewriter import Rewriter
from compiler.ir.task import Task
from compiler.ir.types import Layout
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import CostsOf, PassContext
from compiler.passes.fusion.outline import joined_origin
from compiler.passes.layouts.alternatives import depthwise_chain_forms, forms_of
from compiler.passes.layouts.regions import copy_nodes, input_index, only_node, region_of
from compiler.passes.op_kinds import constant_of


@dataclass(frozen=True)
class FuseDepthwise(Pass):
    """Depthwise convolutions join the 1x1 convolutions behind them, and those before them, by cost."""

    name = "fuse-depthwise"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        if context.costs is None or not context.layouts:
            return {}
        rewriter = Rewriter(graph)
        joined = 0
        for depthwise, product in list(_pairs(graph)):
            joined += _join_cheapest(rewriter, depthwise, product, context.layouts[0], context.costs)
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
    x = conv.operands[0]
    direct = x in region.inputs and node.operands[input_index(region, x)] is value and len(x.uses) == 1
    return direct and _is_pixelwise(node)


def _is_pixelwise(node: Node) -> bool:
    """Whether a group is around a 1x1 convolution of stride 1."""
    found = _convolution(node)
    if found is None:
        return False
    _, conv = found
    assert isinstance(conv.op, Conv)
    pixelwise = set(conv.operands[1].type.shape[2:]) | set(conv.op.strides) | {conv.op.groups} == {1}
    return pixelwise and not any((*conv.op.low, *conv.op.high))


def _expansion(depthwise: Node) -> Node | None:
    """The group around a 1x1 convolution of which a depthwise one alone reads the result, as its image."""
    found = _convolution(depthwise)
    assert found is not None, "a group around a depthwise convolution"
    region, conv = found
    x = conv.operands[0]
    if x not in region.inputs or len(x.uses) != 1:
        return None
    value = depthwise.operands[input_index(region, x)]
    node = value.producer
    return node if node is not None and len(value.uses) == 1 and _is_pixelwise(node) else None


def _join_cheapest(rewriter: Rewriter, depthwise: Node, product: Node, blocks: Layout, costs: CostsOf) -> bool:
    """Join the two, or these and the expansion before them, whichever costs least; or leave them apart."""
    expansion = _expansion(depthwise)
    before = () if expansion is None else ((expansion,),)
    choices: list[tuple[tuple[Node, ...], ...]] = [
        (*before, (depthwise,), (product,)),
        (*before, (depthwise, product)),
    ]
    if expansion is not None:
        choices.append(((expansion, depthwise, product),))
    ways = [_ways(groups, blocks) for groups in choices]
    seconds = iter(costs([way for own in ways for way in own]))
    least = [min(itertools.islice(seconds, len(own))) for own in ways]
    best = choices[least.index(min(least))][-1]
    if len(best) == 1:
        return False
    region, arguments = _joined(best)
    made = rewriter.before(product).node(Fused(), arguments, (region,), joined_origin(best))
    rewriter.replace(product, made.result)
    for node in reversed(best[:-1]):
        rewriter.erase(node)
    return True


def _ways(groups: Sequence[Sequence[Node]], blocks: Layout) -> list[tuple[Task, ...]]:
    """The tasks of some groups one after the other, in every form of each; a group of several nodes is one of them."""
    forms = [
        forms_of(group[0], blocks) if len(group) == 1 else list(depthwise_chain_forms(_joined(group)[0], blocks))
        for group in groups
    ]
    return [tuple(task for form in chosen for task in form.tasks) for chosen in itertools.product(*forms)]


def _joined(nodes: Sequence[Node]) -> tuple[Graph, list[Value]]:
    """The region of groups, each of which reads the one before, and the outer values that it reads, in order of use."""
    region = Graph("depthwise")
    inner = Rewriter(region)
    arguments: dict[Value, Value] = {}
    made: dict[Value, Value] = {}
    for node in nodes:
        own = region_of(node)
        mapping: dict[Value, Value] = {}
        for parameter, operand in zip(own.inputs, node.operands, strict=True):
            if operand not in made and operand not in arguments:
                arguments[operand] = inner.input(f"in{len(arguments)}", operand.type)
            mapping[parameter] = made[operand] if operand in made else arguments[operand]
        copy_nodes(inner, own, mapping)
        made[node.result] = mapping[own.outputs[0]]
    inner.output("out0", made[nodes[-1].result])
    return region, list(arguments)
