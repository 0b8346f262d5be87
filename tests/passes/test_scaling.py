"""The standard pipeline takes time about proportional to the size of the graph."""

from __future__ import annotations

import time
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
SMALL, LARGE = 2_500, 10_000
SECONDS = 30.0
NOISE_SECONDS = 0.5
RATIO = 9.0
"""A quadratic pass would take 16 times as long for four times the nodes, a linear one 4 times."""


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_time_is_about_linear(family: Callable[[int], Graph]) -> None:
    small, large = seconds(family(SMALL)), seconds(family(LARGE))
    assert large < SECONDS
    assert large < RATIO * small + NOISE_SECONDS


def seconds(graph: Graph) -> float:
    """Processor time of the standard pipeline, which other processes on the machine do not lengthen."""
    start = time.process_time()
    PassManager.parse("standard").run(graph, "host", verify=False)
    return time.process_time() - start
