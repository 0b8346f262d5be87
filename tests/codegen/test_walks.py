"""``perfect_walk`` and ``sparse_walk``: every number of trees at once, and on ARM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compiler.codegen.schedules.walks import Walks
from compiler.codegen.space import Choice
from compiler.ir import Graph, Sample
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.perfect_walk import PerfectWalk
from compiler.ir.ops.sparse_walk import SparseWalk
from compiler.targets import Target
from compiler.verification.inputs import sample_inputs
from tests.codegen.native import ARMV7, CORTEX_A72, HOST
from tests.codegen.task_kernels import check_that_knobs_matter, load_kernels, run_kernel
from tests.codegen.test_computes import sample_graph
from tests.differential.emulated import Job, run_emulated

each_walk = pytest.mark.parametrize(
    "sample", [PerfectWalk.samples()[0], SparseWalk.samples()[0]], ids=lambda s: s.op.name
)


@each_walk
def test_every_configuration(sample: Sample) -> None:
    graph = sample_graph(sample)
    (want,) = run_graph(graph, sample.operands)
    configs = list(Walks().space(graph, HOST))
    for kernel in load_kernels((graph, Choice.of(Walks.name, config)) for config in configs):
        np.testing.assert_array_equal(run_kernel(kernel, sample.operands)[0], want)


@each_walk
@pytest.mark.parametrize("rows", [35, 130])
def test_tiles_of_rows(sample: Sample, rows: int) -> None:
    """The last one is not full."""
    graph = with_rows(sample, rows)
    operands = (next(iter(sample_inputs(graph, 1).values())), *sample.operands[1:])
    (want,) = run_graph(graph, operands)
    space = Walks().space(graph, HOST)
    configs = [config for config in space if config["rows"] > 1 and config["trees"] in (1, 4)]
    assert configs
    for kernel in load_kernels((graph, Choice.of(Walks.name, config)) for config in configs):
        np.testing.assert_array_equal(run_kernel(kernel, operands)[0], want)


@pytest.mark.parametrize("sample", [PerfectWalk.samples()[-1], SparseWalk.samples()[-1]], ids=lambda s: s.op.name)
def test_threads_share_the_trees_of_few_rows(sample: Sample) -> None:
    graph = sample_graph(sample)
    (want,) = run_graph(graph, sample.operands)
    for kernel in load_kernels((graph, Choice.of(Walks.name, config)) for config in Walks().space(graph, HOST)):
        assert kernel.info.extent > len(want)
        np.testing.assert_array_equal(run_kernel(kernel, sample.operands)[0], want)


def with_rows(sample: Sample, rows: int) -> Graph:
    x = np.zeros((rows, sample.operands[0].shape[1]), np.float32)
    return sample_graph(Sample(sample.op, (x, *sample.operands[1:])))


@each_walk
def test_knobs_matter(sample: Sample) -> None:
    check_that_knobs_matter(Walks(), with_rows(sample, 35), HOST)


@pytest.mark.parametrize("target", [CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_arm(target: Target, tmp_path: Path) -> None:
    jobs = [Job(sample_graph(s), s.operands) for s in (*PerfectWalk.samples(), *SparseWalk.samples())]
    for job, (got,) in zip(jobs, run_emulated(jobs, target, tmp_path), strict=True):
        np.testing.assert_array_equal(got, run_graph(job.graph, list(job.operands))[0])
