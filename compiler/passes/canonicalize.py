"""Bring ops into one form and drop those that do nothing, so that other passes have fewer cases to know.

Before::

    %1 = constant() {value = dense<f32[1,8,1]: 1.0, 1.0, ...>} : f32[1,8,1]
    %2 = mul(%1, %0) : f32[1,8,4]
    %3 = transpose(%2) {permutation = [0, 2, 1]} : f32[1,4,8]
    %4 = transpose(%3) {permutation = [0, 2, 1]} : f32[1,8,4]
    return %4 "y"

After::

    return %0 "y"

The rules are in ``compiler/passes/rules``; all but three keep the results bit for bit (integer powers and
square roots written as ``pow`` are computed by multiplication and ``sqrt``, within 2 ulp; what ``erf`` takes
is multiplied by the inverse of a constant instead of divided by it, within 1 ulp).
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.graph import Graph
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext
from compiler.passes.patterns import RuleSet
from compiler.passes.rules import arithmetic, choices, slices, views

RULES = RuleSet((*arithmetic.RULES, *choices.RULES, *views.RULES, *slices.RULES))


@dataclass(frozen=True)
class Canonicalize(Pass):
    """Applies every rule until none applies; reports how often each did."""

    name = "canonicalize"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        return RULES.apply(graph)
