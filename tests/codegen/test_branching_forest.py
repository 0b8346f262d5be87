"""``branching_forest``: every split of random forests, at the edges of floats, on ARM too, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.codegen.kernels import build_kernel
from compiler.codegen.schedules.branching_forest import BranchingForests
from compiler.ir import Graph, Sample, Task, print_graph
from compiler.ir.forest import Comparison, Forest, parse_forest, sums
from compiler.ir.interpreter import run_graph
from compiler.ir.literal import Array
from compiler.ir.ops.branching_forest import DEEPEST, MOST_LEAVES, BranchingForest, is_tiny
from compiler.targets import Target
from tests.codegen.native import ARMV7, CORTEX_A72, HOST
from tests.codegen.task_kernels import load_kernels, run_kernel
from tests.codegen.test_bitsliced_forest import assert_same_bits
from tests.codegen.test_computes import sample_graph
from tests.differential.emulated import Job, run_emulated
from tests.ir.forest.examples import chain_text, full_tree
from tests.ir.forest.strategies import forests, rows_for
from tests.passes.forests.test_bitslicing import EDGES, stumps


def sample_of(forest: Forest, x: Array) -> Sample:
    """Sums of some rows, from the base of the forest."""
    return Sample(BranchingForest(forest), (x, np.repeat(forest.base[None], len(x), axis=0)))


def edge_samples() -> list[Sample]:
    """Each comparison with thresholds of all kinds, at the floats around them, missing values among them."""
    with np.errstate(over="ignore"):
        values = np.concatenate([EDGES, np.nextafter(EDGES, np.inf), np.nextafter(EDGES, -np.inf), [np.nan]])
    x = values.astype(np.float32).reshape(-1, 1)
    return [sample_of(stumps(kind, EDGES), x) for kind in Comparison if kind is not Comparison.MEMBER]


def set_sample() -> Sample:
    """Sets of many runs, of categories that no float is."""
    trees = [
        f"tree 0 {{ s{i}: x0 in {{{members}}} ? v{2 * i} : v{2 * i + 1}, missing {way} v{2 * i}: {i}.5, id 1 "
        f"v{2 * i + 1}: 0.25, id 2 }}"
        for i, (members, way) in enumerate(
            (members, way)
            for members in ("", "0", "0, 1, 2, 5, 7, 8", "16777217, 16777218", "2147483647", "33554433")
            for way in ("left", "right")
        )
    ]
    forest = parse_forest(f"f32[1] -> [0.0] width 1 {{ {' '.join(trees)} }}")
    edges = np.array([0, 1, 2, 3, 5, 8, 9, 2**24, 2**24 + 2, 2**25, 2**31, np.inf], np.float32)
    values = [
        edges,
        -edges,
        np.nextafter(edges, np.float32(-np.inf)),
        np.nextafter(edges, np.float32(np.inf)),
        [np.nan],
    ]
    return sample_of(forest, np.concatenate(values).astype(np.float32).reshape(-1, 1))


def check_here(samples: list[Sample]) -> None:
    graphs = [sample_graph(sample) for sample in samples]
    kernels = load_kernels((graph, None) for graph in graphs)
    for graph, kernel, sample in zip(graphs, kernels, samples, strict=True):
        assert kernel.info.template.startswith(BranchingForests.name)
        (got,), (want,) = run_kernel(kernel, sample.operands), run_graph(graph, sample.operands)
        assert_same_bits(got, want, str(sample.op))


def test_every_sample() -> None:
    check_here([*BranchingForest.samples(), *edge_samples(), set_sample()])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_random_forests(data: st.DataObject) -> None:
    forest = data.draw(forests())
    check_here([sample_of(forest, data.draw(rows_for(forest).filter(len)))])


@pytest.mark.parametrize("target", [CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_arm(target: Target, tmp_path: Path) -> None:
    """The thresholds of the edges are subnormal numbers too."""
    samples = [*BranchingForest.samples(), *edge_samples(), set_sample()]
    jobs = [Job(sample_graph(sample), sample.operands) for sample in samples]
    for job, (got,) in zip(jobs, run_emulated(jobs, target, tmp_path), strict=True):
        assert_same_bits(got, run_graph(job.graph, list(job.operands))[0], str(job.graph))


def test_the_largest_and_the_deepest() -> None:
    """Tasks have them in their text, and compile."""
    deep = parse_forest(chain_text(DEEPEST))
    generator = np.random.default_rng(1)
    for forest in (full_tree(9), deep):
        assert is_tiny(forest)
        graph: Graph = sample_graph(sample_of(forest, generator.normal(2, 2, (50, forest.features)).astype(np.float32)))
        assert build_kernel(Task(print_graph(graph)), HOST, None)[1].template.startswith(BranchingForests.name)
    x = generator.normal(30, 20, (300, 2)).astype(np.float32)
    check_here([sample_of(deep, x)])
    assert len(np.unique(sums(deep, x))) > DEEPEST // 2


def test_larger_ones_are_no_code() -> None:
    assert not is_tiny(parse_forest(chain_text(DEEPEST + 1)))
    assert not is_tiny(stumps(Comparison.LESS, np.arange(MOST_LEAVES // 4 + 1, dtype=np.float32)))
