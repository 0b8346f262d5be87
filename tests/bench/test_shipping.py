"""Which records ship: what is kept of a database, what is kept out because a network loses, and the command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.ship_records import main
from bench.shipping.judge import StaticJudge, Verdict, without_losses
from bench.shipping.select import Selection
from compiler.autotune.database import Database, import_records
from compiler.autotune.record import Record, Status, TimeSource
from compiler.autotune.validity import Validity, toolchain_id
from compiler.codegen.schedules import SCHEDULES
from compiler.codegen.space import Choice
from compiler.driver import Settings
from compiler.ir import Task
from compiler.model_tuner.promise import Promise
from compiler.targets import resolve
from tests.autotune.database.samples import FINGERPRINT, TASKS, TOOLCHAIN, VALIDITY, record_of

OTHER = Choice.of("tiled", {"rows": 8})


def selection_of(*records: Record) -> Selection:
    database = Database.in_memory("test")
    database.add_all({task.hash: task.text for task in TASKS}, records)
    return Selection.of(database, FINGERPRINT, VALIDITY)


def tried(task: Task, default: float, best: float, source: TimeSource = TimeSource.PREDICTED) -> list[Record]:
    """The record of a default, and that of another choice."""
    return [
        record_of(task, default, is_default=True, source=source),
        record_of(task, best, choice=OTHER, source=source, times=(best,), provenance={"machine": "mine"}),
    ]


def test_the_best_record_and_the_default_s_are_kept_without_their_history() -> None:
    slower = record_of(TASKS[0], 9e-4, choice=Choice.of("tiled", {"rows": 2}), source=TimeSource.PREDICTED)
    found = selection_of(*tried(TASKS[0], 1e-3, 1.23456789e-4), slower)
    assert {(record.choice, record.seconds) for record in found.records} == {
        (Choice.of("tiled", {"rows": 4}), 1e-3),
        (OTHER, 1.235e-4),
    }
    assert all(not record.times and not record.provenance for record in found.records)
    assert found.texts == {TASKS[0].hash: TASKS[0].text}


@pytest.mark.parametrize(("source", "kept"), [(TimeSource.PREDICTED, 0), (TimeSource.MEASURED, 2)])
def test_a_prediction_must_gain_more_than_it_errs(source: TimeSource, kept: int) -> None:
    assert len(selection_of(*tried(TASKS[0], 1e-3, 0.997e-3, source)).records) == kept


def test_of_predictions_that_are_alike_the_one_like_the_default_ships() -> None:
    default = record_of(
        TASKS[0], choice=Choice.of("tiled", {"a": 1, "b": 1}), is_default=True, source=TimeSource.PREDICTED
    )
    others = [
        replace(default, choice=Choice.of("tiled", knobs), seconds=seconds, is_default=False)
        for knobs, seconds in (({"a": 2, "b": 2}, 5e-4), ({"a": 2, "b": 1}, 5.001e-4), ({"a": 1, "b": 1, "c": 0}, 6e-4))
    ]
    best, _ = selection_of(default, *others).records
    assert best.choice.config == {"a": 2, "b": 1}
    refuted = replace(others[1], status=Status.CRASHED, seconds=None)
    best, _ = selection_of(default, *others, refuted).records
    assert best.choice.config == {"a": 2, "b": 2}


def test_a_measured_default_that_nothing_beats_ships() -> None:
    (record,) = selection_of(record_of(TASKS[0], is_default=True)).records
    assert record.is_default


def test_what_does_not_hold_or_has_no_default_beside_it_stays() -> None:
    default, best = tried(TASKS[0], 1e-3, 1e-4)
    assert not selection_of(best).records
    assert not selection_of(default, replace(best, version=9)).records
    assert not selection_of(default, replace(best, source=TimeSource.MEASURED)).records
    assert not selection_of(replace(default, fingerprint="other"), replace(best, fingerprint="other")).records
    refuted = replace(best, status=Status.WRONG, seconds=None)
    assert not selection_of(default, best, refuted).records
    assert not selection_of(default, replace(best, toolchain=f"{TOOLCHAIN}.1")).records


def test_a_network_that_loses_loses_its_records_and_the_others_are_asked_again() -> None:
    records = [record for task in TASKS[:3] for record in tried(task, 1e-3, 1e-4)]
    networks = {"a": TASKS[0:1], "b": TASKS[1:3], "c": TASKS[2:3]}
    asked: list[str] = []

    def judge(network: str, selection: Selection) -> Verdict:
        asked.append(network)
        tasks = frozenset(task.hash for task in networks[network])
        loses = network == "b" and TASKS[1].hash in selection.texts
        return Verdict(network, 1.0, 2.0 if loses else 1.0, not loses, tasks)

    selection, verdicts = without_losses(list(networks), selection_of(*records), judge)
    assert set(selection.texts) == {TASKS[0].hash}
    assert asked == ["a", "b", "a", "b", "c"]
    assert all(verdict.is_no_loss for verdict in verdicts.values())


def test_of_a_network_that_loses_those_records_are_kept_that_promise_most_and_lose_nothing() -> None:
    records = [record for task in TASKS[:4] for record in tried(task, 1e-3, 1e-4)]
    promised = tuple(Promise(str(place), frozenset([task.hash]), 0.1) for place, task in enumerate(TASKS[:4]))
    asked: list[set[int]] = []

    def judge(network: str, selection: Selection) -> Verdict:
        asked.append({place for place, task in enumerate(TASKS) if task.hash in selection.texts})
        loses = bool(asked[-1] & misleading)
        tasks = frozenset(task.hash for task in TASKS[:4])
        return Verdict(network, 1.0, 2.0 if loses else 1.0, not loses, tasks, promised if loses else ())

    misleading = {1, 3}
    selection, verdicts = without_losses(["a"], selection_of(*records), judge)
    assert set(selection.texts) == {TASKS[0].hash} and verdicts["a"].is_no_loss
    assert asked == [{0, 1, 2, 3}, {0, 1}, {0}, {0}]
    misleading.add(0)
    assert not without_losses(["a"], selection_of(*records), judge)[0].records


def test_a_network_without_records_may_seem_to_lose() -> None:
    """As one that is measured twice may."""
    selection, verdicts = without_losses(
        ["a"], selection_of(), lambda network, _: Verdict(network, 1.0, 2.0, False, frozenset())
    )
    assert not selection.records and not verdicts["a"].is_no_loss


A72 = resolve("arm_cortex_a72")
NETWORK = "silero_vad"
"""The smallest of the standard networks."""
STFT = """graph "task" (%0 "in0": f32[1,1,640], %1 "in1": f32[258,1,256]{1:1,0:16}) {
  %2 = conv(%0, %1) {strides = [128], low = [0], high = [0], dilations = [1]} : f32[1,258,4]
  %3 = relayout(%2) {layout = layout<{1:4}>} : f32[1,258,4]{1:4}
  return %3 "out0"
}
"""


def predictions(knobs: dict[str, int]) -> list[Record]:
    """Records of the network's heaviest task, of which the second claims much."""
    task = Task(STFT)
    template = next(t for t in SCHEDULES if t.matches(task.graph(), A72))
    default = template.space(task.graph(), A72).default
    made = {"fingerprint": A72.fingerprint(), "version": template.version, "toolchain": toolchain_id()}
    first, second = (Choice.of(template.name, config) for config in (default, default | knobs))
    return [
        record_of(task, 1e-4, choice=first, is_default=True, source=TimeSource.PREDICTED, **made),
        record_of(task, 1e-6, choice=second, source=TimeSource.PREDICTED, **made),
    ]


