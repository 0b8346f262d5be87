"""``set_features`` on every vector width and on ARM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compiler.ir.interpreter import run_graph
from compiler.ir.ops.set_features import SetFeatures
from compiler.targets import Target
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, X86_V2, X86_V3, X86_V4
from tests.codegen.task_kernels import load_kernels, run_kernel
from tests.codegen.test_bitsliced_forest import assert_same_bits
from tests.codegen.test_computes import sample_graph
from tests.differential.emulated import Job, run_emulated


def test_answers_differ_between_rows() -> None:
    """Otherwise the samples would prove little."""
    for sample in SetFeatures.samples():
        (wide,) = sample.op.evaluate(*sample.operands)
        assert np.ptp(wide[:, sample.operands[0].shape[1] :], axis=0).any()


@pytest.mark.parametrize("target", [HOST, X86_V2, X86_V3, X86_V4], ids=lambda target: target.name)
def test_vectors_of_each_width(target: Target) -> None:
    if not set(target.features) <= set(HOST.features):
        pytest.skip(f"this machine is no {target.name}")
    samples = SetFeatures.samples()
    graphs = [sample_graph(sample) for sample in samples]
    for kernel, sample in zip(load_kernels([(graph, None) for graph in graphs], target), samples, strict=True):
        (got,), (want,) = run_kernel(kernel, sample.operands), run_graph(kernel.graph, sample.operands)
        assert_same_bits(got, want, target.name)


@pytest.mark.parametrize("target", [CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_arm(target: Target, tmp_path: Path) -> None:
    jobs = [Job(sample_graph(sample), sample.operands) for sample in SetFeatures.samples()]
    for job, (got,) in zip(jobs, run_emulated(jobs, target, tmp_path), strict=True):
        assert_same_bits(got, run_graph(job.graph, list(job.operands))[0], target.name)
