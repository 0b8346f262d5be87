"""The driver of rewrite rules: matching by annotation, reaching the end, noticing when there is none."""

from __future__ import annotations

import pytest

from compiler.ir import DType, Graph, Node, Op, Rewriter, TensorType
from compiler.ir.ops import binary, unary
from compiler.passes.canonicalize import RULES
from compiler.passes.patterns import RewriteLoopError, RuleSet, matched_ops


def negate_twice(node: Node, op: unary.Neg, rewriter: Rewriter) -> bool:
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, unary.Neg):
        return False
    rewriter.replace(node, inner.operands[0])
    return True


def swap(node: Node, op: binary.Add | binary.Mul, rewriter: Rewriter) -> bool:
    rewriter.set_operands(node, node.operands[::-1])
    return True


def without_annotation(node, op, rewriter) -> bool:
    return False


def negations(count: int) -> Graph:
    graph = Graph("g")
    rewriter = Rewriter(graph)
    value = rewriter.input("x", TensorType(DType.F32, (2,)))
    for _ in range(count):
        value = rewriter.emit(unary.Neg(), value)
    rewriter.output("y", value)
    return graph


def test_the_annotation_is_the_match() -> None:
    assert matched_ops(negate_twice) == (unary.Neg,)
    assert matched_ops(swap) == (binary.Add, binary.Mul)
    rules = RuleSet([negate_twice, swap])
    assert rules.of(unary.Neg()) == (negate_twice,)
    assert rules.of(binary.Mul()) == (swap,)
    assert rules.of(unary.Exp()) == ()


def test_a_base_class_matches_all_below_it() -> None:
    def anything(node: Node, op: Op, rewriter: Rewriter) -> bool:
        return False

    assert RuleSet([anything]).of(unary.Exp()) == (anything,)


def test_a_rule_without_annotation_is_refused() -> None:
    with pytest.raises(TypeError, match="annotate `op`"):
        RuleSet([without_annotation])


@pytest.mark.parametrize(("count", "left"), [(0, 0), (1, 1), (2, 0), (101, 1), (1000, 0)])
def test_rules_are_applied_until_none_applies(count: int, left: int) -> None:
    graph = negations(count)
    done = RuleSet([negate_twice]).apply(graph)
    assert len(graph) == left
    assert done.get("negate-twice", 0) == count // 2


def test_rules_that_undo_each_other_are_noticed() -> None:
    graph = Graph("g")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (2,)))
    rewriter.output("y", rewriter.emit(binary.Add(), x, rewriter.emit(unary.Neg(), x)))
    with pytest.raises(RewriteLoopError, match="swap"):
        RuleSet([swap]).apply(graph)


def test_names_of_rules_are_distinct() -> None:
    names = [rule.__name__ for rule in RULES.rules]
    assert len(set(names)) == len(names)
