"""Choose how activations lie in memory: row-major, or with channels in blocks of one vector; and pack the weights.

Before (for vectors of 16 floats)::

    %3 = fused(%0, %1, %2) [
        graph "conv" (%0 "in0": f32[1,64,56,56], %1 "in1": f32[64,64,3,3], %2 "in2": f32[1,64,1,1]) {
          %3 = conv(%0, %1) {...} : f32[1,64,56,56]
          %4 = add(%3, %2) : f32[1,64,56,56]
          return %4 "out0"
        }
      ] : f32[1,64,56,56]

After::

    %3 = relayout(%0) {layout = layout<{1:16}>} : f32[1,64,56,56]{1:16}
    %4 = relayout(%1) {layout = layout<{1:16,0:32}>} : f32[64,64,3,3]{1:16,0:32}
    %5 = relayout(%2) {layout = layout<{1:16}>} : f32[1,64,1,1]{1:16}
    %6 = fused(%3, %4, %5) [
        graph "conv" (%0 "in0": f32[1,64,56,56]{1:16}, ...) {
          %3 = conv(%0, %1) {...} : f32[1,64,56,56]
          %4 = add(%3, %2) : f32[1,64,56,56]
          %5 = relayout(%4) {layout = layout<{1:16}>} : f32[1,64,56,56]{1:16}
          return %5 "out0"
        }
      ] : f32[1,64,56,56]{1:16}
    %7 = relayout(%6) {layout = layout<{}>} : f32[1,64,56,56]

Every node has a few forms with a cost each (``layouts/alternatives``), every value that is used in another layout than
it is made in costs a ``relayout``; the cheapest whole is found by elimination (``layouts/pbqp``). Costs are asked of
the context, for all forms of a node at once, so measured ones can answer instead of a model. After Liu et al.,
Optimizing CNN Model Inference on CPUs (USENIX ATC 2019). Without costs nothing is changed. Runs after ``fuse``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from compiler.ir.graph import Graph, Node, Value
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.region import Fused
from compiler.ir.rewriter import Rewriter
from compiler.ir.task import Task
from compiler.ir.types import ROW_MAJOR, Layout, TensorType
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import CostsOf, PassContext
from compiler.passes.layouts.alternatives import Alternative, Form, alternatives
from compiler.passes.layouts.pbqp import Problem, solve
from compiler.passes.op_kinds import constant_of


@dataclass(frozen=True)
class ChooseLayouts(Pass):
    """Blocked layouts for activations and weights, by cost.

    ``winograd`` says whether convolutions may take Winograd's algorithm: without, results are those of sums of products
    alone, and what the algorithm gains and what its rounding costs can be measured.
    """

    name = "choose-layouts"

    winograd: bool = True

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        if context.costs is None or not context.layouts:
            return {}
        blocks, costs = context.layouts[0], context.costs
        priced = [node for node in graph if not isinstance(node.op, Constant)]
        forms = {node: alternatives(node, blocks, costs, winograd=self.winograd) for node in priced}
        chosen = _Choice(graph, forms, costs).chosen()
        return _Application(graph, chosen).run()


class _Choice:
    """The problem: a variable per node that has a choice; ``forms`` has what each can be."""

    def __init__(self, graph: Graph, forms: Mapping[Node, list[Alternative]], costs: CostsOf) -> None:
        self.graph = graph
        self.forms = forms
        self.costs = costs

    def chosen(self) -> dict[Node, Form]:
        """The chosen form of each node."""
        problem = Problem()
        variables = {
            node: problem.variable(np.array([one.seconds for one in forms])) for node, forms in self.forms.items()
        }
        for node, forms in self.forms.items():
            for index, operand in enumerate(node.operands):
                wanted = [one.form.operands[index] for one in forms]
                self._add_value(problem, variables, operand, node, wanted)
        for value in self.graph.outputs:
            self._add_value(problem, variables, value, None, [ROW_MAJOR])
        return {node: self.forms[node][number].form for node, number in zip(variables, solve(problem), strict=True)}

    def _add_value(
        self, problem: Problem, variables: dict[Node, int], value: Value, user: Node | None, wanted: list[Layout]
    ) -> None:
        """The cost of having a value in the layouts that its user wants."""
        if constant_of(value) is not None:
            return
        producer = value.producer
        made = [ROW_MAJOR] if producer is None else [one.form.result for one in self.forms[producer]]
        if all(layout == made[0] for layout in (*made, *wanted)):
            return
        table = np.array([[self.relayout_seconds(value.type, a, b) for b in wanted] for a in made])
        if producer is None:
            assert user is not None
            problem.costs[variables[user]] += table[0]
        elif user is None:
            problem.costs[variables[producer]] += table[:, 0]
        else:
            problem.pair(variables[producer], variables[user], table)

    def relayout_seconds(self, type_: TensorType, made: Layout, wanted: Layout) -> float:
        """What it costs to bring a value from one layout into another."""
        if made == wanted:
            return 0.0
        region = Graph("relayout")
        rewriter = Rewriter(region)
        operand = rewriter.input("in0", TensorType(type_.dtype, type_.shape, made))
        rewriter.output("out0", rewriter.emit(Relayout(wanted), operand))
        (seconds,) = self.costs([[Task.of(region)]])
        return seconds


class _Application:
    """Rewrites the graph; ``versions`` has every value in each layout in which it is there already."""

    def __init__(self, graph: Graph, chosen: dict[Node, Form]) -> None:
        self.graph = graph
        self.chosen = chosen
        self.rewriter = Rewriter(graph)
        self.versions: dict[Value, dict[Layout, Value]] = {}

    def run(self) -> Statistics:
        counts: Counter[str] = Counter()
        for node in self.graph:
            form = self.chosen.get(node)
            if form is None or form.region is None:
                self._keep(node)
                continue
            counts["blocked" if form.result != ROW_MAJOR else "packed"] += 1
            self._replace(node, form, form.region)
        for index, value in enumerate(self.graph.outputs):
            self.rewriter.before(self.graph.terminator)
            self.rewriter.set_output(index, self._in_layout(value, value.type.layout))
        for node in reversed(self.graph):
            if node.is_dead and (node in self.chosen or isinstance(node.op, Constant)):
                self.rewriter.erase(node)
        counts["relayouts"] = sum(isinstance(n.op, Relayout) and constant_of(n.operands[0]) is None for n in self.graph)
        return counts

    def _keep(self, node: Node) -> None:
        self.rewriter.before(node)
        operands = tuple(self._in_layout(value, value.type.layout) for value in node.operands)
        if operands != node.operands:
            self.rewriter.set_operands(node, operands)

    def _replace(self, node: Node, form: Form, region: Graph) -> None:
        self.rewriter.before(node)
        operands = [self._operand(value, form, index) for index, value in enumerate(node.operands)]
        made = self.rewriter.node(Fused(), operands, (region,), node.origin)
        self.versions[node.result] = {form.result: made.result}

    def _operand(self, value: Value, form: Form, index: int) -> Value:
        """An operand as a form wants it."""
        literal = constant_of(value)
        if index not in form.constants or literal is None:
            return self._in_layout(value, form.operands[index])
        computed = self.rewriter.constant(form.constants[index](literal))
        return self.rewriter.emit(Relayout(form.operands[index]), computed)

    def _in_layout(self, value: Value, layout: Layout) -> Value:
        """A value in a layout; what brings it there is put at the insertion point once."""
        known = self.versions.setdefault(value, {value.type.layout: value})
        if layout not in known:
            source = next(iter(known.values()))
            known[layout] = self.rewriter.emit(Relayout(layout), source)
        return known[layout]
