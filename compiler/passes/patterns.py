"""Rewrite rules and the driver that applies them until none does.

A rule is a function ``rule(node, op, rewriter) -> bool``. The annotation of ``op`` *is* its match: a class of
ops, a common base class, or a union. A rule that returns True has replaced ``node`` or changed its operands;
one that returns False has changed nothing.
"""

from __future__ import annotations

import types
import typing
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from compiler.ir.graph import Graph, Node
from compiler.ir.op import Op
from compiler.ir.rewriter import Rewriter

Rule: TypeAlias = Callable[[Node, Any, Rewriter], bool]

_MAX_FAN_OUT = 16
_MAX_REWRITES_PER_NODE = 64


class RewriteLoopError(Exception):
    """Rules that undo each other's work; the message names those that were applied last."""


class RuleSet:
    """Rules, looked up by the class of the op they match."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._matches = tuple((rule, matched_ops(rule)) for rule in rules)
        self._by_class: dict[type[Op], tuple[Rule, ...]] = {}

    def of(self, op: Op) -> tuple[Rule, ...]:
        """The rules that match this op, in the order given."""
        cls = type(op)
        if cls not in self._by_class:
            self._by_class[cls] = tuple(rule for rule, matched in self._matches if issubclass(cls, matched))
        return self._by_class[cls]

    def apply(self, graph: Graph) -> dict[str, int]:
        """Apply the rules until none does and erase what dies; how often each was applied, by its name.

        Raises RewriteLoopError.
        """
        rewriter = Rewriter(graph)
        applied: Counter[str] = Counter()
        budget = _MAX_REWRITES_PER_NODE * (len(graph) + 16)
        # A sweep looks again only at the neighbours of what changed, so the last one, in which nothing
        # changes, is what proves that no rule applies.
        while done := self._sweep(rewriter, budget - applied.total()):
            applied += done
        return {name.replace("_", "-"): count for name, count in sorted(applied.items())}

    def _sweep(self, rewriter: Rewriter, budget: int) -> Counter[str]:
        applied: Counter[str] = Counter()
        worklist = deque(rewriter.graph)
        waiting = set(worklist)
        rewriter.touched.clear()
        while worklist:
            node = worklist.popleft()
            waiting.discard(node)
            if node.erased:
                continue
            if node.is_dead:
                rewriter.erase(node)
                applied["erased"] += 1
            elif rule := self._apply_one(node, rewriter):
                applied[rule.__name__] += 1
                if applied.total() > budget:
                    raise RewriteLoopError(f"no end of rewriting: {dict(applied)}; the last node was {node.op}")
            for touched in _neighbours(rewriter):
                if touched not in waiting and touched is not rewriter.graph.terminator:
                    waiting.add(touched)
                    worklist.append(touched)
        return applied

    def _apply_one(self, node: Node, rewriter: Rewriter) -> Rule | None:
        for rule in self.of(node.op):
            if rule(node, node.op, rewriter.before(node)):
                if not node.erased and node.is_dead:
                    rewriter.erase(node)
                return rule
        return None


def matched_ops(rule: Rule) -> tuple[type[Op], ...]:
    """The classes of ops that the annotation of a rule's parameter ``op`` names."""
    annotation = typing.get_type_hints(rule).get("op")
    classes = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    if not all(isinstance(cls, type) and issubclass(cls, Op) for cls in classes):
        raise TypeError(f"rule {rule.__name__}: annotate `op` with the class of ops that it matches")
    return typing.cast("tuple[type[Op], ...]", classes)


def _neighbours(rewriter: Rewriter) -> list[Node]:
    """The nodes touched since the last call and their users, to which a rule may look through them.

    Users of values with many users are left to the next sweep, which keeps the work linear.
    """
    if not rewriter.touched:
        return []
    found = dict.fromkeys(rewriter.touched)
    for node in rewriter.touched:
        for value in node.results:
            if len(value.uses) <= _MAX_FAN_OUT:
                found.update(dict.fromkeys(use.node for use in value.uses))
    rewriter.touched.clear()
    return [node for node in found if not node.erased]
