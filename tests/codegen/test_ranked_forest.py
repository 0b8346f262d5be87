"""``ranked_forest`` and ``ranked_leaves`` on every vector width and on ARM: to the bit, whatever the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.codegen.analytic.forests import looks_up_bytes, masks_bytes, permutes_bytes
from compiler.codegen.schedules import Config
from compiler.codegen.schedules.ranked_forest import RankedForests
from compiler.codegen.space import Choice
from compiler.ir import Sample
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.ranked_forest import RankedForest
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.targets import Target, resolve
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, X86_V2, X86_V3, X86_V4
from tests.codegen.task_kernels import check_that_knobs_matter, load_kernel, load_kernels, run_kernel
from tests.codegen.test_bitsliced_forest import assert_same_bits
from tests.codegen.test_computes import sample_graph
from tests.differential.emulated import Job, run_emulated

SAMPLES = (*RankedForest.samples(), *RankedLeaves.samples())
FIRST = (RankedForest.samples()[0], RankedLeaves.samples()[0])


def check_here(cases: list[tuple[Sample, Config]], target: Target) -> None:
    """The kernels of samples with configurations, run on this machine."""
    graphs = [sample_graph(sample) for sample, _ in cases]
    choices = [Choice.of(RankedForests.name, config) for _, config in cases]
    wanted = list(zip(graphs, choices, strict=True))
    for kernel, (sample, config) in zip(load_kernels(wanted, target), cases, strict=True):
        (got,), (want,) = run_kernel(kernel, sample.operands), run_graph(kernel.graph, sample.operands)
        assert_same_bits(got, want, f"{sample.op} with {config} on {target.name}")


def test_every_configuration() -> None:
    spaces = [(sample, RankedForests().space(sample_graph(sample), HOST)) for sample in FIRST]
    check_here([(sample, config) for sample, space in spaces for config in space], HOST)


def test_every_sample() -> None:
    """One vector of ranks, two and four; groups and batches of trees that are full and not."""
    check_here([(sample, RankedForests().space(sample_graph(sample), HOST).default) for sample in SAMPLES], HOST)


def test_threads_share_the_trees_of_few_rows() -> None:
    """Each of three rows is cut into parts, each of nine is not."""
    sample = RankedLeaves.samples()[1]
    few, many = sample_graph(sample), sample_graph(RankedLeaves.samples()[2])
    assert [load_kernel(graph).info.extent for graph in (few, many)] == [3 * 4, 9]


def test_knobs_matter() -> None:
    for sample in FIRST:
        check_that_knobs_matter(RankedForests(), sample_graph(sample), HOST)


def test_ranks_are_looked_up_in_registers_where_a_target_can() -> None:
    names = ("znver4", "x86-64-v4", "x86-64-v3", "arm_cortex_a72", "x86-64-v2", "rasp3b")
    assert [permutes_bytes(resolve(name)) for name in names] == [True, False, False, False, False, False]
    assert [masks_bytes(resolve(name)) for name in names] == [True, True, False, False, False, False]
    assert [looks_up_bytes(resolve(name), 64) for name in names] == [True, True, True, True, True, False]
    assert [looks_up_bytes(resolve(name), 65) for name in names] == [True, True, True, True, False, False]


@pytest.mark.parametrize("target", [X86_V2, X86_V3, X86_V4], ids=lambda target: target.name)
def test_narrower_vectors(target: Target) -> None:
    if not set(target.features) <= set(HOST.features):
        pytest.skip(f"this machine is no {target.name}")
    check_here([(sample, RankedForests().space(sample_graph(sample), target).default) for sample in SAMPLES], target)


@pytest.mark.parametrize("target", [CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_arm(target: Target, tmp_path: Path) -> None:
    jobs = [Job(sample_graph(sample), sample.operands) for sample in SAMPLES]
    for job, (got,) in zip(jobs, run_emulated(jobs, target, tmp_path), strict=True):
        assert_same_bits(got, run_graph(job.graph, list(job.operands))[0], f"{job.choice}")
