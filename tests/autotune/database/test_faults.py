"""Many writers, killed writers, full disks: what was added stays, and nothing is half there."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import resource
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from compiler.autotune.database import Database, DatabaseError, export_records, record_text
from compiler.autotune.record import Record
from tests.autotune.database.samples import TASKS, record_of

WRITERS, BATCHES, BATCH = 8, 20, 5
KILLS = 50
FORK = multiprocessing.get_context("fork")
"""Quick, and sound here: a child opens a database of its own, and no thread runs."""


class Writer:
    """A process that adds batches of records, and what it was told is safe."""

    def __init__(self, path: Path, name: str, count: int | None = None, limit: int | None = None) -> None:
        self._log = path.parent / f"{name}.log"
        self._log.write_text("")
        arguments = (path, self._log, name, count, limit)
        self._process = FORK.Process(target=_write, args=arguments)
        self._process.start()

    @property
    def safe(self) -> int:
        """The number of batches that were added, so far."""
        return self._log.read_text().count("safe\n")

    @property
    def error(self) -> str:
        """What stopped it."""
        return self._log.read_text().replace("safe\n", "")

    def wait_for_the_first(self) -> None:
        while self.safe == 0:
            assert self._process.is_alive()
            time.sleep(0.001)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def join(self) -> int | None:
        """Its exit code."""
        self._process.join(timeout=120)
        return self._process.exitcode


def _write(path: Path, log: Path, name: str, count: int | None, limit: int | None) -> None:
    """The writer's process; ``limit`` is on the bytes of each file, and stands for a disk without room."""
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    with log.open("a", buffering=1) as told:
        try:
            with Database.open(path) as database:
                for number in itertools.count() if count is None else range(count):
                    database.add(TASKS[number % len(TASKS)], batch(name, number))
                    told.write("safe\n")
                    time.sleep(0.002)  # lets others have their turn
        except DatabaseError as error:
            told.write(f"{error}\n")
            sys.exit(1)


def batch(writer: str, number: int) -> list[Record]:
    """The records of a batch, which no other batch has."""
    task = TASKS[number % len(TASKS)]
    facts = [{"session": writer, "trial": BATCH * number + index} for index in range(BATCH)]
    return [record_of(task, 1e-3, detail="x" * 200, provenance=provenance) for provenance in facts]


def expected(batches: dict[str, int]) -> set[str]:
    """The texts of the first batches of some writers."""
    return {record_text(r) for name, count in batches.items() for number in range(count) for r in batch(name, number)}


def texts(path: Path) -> set[str]:
    """What a database has; it must be sound."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with Database.open(path, read_only=True) as database:
        return set(map(record_text, database.records()))


def test_many_processes_write_one_database_that_none_of_them_found(tmp_path: Path) -> None:
    path = tmp_path / "tuning.db"
    writers = {f"w{index}": Writer(path, f"w{index}", BATCHES) for index in range(WRITERS)}
    assert [(writer.join(), writer.error) for writer in writers.values()] == [(0, "")] * WRITERS
    assert texts(path) == expected(dict.fromkeys(writers, BATCHES))


def test_a_killed_writer_loses_nothing_that_it_was_told_is_safe(tmp_path: Path) -> None:
    """Writers are killed at random moments while another one goes on; batches are complete or not there."""
    path, rng = tmp_path / "tuning.db", random.Random(0)
    writers = {"survivor": Writer(path, "survivor")}
    for index in range(KILLS):
        writers[f"w{index}"] = Writer(path, f"w{index}")
        writers[f"w{index}"].wait_for_the_first()
        time.sleep(rng.uniform(0, 0.02))
        writers[f"w{index}"].kill()
    writers["survivor"].kill()
    told = {name: writer.safe for name, writer in writers.items()}
    found = texts(path)
    assert expected(told) <= found
    assert found <= expected({name: count + 1 for name, count in told.items()}), "one may be safe before it was told"
    assert len(found) % BATCH == 0, "no batch is half there"
    assert sum(told.values()) > 2 * KILLS, "kills came in the middle of writing"


def test_a_full_disk_is_one_error_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tuning.db"
    writer = Writer(path, "w", limit=300_000)
    assert writer.join() == 1
    assert writer.error.startswith(f"{path}: cannot be written") and writer.error.count("\n") == 1
    assert writer.safe > 10
    assert texts(path) == expected({"w": writer.safe})
    assert Writer(path, "later", 3).join() == 0, "with room again it goes on"
    assert texts(path) == expected({"w": writer.safe, "later": 3})


def test_a_transaction_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    with Database.open(tmp_path / "tuning.db") as database:
        database.add(TASKS[0], [record_of(TASKS[0])])
        database._connection.execute("PRAGMA max_page_count = 30")  # pyright: ignore[reportPrivateUsage]
        many = [record_of(TASKS[1], float(index), detail="x" * 1000) for index in range(1000)]
        with pytest.raises(DatabaseError, match=r"full.*what was added before is kept"):
            database.add(TASKS[1], many)
        assert list(database.records()) == [record_of(TASKS[0])]
        assert database.add(TASKS[2], [record_of(TASKS[2])]) == 1


def test_a_writer_waits_for_another_and_says_so_if_it_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compiler.autotune.database.database._WAIT_SECONDS", 0.05)
    with Database.open(tmp_path / "tuning.db") as database, Database.open(tmp_path / "tuning.db") as other:
        with (
            other._transaction(),  # pyright: ignore[reportPrivateUsage]
            pytest.raises(DatabaseError, match="another process has kept it locked"),
        ):
            database.add(TASKS[0], [record_of(TASKS[0])])
        assert database.add(TASKS[0], [record_of(TASKS[0])]) == 1


def test_an_export_that_fails_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Database.open(tmp_path / "tuning.db") as database:
        database.add(TASKS[0], [record_of(TASKS[0])])
        export_records(database, tmp_path / "a.jsonl.xz")
        before = (tmp_path / "a.jsonl.xz").read_bytes()
        database.add(TASKS[0], [record_of(TASKS[0], 5.0)])

        def full(*_: object, **__: object) -> bytes:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("compiler.autotune.database.jsonl.lzma.compress", full)
        with pytest.raises(DatabaseError, match=r"a\.jsonl\.xz: No space left on device"):
            export_records(database, tmp_path / "a.jsonl.xz")
    assert (tmp_path / "a.jsonl.xz").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl.xz", "tuning.db"]
