"""``Session`` with fakes: every result is kept, faults are rows, what is known is not tried again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.autotune.events import DeviceBack, DeviceLost, TrialDone
from compiler.autotune.measure.interface import Built
from compiler.autotune.record import Status, TimeSource
from compiler.autotune.replay import replay
from compiler.autotune.search.model import Sample
from compiler.autotune.session import DEFAULT, Effort, Session
from compiler.autotune.tuning_task import TuningTask
from compiler.codegen.space import Choice
from compiler.ir import Task
from tests.architecture.sources import REPOSITORY
from tests.autotune.fakes import (
    SPACES,
    TARGET,
    FakeBuilder,
    FakeDevice,
    FakeModel,
    FakeRecords,
    FileRecords,
    Heard,
    kit,
    seconds_of,
    tuning_task,
)

TASKS = [tuning_task(number, weight) for number, weight in enumerate((1.0, 10.0, 3.0))]
ALL_CHOICES = sum(template.space.size for template in SPACES.values())


def tuned(session: Session, tasks: list[TuningTask] = TASKS) -> Session:
    session.adopt(tasks)
    session.measure_defaults()
    session.search(10_000)
    return session


def test_every_candidate_of_all_spaces_is_tried_once() -> None:
    records = FakeRecords()
    session = tuned(Session(kit(device=FakeDevice(), records=records), Effort()))
    counts = Counter((row.task, row.choice) for row in records.rows)
    assert len(counts) == len(TASKS) * ALL_CHOICES and set(counts.values()) == {1}
    assert session.exhausted
    for state in session.states.values():
        assert state.best is not None and state.best.seconds == seconds_of(state.best.choice) == pytest.approx(1e-4)


def test_defaults_come_first_the_heaviest_task_before_others() -> None:
    records = FakeRecords()
    session = Session(kit(device=FakeDevice(), records=records), Effort())
    session.adopt(TASKS)
    session.measure_defaults()
    assert [row.choice for row in records.rows] == [session.states[TASKS[0].task.hash].defaults[0]] * len(TASKS)
    assert records.rows[0].task == TASKS[1].task.hash
    assert {row.provenance["search"] for row in records.rows} == {DEFAULT}


def test_a_record_says_how_it_was_found() -> None:
    records = FakeRecords()
    tuned(Session(kit(device=FakeDevice(), records=records), Effort(trials=20), seed=7))
    for row in records.rows:
        assert row.fingerprint == TARGET.fingerprint() and row.toolchain == "toolchain 1"
        assert row.version == SPACES[row.choice.template].version
        assert row.source is TimeSource.MEASURED and set(row.times) == {row.seconds}
        assert row.provenance["seed"] == 7 and row.provenance["machine"] == "a machine"
    by_task = [[row.provenance["trial"] for row in records.rows if row.task == t.task.hash] for t in TASKS]
    assert all(trials == list(range(len(trials))) for trials in by_task)


def test_trials_are_a_bound() -> None:
    records = FakeRecords()
    tuned(Session(kit(device=FakeDevice(), records=records), Effort(trials=21)))
    assert len(records.rows) == len(TASKS) + 21


def test_time_is_a_bound() -> None:
    now = [0.0]

    def tick() -> None:
        now[0] += 1.0

    records = FakeRecords()
    device = FakeDevice(before=tick)
    session = tuned(Session(kit(device=device, records=records), Effort(seconds=10.0), clock=lambda: now[0]))
    assert session.over and now[0] == 10.0
    assert 0 < len(records.rows) < len(TASKS) * ALL_CHOICES


def test_a_search_learns_from_what_earlier_sessions_measured_of_other_tasks_and_machines() -> None:
    records = FakeRecords()
    tuned(Session(kit(device=FakeDevice(), records=records), Effort(trials=20)), TASKS[:1])
    elsewhere = [replace(row, fingerprint="x86_64-v256-0123456789abcdef") for row in records.rows[:5]]
    records.add(TASKS[0].task, elsewhere, records.features[:5])
    learned: list[Sequence[Sample]] = []

    def make_model(related: Sequence[Sample], seed: int) -> FakeModel:
        learned.append(related)
        return FakeModel(related, seed)

    tools = replace(kit(device=FakeDevice(), records=records), make_model=make_model)
    session = Session(tools, Effort(trials=20))
    session.adopt(TASKS[1:2])
    session.search(20)
    own = TASKS[0].task.hash
    assert Counter(sample.task for sample in learned[0]) == {
        own: len(records.records(own, TARGET.fingerprint())),
        f"{own} {elsewhere[0].fingerprint}": 5,
    }


@pytest.mark.parametrize("search", ["random", "grid", "evolutionary", "guided"])
def test_a_second_session_goes_on_where_the_first_ended(search: str) -> None:
    records = FakeRecords()
    for _ in range(30):
        tuned(Session(kit(device=FakeDevice(), records=records, search=search), Effort(trials=16)))
    assert max(Counter((row.task, row.choice) for row in records.rows).values()) == 1
    assert len(records.rows) == len(TASKS) * ALL_CHOICES


def test_stale_records_are_not_known() -> None:
    records = FakeRecords()
    old = kit(device=FakeDevice(), records=records)
    tuned(Session(old, Effort()))
    new = type(old)(**{**vars(old), "toolchain": "toolchain 2"})
    tuned(Session(new, Effort()))
    assert len(records.rows) == 2 * len(TASKS) * ALL_CHOICES


def fails_often(choice_status: Status, period: int):
    def fault(choice) -> Status | None:
        return choice_status if sum(value for _, value in choice.knobs) % period == 1 else None

    return fault


@pytest.mark.parametrize("status", [Status.CRASHED, Status.TIMEOUT, Status.WRONG, Status.MEMORY])
def test_a_fault_on_the_device_is_a_row(status: Status) -> None:
    records = FakeRecords()
    tuned(Session(kit(device=FakeDevice(fails_often(status, 3)), records=records), Effort()))
    failed = [row for row in records.rows if row.status is status]
    assert len(failed) > 10 and all(row.seconds is None and row.detail == "it fails" for row in failed)
    assert len(records.rows) == len(TASKS) * ALL_CHOICES


def test_what_does_not_build_is_a_row_and_never_runs() -> None:
    records, device = FakeRecords(), FakeDevice()
    builder = FakeBuilder(fails_often(Status.BUILD_ERROR, 2))
    tuned(Session(kit(builder=builder, device=device, records=records), Effort()))
    failed = {row.choice for row in records.rows if row.status is Status.BUILD_ERROR}
    assert failed and not failed & set(device.measured)
    assert len(records.rows) == len(TASKS) * ALL_CHOICES


def test_a_task_of_which_nothing_works_does_not_starve_the_others() -> None:
    records = FakeRecords()
    device = FakeDevice(lambda choice: Status.CRASHED)
    session = tuned(Session(kit(device=device, records=records), Effort()))
    assert session.exhausted
    assert all(count < ALL_CHOICES for count in Counter(row.task for row in records.rows).values())


def test_a_default_that_fails_is_no_end() -> None:
    records = FakeRecords()
    device = FakeDevice(lambda choice: Status.WRONG if choice.config == {"a": 7, "b": 7} else None)
    session = tuned(Session(kit(device=device, records=records), Effort()))
    assert all(state.best is not None for state in session.states.values())


def test_a_lost_device_is_waited_for() -> None:
    records, heard = FakeRecords(), Heard()
    device = FakeDevice(lost=3)
    tuned(Session(kit(device=device, records=records), Effort(waits=(0.0, 0.01)), listener=heard))
    assert len(records.rows) == len(TASKS) * ALL_CHOICES
    assert [event.seconds for event in heard.of(DeviceLost) if isinstance(event, DeviceLost)] == [0.0, 0.01, 0.01]
    assert len(heard.of(DeviceBack)) == 1


def test_a_device_that_never_returns_ends_with_the_budget() -> None:
    now = [0.0]

    def tick() -> None:
        now[0] += 1.0

    records = FakeRecords()
    device = FakeDevice(lost=10**9, before=tick)
    effort = Effort(seconds=5.0, waits=(0.0,))
    tuned(Session(kit(device=device, records=records), effort, clock=lambda: now[0]))
    assert records.rows == []


def test_without_a_device_predictions_are_kept_as_such() -> None:
    records = FakeRecords()
    tuned(Session(kit(records=records), Effort()))
    assert len(records.rows) == len(TASKS) * ALL_CHOICES
    assert {row.source for row in records.rows} == {TimeSource.PREDICTED} and not any(row.times for row in records.rows)
    assert records.rows[0].seconds == 1.1 * seconds_of(records.rows[0].choice)


def test_a_template_of_which_the_static_model_says_nothing_does_not_hold_up_the_others() -> None:
    class Silent(FakeBuilder):
        def build(self, task: Task, choices: Sequence[Choice]) -> list[Built]:
            made = super().build(task, choices)
            return [replace(one, predicted_seconds=None) if one.choice.template == "generic" else one for one in made]

    records = FakeRecords()
    tuned(Session(replace(kit(records=records), builder=Silent()), Effort()))
    assert Counter(row.choice.template for row in records.rows) == {"tiled": len(TASKS) * SPACES["tiled"].space.size}


def test_an_emulator_checks_candidates_and_times_nothing() -> None:
    records = FakeRecords()
    device = FakeDevice(fails_often(Status.WRONG, 3))
    tuned(Session(kit(device=device, records=records, timed=False), Effort()))
    assert {row.source for row in records.rows} == {TimeSource.PREDICTED}
    assert {row.status for row in records.rows} == {Status.OK, Status.WRONG}
    assert all(row.seconds in (None, 1.1 * seconds_of(row.choice)) for row in records.rows)


def test_predictions_do_not_count_as_known_once_there_is_a_device() -> None:
    records = FakeRecords()
    tuned(Session(kit(records=records), Effort()))
    tuned(Session(kit(device=FakeDevice(), records=records), Effort()))
    assert Counter(row.source for row in records.rows) == dict.fromkeys(TimeSource, len(TASKS) * ALL_CHOICES)


def test_listeners_hear_of_a_record_when_it_is_safe() -> None:
    records = FakeRecords()
    kept: list[bool] = []
    improved: dict[str, float] = {}

    def listen(event: object) -> None:
        if isinstance(event, TrialDone):
            kept.append(event.record in records.rows)
            if event.improved and event.record.seconds is not None:
                assert event.record.seconds < improved.get(event.record.task, 1.0)
                improved[event.record.task] = event.record.seconds

    tuned(Session(kit(device=FakeDevice(), records=records), Effort(), listener=listen))
    assert len(kept) == len(records.rows) and all(kept)
    assert set(improved.values()) == {1e-4}


def test_an_error_of_the_builder_is_the_sessions() -> None:
    class Broken(FakeBuilder):
        def build(self, task, choices):
            raise RuntimeError("no workers")

    with pytest.raises(RuntimeError, match="no workers"):
        tuned(Session(kit(builder=Broken(), device=FakeDevice()), Effort()))


def test_an_interrupt_keeps_what_was_measured_and_later_failures_are_not_believed() -> None:
    records = FakeRecords()
    device = FakeDevice()
    session = Session(kit(device=device, records=records), Effort(batch=8, part=4))

    def interrupt() -> None:
        if len(device.tried) >= 30:
            session.stop()
            device.fault = lambda choice: Status.CRASHED

    device.before = interrupt
    tuned(session)
    assert session.over and 30 <= len(records.rows) <= 40 and len(device.measured) > len(records.rows)
    assert all(row.status is Status.OK for row in records.rows)


def test_a_keyboard_interrupt_in_the_middle_loses_nothing() -> None:
    records = FakeRecords()
    device = FakeDevice()

    def interrupt() -> None:
        if len(device.tried) >= 30:
            raise KeyboardInterrupt

    device.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        tuned(Session(kit(device=device, records=records), Effort()))
    tried, kept = list(device.tried), [(row.task, row.choice) for row in records.rows]
    assert kept == tried[: len(kept)] and len(tried) - len(kept) <= Effort().part
    device.before = lambda: None
    tuned(Session(kit(device=device, records=records), Effort()))
    assert max(Counter((row.task, row.choice) for row in records.rows).values()) == 1
    assert len(records.rows) == len(TASKS) * ALL_CHOICES


@pytest.mark.parametrize("search", ["random", "grid", "evolutionary", "guided"])
def test_a_session_can_be_replayed_from_the_log(search: str) -> None:
    records = FakeRecords()
    faults = fails_often(Status.CRASHED, 5)
    for seed in (3, 3, 4):
        tools = kit(device=FakeDevice(faults), records=records, search=search)
        tuned(Session(tools, Effort(trials=40), seed=seed))
    sessions = list(dict.fromkeys(str(row.provenance["session"]) for row in records.rows))
    assert len(sessions) == 3
    tasks = {tuning.task.hash: tuning for tuning in TASKS}
    for session in sessions:
        steps = list(replay(records.rows, session, tasks, tools))
        assert len(steps) >= 4 and all(step.agrees for step in steps)


def test_a_replay_notices_what_the_search_would_not_have_proposed() -> None:
    records = FakeRecords()
    tools = kit(device=FakeDevice(), records=records)
    tuned(Session(tools, Effort(trials=40), seed=3))
    rows = [
        type(row)(**{**vars(row), "provenance": {**row.provenance, "seed": 4}}) if row.provenance["batch"] else row
        for row in records.rows
    ]
    tasks = {tuning.task.hash: tuning for tuning in TASKS}
    session = str(rows[0].provenance["session"])
    assert not all(step.agrees for step in replay(rows, session, tasks, tools))


def test_tasks_that_are_no_longer_wanted_get_no_trials() -> None:
    records = FakeRecords()
    session = Session(kit(device=FakeDevice(), records=records), Effort())
    session.adopt(TASKS)
    session.measure_defaults()
    session.adopt(TASKS[:1])
    session.search(10_000)
    counts = Counter(row.task for row in records.rows)
    assert [counts[tuning.task.hash] for tuning in TASKS] == [ALL_CHOICES, 1, 1]


def test_a_task_of_which_enough_is_known_leaves_trials_to_the_others() -> None:
    records = FakeRecords()
    session = Session(kit(device=FakeDevice(), records=records), Effort(batch=4, part=4))
    session.adopt(TASKS)
    session.measure_defaults()
    session.search(10_000, 10)
    counts = Counter(row.task for row in records.rows)
    assert [counts[tuning.task.hash] for tuning in TASKS] == [10, 10, 10]
    assert not session.exhausted


@pytest.mark.parametrize(("rival", "tried"), [(1e-7, 1), (1e-2, ALL_CHOICES)])
def test_a_form_that_builds_do_not_take_must_come_close_to_the_one_they_take(rival: float, tried: int) -> None:
    form = TuningTask(Task("a form"), "op 9", 1.0, bound=1e-8, chosen=False, rival=rival)
    session = tuned(Session(kit(device=FakeDevice()), Effort()), [tuning_task(1), form])
    assert len(session.states[form.task.hash].results) == tried


def test_defaults_are_tried_for_a_limited_time() -> None:
    now = [0.0]

    def tick() -> None:
        now[0] += 1.0

    records = FakeRecords()
    session = Session(kit(device=FakeDevice(before=tick), records=records), Effort(), clock=lambda: now[0])
    session.adopt([tuning_task(number) for number in range(10)])
    session.measure_defaults(seconds=3.0)
    assert 3 <= len(records.rows) <= 5 and not session.over


KILLED = """
    import sys, time
    from pathlib import Path
    from compiler.autotune.session import Effort, Session
    from tests.autotune.fakes import FakeDevice, FileRecords, kit, tuning_task
    device = FakeDevice(before=lambda: time.sleep(0.002))
    records = FileRecords(Path(sys.argv[1]))
    session = Session(kit(device=device, records=records), Effort(batch=4, part=2))
    print("started", flush=True)
    session.adopt([tuning_task(number) for number in range(3)])
    session.measure_defaults()
    session.search(10_000)
"""


def test_killed_at_random_and_resumed(tmp_path: Path) -> None:
    """Fifty times at most: every start goes on from what is on the disk, and nothing that was there is lost."""
    path, rng = tmp_path / "records", random.Random(0)
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(path)]
    kills, before = 0, 0
    while kills < 50:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": "."}, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "started\n"
        try:
            process.wait(timeout=rng.uniform(0.0, 0.02))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        process.stdout.close()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        now = len(FileRecords(path).all())
        assert now >= before
        before = now
    else:
        assert subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": "."}).returncode == 0
    counts = Counter((row.task, row.choice) for row in FileRecords(path).all())
    assert len(counts) == 3 * ALL_CHOICES and max(counts.values()) == 1


def test_an_estimate_at_the_bound_does_not_end_a_task() -> None:
    records = FakeRecords()
    hopeful = replace(TASKS[0], bound=1e-5, rival=1e-5)
    tuned(Session(kit(device=FakeDevice(), records=records), Effort()), [hopeful])
    assert len(records.rows) == ALL_CHOICES
