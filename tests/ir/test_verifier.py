"""The verifier refuses every kind of malformed graph, and shows where the fault is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compiler.ir import DType, Graph, MalformedGraphError, Node, TensorType, Value, parse_graph, verify
from compiler.ir.graph import Use

TEXT = """\
graph "main" (%0 "x": f32[4], %1 "y": f32[4]) {
  %2 = neg(%0) : f32[4] @"Neg_0"
  %3 = add(%2, %1) : f32[4] @"Add_1"
  %4 = fused(%3) [
    graph "inner" (%0 "in0": f32[4]) {
      %1 = abs(%0) : f32[4]
      return %1 "out0"
    }
  ] : f32[4]
  return %3 "sum", %4 "size"
}
"""


def take_as_operand(node: Node, value: Value) -> None:
    node.operands = (value,)
    value.uses[Use(node, 0)] = None


def use_before_definition(graph: Graph) -> None:
    take_as_operand(graph.nodes[0], graph.nodes[1].result)


def value_of_another_graph(graph: Graph) -> None:
    take_as_operand(graph.nodes[0], parse_graph(TEXT).inputs[0])


def node_of_another_graph(graph: Graph) -> None:
    graph.nodes[0].graph = parse_graph(TEXT)


def use_that_is_not_listed(graph: Graph) -> None:
    graph.inputs[1].uses.clear()


def listed_use_that_is_none(graph: Graph) -> None:
    graph.inputs[0].uses[Use(graph.nodes[1], 0)] = None


def wrong_type(graph: Graph) -> None:
    graph.nodes[0].result.type = TensorType(DType.F32, (5,))


def operands_that_do_not_fit(graph: Graph) -> None:
    graph.inputs[1].type = TensorType(DType.I32, (4,))


def two_inputs_of_one_name(graph: Graph) -> None:
    graph.input_names[1] = "x"


def two_outputs_of_one_name(graph: Graph) -> None:
    graph.output_names[1] = "sum"


def output_name_without_value(graph: Graph) -> None:
    graph.output_names.append("more")


def fault_in_a_region(graph: Graph) -> None:
    node_of_another_graph(graph.nodes[2].regions[0])


def test_a_well_formed_graph_is_accepted() -> None:
    verify(parse_graph(TEXT))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (use_before_definition, "operand 0 is used before its definition or from another graph"),
        (value_of_another_graph, "operand 0 is used before its definition or from another graph"),
        (node_of_another_graph, "the node belongs to another graph"),
        (use_that_is_not_listed, "operand 1 does not list this use"),
        (listed_use_that_is_none, "a listed use does not exist"),
        (wrong_type, r"inference gives f32\[4\], the node states f32\[5\]"),
        (operands_that_do_not_fit, r"add\(f32\[4\], i32\[4\]\)"),
        (two_inputs_of_one_name, "two inputs of one name: x, x"),
        (two_outputs_of_one_name, "two outputs of one name: sum, sum"),
        (output_name_without_value, "has 2 outputs, but 3 names of them"),
        (fault_in_a_region, "graph 'inner', abs: the node belongs to another graph"),
    ],
)
def test_a_malformed_graph_is_refused(damage: Callable[[Graph], None], message: str) -> None:
    graph = parse_graph(TEXT)
    damage(graph)
    with pytest.raises(MalformedGraphError, match=message):
        verify(graph)


def test_the_message_shows_the_node_its_origin_and_the_reason_beneath_it() -> None:
    graph = parse_graph(TEXT)
    wrong_type(graph)
    with pytest.raises(MalformedGraphError) as caught:
        verify(graph)
    first, *shown = str(caught.value).splitlines()
    assert first.startswith("graph 'main', neg (from 'Neg_0'): inference gives f32[4]")
    at = next(i for i, line in enumerate(shown) if "// ^ inference gives" in line)
    assert "= neg(" in shown[at - 1]
