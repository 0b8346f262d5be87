"""Kernels for 64- and 32-bit ARM: every op compiles, and random regions are right under the emulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.codegen.computes import COMPUTES
from compiler.codegen.kernels import build_kernel
from compiler.codegen.plan.packing import unpack
from compiler.ir import Op, Task, print_graph
from compiler.ir.interpreter import run_graph
from compiler.ir.ops import OPS
from compiler.targets import Target, resolve
from tests.codegen.test_computes import sample_graph
from tests.differential import regions
from tests.differential.emulated import Job, run_emulated
from tests.differential.fuzzing import fuzz
from tests.differential.sensitivity import Expected, assert_as_expected, expectations

TARGETS = pytest.mark.parametrize("target", [resolve("arm_cortex_a72"), resolve("armv7a_neon")], ids=lambda t: t.name)
SAMPLES = 3
"""Per op and target in the short run."""
FLUSHED = 2.4e-38
"""NEON on ARMv7 takes subnormal numbers for zeros."""

ANY_REGION = st.one_of(
    regions.pointwise_regions("plain"),
    regions.reduction_regions("plain"),
    regions.row_regions(),
    regions.conv_regions(),
    regions.conv_regions(depthwise=True),
    regions.matmul_regions(),
    regions.pool_regions("plain"),
    regions.resample_regions(),
)


def check(jobs: list[Job], target: Target, folder: Path) -> None:
    """The kernels of all jobs, run in one program, agree with the reference."""
    for job, results in zip(jobs, run_emulated(jobs, target, folder), strict=True):
        for got, want, output in zip(results, expectations(job.graph, job.operands), job.graph.outputs, strict=True):
            slack = want.slack + (FLUSHED if want.value.dtype == np.float32 else 0.0)
            logical = unpack(got, output.type.layout, output.type.shape)
            assert_as_expected(logical, Expected(want.value, slack, want.free), f"{job.choice} computes\n{job.graph}")


def samples_of(op: type[Op], count: int) -> list[Job]:
    """Evenly spread samples with non-empty results."""
    samples = op.samples()
    jobs = [Job(sample_graph(s), s.operands) for s in samples[:: max(1, len(samples) // count)][:count]]
    return [job for job in jobs if all(array.size for array in run_graph(job.graph, job.operands))]


@TARGETS
@pytest.mark.parametrize("op", list(COMPUTES), ids=lambda op: op.name)
def test_every_op_compiles(op: type[Op], target: Target) -> None:
    for job in samples_of(op, SAMPLES):
        build_kernel(Task(print_graph(job.graph)), target)


@pytest.mark.long
@TARGETS
@pytest.mark.parametrize("op", [op for op in OPS if op in COMPUTES], ids=lambda op: op.name)
def test_every_sample_is_right(op: type[Op], target: Target, tmp_path: Path) -> None:
    check(samples_of(op, len(op.samples())), target, tmp_path)


def check_regions(target: Target, data: st.DataObject, folder: Path) -> None:
    """Eight regions, each with a template and configuration."""
    drawn = data.draw(st.lists(ANY_REGION, min_size=8, max_size=8), label="regions")
    jobs = [Job(d.graph, d.arrays, data.draw(regions.choices(d.graph, target), label="choice")) for d in drawn]
    check(jobs, target, folder)


@TARGETS
@settings(max_examples=4)
@given(data=st.data())
def test_regions(target: Target, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    check_regions(target, data, tmp_path_factory.mktemp("program"))


@pytest.mark.long
@TARGETS
def test_regions_at_length(target: Target, tmp_path: Path) -> None:
    fuzz(lambda data: check_regions(target, data, tmp_path))
