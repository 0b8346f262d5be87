"""``Database``: what it keeps, which record is best, and which files it refuses."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.autotune.database import Database, DatabaseError, prune, record_text, summaries
from compiler.autotune.record import Record, Status, TimeSource
from compiler.codegen.space import Choice
from tests.autotune.database.samples import FINGERPRINT, TASKS, VALIDITY, record_of, records, texts_of

OTHER = Choice.of("tiled", {"rows": 8})


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.open(tmp_path / "folder" / "tuning.db")


@given(st.lists(records(), max_size=8))
def test_what_is_added_is_there_once(drawn: list[Record]) -> None:
    with Database.in_memory("test") as database:
        unlike = {record_text(record): record for record in drawn}
        assert database.add_all(texts_of(drawn), drawn) == len(unlike)
        assert database.add_all(texts_of(drawn), drawn) == 0
        assert [record_text(record) for record in database.records()] == list(unlike)
        assert database.tasks() == texts_of(drawn)


def test_features_are_kept_beside_records_and_go_with_them(database: Database) -> None:
    early, late, failed, predicted, bare = (
        record_of(TASKS[0], 1e-3, provenance={"unix_time": 10.0}),
        record_of(TASKS[0], 2e-3, provenance={"unix_time": 20.0}),
        record_of(TASKS[0], None, provenance={"unix_time": 15.0}),
        record_of(TASKS[0], 1e-3, source=TimeSource.PREDICTED, provenance={"unix_time": 5.0}),
        record_of(TASKS[0], 3e-3, provenance={"unix_time": 5.0}),
    )
    rows = [late, failed, early, predicted, bare]
    assert database.add(TASKS[0], rows, [{"cycles": float(i)} for i in range(4)] + [{}]) == 5
    assert database.lowered(9) == [(early, {"cycles": 2.0}), (failed, {"cycles": 1.0}), (late, {"cycles": 0.0})]
    assert database.lowered(1, before=20.0) == [(failed, {"cycles": 1.0})]
    database.remove(lambda record: record == late)
    assert [record for record, _ in database.lowered(9)] == [early, failed]
    with pytest.raises(ValueError):
        database.add(TASKS[0], [record_of(TASKS[0], 9.0)], [{}, {}])
    assert database.count() == 4


def test_a_record_of_another_task_is_refused_and_nothing_is_kept(database: Database) -> None:
    with pytest.raises(ValueError, match=TASKS[1].hash):
        database.add(TASKS[0], [record_of(TASKS[0]), record_of(TASKS[1])])
    with pytest.raises(ValueError, match="not the hash"):
        database.add_all({"0" * 16: TASKS[0].text}, [])
    assert database.count() == 0 and database.tasks() == {}


def test_a_second_process_sees_what_was_added(database: Database) -> None:
    database.add(TASKS[0], [record_of(TASKS[0])])
    with Database.open(database.path, read_only=True) as other:
        assert list(other.records()) == [record_of(TASKS[0])]
        database.add(TASKS[1], [record_of(TASKS[1])])
        assert other.count() == 2
        assert other.task(TASKS[1].hash) == TASKS[1]
        with pytest.raises(KeyError):
            other.task("0")
        with pytest.raises(DatabaseError, match="readonly"):
            other.add(TASKS[0], [record_of(TASKS[0], 2.0)])


def test_the_best_is_measured_fast_and_not_stale(database: Database) -> None:
    def best() -> Record | None:
        return database.best(TASKS[0].hash, FINGERPRINT, VALIDITY)

    def add(record: Record) -> Record:
        database.add(TASKS[0], [record])
        return record

    for unfit in (
        record_of(TASKS[0], None),
        record_of(TASKS[0], 1e-9, version=2),
        record_of(TASKS[0], 1e-9, toolchain="generator 2"),
        record_of(TASKS[0], 1e-9, fingerprint="other"),
        record_of(TASKS[0], 1e-9, choice=Choice.of("unknown", {})),
    ):
        add(unfit)
    assert best() is None
    assert best() is None
    predicted = add(record_of(TASKS[0], 1e-6, source=TimeSource.PREDICTED, choice=OTHER))
    assert best() == predicted
    slow = add(record_of(TASKS[0], 2e-3, choice=OTHER))
    assert best() == slow
    fast = add(record_of(TASKS[0], 1e-3, choice=Choice.of("tiled", {"rows": 2})))
    assert best() == fast


@pytest.mark.parametrize(("status", "refuted"), [(Status.WRONG, True), (Status.CRASHED, True), (Status.TIMEOUT, False)])
def test_a_choice_that_was_wrong_once_is_never_built(database: Database, status: Status, refuted: bool) -> None:
    fast, slow = record_of(TASKS[0], 1e-3), record_of(TASKS[0], 2e-3, choice=OTHER)
    database.add(TASKS[0], [fast, slow, record_of(TASKS[0], None, status=status)])
    assert database.best(TASKS[0].hash, FINGERPRINT, VALIDITY) == (slow if refuted else fast)


@given(st.lists(records(), max_size=12), st.randoms(use_true_random=False))
def test_the_best_does_not_depend_on_the_order(drawn: list[Record], rng: random.Random) -> None:
    bests: list[list[Record | None]] = []
    for _ in range(2):
        with Database.in_memory("test") as database:
            database.add_all(texts_of(drawn), drawn)
            bests.append([database.best(task.hash, FINGERPRINT, VALIDITY) for task in TASKS])
        drawn = rng.sample(drawn, len(drawn))
    assert bests[0] == bests[1]


def test_defaults_come_one_for_each_task(database: Database) -> None:
    for task in TASKS[:3]:
        slow, fast = (record_of(task, seconds, is_default=True) for seconds in (2.0, 1.0))
        database.add(task, [slow, fast, record_of(task, 0.5), record_of(task, None, is_default=True)])
    found = list(database.defaults(FINGERPRINT, VALIDITY, 10))
    assert [record.task for record in found] == sorted(task.hash for task in TASKS[:3])
    assert {record.seconds for record in found} == {1.0}
    assert len(list(database.defaults(FINGERPRINT, VALIDITY, 2))) == 2


def test_sessions_are_told_apart(database: Database) -> None:
    for index, (name, time) in enumerate([("b", 10.0), ("a", 20.0), ("b", 30)]):
        facts = {"session": name, "machine": "m", "unix_time": time, "trial": index}
        database.add(TASKS[0], [record_of(TASKS[0], provenance=facts)])
    database.add(TASKS[0], [record_of(TASKS[0])])
    found = [(s.name, s.machine, s.began, s.ended, s.records) for s in database.sessions()]
    assert found == [("b", "m", 10.0, 30.0, 2), ("a", "m", 20.0, 20.0, 1)]


def test_summaries_count_by_kind(database: Database) -> None:
    best, default = record_of(TASKS[0], 1e-3, choice=OTHER), record_of(TASKS[0], 2e-3, is_default=True)
    predicted = record_of(TASKS[0], 1e-4, source=TimeSource.PREDICTED, choice=Choice.of("direct", {}), version=2)
    stale, failed = record_of(TASKS[0], version=7), record_of(TASKS[0], None, choice=Choice.of("tiled", {}))
    database.add(TASKS[0], [best, default, predicted, stale, failed])
    (row,) = summaries(database, VALIDITY, FINGERPRINT)
    assert (row.measured, row.predicted, row.failed, row.stale) == (2, 1, 1, 1)
    assert (row.best, row.default, row.text) == (best, default, TASKS[0].text)
    assert summaries(database, VALIDITY, "other") == []


def test_pruning_drops_what_is_stale_or_not_good_enough(database: Database) -> None:
    default, failed = record_of(TASKS[0], 9.0, is_default=True), record_of(TASKS[0], None)
    good = [record_of(TASKS[0], float(seconds), choice=OTHER) for seconds in (1, 2, 3)]
    stale = record_of(TASKS[1], toolchain="generator 0")
    database.add(TASKS[0], [default, failed, *reversed(good)])
    database.add(TASKS[1], [stale])
    assert prune(database) == 0
    assert prune(database, VALIDITY) == 1
    assert list(database.tasks()) == [TASKS[0].hash]
    assert prune(database, keep=2) == 1
    assert sorted(database.records(), key=record_text) == sorted([default, failed, *good[:2]], key=record_text)


def write(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def _newer(path: Path) -> None:
    write(path, "PRAGMA user_version = 99")


def _foreign(path: Path) -> None:
    path.unlink()
    write(path, "CREATE TABLE addresses (name TEXT)")


def _text(path: Path) -> None:
    path.write_text("dear diary\n" * 1000)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _scrambled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:4096] = random.Random(0).randbytes(3996)
    path.write_bytes(data)


def _truncated(path: Path) -> None:
    os.truncate(path, 3 * 4096)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_newer, "has schema 99.*use a newer Kiln"),
        (_foreign, "another program"),
        (_text, "is not a tuning database"),
        (_empty, "is empty"),
        (_scrambled, "damaged"),
        (_truncated, "damaged"),
    ],
)
@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_not_ours_or_damaged_is_named_and_left_alone(
    spoil: object, message: str, read_only: bool, database: Database
) -> None:
    for task in TASKS:
        database.add(task, [record_of(task, float(i)) for i in range(100)])
    database.close()
    spoil(database.path)  # pyright: ignore[reportCallIssue]
    before = database.path.read_bytes()
    with (
        pytest.raises(DatabaseError, match=message) as caught,
        Database.open(database.path, read_only=read_only) as opened,
    ):
        for task in TASKS:
            opened.best(task.hash, FINGERPRINT, VALIDITY)
        list(opened.records())
    assert str(database.path) in str(caught.value)
    assert database.path.read_bytes() == before


def test_content_that_changed_behind_our_back_is_found(database: Database) -> None:
    database.add(TASKS[0], [record_of(TASKS[0])])
    write(database.path, "UPDATE records SET seconds = 1e-9")
    with pytest.raises(DatabaseError, match="is damaged: record"):
        list(database.records())
    write(database.path, "UPDATE tasks SET text = 'x'")
    with pytest.raises(DatabaseError, match="is damaged: task"):
        database.tasks()


def test_reading_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="no such file"):
        Database.open(tmp_path / "none.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_medium_that_nobody_can_write_is_read(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.add(TASKS[0], [record_of(TASKS[0])])
    database.close()
    monkeypatch.setattr("os.access", lambda *_: False)
    with Database.open(database.path, read_only=True) as opened:
        assert opened.count() == 1
        assert [path.name for path in database.path.parent.iterdir()] == [database.path.name]


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match=r"Not a directory|File exists"):
        Database.open(tmp_path / "file" / "tuning.db")
    with pytest.raises(DatabaseError, match=str(tmp_path)):
        Database.open(tmp_path)
