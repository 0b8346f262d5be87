"""Candidates of real tasks: built in workers, right here and under an emulator; faults of the builder are named."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from compiler.autotune.measure.builder import WorkerBuilder
from compiler.autotune.measure.device import KernelDevice
from compiler.autotune.measure.interface import Built, Measured
from compiler.autotune.measure.plan import Limits
from compiler.autotune.measure.transport import Local, transport_for
from compiler.autotune.record import Status
from compiler.codegen.space import Choice
from compiler.codegen.task_spaces import task_spaces
from compiler.codegen.toolchain import how_to_run
from compiler.ir import Task, parse_graph
from compiler.targets import Target, resolve

LIMITS = Limits(turns=3, turn_seconds=1e-5)


def convolution(lanes: int) -> Task:
    """18 channels in blocks of ``lanes`` to 20, with a bias: padded lanes in operands and results."""
    x, w, b, y = (
        f"f32[1,18,6,7]{{1:{lanes}}}",
        f"f32[20,18,3,3]{{1:{lanes},0:{lanes}}}",
        f"f32[1,20,1,1]{{1:{lanes}}}",
        "f32[1,20,6,7]",
    )
    return Task.of(
        parse_graph(
            f"""graph "conv" (%0 "in0": {x}, %1 "in1": {w}, %2 "in2": {b}) {{
              %3 = conv(%0, %1) {{strides = [1, 1], low = [1, 1], high = [1, 1], dilations = [1, 1], groups = 1}} : {y}
              %4 = add(%3, %2) : {y}
              %5 = relayout(%4) {{layout = layout<{{1:{lanes}}}>}} : {y}{{1:{lanes}}}
              return %5 "out0"
            }}"""
        )
    )


def candidates(task: Task, target: Target, folder: Path, count: int) -> list[Built]:
    ((name, found),) = list(task_spaces([task], target, folder)[task].items())[:1]
    rng = random.Random(0)
    configs = [found.space.default, *(found.space.sample(rng) for _ in range(count - 1))]
    choices = dict.fromkeys(Choice.of(name, config) for config in configs if config is not None)
    return WorkerBuilder(target, folder, workers=1).build(task, list(choices))


def test_candidates_are_right_and_timed_here(tmp_path: Path) -> None:
    target = resolve("host")
    task = convolution(target.lanes(4))
    built = candidates(task, target, tmp_path, 6)
    assert all(candidate.status is Status.OK and candidate.features for candidate in built), built
    assert all(candidate.predicted_seconds and candidate.predicted_seconds > 0 for candidate in built)
    results = KernelDevice(target, Local(), tmp_path, LIMITS).measure(task, built, None)
    assert all(result.status is Status.OK and result.seconds for result in results), results


def test_candidates_are_right_under_an_emulator_and_not_timed(tmp_path: Path) -> None:
    target = resolve("arm_cortex_a72")
    execution = how_to_run(target)
    if execution.kind != "emulated":
        pytest.skip(execution.reason)
    task = convolution(4)
    device = KernelDevice(target, transport_for(" ".join(execution.prefix)), tmp_path, LIMITS)
    results = device.measure(task, candidates(task, target, tmp_path, 4), None)
    assert all(result == Measured(result.choice, Status.OK) for result in results), results


def test_what_cannot_be_built_is_a_result(tmp_path: Path) -> None:
    target = resolve("host")
    choices = [Choice.of("conv_blocked", {"tile": 12345}), Choice.of("no_such_template", {})]
    built = WorkerBuilder(target, tmp_path, workers=1).build(convolution(target.lanes(4)), choices)
    assert [candidate.status for candidate in built] == [Status.BUILD_ERROR] * 2
    assert "for this task lacks {'tile': 12345}" in built[0].detail
    assert "no_such_template" in built[1].detail
    measured = KernelDevice(target, Local(), tmp_path, LIMITS).measure(convolution(target.lanes(4)), built, None)
    assert [result.status for result in measured] == [Status.BUILD_ERROR] * 2


def test_a_builder_that_hangs_or_dies_is_a_result(tmp_path: Path) -> None:
    target = resolve("host")
    choice = Choice.of("conv_blocked", {"tile": 1})
    (built,) = WorkerBuilder(target, None, workers=1, limit_seconds=1e-4).build(convolution(target.lanes(4)), [choice])
    assert built.status is Status.TIMEOUT
    assert shutil.which("cc") or built.code == b""
