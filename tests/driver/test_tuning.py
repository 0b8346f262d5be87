"""Builds use tuning records: which kernels come from them, what is said of it, and when they do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import compiler
import runtime
from compiler.artifact import Artifact
from compiler.autotune.database import Database
from compiler.autotune.record import Record, Status, TimeSource
from compiler.autotune.validity import toolchain_id
from compiler.bisect import main as bisect
from compiler.build import main as build
from compiler.codegen.kernel_jobs import compile_kernels
from compiler.codegen.plan import KernelCall, graph_tasks
from compiler.codegen.space import Choice
from compiler.codegen.task_spaces import task_spaces
from compiler.codegen.template_versions import template_versions
from compiler.ir import Task
from compiler.opt import main as opt
from compiler.targets import resolve
from tests.driver.conftest import small_model

SHAPE = {"x": (2, 4)}
HOST = resolve("host")


@pytest.fixture
def product_task() -> Task:
    """The task of the small model that multiplies matrices."""
    with compiler.compile(small_model(), inputs=SHAPE, tuning=False) as artifact:
        tasks = graph_tasks(artifact.report.optimized).values()
    return next(task for task in tasks if "matmul" in task.text)


@pytest.fixture
def record(product_task: Task, shared_cache: Path) -> Record:
    """A choice for it that is legal and not the default."""
    spaces = task_spaces([product_task], HOST, shared_cache / "build" / "kernels")[product_task]
    template, found = next(iter(spaces.items()))
    config = next(config for config in found.space if config != found.space.default)
    return Record(
        task=product_task.hash,
        fingerprint=HOST.fingerprint(),
        choice=Choice.of(template, config),
        version=found.version,
        toolchain=toolchain_id(),
        status=Status.OK,
        source=TimeSource.MEASURED,
        seconds=1e-6,
    )


@pytest.fixture
def database(product_task: Task, record: Record, tmp_path: Path) -> Iterator[Database]:
    """The user's, with that record."""
    with Database.open(tmp_path / "tuning.db") as opened:
        opened.add(product_task, [record])
        yield opened


def configs(artifact: Artifact) -> dict[str, str]:
    """The configuration of each kernel, by its symbol."""
    return {call.symbol: call.config for call in artifact.report.plan.calls if isinstance(call, KernelCall)}


def config_of(artifact: Artifact, task: Task) -> dict[str, int]:
    return json.loads(configs(artifact)[f"k_{task.hash}"])


def test_a_kernel_is_made_as_its_record_says(database: Database, record: Record, product_task: Task) -> None:
    for tuning in (database, database.path, str(database.path)):
        with compiler.compile(small_model(), inputs=SHAPE, tuning=tuning) as artifact:
            assert config_of(artifact, product_task) == record.choice.config
            assert artifact.report.tuned == 1 and artifact.report.warnings == ()
            outputs = runtime.Model(artifact.directory).run({"x": np.ones((2, 4), np.float32)})
            assert outputs["y"].shape == (2, 3)


