"""The standard pipeline takes work about proportional to the size of the graph.

Work is counted in calls of functions, Python's and C's, which no other process on the machine changes; a pass
that visits all nodes for every node shows in it, and so does one that copies the graph for every rewrite.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from compiler.ir import Graph
from compiler.passes import PassManager
from tests.passes import large_graphs

FAMILIES = (
    large_graphs.long_chain,
    large_graphs.wide_fan,
    large_graphs.shape_chains,
    large_graphs.residual_network,
)
SMALL, LARGE = 1_000, 4_000
RATIO = 4.5
"""For four times the nodes; a quadratic pass makes 16 times as many calls."""


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_work_is_about_linear(family: Callable[[int], Graph]) -> None:
    small, large = calls(family(SMALL)), calls(family(LARGE))
    assert large < RATIO * small


def calls(graph: Graph) -> int:
    """Number of functions that the standard pipeline calls on ``graph``."""
    count = 0

    def on_event(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        PassManager.parse("standard").run(graph, "host", verify=False)
    finally:
        sys.setprofile(before)
    return count
