"""Forests as attributes of nodes: spelled out when small, in the side file when not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compiler.ir import DType, Graph, ParseError, Rewriter, TensorType, load_graph, parse_graph, print_graph, save_graph
from compiler.ir.forest import Forest, parse_forest
from compiler.ir.forest.forest import INLINE_LEAVES
from compiler.ir.ops.forest import ForestSums
from compiler.ir.textfile import SideFileError, side_file
from tests.ir.forest.examples import EXAMPLE


def graph_of(forest: Forest) -> Graph:
    graph = Graph("forest")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (2, forest.features)))
    rewriter.output("y", rewriter.emit(ForestSums(forest), x))
    return graph


def stumps(count: int) -> Forest:
    trees = " ".join(f"tree 0 {{ v{tree}: {tree}.5, id 0 }}" for tree in range(count))
    return parse_forest(f"f32[3] -> [0.0] width 1 {{ {trees} }}")


def test_small_forests_are_spelled_out(tmp_path: Path) -> None:
    graph = graph_of(stumps(INLINE_LEAVES))
    save_graph(graph, tmp_path / "g.kiln")
    assert not side_file(tmp_path / "g.kiln").exists()
    assert load_graph(tmp_path / "g.kiln") == graph


def test_large_forests_are_in_the_side_file(tmp_path: Path) -> None:
    graph = graph_of(stumps(INLINE_LEAVES + 1))
    assert "forest<sha256:" in print_graph(graph)
    save_graph(graph, tmp_path / "g.kiln")
    assert load_graph(tmp_path / "g.kiln") == graph


def test_a_damaged_side_file_is_an_error(tmp_path: Path) -> None:
    forest = stumps(INLINE_LEAVES + 1)
    save_graph(graph_of(forest), tmp_path / "g.kiln")
    with np.load(side_file(tmp_path / "g.kiln")) as stored:
        arrays = dict(stored)
    np.savez(side_file(tmp_path / "g.kiln").open("wb"), **{name: arrays[name] for name in list(arrays)[:-1]})
    with pytest.raises(SideFileError, match="cannot be read"):
        load_graph(tmp_path / "g.kiln")


def test_what_is_wrong_in_a_forest_is_shown_where_it_stands() -> None:
    text = print_graph(graph_of(EXAMPLE))
    with pytest.raises(ParseError, match=r"line 4, column 7: expected s0") as caught:
        parse_graph(text.replace("s0: x2", "s7: x2"))
    assert "s7: x2 < 0.25" in str(caught.value)
    with pytest.raises(ParseError, match="columns, the forest 3 features"):
        parse_graph(text.replace("f32[2,3]", "f32[2,4]"))


def test_a_forest_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ParseError, match="no forest with digest"):
        parse_graph(print_graph(graph_of(stumps(INLINE_LEAVES + 1))))
