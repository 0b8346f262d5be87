"""Candidates from worker processes; every way in which one can fail is a result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from compiler.autotune.measure.builder import WorkerBuilder
from compiler.autotune.record import Status
from compiler.codegen.extensions import Extension, extension_of, load_file
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.space import Choice
from compiler.codegen.task_spaces import task_spaces
from tests.autotune.measure.kernels import HOST, product_task

TASK = product_task()
BUILDER = WorkerBuilder(HOST, cache=None, workers=1)

TEMPLATES = '''
import os
import signal
import time

from compiler.codegen.space import Knob, Space

HOW = {
    0: lambda: os.kill(os.getpid(), signal.SIGSEGV),
    1: lambda: time.sleep(1000),
    2: lambda: [bytearray(64 << 20) for _ in range(1000)],
    3: lambda: 1 // 0,
}


class Misbehaves:
    """A template that does not come to emit anything."""

    name, version = "misbehaves", 1

    def matches(self, region, target):
        return True

    def space(self, region, target):
        return Space((Knob("how", tuple(HOW), 0),))

    def emit(self, region, config, target, symbol):
        HOW[config["how"]]()
'''


def misbehaving(folder: Path) -> Extension:
    """The template of that text."""
    path = folder / "kiln_test_misbehaves.py"
    path.write_text(TEMPLATES)
    return extension_of(load_file(path).Misbehaves)


def all_choices() -> list[Choice]:
    """Every configuration of every template of the compiler's for the task."""
    spaces = task_spaces([TASK], HOST, None, workers=1)[TASK]
    return [Choice.of(name, config) for name, found in spaces.items() for config in found.space]


def test_candidates_have_symbols_of_their_own() -> None:
    choices = all_choices()
    built = BUILDER.build(TASK, choices)
    assert [one.choice for one in built] == choices
    assert {one.status for one in built} == {Status.OK}
    infos = [KernelInfo.from_json(one.info) for one in built]
    assert len({info.symbol for info in infos}) == len(choices) > 3
    for one, info in zip(built, infos, strict=True):
        assert info.template == f"{one.choice.template}/{one.version}"
        assert one.code.startswith(b"\x7fELF")
        assert info.symbol.encode() in one.code
        assert one.features
        assert one.predicted_seconds is not None


def test_estimates_are_those_of_candidates_without_objects() -> None:
    choices = all_choices()
    estimated = replace(BUILDER, estimates_only=True).build(TASK, choices)
    built = BUILDER.build(TASK, choices)
    assert [(one.choice, one.status, one.code) for one in estimated] == [(c, Status.OK, b"") for c in choices]
    for estimate, candidate in zip(estimated, built, strict=True):
        features = {name: value for name, value in candidate.features.items() if name != "mca_cycles"}
        assert estimate.features == features
        assert (estimate.predicted_seconds, estimate.info) == (candidate.predicted_seconds, candidate.info)


def test_the_same_choice_twice_has_two_results() -> None:
    choice = all_choices()[0]
    first, second = BUILDER.build(TASK, [choice, choice])
    assert first == second


def test_no_candidate_no_result() -> None:
    assert BUILDER.build(TASK, []) == []


def test_a_choice_that_is_none_fails_alone() -> None:
    good = all_choices()[0]
    unknown, stray = Choice.of("no_such_template", {}), Choice.of(good.template, {**good.config, "rows": 1000})
    built = BUILDER.build(TASK, [unknown, good, stray])
    assert [one.status for one in built] == [Status.BUILD_ERROR, Status.OK, Status.BUILD_ERROR]
    assert "no_such_template" in built[0].detail
    assert "rows" in built[2].detail
    assert built[0].code == built[2].code == b""


def test_every_fault_is_a_result(tmp_path: Path) -> None:
    builder = replace(BUILDER, schedules=(misbehaving(tmp_path),), limit_seconds=15.0, limit_bytes=2 << 30)
    faults = [Choice.of("misbehaves", {"how": how}) for how in range(4)]
    good = all_choices()[0]
    built = builder.build(TASK, [*faults, good])
    assert [one.status for one in built] == [
        Status.CRASHED,
        Status.TIMEOUT,
        Status.MEMORY,
        Status.BUILD_ERROR,
        Status.OK,
    ]
    assert "SIGSEGV" in built[0].detail
    assert "15 s" in built[1].detail
    assert "MemoryError" in built[2].detail
    assert "ZeroDivisionError" in built[3].detail
    assert all("\n" not in one.detail for one in built)
