"""``leafwise_forest`` on every vector width and on ARM: to the bit, whatever the configuration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compiler.codegen.schedules import Config
from compiler.codegen.schedules.leafwise_forest import LeafwiseForests
from compiler.codegen.space import Choice
from compiler.ir import Sample
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.leafwise_forest import LeafwiseForest
from compiler.targets import Target
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, X86_V2, X86_V3, X86_V4
from tests.codegen.task_kernels import load_kernels, run_kernel
from tests.codegen.test_bitsliced_forest import assert_same_bits
from tests.codegen.test_computes import sample_graph
from tests.differential.emulated import Job, run_emulated


def check_here(cases: list[tuple[Sample, Config]], target: Target) -> None:
    """The kernels of samples with configurations, run on this machine."""
    graphs = [sample_graph(sample) for sample, _ in cases]
    choices = [Choice.of(LeafwiseForests.name, config) for _, config in cases]
    wanted = list(zip(graphs, choices, strict=True))
    for kernel, (sample, config) in zip(load_kernels(wanted, target), cases, strict=True):
        (got,), (want,) = run_kernel(kernel, sample.operands), run_graph(kernel.graph, sample.operands)
        assert_same_bits(got, want, f"{config} on {target.name}")


def default(sample: Sample, target: Target) -> tuple[Sample, Config]:
    return sample, LeafwiseForests().space(sample_graph(sample), target).default


def test_every_configuration() -> None:
    sample = LeafwiseForest.samples()[0]
    space = LeafwiseForests().space(sample_graph(sample), HOST)
    check_here([(sample, config) for config in space], HOST)


def test_every_sample() -> None:
    """Trees of at most one line of leaves, of two and of many; leaves of float64, and of several values."""
    check_here([default(sample, HOST) for sample in LeafwiseForest.samples()], HOST)


def test_rows_of_samples_reach_several_leaves_of_each_tree() -> None:
    for sample in LeafwiseForest.samples()[:4]:
        x, _, *tables = sample.operands
        trees, leaves, _ = tables[9].shape
        number = np.broadcast_to(np.arange(leaves, dtype=np.float32)[:, None], (trees, leaves, 1))
        start, tables[9:] = np.zeros((len(x), trees), np.float32), [number, np.arange(trees, dtype=np.int32)]
        (reached,) = LeafwiseForest().evaluate(x, start, *tables)
        assert all(len(np.unique(reached[:, tree])) > 1 for tree in range(trees))


def test_blocks_for_fewer_rows() -> None:
    sample = LeafwiseForest.samples()[2]
    x, start, *tables = sample.operands
    few = [Sample(sample.op, (x[:rows], start[:rows], *tables)) for rows in (1, 129, 257)]
    check_here([default(each, HOST) for each in few], HOST)


@pytest.mark.parametrize("target", [X86_V2, X86_V3, X86_V4], ids=lambda target: target.name)
def test_narrower_vectors(target: Target) -> None:
    if not set(target.features) <= set(HOST.features):
        pytest.skip(f"this machine is no {target.name}")
    check_here([default(sample, target) for sample in LeafwiseForest.samples()], target)


@pytest.mark.parametrize("target", [CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_arm(target: Target, tmp_path: Path) -> None:
    jobs = [Job(sample_graph(sample), sample.operands) for sample in LeafwiseForest.samples()]
    for job, (got,) in zip(jobs, run_emulated(jobs, target, tmp_path), strict=True):
        assert_same_bits(got, run_graph(job.graph, list(job.operands))[0], f"{job.choice}")