def test_the_user_s_database_is_used_without_asking_and_not_where_it_is_off(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tuned(**options: object) -> int:
        with compiler.compile(small_model(), inputs=SHAPE, **options) as artifact:  # pyright: ignore[reportArgumentType]
            return artifact.report.tuned

    assert tuned() == 0
    monkeypatch.setenv("KILN_DATABASE", str(database.path))
    assert tuned() == 1
    assert tuned(tuning=False) == 0
    monkeypatch.setenv("KILN_TUNING", "off")
    assert tuned() == 0
    assert tuned(tuning=database.path) == 1


def test_equal_databases_give_equal_bytes_and_say_which_records(
    database: Database, record: Record, product_task: Task, tmp_path: Path
) -> None:
    with Database.open(tmp_path / "other.db") as other:
        other.add(product_task, [replace(record, seconds=1.0, provenance={"trial": 1}), record])
        builds = [database, other, False]
        for name, tuning in zip(("a", "b", "c"), builds, strict=True):
            with compiler.compile(small_model(), inputs=SHAPE, tuning=tuning) as artifact:
                artifact.save(tmp_path / f"{name}.tar.gz")
                digest = artifact.manifest.provenance["tuning_records"]
                assert (digest == "") is (tuning is False)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    assert (tmp_path / "a.tar.gz").read_bytes() != (tmp_path / "c.tar.gz").read_bytes()


@pytest.mark.parametrize("knobs", [{"no_such_knob": 1}, None])
def test_a_record_that_does_not_fit_is_reported_and_the_default_is_made(
    knobs: dict[str, int] | None, record: Record, product_task: Task, tmp_path: Path
) -> None:
    choice = Choice.of("relayout", {}) if knobs is None else Choice.of(record.choice.template, knobs)
    versions = template_versions(HOST, tmp_path)
    with Database.open(tmp_path / "stale.db") as stale:
        stale.add(product_task, [replace(record, choice=choice, version=versions[choice.template])])
        with (
            compiler.compile(small_model(), inputs=SHAPE, tuning=False) as untuned,
            compiler.compile(small_model(), inputs=SHAPE, tuning=stale) as artifact,
        ):
            assert configs(artifact) == configs(untuned)
            (warning,) = artifact.report.warnings
            assert artifact.report.tuned == 0 and artifact.manifest.provenance["tuning_records"] == ""
    assert warning.startswith("1 tuning records are stale") and product_task.hash in warning


@pytest.mark.parametrize("change", [{"version": 10_000}, {"toolchain": "another"}])
def test_records_of_other_versions_are_ignored(
    change: dict[str, object], record: Record, product_task: Task, tmp_path: Path
) -> None:
    with Database.open(tmp_path / "stale.db") as stale:
        stale.add(product_task, [replace(record, **change)])  # pyright: ignore[reportArgumentType]
        with compiler.compile(small_model(), inputs=SHAPE, tuning=stale) as artifact:
            assert artifact.report.tuned == 0 and artifact.report.warnings == ()


def test_the_commands_take_a_database_or_none(
    database: Database, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(model_file), "--input", "x:2,4", "-o", str(tmp_path / "out"), "-v"]
    assert build([*arguments, "--db", str(database.path)]) == 0
    assert "1 of 1 kernels from tuning records" in capsys.readouterr().out
    assert build([*arguments, "--no-tuning"]) == 0
    assert "0 of 1 kernels from tuning records" in capsys.readouterr().out


def test_a_database_that_cannot_be_used_is_one_error(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(model_file), "--input", "x:2,4", "-o", str(tmp_path / "out")]
    assert build([*arguments, "--db", str(tmp_path / "none.db")]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'none.db'}: no such file\n"
    (tmp_path / "diary.db").write_text("dear diary\n" * 100)
    monkeypatch.setenv("KILN_DATABASE", str(tmp_path / "diary.db"))
    text = str(tmp_path / "diary.db") + ": is not a tuning database"
    for command in (
        lambda: build(arguments),
        lambda: opt([str(model_file), "--input", "x:2,4", "--target", "host"]),
        lambda: bisect([str(model_file), "--input", str(npz(tmp_path))]),
    ):
        assert command() == 1
        assert capsys.readouterr().err == f"error: {text}\n"


def npz(folder: Path) -> Path:
    np.savez(folder / "inputs.npz", x=np.ones((2, 4), np.float32))
    return folder / "inputs.npz"


def test_code_generation_asks_whoever_it_is_told_to(record: Record, product_task: Task, tmp_path: Path) -> None:
    asked: list[Task] = []

    def choose(task: Task, target: object) -> Choice:
        asked.append(task)
        assert target == HOST
        return record.choice

    made = compile_kernels([product_task], HOST, tmp_path, choose=choose)
    assert asked == [product_task] and made[product_task].choice == record.choice
