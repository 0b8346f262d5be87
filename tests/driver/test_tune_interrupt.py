"""Ctrl-C on the command as users start it: what was measured is kept, and the same command goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.autotune import Database
from compiler.autotune.record import Status
from compiler.autotune.session import Effort, Session
from compiler.codegen.objects import WorkerStartError
from compiler.model_tuner.run import Request
from compiler.model_tuner.view import View
from compiler.tune import main
from tests.autotune.fakes import kit
from tests.conftest import REPOSITORY


def run_until(model: Path, path: Path, count: int) -> tuple[int, str, str]:
    """Exit code, output and messages of a run without a foreseeable end that is interrupted, as a terminal does it,
    when the database has so many records."""
    arguments = [str(model), "--budget", "2h", "--search", "random", "--db", str(path)]
    command = [sys.executable, "-m", "compiler.tune", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            while process.poll() is None and records(path) < count:
                time.sleep(0.1)
            os.killpg(process.pid, signal.SIGINT)
            printed, messages = process.communicate(timeout=120)
        finally:
            process.kill()
    return process.returncode, printed, messages


def records(path: Path) -> int:
    if not path.exists():
        return 0
    with Database.open(path, read_only=True) as database:
        return database.count()


@pytest.mark.parametrize(("interrupted", "expected"), [(True, 130), (False, 1)])
def test_an_interrupt_that_ends_workers_is_no_failure(
    interrupted: bool, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tune_models(
        request: Request, database: Database, peak: float, view: View, started: Callable[[Session], None]
    ) -> Session:
        started(Session(kit(), Effort()))
        if interrupted:
            os.kill(os.getpid(), signal.SIGINT)
        raise WorkerStartError("the worker process was ended")

    monkeypatch.setattr("compiler.tune.tune_models", tune_models)
    assert main(["--db", str(tmp_path / "t.db"), "--target", "arm_cortex_a72"]) == expected


def test_an_interrupt_keeps_everything_and_the_same_command_goes_on(kiln_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    counts: list[int] = []
    for _ in range(2):
        code, printed, messages = run_until(kiln_file, path, 6 + sum(counts[-1:]))
        assert (code, messages) == (130, "")
        last = printed.splitlines()[-1]
        assert last == f"interrupted: what was measured is kept in {path}, and the same command goes on from there"
        counts.append(records(path))
        assert "candidates known, 0 of this session failed" in printed
    with Database.open(path, read_only=True) as database:
        kept = list(database.records())
        assert [session.records for session in database.sessions()] == [counts[0], counts[1] - counts[0]]
    assert {record.status for record in kept} == {Status.OK}
    assert len({(record.task, record.choice) for record in kept}) == len(kept), "nothing is measured twice"
