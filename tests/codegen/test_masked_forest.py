"""``masked_forest`` on every vector width and on ARM: to the bit, whatever the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.codegen.schedules import Config
from compiler.codegen.schedules.masked_forest import MaskedForests
from compiler.codegen.space import Choice
from compiler.ir import Sample
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.masked_forest import MaskedForest
from compiler.targets import Target
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, X86_V2, X86_V3, X86_V4
from tests.codegen.task_kernels import check_that_knobs_matter, load_kernels, run_kernel
from tests.codegen.test_bitsliced_forest import assert_same_bits
from tests.codegen.test_computes import sample_graph
from tests.differential.emulated import Job, run_emulated


def check_here(cases: list[tuple[Sample, Config]], target: Target) -> None:
    """The kernels of samples with configurations, run on this machine."""
    graphs = [sample_graph(sample) for sample, _ in cases]
    choices = [Choice.of(MaskedForests.name, config) for _, config in cases]
    wanted = list(zip(graphs, choices, strict=True))
    for kernel, (sample, config) in zip(load_kernels(wanted, target), cases, strict=True):
        (got,), (want,) = run_kernel(kernel, sample.operands), run_graph(kernel.graph, sample.operands)
        assert_same_bits(got, want, f"{config} on {target.name}")


def defaults(target: Target) -> list[tuple[Sample, Config]]:
    return [(sample, MaskedForests().space(sample_graph(sample), target).default) for sample in MaskedForest.samples()]


def test_every_configuration() -> None:
    sample = MaskedForest.samples()[0]
    check_here([(sample, config) for config in MaskedForests().space(sample_graph(sample), HOST)], HOST)


def test_every_sample() -> None:
    """Words of all sizes; groups of trees that are full and not."""
    check_here(defaults(HOST), HOST)


def test_knobs_matter() -> None:
    check_that_knobs_matter(MaskedForests(), sample_graph(MaskedForest.samples()[0]), HOST)


@pytest.mark.parametrize("target", [X86_V2, X86_V3, X86_V4], ids=lambda target: target.name)
def test_narrower_vectors(target: Target) -> None:
    if not set(target.features) <= set(HOST.features):
        pytest.skip(f"this machine is no {target.name}")
    check_here(defaults(target), target)


@pytest.mark.parametrize("target", [CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_arm(target: Target, tmp_path: Path) -> None:
    jobs = [Job(sample_graph(sample), sample.operands) for sample in MaskedForest.samples()]
    for job, (got,) in zip(jobs, run_emulated(jobs, target, tmp_path), strict=True):
        assert_same_bits(got, run_graph(job.graph, list(job.operands))[0], f"{job.choice}")
