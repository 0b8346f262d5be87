"""``--executor dask://…`` with a scheduler and workers as users start them, of which one is killed as it measures."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from compiler.autotune import Database
from compiler.autotune.record import TimeSource
from compiler.driver import Settings
from compiler.model_tuner.upkeep import validity_of
from compiler.targets import resolve
from compiler.tune import main
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="dask is not installed")

BOARD = """#!/bin/sh
cd {folder} || exit 1
began=$(date +%s%N)
if [ -s turns ] && mkdir killed 2>/dev/null; then
    kill -9 $PPID
    exit 1
fi
"$@"
code=$?
echo "$began $(date +%s%N)" >> turns
exit $code
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A command that runs programs, writes down from when to when (nanoseconds), and once kills who started it."""
    program = tmp_path / "board"
    program.write_text(BOARD.format(folder=shlex.quote(str(tmp_path))))
    program.chmod(0o755)
    return program


def environment() -> dict[str, str]:
    """Of the cluster: the board of a dead worker is free again soon."""
    locks = {"LEASE_TIMEOUT": "5s", "LEASE_VALIDATION_INTERVAL": "0.5s"}
    quick = {f"DASK_DISTRIBUTED__SCHEDULER__LOCKS__{name}": value for name, value in locks.items()}
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **quick}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a scheduler of two workers."""
    file = tmp_path / "scheduler.json"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
    worker = ["worker", "--nworkers", "2", "--nthreads", "1", "--no-dashboard", "--memory-limit", "0"]
    place = ["--local-directory", str(tmp_path / "dask")]
    with ExitStack() as running:
        for number, arguments in enumerate((scheduler, [*worker, *place])):
            output = running.enter_context((tmp_path / f"dask-{number}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, "--scheduler-file", str(file)],
                cwd=tmp_path,
                env=environment(),
                stdout=output,
                stderr=output,
            )
            running.callback(process.wait, 60)
            running.callback(process.terminate)
        yield "dask://" + _scheduler_of(file)


def _scheduler_of(file: Path) -> str:
    for _ in range(600):
        if file.exists() and (text := file.read_text()).rstrip().endswith("}"):
            return str(json.loads(text)["address"]).removeprefix("tcp://")
        time.sleep(0.1)
    raise AssertionError("the scheduler does not start")


def test_two_sessions_share_a_board_of_a_cluster(kiln_file: Path, board: Path, address: str, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    arguments = [str(kiln_file), "--executor", address, "--runner", str(board), "--db", str(path)]
    command = [sys.executable, "-m", "compiler.tune", *arguments, "--search", "random", "--trials", "6", "--jobs", "1"]
    pipe = subprocess.PIPE
    sessions = [
        subprocess.Popen([*command, "--seed", seed], cwd=REPOSITORY, stdout=pipe, stderr=pipe, text=True)
        for seed in ("1", "2")
    ]
    ended = [(*session.communicate(timeout=300), session.returncode) for session in sessions]
    assert [code for _, _, code in ended] == [0, 0], ended
    assert (tmp_path / "killed").exists()
    turns = sorted(tuple(map(int, line.split())) for line in (tmp_path / "turns").read_text().splitlines())
    assert all(over <= begun for (_, over), (begun, _) in itertools.pairwise(turns)), "two timings at once"

    target = resolve("host")
    with Database.open(path, read_only=True) as database:
        assert len(database.sessions()) == 2 and all(session.records >= 6 for session in database.sessions())
        for task in database.tasks():
            known = [record for record in database.records(task) if record.seconds is not None]
            best = database.best(task, target.fingerprint(), validity_of(Settings(target)))
            assert best is not None and best.source is TimeSource.MEASURED
            assert best.seconds == min(record.seconds or 0.0 for record in known)
    for printed, _, _ in ended:
        assert "expected for a run" in printed


def test_a_cluster_that_is_not_there_is_one_error_at_once(
    kiln_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{nobody.getsockname()[1]}"
        assert main([str(kiln_file), "--executor", f"dask://{place}", "--db", str(tmp_path / "t.db")]) == 1
    assert capsys.readouterr().err.startswith(f"error: no Dask scheduler answers at {place}: ")
