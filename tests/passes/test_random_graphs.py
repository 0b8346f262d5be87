"""Every pass, on random graphs over the whole op table: results stay, graphs stay well formed.

Passes that keep every bit are held to that on all ops. Those that compute in another order are compared
with a tolerance on graphs without jumps, where a difference in the last bit would become a large one.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir import Graph
from compiler.ir.ops import binary
from compiler.passes import PASSES, PassManager
from tests.ir.comparison import assert_same_results, random_inputs, special_inputs
from tests.ir.strategies import SMOOTH_EXCLUDED, Case, cases, op_table
from tests.passes import motifs
from tests.passes.motifs import motif_graphs

EXACT = ("canonicalize", "fold-constants", "cse", "fuse{max-ops=3}", "dce,fold-pad,fuse")
INEXACT = ("fold-batch-norm,cancel-movement,pack-weights", "standard")


def test_every_pass_is_compared() -> None:
    names = {step.name for text in EXACT + INEXACT for step in PassManager.parse(text).passes}
    assert {cls.name for cls in PASSES} <= names


@pytest.mark.parametrize("passes", EXACT)
@given(case=cases(op_table(exclude=(binary.Pow,))))
def test_exact_passes_keep_every_bit(passes: str, case: Case) -> None:
    result = PassManager.parse(passes).run(case.graph, verify=True)
    assert_same_results(case.graph, result, case.inputs)


@pytest.mark.parametrize("passes", INEXACT)
@given(case=cases(op_table(exclude=SMOOTH_EXCLUDED)))
def test_inexact_passes_keep_results_to_rounding(passes: str, case: Case) -> None:
    result = PassManager.parse(passes).run(case.graph, "host", verify=True)
    assert_same_results(case.graph, result, case.inputs, exact=False)


@pytest.mark.parametrize(
    ("passes", "family"),
    [
        ("canonicalize", "ARITHMETIC"),
        ("canonicalize", "VIEWS"),
        ("canonicalize", "SLICES"),
        ("fold-constants,cse", "ALL"),
        ("cancel-movement", "TURNS"),
        ("fuse", "KERNELS"),
    ],
)
@given(data=st.data())
def test_patterns_keep_every_bit(passes: str, family: str, data: st.DataObject) -> None:
    graph = data.draw(motif_graphs(getattr(motifs, family)))
    result = PassManager.parse(passes).run(graph, verify=True)
    assert_same_results(graph, result, random_inputs(graph))
    assert_same_results(graph, result, special_inputs(graph))


@pytest.mark.parametrize("passes", ["fold-batch-norm", "fold-pad", "fuse", "standard"])
@given(graph=motif_graphs(motifs.NETWORKS, exact=False))
def test_patterns_of_networks_are_kept_to_rounding(passes: str, graph: Graph) -> None:
    result = PassManager.parse(passes).run(graph, "host", verify=True)
    assert_same_results(graph, result, random_inputs(graph), exact=False)
