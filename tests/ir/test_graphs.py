"""Properties of random graphs: they verify, their text round-trips, copies are equal."""

from __future__ import annotations

from hypothesis import given

from compiler.ir import clone, load_graph, parse_graph, print_graph, save_graph, verify
from compiler.ir.textfile import outlined_literals
from tests.ir.comparison import assert_same_results
from tests.ir.strategies import Case, cases


@given(cases())
def test_random_graphs_verify_and_text_round_trips(case: Case) -> None:
    verify(case.graph)
    text = print_graph(case.graph)
    literals = {literal.digest: literal for literal in outlined_literals(case.graph)}
    parsed = parse_graph(text, literals)
    verify(parsed)
    assert print_graph(parsed) == text
    assert_same_results(case.graph, parsed, case.inputs)


@given(cases())
def test_a_clone_is_equal_and_independent(case: Case) -> None:
    copy = clone(case.graph)
    verify(copy)
    assert copy == case.graph
    assert not {id(node) for node in copy} & {id(node) for node in case.graph}


@given(cases(max_nodes=4))
def test_files_round_trip(tmp_path_factory, case: Case) -> None:
    path = tmp_path_factory.mktemp("graph") / "g.kiln"
    save_graph(case.graph, path)
    assert load_graph(path) == case.graph