def stored(path: Path, records: Sequence[Record]) -> Path:
    with Database.open(path) as database:
        database.add(Task(STFT), records)
    return path


def test_the_static_model_judges_kernels_not_what_records_claim() -> None:
    versions = {template.name: template.version for template in SCHEDULES}
    validity = Validity(toolchain_id(), versions)
    judge = StaticJudge(Settings(A72), validity)
    wide, narrow = (
        Selection({Task(STFT).hash: STFT}, tuple(predictions(knobs))) for knobs in ({"unrolls_taps": 4}, {"tile": 1})
    )
    alike, worse = judge(NETWORK, wide), judge(NETWORK, narrow)
    assert Task(STFT).hash in alike.tasks and alike.is_no_loss
    assert not worse.is_no_loss and worse.gain < 0.99
    assert not alike.promised and worse.promised[0].gain > 0 and Task(STFT).hash in worse.promised[0].tasks
    assert worse.untuned == alike.untuned
    untouched = judge(NETWORK, Selection({}, ()))
    assert untouched.is_no_loss and untouched.gain == 1


def test_the_same_database_gives_the_same_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = stored(tmp_path / "t.db", predictions({"unrolls_taps": 4}))
    arguments = ["--target", A72.name, "--db", str(path), "--models", NETWORK, "--out"]
    written: list[bytes] = []
    for name in ("first", "second"):
        assert main([*arguments, str(tmp_path / name)]) == 0
        written.append((tmp_path / name / f"{A72.fingerprint()}.jsonl.xz").read_bytes())
    assert written[0] == written[1]
    assert "2 records of 1 tasks -> " in capsys.readouterr().out
    with Database.in_memory("test") as database:
        assert import_records(database, tmp_path / "first" / f"{A72.fingerprint()}.jsonl.xz") == 2


def test_nothing_to_ship_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = stored(tmp_path / "t.db", predictions({"tile": 1}))
    assert main(["--target", A72.name, "--db", str(path), "--models", NETWORK, "--out", str(tmp_path)]) == 1
    assert "no records of arm_cortex_a72 to ship" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.xz"))
    assert main(["--target", A72.name, "--db", str(tmp_path / "none.db")]) == 1
    assert "no such file" in capsys.readouterr().err
