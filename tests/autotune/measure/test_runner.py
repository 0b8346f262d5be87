"""Whatever a candidate does, it is a result, and the candidates after it are measured."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from compiler.autotune.measure.device import KernelDevice
from compiler.autotune.measure.interface import Incumbent
from compiler.autotune.measure.plan import Limits
from compiler.autotune.measure.transport import Local
from compiler.autotune.record import Status
from compiler.targets import resolve
from tests.autotune.measure.faulty import BODIES, TASK, built

LIMITS = Limits(seconds=2.0, memory_bytes=256 << 20, turns=5, turn_seconds=2e-5)
HOST = resolve("host")


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> KernelDevice:
    return KernelDevice(HOST, Local(), tmp_path_factory.mktemp("device"), LIMITS)


STATUSES = {
    "right": Status.OK,
    "slow": Status.OK,
    "wrong": Status.WRONG,
    "nothing": Status.WRONG,
    "beyond": Status.WRONG,
    "far_beyond": Status.CRASHED,
    "writes_operand": Status.CRASHED,
    "segfault": Status.CRASHED,
    "endless": Status.TIMEOUT,
    "exits": Status.CRASHED,
    "aborts": Status.CRASHED,
    "hog": Status.MEMORY,
}


def test_every_fault_is_told_from_the_others(device: KernelDevice, tmp_path: Path) -> None:
    assert STATUSES.keys() == BODIES.keys()
    results = device.measure(TASK, [built(name, HOST, tmp_path) for name in BODIES], None)
    assert {result.choice.template: result.status for result in results} == STATUSES
    details = {result.choice.template: result.detail for result in results}
    assert details["wrong"].startswith("element 777 of result 0 is ")
    assert details["beyond"] == "it writes beside result 0"
    assert details["segfault"] == "SIGSEGV"
    assert details["exits"] == "it ended its process"
    for result in results:
        assert (result.seconds is not None) == (result.status is Status.OK)


def test_times_are_relative_to_the_incumbent(device: KernelDevice, tmp_path: Path) -> None:
    right = built("right", HOST, tmp_path)
    (alone,) = device.measure(TASK, [right], None)
    assert len(alone.times) == LIMITS.turns
    assert alone.incumbent_times == ()
    (beside,) = device.measure(TASK, [right], Incumbent(right, 123.0))
    assert beside.seconds is not None
    assert 12.3 < beside.seconds < 1230


def test_a_hopeless_candidate_gets_two_turns(device: KernelDevice, tmp_path: Path) -> None:
    incumbent = Incumbent(built("right", HOST, tmp_path), 1e-6)
    (slow,) = device.measure(TASK, [built("slow", HOST, tmp_path)], incumbent)
    assert len(slow.times) == 2
    assert slow.seconds is not None
    assert slow.seconds > 1.5e-6


def test_scratch_beyond_the_limit_of_memory(device: KernelDevice, tmp_path: Path) -> None:
    (result,) = device.measure(TASK, [built("right", HOST, tmp_path, scratch_bytes=1 << 32)], None)
    assert result.status is Status.MEMORY


def test_an_endless_candidate_costs_its_limit_only(device: KernelDevice, tmp_path: Path) -> None:
    began = time.monotonic()
    results = device.measure(TASK, [built("endless", HOST, tmp_path), built("right", HOST, tmp_path)], None)
    assert [result.status for result in results] == [Status.TIMEOUT, Status.OK]
    assert time.monotonic() - began < 60
