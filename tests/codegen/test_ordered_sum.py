"""``ordered_sum``: sums side by side are those of one after the other, to the bit, among subnormal numbers too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compiler.ir import Sample
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.ordered import OrderedSum
from compiler.targets import Target
from tests.codegen.native import ARMV7, CORTEX_A72
from tests.codegen.task_kernels import load_kernel, run_kernel
from tests.codegen.test_bitsliced_forest import assert_same_bits
from tests.codegen.test_computes import sample_graph
from tests.differential.emulated import Job, run_emulated


def samples() -> list[Sample]:
    """Of outputs that fill registers, and of some more."""
    generator = np.random.default_rng(1)
    return [
        Sample(OrderedSum(), tuple((scale * generator.normal(size=shape)).astype(dtype) for shape in shapes))
        for dtype, scale in ((np.float32, 1.0), (np.float32, 1e-40), (np.float64, 1e-310))
        for outputs in (4, 16, 55)
        for shapes in (((2, outputs), (2, 37, outputs)),)
    ]


def test_here() -> None:
    for sample in samples():
        kernel = load_kernel(sample_graph(sample))
        (got,), (want,) = run_kernel(kernel, sample.operands), run_graph(kernel.graph, sample.operands)
        assert np.abs(want).max() > 0
        assert_same_bits(got, want, str(want.shape))


@pytest.mark.parametrize("target", [CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_arm(target: Target, tmp_path: Path) -> None:
    jobs = [Job(sample_graph(sample), sample.operands) for sample in samples()]
    for job, (got,) in zip(jobs, run_emulated(jobs, target, tmp_path), strict=True):
        assert_same_bits(got, run_graph(job.graph, list(job.operands))[0], str(got.shape))
