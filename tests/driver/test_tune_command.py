"""``python -m compiler.tune``: arguments, text, exit codes, and a small model from end to end."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import pytest

import compiler
from compiler.autotune import Database, tune
from compiler.autotune.database import DatabaseError, import_records, merge, record_text
from compiler.autotune.record import Record, Status, TimeSource
from compiler.codegen.space import Choice
from compiler.driver import Settings
from compiler.ir import Task
from compiler.model_tuner.compare import Gain, compare, gain_of
from compiler.model_tuner.promise import Promise
from compiler.model_tuner.upkeep import validity_of
from compiler.model_tuner.view import Board
from compiler.model_tuner.withdraw import withdraw
from compiler.source import Source
from compiler.targets import resolve
from compiler.tune import budget, main
from tests.driver.conftest import small_model
from tests.model_tuner.samples import MATMUL, tuned_database


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "python -m compiler.tune --target arm_cortex_a72 --budget 3m" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--trials", "0"],
        ["--budget", "soon"],
        ["--budget", "0m"],
        ["--trials", "3", "--budget", "5m"],
        ["--search", "psychic"],
        ["--list", "--best"],
        ["--jobs", "0"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--target", "arm_cortex_b72"], ["--executor", "slurm"], ["--runner", "ssh 'pi"], ["--runner", "adb -s pi"]],
)
def test_names_that_mean_nothing_exit_with_2(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--db", str(tmp_path / "t.db")]) == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["net.onnx", "--list"], ["MODEL net.onnx", "--list"]),
        (["--best", "--report", "r.html"], ["--report", "--best"]),
        (["--export", "r.jsonl", "--trials", "3"], ["--export", "--trials"]),
        (["--import", "r.jsonl", "--runner", "ssh pi@board"], ["--import", "--runner"]),
        (["--prune", "--no-dynamic-batch"], ["--prune", "--dynamic-batch"]),
        (["--list", "--keep", "3"], ["--list", "--keep"]),
        (["net.onnx", "--keep", "3"], ["tuning", "--keep"]),
    ],
)
def test_what_would_be_ignored_is_wrong_usage(
    arguments: list[str], named: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.db"
    assert main([*arguments, "--db", str(path)]) == 2
    said = capsys.readouterr().err
    assert "do not go together" in said and all(name in said for name in named)
    assert not path.exists()


def test_an_unwritable_report_is_found_before_anything_is_tuned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    arguments = ["net.onnx", "--report", str(tmp_path / "file" / "r.html"), "--db", str(tmp_path / "t.db")]
    assert main(arguments) == 1
    assert "file is not a directory that can be written" in capsys.readouterr().err
    assert not (tmp_path / "t.db").exists()


@pytest.mark.parametrize("arguments", [["--list"], ["--best"], ["--export", "r.jsonl"], ["--prune"]])
def test_looking_at_a_database_that_is_not_there_does_not_make_it(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "folder" / "t.db"
    assert main([*arguments, "--db", str(path)]) == 1
    assert f"{path}: no such file" in capsys.readouterr().err
    assert not path.parent.exists()


@pytest.mark.parametrize(
    "prefix",
    ["{folder}/ssh -o BatchMode=yes -p 2222 pi@board", "{folder}/adb -s board-1 shell", "{folder}/qemu-arm -L /"],
)
def test_a_device_that_is_absent_is_one_error_at_once(
    prefix: str, kiln_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the prefix, and what the device, or what stands between, said last."""
    runner = prefix.format(folder=tmp_path)
    program = Path(runner.split()[0])
    program.write_text("#!/bin/sh\necho 'Welcome.\nno route to board' >&2\nexit 255\n")
    program.chmod(0o755)
    arguments = ["--db", str(tmp_path / "t.db")]
    assert main([str(kiln_file), "--runner", runner, *arguments]) == 1
    said = capsys.readouterr()
    assert "the device does not answer" in said.err and runner in said.err and "255: no route to board" in said.err
    assert main([str(kiln_file), "--runner", f"{tmp_path}/not-there -v", *arguments]) == 1
    assert f"{tmp_path}/not-there -v" in capsys.readouterr().err and not said.out


def test_times_as_typed() -> None:
    assert [budget(text) for text in ("90s", "5m", "2h", "30", "1.5m")] == [90, 300, 7200, 30, 90]


def test_a_model_that_is_not_there_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no.onnx", "--db", str(tmp_path / "t.db"), "--trials", "1"]) == 1
    assert "no.onnx" in capsys.readouterr().err


def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.db"
    path.write_text("precious")
    assert main(["--list", "--db", str(path)]) == 1
    assert "t.db" in capsys.readouterr().err and path.read_text() == "precious"


