"""`python -m bench.exhaustive`: passes and medians on devices that are made up, and one small space for real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.exhaustive import __main__ as command
from bench.exhaustive.measure import Effort, measure_all
from bench.exhaustive.tasks import NamedTask, UnknownTask, find_tasks
from bench.models.zoo import DEFAULT_ZOO
from bench.tables import load_table, save_table
from compiler.autotune.measure.interface import Built, Incumbent, Measured
from compiler.autotune.record import Status
from compiler.codegen.space import Choice
from compiler.ir import Task
from compiler.targets import resolve

TASK = Task('graph "task" (%0 "x": f32[4,8]) {\n  %1 = exp(%0) : f32[4,8]\n  return %1 "y"\n}\n')
EFFORT = Effort(passes=5, again=0.2, more=6)


def candidates(count: int) -> list[Built]:
    return [Built(Choice.of("rows", {"rows": number}), 1, Status.OK) for number in range(count)]


class Drifting:
    """Candidate ``n`` takes ``10 - n`` microseconds on a machine that gets slower all the time, now and then a third
    longer; some are wrong."""

    def __init__(self, wrong: Sequence[int] = ()) -> None:
        self.slow = 1.0
        self.wrong = wrong
        self.asked: list[int] = []

    def measure(self, task: Task, candidates: Sequence[Built], incumbent: Incumbent | None) -> list[Measured]:
        results: list[Measured] = []
        for candidate in candidates:
            self.slow *= 1.01
            number = candidate.choice.config["rows"]
            self.asked.append(number)
            true = (10 - number) * 1e-6 * (1.3 if self.asked.count(number) % 3 == 0 else 1)
            seconds = true * self.slow if incumbent is None else true / 10e-6 * incumbent.seconds
            status = Status.WRONG if number in self.wrong else Status.OK
            results.append(Measured(candidate.choice, status, seconds if status is Status.OK else None))
        return results


def test_times_are_medians_relative_to_the_default() -> None:
    times = measure_all(TASK, candidates(8), Drifting(), EFFORT)
    assert times[0] is not None
    for number, taken in enumerate(times):
        assert taken is not None
        assert taken / times[0] == pytest.approx((10 - number) / 10)


def test_the_fastest_and_the_default_are_measured_again() -> None:
    device = Drifting()
    measure_all(TASK, candidates(8), device, EFFORT)
    counts = [device.asked.count(number) for number in range(8)]
    assert counts == [1 + 5 + 6, 5, 5, 5, 5, 5, 5, 5 + 6]


def test_what_is_wrong_or_was_not_built_has_no_time() -> None:
    built = candidates(5)
    built[3] = replace(built[3], status=Status.BUILD_ERROR)
    device = Drifting(wrong=[2])
    times = measure_all(TASK, built, device, EFFORT)
    assert [taken is None for taken in times] == [False, False, True, True, False]
    assert device.asked.count(2) == 1
    assert 3 not in device.asked


def test_a_default_that_does_not_run_ends_it() -> None:
    with pytest.raises(ValueError, match="rows=0 is wrong"):
        measure_all(TASK, candidates(3), Drifting(wrong=[0]), EFFORT)


def test_names_of_tasks() -> None:
    host = resolve("host")
    (named,) = find_tasks(["digits:16<-1 3x3/1 8x8"], host, DEFAULT_ZOO)
    assert named.slug == "digits-16-1-3x3-1-8x8"
    assert "conv" in named.task.text
    with pytest.raises(UnknownTask, match=r"no task 'digits:none'.*'16<-1 3x3/1 8x8'"):
        find_tasks(["digits:none"], host, DEFAULT_ZOO)


def test_a_small_space_becomes_a_table_whose_features_can_be_computed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_tasks", lambda names, target, zoo: [NamedTask(names[0], TASK)])
    folders = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert command.main(["a:b", *folders, "--least", "3", "--rounds", "1"]) == 0
    assert "a-b-elementwise: 3 points, 0 failed" in capsys.readouterr().out
    [path] = (tmp_path / "out").iterdir()
    table = load_table(path)
    assert table.task == TASK.text
    assert table.points[0].config == table.space.default
    assert all(point.seconds and point.features["cycles"] > 0 for point in table.points)
    save_table(replace(table, points=tuple(replace(point, features={}) for point in table.points)), path)
    assert command.main(["--features", str(path), *folders]) == 0
    assert load_table(path) == table
    knob = table.space.knobs[0]
    space = replace(table.space, knobs=(replace(knob, values=(*knob.values, 999)), *table.space.knobs[1:]))
    first = replace(table.points[0], config={**table.points[0].config, knob.name: 999})
    foreign = replace(table, space=space, points=(first, *table.points[1:]))
    save_table(foreign, path)
    assert command.main(["--features", str(path), *folders]) == 1
    assert f"elementwise {knob.name}=999 could not be built" in capsys.readouterr().err
    assert load_table(path) == foreign


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nonesuch:1x1"]) == 2
    assert command.main(["--features", str(tmp_path / "none.json.xz")]) == 2
    assert "nonesuch" in capsys.readouterr().err
