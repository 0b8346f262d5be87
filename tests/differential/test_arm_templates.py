"""Every schedule template for vectors of four lanes, right under the emulator: tails, strides, paddings, tilings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.codegen.analytic.windows import has_even_blocks
from compiler.codegen.kernels import choose_template
from compiler.codegen.schedules import SCHEDULES
from compiler.codegen.space import Choice
from compiler.ir import Graph
from compiler.ir.ops.pooling import MaxPool, SumPool
from compiler.ir.ops.reduction import ReduceSum
from compiler.targets import Target, resolve
from tests.codegen.blocked_regions import random_operands
from tests.codegen.test_blocked_windows import (
    GLOBAL_POOLS,
    WINDOWS,
    can_pool,
    depthwise_region,
    global_pool_region,
    pool_region,
)
from tests.codegen.test_conv_templates import BLOCKED_CASES, blocked_graph
from tests.codegen.test_depthwise_pointwise import CASES as PAIRS
from tests.codegen.test_depthwise_pointwise import pair_region
from tests.codegen.test_inverted_bottleneck import CASES as BOTTLENECKS
from tests.codegen.test_inverted_bottleneck import bottleneck_region
from tests.differential.emulated import Job
from tests.differential.test_arm import check

LANES = 4
CORES = [resolve(name) for name in ("arm_cortex_a72", "armv7a_neon")]


def blocked_regions() -> Iterator[Graph]:
    """Those of the host's tests of the templates for blocked activations, for four lanes."""
    for x, w, op, vectors, blocked_image in BLOCKED_CASES.values():
        yield blocked_graph(x, w, op, LANES, vectors, blocked_image=blocked_image)
    for window in WINDOWS.values():
        yield depthwise_region(window, LANES)
        if can_pool(window):
            yield from (pool_region(kind, window, LANES) for kind in (MaxPool, SumPool))
    # The cases count in vectors of the host, so that some have three vectors of four lanes left, which no build makes.
    for case in PAIRS.values():
        if has_even_blocks(case.filters, case.vectors * LANES, LANES):
            yield pair_region(case, LANES)
    yield from (bottleneck_region(case, LANES) for case in BOTTLENECKS.values())
    for shape in GLOBAL_POOLS.values():
        yield global_pool_region(ReduceSum, shape, keep=True, blocked=True, lanes=LANES)


def farthest(graph: Graph, target: Target) -> Choice:
    """The template that an untuned build takes, with the last value of each of its knobs."""
    template = choose_template(graph, target, SCHEDULES)
    knobs = template.space(graph, target).knobs
    return Choice.of(template.name, {knob.name: knob.values[-1] for knob in knobs})


@pytest.mark.parametrize("target", CORES, ids=lambda target: target.name)
def test_blocked_activations(target: Target, tmp_path: Path) -> None:
    check([Job(graph, random_operands(graph)) for graph in blocked_regions()], target, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("target", CORES, ids=lambda target: target.name)
def test_blocked_activations_in_other_tilings(target: Target, tmp_path: Path) -> None:
    jobs = [Job(graph, random_operands(graph), farthest(graph, target)) for graph in blocked_regions()]
    check(jobs, target, tmp_path)
