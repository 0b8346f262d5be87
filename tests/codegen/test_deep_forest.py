"""``deep_forest`` on every vector width and on ARM: to the bit, whatever the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.codegen.schedules.deep_forest import DeepForests
from compiler.codegen.space import Choice
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.deep_forest import DeepForest
from compiler.targets import Target
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, X86_V2, X86_V3, X86_V4
from tests.codegen.task_kernels import check_that_knobs_matter, load_kernels, run_kernel
from tests.codegen.test_bitsliced_forest import assert_same_bits
from tests.codegen.test_computes import sample_graph
from tests.differential.emulated import Job, run_emulated


def test_every_configuration() -> None:
    sample = DeepForest.samples()[1]
    graph = sample_graph(sample)
    (want,) = run_graph(graph, sample.operands)
    configs = list(DeepForests().space(graph, HOST))
    for kernel in load_kernels((graph, Choice.of(DeepForests.name, config)) for config in configs):
        assert_same_bits(run_kernel(kernel, sample.operands)[0], want, str(configs))


def test_knobs_matter() -> None:
    check_that_knobs_matter(DeepForests(), sample_graph(DeepForest.samples()[0]), HOST)


@pytest.mark.parametrize("target", [X86_V2, X86_V3, X86_V4], ids=lambda target: target.name)
def test_narrower_vectors(target: Target) -> None:
    if not set(target.features) <= set(HOST.features):
        pytest.skip(f"this machine is no {target.name}")
    samples = DeepForest.samples()
    graphs = [sample_graph(sample) for sample in samples]
    for kernel, sample in zip(load_kernels([(graph, None) for graph in graphs], target), samples, strict=True):
        (got,), (want,) = run_kernel(kernel, sample.operands), run_graph(kernel.graph, sample.operands)
        assert_same_bits(got, want, f"{sample.op} on {target.name}")


@pytest.mark.parametrize("target", [CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_arm(target: Target, tmp_path: Path) -> None:
    jobs = [Job(sample_graph(sample), sample.operands) for sample in DeepForest.samples()]
    for job, (got,) in zip(jobs, run_emulated(jobs, target, tmp_path), strict=True):
        assert_same_bits(got, run_graph(job.graph, list(job.operands))[0], f"{job.choice}")
