"""The rewriter keeps use lists, order and types right, and refuses what would break them."""

from __future__ import annotations

import pytest

from compiler.ir import DType, Graph, InferenceError, Rewriter, TensorType, parse_graph, print_graph, verify
from compiler.ir.ops.binary import Add
from compiler.ir.ops.unary import Abs, Neg

TEXT = """\
graph "main" (%0 "x": f32[4]) {
  %1 = neg(%0) : f32[4] @"Neg_0"
  %2 = abs(%1) : f32[4] @"Abs_1"
  return %2 "y"
}
"""


@pytest.fixture
def graph() -> Graph:
    return parse_graph(TEXT)


def test_replacing_a_node_moves_its_uses_and_erases_it(graph: Graph) -> None:
    neg, absolute = graph.nodes
    rewriter = Rewriter(graph)
    made = rewriter.before(neg).emit(Abs(), *neg.operands)
    rewriter.replace(neg, made)
    verify(graph)
    assert neg.erased
    assert absolute.operands == (made,)
    assert made.producer is not None and made.producer.origin == "Neg_0"


def test_a_replacement_of_another_type_is_refused(graph: Graph) -> None:
    rewriter = Rewriter(graph)
    other = rewriter.input("other", TensorType(DType.F32, (5,)))
    with pytest.raises(InferenceError, match=r"type f32\[5\], expected f32\[4\]"):
        rewriter.replace(graph.nodes[0], other)
    verify(graph)


def test_replacing_uses_of_some_users_only(graph: Graph) -> None:
    rewriter = Rewriter(graph)
    neg, absolute = graph.nodes
    total = rewriter.node(Add(), [neg.result, neg.result])
    rewriter.output("total", total.result)
    rewriter.replace_uses(neg.result, graph.inputs[0], users=[total])
    verify(graph)
    assert total.operands == (graph.inputs[0], graph.inputs[0])
    assert absolute.operands == (neg.result,)


def test_new_operands_must_keep_the_types_of_results(graph: Graph) -> None:
    rewriter = Rewriter(graph)
    other = rewriter.input("other", TensorType(DType.F32, (5,)))
    with pytest.raises(InferenceError, match="change the result types of neg"):
        rewriter.set_operands(graph.nodes[0], [other])
    verify(graph)


def test_a_node_in_use_cannot_be_erased(graph: Graph) -> None:
    with pytest.raises(ValueError, match="cannot erase neg"):
        Rewriter(graph).erase(graph.nodes[0])
    assert print_graph(graph) == TEXT


def test_two_inputs_of_one_name_are_refused(graph: Graph) -> None:
    with pytest.raises(ValueError, match="input named 'x'"):
        Rewriter(graph).input("x", TensorType(DType.F32, (4,)))


def test_an_op_that_refuses_its_operands_leaves_the_graph_as_it_is(graph: Graph) -> None:
    rewriter = Rewriter(graph)
    with pytest.raises(InferenceError, match="neg: does not take 2 operands"):
        rewriter.emit(Neg(), *graph.inputs, *graph.inputs)
    assert print_graph(graph) == TEXT


def test_touched_names_what_a_pass_should_look_at_again(graph: Graph) -> None:
    neg, absolute = graph.nodes
    rewriter = Rewriter(graph)
    rewriter.set_operands(absolute, graph.inputs)
    assert list(rewriter.touched) == [neg, absolute]
    assert rewriter.changes == 1
