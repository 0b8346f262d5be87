"""Records that are put aside: which, where to, and what a full disk leaves."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from compiler.autotune.database import Database, DatabaseError, import_records, record_text
from compiler.model_tuner.withdraw import recorded_tasks, withdraw, without
from tests.autotune.database.samples import FINGERPRINT, TASKS, record_of

OURS, THEIRS = ([record_of(task, provenance={"session": name}) for task in TASKS[:3]] for name in ("ours", "theirs"))
KEPT = {TASKS[1].hash}


def stored(path: Path) -> Database:
    database = Database.open(path)
    database.add_all({task.hash: task.text for task in TASKS}, [*OURS, *THEIRS])
    return database


def texts(database: Database) -> set[str]:
    return set(map(record_text, database.records()))


EVERYTHING = set(map(record_text, [*OURS, *THEIRS]))
LEFT = set(map(record_text, [OURS[1], *THEIRS]))


def test_the_records_of_other_tasks_and_sessions_stay(tmp_path: Path) -> None:
    with stored(tmp_path / "t.db") as database:
        assert recorded_tasks(database, "ours") == {task.hash for task in TASKS[:3]}
        path = withdraw(database, "ours", KEPT)
        assert texts(database) == LEFT and recorded_tasks(database, "ours") == KEPT
        with Database.in_memory("aside") as aside:
            import_records(aside, path)
            assert texts(aside) == EVERYTHING - LEFT
        import_records(database, path)
        assert texts(database) == EVERYTHING


def test_what_would_be_left_can_be_tried_before(tmp_path: Path) -> None:
    with stored(tmp_path / "t.db") as database, without(database, FINGERPRINT, "ours", KEPT) as left:
        assert texts(left) == LEFT and texts(database) == EVERYTHING
        assert not list(left.records(fingerprint="other")) and left.knows(FINGERPRINT)


def test_of_other_machines_nothing_is_tried(tmp_path: Path) -> None:
    with stored(tmp_path / "t.db") as database, without(database, "other", "ours", KEPT) as left:
        assert not texts(left)


def test_records_that_cannot_be_written_aside_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no part of them is left in a file."""

    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    with stored(tmp_path / "t.db") as database:
        before = set(tmp_path.iterdir())
        monkeypatch.setattr("os.replace", full)
        with pytest.raises(DatabaseError, match=r"t\.db\.withdrawn-ours\.jsonl: No space left"):
            withdraw(database, "ours", KEPT)
        assert texts(database) == EVERYTHING and set(tmp_path.iterdir()) == before


def test_records_that_cannot_be_removed_are_lost_nowhere(tmp_path: Path) -> None:
    with stored(tmp_path / "t.db"):
        pass
    with Database.open(tmp_path / "t.db", read_only=True) as database:
        with pytest.raises(DatabaseError, match=r"t\.db: "):
            withdraw(database, "ours", KEPT)
        assert texts(database) == EVERYTHING


def test_a_removal_that_fails_halfway_removes_nothing(tmp_path: Path) -> None:
    with stored(tmp_path / "t.db") as database:
        with sqlite3.connect(tmp_path / "t.db") as other:
            other.execute(
                "CREATE TRIGGER full BEFORE DELETE ON records"
                f" WHEN old.task = '{TASKS[2].hash}' BEGIN SELECT raise(ABORT, 'no more'); END"
            )
        with pytest.raises(DatabaseError, match="no more"):
            withdraw(database, "ours", KEPT)
        assert texts(database) == EVERYTHING