def test_a_model_is_tuned_on_this_machine(kiln_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Defaults are measured, candidates are tried, both builds are run; noise may call the gain a loss."""
    path, report = tmp_path / "t.db", tmp_path / "r.html"
    assert main([str(kiln_file), "--trials", "6", "--db", str(path), "--report", str(report), "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    assert "expected for a run" in printed and "95% interval" in printed
    assert "What the model learned" in report.read_text()
    aside = list(tmp_path.glob("t.db.withdrawn-*.jsonl"))
    assert ("of this session were moved to" in printed) == bool(aside)
    with Database.open(path) as database:
        assert bool(list(database.records())) == ("builds stay as they were" not in printed)
        for withdrawn in aside:
            import_records(database, withdrawn)
        records = list(database.records())
    assert any(record.is_default for record in records) and len(records) >= 6
    assert {record.provenance["seed"] for record in records} == {3}


LOSS, GAIN = gain_of([(0.9, 1.0)] * 9), gain_of([(1.1, 1.0)] * 9)


class Trials:
    """Builds that hold with the records of so few tasks; remembers of which models, and with the records of how many
    tasks. The second one may be interrupted."""

    def __init__(self, few: int, *, interrupted: bool = False) -> None:
        self.few, self.interrupted = few, interrupted
        self.asked: list[tuple[str, int]] = []

    def __call__(self, source: Source, settings: Settings, records: Database) -> dict[int, Gain]:
        if self.interrupted and self.asked:
            raise KeyboardInterrupt
        tasks = len({record.task for record in records.records()})
        self.asked.append((source.label, tasks))
        return {0: GAIN if tasks <= self.few else LOSS}


def promises_of(_: Board, recorded: Collection[str]) -> list[Promise]:
    """Each task for itself, in the order of hashes."""
    return [Promise(f"op-{place}", frozenset([task]), 0.01) for place, task in enumerate(sorted(recorded))]


@pytest.fixture
def tune_with(kiln_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Trials], int]:
    """Tunes two models, with given trials of whole builds; returns the exit status."""
    other = tmp_path / "other.kiln"
    other.write_text('graph "g" (%0 "x": f32[64,3]) {\n  %1 = tanh(%0) : f32[64,3]\n  return %1 "y"\n}')

    def tune_them(trials: Trials) -> int:
        monkeypatch.setattr("compiler.tune.trials", trials)
        monkeypatch.setattr(Board, "promises", promises_of)
        return main([str(kiln_file), str(other), "--trials", "1", "--db", str(tmp_path / "t.db")])

    return tune_them


def tasks_in(path: Path) -> list[str]:
    """The tasks that have records in a database or a file."""
    with Database.in_memory("test") as database:
        merge(database, [path])
        return sorted({record.task for record in database.records()})


def test_records_that_promise_most_stay_where_all_together_lose(
    tune_with: Callable[[Trials], int], kiln_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = Trials(few=1)
    assert tune_with(trials) == 0
    printed = capsys.readouterr().out
    (first, every), *others = trials.asked
    assert first == str(kiln_file) and every >= 2
    assert [label for label, tasks in others if tasks == 1] == [str(kiln_file), str(tmp_path / "other.kiln")]
    assert f"{kiln_file}: {LOSS}" in printed
    assert f"{kiln_file}, with the records of 1 of {every} computations (op-0): {GAIN}" in printed
    (aside,) = tmp_path.glob("t.db.withdrawn-*.jsonl")
    assert f"the records of 1 of {every} computations stay, the others of this session were moved to {aside}" in printed
    (kept,), moved = tasks_in(tmp_path / "t.db"), tasks_in(aside)
    assert kept < moved[0] and len(moved) == every - 1


def test_no_records_stay_where_no_set_of_them_holds(
    tune_with: Callable[[Trials], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = Trials(few=0)
    assert tune_with(trials) == 0
    (aside,) = tmp_path.glob("t.db.withdrawn-*.jsonl")
    assert f"builds stay as they were: the records of this session were moved to {aside}" in capsys.readouterr().out
    assert not tasks_in(tmp_path / "t.db") and len(tasks_in(aside)) == trials.asked[0][1]


def test_an_interrupt_while_builds_are_compared_moves_nothing(
    tune_with: Callable[[Trials], int], tmp_path: Path
) -> None:
    trials = Trials(few=0, interrupted=True)
    assert tune_with(trials) == 130
    assert not list(tmp_path.glob("t.db.withdrawn-*")) and len(tasks_in(tmp_path / "t.db")) == trials.asked[0][1]


def test_records_that_cannot_be_put_aside_are_an_error_and_stay(
    tune_with: Callable[[Trials], int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(database: Database, path: Path, **_: object) -> int:
        raise DatabaseError(path, "No space left on device")

    monkeypatch.setattr("compiler.model_tuner.withdraw.export_records", full)
    trials = Trials(few=1)
    assert tune_with(trials) == 1
    said = capsys.readouterr()
    assert ".withdrawn-" in said.err and "No space left" in said.err
    assert "were moved" not in said.out and len(tasks_in(tmp_path / "t.db")) == trials.asked[0][1]


def test_without_a_board_records_are_predictions_and_builds_use_them(
    kiln_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.db"
    arguments = ["--target", "arm_cortex_a72", "--db", str(path)]
    assert main([str(kiln_file), "--trials", "6", *arguments]) == 0
    assert "predicted for a run" in capsys.readouterr().out
    with Database.open(path) as database:
        assert {record.source.value for record in database.records()} == {"predicted"}
    with compiler.compile(kiln_file, "arm_cortex_a72", tuning=path) as artifact:
        assert artifact.report.tuned >= 2
    assert main(["--best", *arguments]) == 0
    assert "predicted" in capsys.readouterr().out
    assert main(["--list", *arguments]) == 0
    listed = capsys.readouterr().out
    assert "tasks for arm_cortex_a72" in listed and "  conv f32[1,32,12,12]{1:4} f32[32,32,1,1]" in listed


def test_records_travel_between_databases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, first, second = tmp_path / "records.jsonl", tmp_path / "1.db", tmp_path / "2.db"
    with tuned_database() as database, Database.open(first) as kept:
        count = kept.add_all(database.tasks(), database.records())
    assert main(["--export", str(text), "--db", str(first)]) == 0
    assert main(["--import", str(text), "--db", str(second)]) == 0
    assert f"{count} new records" in capsys.readouterr().out
    assert main(["--merge", str(first), str(text), "--db", str(second)]) == 0
    assert "0 new records" in capsys.readouterr().out
    assert main(["--prune", "--db", str(second), "--target", "arm_cortex_a72"]) == 0
    assert f"0 records forgotten, {count} kept" in capsys.readouterr().out
    assert main(["--prune", "--db", str(second)]) == 0
    assert f"{count} records forgotten" in capsys.readouterr().out


def test_the_best_records_of_one_machine_are_exported_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default is exported, and failures; records that hold no more are not."""
    path, text = tmp_path / "t.db", tmp_path / "records.jsonl"
    target, other = resolve("arm_cortex_a72"), resolve("znver4")
    valid = validity_of(Settings(target))
    task = Task(MATMUL)
    sample = Record(
        *(task.hash, target.fingerprint(), Choice.of("matmul_tiled", {}), valid.versions["matmul_tiled"]),
        *(valid.toolchain, Status.OK, TimeSource.MEASURED, 1.0),
    )
    good = [replace(sample, choice=Choice.of("matmul_tiled", {"rows": n}), seconds=float(n)) for n in range(1, 5)]
    default = replace(sample, seconds=9.0, is_default=True)
    failed = replace(sample, choice=Choice.of("matmul_tiled", {"rows": 7}), seconds=None, status=Status.CRASHED)
    stale = replace(sample, toolchain="of old")
    elsewhere = [replace(record, fingerprint=other.fingerprint()) for record in good]
    with Database.open(path) as database:
        database.add(task, [*good, default, failed, stale, *elsewhere])

    def exported(*arguments: str) -> set[str]:
        assert main(["--export", str(text), "--db", str(path), *arguments]) == 0
        with Database.in_memory("exported") as database:
            import_records(database, text)
            return set(map(record_text, database.records()))

    def texts(*records: Record) -> set[str]:
        return set(map(record_text, records))

    assert exported() == texts(*good, default, failed, stale, *elsewhere)
    assert exported("--target", target.name) == texts(*good, default, failed, stale)
    best = texts(*good[:2], default, failed)
    assert exported("--target", target.name, "--keep", "2") == best
    assert exported("--keep", "2") == best | texts(*elsewhere[:2])
    assert main(["--prune", "--keep", "2", "--db", str(path), "--target", target.name]) == 0
    assert "3 records forgotten" in capsys.readouterr().out
    assert exported() == best | texts(*elsewhere)


def test_tune_from_python(kiln_file: Path, tmp_path: Path) -> None:
    with Database.open(tmp_path / "t.db") as database:
        tuned = tune(kiln_file, "arm_cortex_a72", trials=4, database=database)
        assert tuned.trials == database.count() >= 4
        assert {record.provenance["session"] for record in database.records()} == {tuned.session}
    assert tuned.forecasts[0].before > 0


def test_an_unknown_search_is_one_error(kiln_file: Path, tmp_path: Path) -> None:
    with pytest.raises(compiler.BuildError, match="unknown search 'psychic'; known are guided, "):
        tune(kiln_file, trials=1, search="psychic", database=tmp_path / "t.db")
    assert not (tmp_path / "t.db").exists()


def test_withdrawn_records_can_be_had_again(tmp_path: Path) -> None:
    with tuned_database() as source, Database.open(tmp_path / "t.db") as database:
        database.add_all(source.tasks(), source.records())
        before, (first, *_) = database.count(), database.sessions()
        path = withdraw(database, first.name)
        assert (
            database.count() == before - first.records
            and main(["--import", str(path), "--db", str(database.path)]) == 0
        )
        assert database.count() == before


def test_two_builds_of_the_same_are_compared() -> None:
    with compiler.compile(small_model(), "host", inputs={"x": (2, 4)}) as artifact:
        gain = compare(artifact, artifact, rounds=5)
    assert 0 < gain.low <= gain.ratio <= gain.high and gain.tuned > 0
