"""``bitsliced_forest`` on every vector width and on ARM: to the bit, whatever the configuration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compiler.codegen.analytic.forests import block_rows, finds_bytes
from compiler.codegen.schedules import Config
from compiler.codegen.schedules.bitsliced_forest import BitslicedForests
from compiler.codegen.space import Choice
from compiler.ir import DType, Sample, TensorType
from compiler.ir.interpreter import run_graph
from compiler.ir.literal import Array
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.targets import Target, resolve
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, X86_V2, X86_V3, X86_V4
from tests.codegen.task_kernels import load_kernels, run_kernel
from tests.codegen.test_computes import sample_graph
from tests.differential.emulated import Job, run_emulated

SUBNORMAL = np.array([1e-45, -1e-45, 1e-38, -0.0, np.nan, np.inf, 0.0, -np.inf], np.float32)


def samples() -> list[Sample]:
    """The op's samples, and one of them again with subnormal rows and sums, last."""
    first, *others = BitslicedForest.samples()
    x, start, *tables = first.operands
    edges = tables[1].copy()
    edges[:, :, :8] = np.arange(-3, 5)
    small = [np.resize(SUBNORMAL, x.shape), start * np.float32(1e-38), tables[0], edges, *tables[2:]]
    small[9] = tables[7] * np.float32(1e-39)
    return [first, *others, Sample(first.op, tuple(small))]


def assert_same_bits(got: Array, want: Array, case: str) -> None:
    np.testing.assert_array_equal(got.view(np.uint8), np.ascontiguousarray(want).view(np.uint8), case)


def check_here(cases: list[tuple[Sample, Config]], target: Target) -> None:
    """The kernels of samples with configurations, run on this machine."""
    graphs = [sample_graph(sample) for sample, _ in cases]
    choices = [Choice.of(BitslicedForests.name, config) for _, config in cases]
    wanted = list(zip(graphs, choices, strict=True))
    for kernel, (sample, config) in zip(load_kernels(wanted, target), cases, strict=True):
        (got,), (want,) = run_kernel(kernel, sample.operands), run_graph(kernel.graph, sample.operands)
        assert_same_bits(got, want, f"{config} on {target.name}")


def test_every_configuration() -> None:
    sample = samples()[-1]
    space = BitslicedForests().space(sample_graph(sample), HOST)
    check_here([(sample, config) for config in space], HOST)


def test_blocks_for_fewer_rows() -> None:
    x, start, *tables = samples()[2].operands
    few = [Sample(samples()[2].op, (x[:rows], start[:rows], *tables)) for rows in (1, 128, 129, 257, 513)]
    check_here([(sample, BitslicedForests().space(sample_graph(sample), HOST).default) for sample in few], HOST)
    assert [block_rows(rows, X86_V4) for rows in (1, 128, 129, 257, 513)] == [128, 128, 256, 512, 512]
    assert [block_rows(rows, X86_V3) for rows in (1, 128, 129, 257)] == [128, 128, 256, 256]
    assert block_rows(600, CORTEX_A72) == 128


def test_leaves_are_looked_up_by_bytes_where_that_is_faster() -> None:
    leaf = {leaves: TensorType(DType.F32, (3, leaves, 1)) for leaves in (8, 16, 64, 128, 256)}
    most = {"znver4": 256, "x86-64-v4": 128, "x86-64-v3": 64, "x86-64-v2": 0, "arm_cortex_a72": 0}
    for name, leaves in most.items():
        found = {count for count, table in leaf.items() if finds_bytes(resolve(name), table)}
        assert found == {count for count in leaf if 16 <= count <= leaves}, name
    assert not finds_bytes(resolve("znver4"), TensorType(DType.F64, (3, 16, 1)))


@pytest.mark.parametrize("depth", range(1, 9))
def test_every_depth_with_defaults(depth: int) -> None:
    """Leaves fill a part of a vector, one, two or four."""
    generator = np.random.default_rng(depth)
    first, *_ = BitslicedForest.samples()
    operands = list(first.operands)
    operands[8], operands[9] = operands[8][:, : 1 << depth], operands[9][:, : 1 << depth]
    operands[9] = generator.standard_normal(operands[9].shape).astype(np.float32)
    sample = Sample(BitslicedForest(depth), tuple(np.ascontiguousarray(table) for table in operands))
    check_here([(sample, BitslicedForests().space(sample_graph(sample), HOST).default)], HOST)


@pytest.mark.parametrize("target", [X86_V2, X86_V3, X86_V4], ids=lambda target: target.name)
def test_narrower_vectors(target: Target) -> None:
    if not set(target.features) <= set(HOST.features):
        pytest.skip(f"this machine is no {target.name}")
    cases = [sample for sample in samples() if sample.op.depth in (5, 6)]
    check_here([(sample, BitslicedForests().space(sample_graph(sample), target).default) for sample in cases], target)


@pytest.mark.parametrize("target", [CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_arm(target: Target, tmp_path: Path) -> None:
    jobs = [Job(sample_graph(sample), sample.operands) for sample in samples()[1:]]
    for job, (got,) in zip(jobs, run_emulated(jobs, target, tmp_path), strict=True):
        assert_same_bits(got, run_graph(job.graph, list(job.operands))[0], f"{job.choice}")
