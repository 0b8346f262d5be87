"""Graphs that are no graphs: cycles, dangling and doubled names; and those in another order."""

from __future__ import annotations

import pytest
from onnx import NodeProto, helper

from frontends import onnx as frontend
from frontends.onnx import MalformedModel
from frontends.onnx.structure import ordered_nodes
from tests.frontends.onnx.texts import model


def node(name: str, reads: str, writes: str) -> NodeProto:
    """An Abs or Sum of names of one letter."""
    return helper.make_node("Sum", list(reads), list(writes), name=name)


def names(nodes: list[NodeProto]) -> list[str]:
    """The names of the nodes."""
    return [entry.name for entry in nodes]


def test_a_sorted_graph_keeps_its_order():
    nodes = [node("1", "x", "a"), node("2", "x", "b"), node("3", "ab", "c")]
    assert names(ordered_nodes(nodes, ["x"])) == ["1", "2", "3"]


def test_nodes_in_any_order_are_sorted():
    nodes = [node("3", "ab", "c"), node("2", "a", "b"), node("1", "x", "a")]
    assert names(ordered_nodes(nodes, ["x"])) == ["1", "2", "3"]


def test_a_cycle_is_named():
    nodes = [node("1", "x", "a"), node("2", "ac", "b"), node("3", "b", "c")]
    with pytest.raises(MalformedModel, match="has a cycle: these nodes need each other's results: '2', '3'"):
        ordered_nodes(nodes, ["x"])


def test_a_node_that_reads_its_own_result():
    with pytest.raises(MalformedModel, match="cycle"):
        ordered_nodes([node("1", "xa", "a")], ["x"])


def test_a_name_that_nothing_defines():
    with pytest.raises(MalformedModel, match="Sum '1' reads 'q', which nothing defines"):
        ordered_nodes([node("1", "xq", "a")], ["x"])


@pytest.mark.parametrize("nodes", [[node("1", "x", "a"), node("2", "x", "a")], [node("2", "x", "x")]])
def test_a_name_that_is_defined_twice(nodes):
    with pytest.raises(MalformedModel, match=r"Sum '2' defines '.', which is already defined"):
        ordered_nodes(nodes, ["x"])


def test_names_that_a_nested_graph_reads_count_as_read():
    proto = model(
        """main (bool c, float[2] x) => (float[2] y) {
            y = If (c) <then_branch = t () => (float[2] a) { a = Neg(late) },
                        else_branch = e () => (float[2] b) { b = Abs(x) }>
            late = Exp(x)
        }"""
    )
    assert [node.op_type for node in ordered_nodes(proto.graph.node, ["c", "x"])] == ["Exp", "If"]
    assert len(frontend.load(proto).outputs) == 1


def test_two_inputs_or_outputs_of_one_name():
    proto = model("main (float[2] x) => (float[2] y) { y = Abs(x) }")
    proto.graph.output.add().CopyFrom(proto.graph.output[0])
    with pytest.raises(MalformedModel, match="two outputs named 'y'"):
        frontend.load(proto)
    proto = model("main (float[2] x) => (float[2] y) { y = Abs(x) }")
    proto.graph.input.add().CopyFrom(proto.graph.input[0])
    with pytest.raises(MalformedModel, match="two inputs named 'x'"):
        frontend.load(proto)


def test_outputs_may_be_inputs_and_constants():
    graph = frontend.load(
        model(
            "main (float[2] x) => (float[2] x, int64 c, float[2] y) { c = Constant<value_int = 1>() y = Identity(x) }"
        )
    )
    assert graph.output_names == ["x", "c", "y"]
    assert graph.outputs[0] is graph.outputs[2] is graph.inputs[0]


def test_an_output_of_another_type_than_declared():
    with pytest.raises(MalformedModel, match="output 'y' is declared as i32, but its node gives f32"):
        frontend.load(model("main (float[2] x) => (int32[2] y) { y = Abs(x) }"))
