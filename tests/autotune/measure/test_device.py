"""Kernels of the compiler's, measured on this machine and checked under emulators."""

from __future__ import annotations

import fcntl
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compiler.autotune.measure.device import KernelDevice
from compiler.autotune.measure.interface import Built, Incumbent
from compiler.autotune.measure.library import build_runner
from compiler.autotune.measure.protocol import Limits
from compiler.autotune.measure.transport import Local, transport_for
from compiler.autotune.record import Status
from compiler.codegen.space import Choice
from compiler.codegen.task_spaces import task_spaces
from compiler.codegen.toolchain import ToolchainError, emulator, find_compiler
from compiler.ir import DType, Task
from compiler.targets import Target, resolve
from tests.autotune.measure.kernels import (
    HOST,
    RIGHT,
    built_by_compiler,
    cast_task,
    product_task,
    sum_task,
    written_in_c,
)

LIMITS = Limits(seconds=10.0, turns=3, turn_seconds=1e-4)


def everything(task: Task, target: Target = HOST) -> list[Built]:
    """Every candidate of a task."""
    spaces = task_spaces([task], target, None, workers=1)[task]
    choices = [Choice.of(name, config) for name, found in spaces.items() for config in found.space]
    return built_by_compiler(task, choices, target)


def test_right_kernels_are_measured_beside_the_incumbent(cache: Path) -> None:
    task, device = product_task(), KernelDevice(HOST, Local(), cache, LIMITS)
    candidates = everything(task)
    (first,) = device.measure(task, candidates[:1], None)
    assert first.seconds == min(first.times) > 0
    assert 2 <= len(first.times) <= LIMITS.turns  # half of them may do where turns take long
    assert first.incumbent_times == ()
    results = device.measure(task, candidates, Incumbent(candidates[0], 1.0))
    assert [result.choice for result in results] == [one.choice for one in candidates]
    for result in results:
        assert result.status is Status.OK, result
        assert 2 <= len(result.times) == len(result.incumbent_times) <= LIMITS.turns
        assert result.seconds == pytest.approx(min(result.times) / min(result.incumbent_times))


def test_a_hopeless_candidate_is_given_up_early(cache: Path) -> None:
    slow = written_in_c(f"for (volatile int i = 0; i < 300000; i++); {RIGHT}", extent=1000)
    right = written_in_c(RIGHT)
    device = KernelDevice(HOST, Local(), cache, Limits(turns=9, turn_seconds=1e-5))
    (result,) = device.measure(sum_task(), [slow], Incumbent(right, 2.0))
    assert result.status is Status.OK
    assert len(result.times) == 4
    assert result.seconds is not None
    assert result.seconds > 2.0


def test_a_slow_kernel_takes_fewer_turns_rather_than_too_long(cache: Path) -> None:
    slow = written_in_c(f"usleep(10000); {RIGHT}")
    device = KernelDevice(HOST, Local(), cache, Limits(seconds=30.0, turns=6))
    (result,) = device.measure(sum_task(), [slow], None)
    assert result.status is Status.OK
    assert len(result.times) == 3


def test_a_very_slow_kernel_is_no_timeout(cache: Path) -> None:
    slow = written_in_c(f"usleep(200000); {RIGHT}")
    device = KernelDevice(HOST, Local(), cache, Limits(seconds=3.0, turns=30))
    (result,) = device.measure(sum_task(), [slow], None)
    assert result.status is Status.OK
    assert 1 <= len(result.times) < 15


def test_those_that_were_not_built_keep_their_status(cache: Path) -> None:
    device = KernelDevice(HOST, Local(), cache, LIMITS)
    choice = Choice.of("some", {})
    failed = Built(choice, 0, Status.BUILD_ERROR, "no such tile")
    results = device.measure(sum_task(), [failed, written_in_c(RIGHT), failed], None)
    assert [result.status for result in results] == [Status.BUILD_ERROR, Status.OK, Status.BUILD_ERROR]
    assert results[0].detail == "no such tile"
    assert device.measure(sum_task(), [failed], None)[0].status is Status.BUILD_ERROR
    assert device.measure(sum_task(), [], None) == []


@pytest.mark.parametrize("operands", [1, 2, 40])
def test_any_number_of_operands(cache: Path, operands: int) -> None:
    task = sum_task(operands)
    results = KernelDevice(HOST, Local(), cache, LIMITS).measure(task, everything(task), None)
    assert {result.status for result in results} == {Status.OK}


@pytest.mark.parametrize("dtype", [DType.F64, DType.F16, DType.BF16, DType.I32, DType.U8, DType.BOOL])
def test_results_of_every_type_are_compared(cache: Path, dtype: DType) -> None:
    task = cast_task(dtype)
    results = KernelDevice(HOST, Local(), cache, LIMITS).measure(task, everything(task), None)
    assert {result.status for result in results} == {Status.OK}, results


@pytest.mark.parametrize("name", ["arm_cortex_a72", "armv7a_neon"])
def test_kernels_for_other_machines_are_checked_under_an_emulator(cache: Path, name: str) -> None:
    target = resolve(name)
    device = emulated(target, cache)
    task = product_task(target)
    candidates = everything(task, target)[:3]
    wrong = written_in_c("for (int i = begin; i < end; i++) y[i] = a[i];", target=target)
    beside = written_in_c(f"{RIGHT} y[1100] = 1;", target=target)
    crashes = written_in_c("*(volatile int *)0 = 1;", target=target)
    endless = written_in_c("for (volatile int i = 0;; i++);", target=target)
    right = written_in_c(RIGHT, target=target)
    results = device.measure(task, candidates, Incumbent(candidates[0], 1.0))
    assert [(result.status, result.seconds, result.times) for result in results] == [(Status.OK, None, ())] * 3
    results = device.measure(sum_task(), [right, wrong, beside, crashes, endless, right], None)
    assert [result.status for result in results] == [
        Status.OK,
        Status.WRONG,
        Status.WRONG,
        Status.CRASHED,
        Status.TIMEOUT,
        Status.OK,
    ]
    assert results[2].detail == "it reads or writes beside result 0"


def emulated(target: Target, cache: Path) -> KernelDevice:
    """The device that runs a target's programs here."""
    prefix = emulator(target)
    if not prefix:
        pytest.skip(f"no emulator or C library for {target.name}")
    try:
        find_compiler(target)
    except ToolchainError as error:
        pytest.skip(str(error))
    return KernelDevice(target, transport_for(shlex.join(prefix)), cache, Limits(seconds=4.0))


def test_two_runners_take_turns(cache: Path) -> None:
    """While another holds the runner's lock, as a second session's would, nothing is run."""
    runner = build_runner(find_compiler(HOST), cache)
    device, kernel = KernelDevice(HOST, Local(), cache, LIMITS), written_in_c(RIGHT)
    with runner.open("rb") as lock, ThreadPoolExecutor(1) as threads:
        fcntl.flock(lock, fcntl.LOCK_EX)
        measuring = threads.submit(device.measure, sum_task(), [kernel], None)
        with pytest.raises(TimeoutError):
            measuring.result(timeout=1.0)
        fcntl.flock(lock, fcntl.LOCK_UN)
        (result,) = measuring.result(timeout=60.0)
    assert result.status is Status.OK
