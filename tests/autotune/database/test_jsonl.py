"""Records as text: every record comes back, and merging is the union of sets."""

from __future__ import annotations

import itertools
import lzma
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.autotune.database import Database, DatabaseError, export_records, import_records, merge, record_text
from compiler.autotune.record import Record
from tests.autotune.database.samples import FINGERPRINT, TASKS, record_of, records, texts_of

SUFFIXES = (".jsonl", ".jsonl.xz")


def filled(drawn: Sequence[Record]) -> Database:
    database = Database.in_memory("test")
    database.add_all(texts_of(list(drawn)), drawn)
    return database


def exported(database: Database, folder: Path, name: str) -> Path:
    export_records(database, folder / name)
    return folder / name


@given(drawn=st.lists(records(), max_size=8), suffix=st.sampled_from(SUFFIXES))
def test_what_is_exported_comes_back_in_the_same_bytes(
    drawn: list[Record], suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("round")
    first = exported(filled(drawn), folder, f"a{suffix}")
    again = Database.in_memory("again")
    assert import_records(again, first) == len({record_text(record) for record in drawn})
    assert import_records(again, first) == 0
    assert exported(again, folder, f"b{suffix}").read_bytes() == first.read_bytes()
    assert sorted(map(record_text, again.records())) == sorted(set(map(record_text, drawn)))


@given(parts=st.lists(st.lists(records(), max_size=4), min_size=3, max_size=3))
def test_merging_is_a_union(parts: list[list[Record]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("merge")
    files = [exported(filled(part), folder, f"{index}{SUFFIXES[index % 2]}") for index, part in enumerate(parts)]
    union = exported(filled([record for part in parts for record in part]), folder, "union.jsonl").read_bytes()

    names = itertools.count()

    def merged(*sources: Path) -> Path:
        target = Database.in_memory("target")
        merge(target, sources)
        return exported(target, folder, f"merged-{next(names)}.jsonl")

    assert merged(*files).read_bytes() == union
    assert merged(*reversed(files)).read_bytes() == union, "commutative"
    assert merged(merged(*files[:2]), files[2]).read_bytes() == union, "associative"
    assert merged(files[0], merged(*files[1:])).read_bytes() == union, "associative"
    assert merged(*files, *files).read_bytes() == union, "idempotent"


def test_databases_merge_like_files(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.db") as a, Database.open(tmp_path / "b.db") as b:
        a.add(TASKS[0], [record_of(TASKS[0])])
        b.add(TASKS[0], [record_of(TASKS[0]), record_of(TASKS[0], 2.0)])
        b.add(TASKS[1], [record_of(TASKS[1])])
        assert merge(a, [b.path]) == 2
        assert sorted(map(record_text, a.records())) == sorted(map(record_text, b.records()))


def test_files_may_be_joined(tmp_path: Path) -> None:
    parts = [exported(filled([record_of(task)]), tmp_path, f"{task.hash}.jsonl") for task in TASKS]
    joined = tmp_path / "joined.jsonl"
    joined.write_bytes(b"".join(path.read_bytes() for path in parts))
    assert import_records(Database.in_memory("test"), joined) == len(TASKS)


def test_one_kind_of_machine_can_be_exported(tmp_path: Path) -> None:
    database = filled([record_of(TASKS[0]), record_of(TASKS[1], fingerprint="other")])
    assert export_records(database, tmp_path / "one.jsonl", FINGERPRINT) == 1
    assert TASKS[1].hash not in (tmp_path / "one.jsonl").read_text()


GOOD = record_text(record_of(TASKS[0]))
TASK = f'{{"hash":"{TASKS[0].hash}","text":""}}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 4: no JSON"),
        ("[]", "line 4: no JSON object"),
        ("[" * 100_000, "line 4: no JSON"),
        ("\xff", "line 4: no JSON"),
        ("{}", "line 4: fields missing or unknown: choice"),
        (GOOD.replace('"version":1', '"version":"1"'), "line 4: version is no integer"),
        (GOOD.replace('"version":1', f'"version":{2**70}'), "line 4: version is no integer"),
        (GOOD.replace('"seconds":0.001', '"seconds":NaN'), "line 4: seconds of a record are finite"),
        (GOOD.replace('"seconds":0.001', '"seconds":null'), "line 4: a record that is ok has seconds None"),
        (GOOD.replace('"ok"', '"fine"'), "line 4: 'fine' is not a valid Status"),
        (GOOD.replace('"times":[]', '"times":3'), "line 4: times is no list"),
        (GOOD.replace('"provenance":{}', '"provenance":{"x":[]}'), "line 4: provenance x"),
        (GOOD.replace('"detail":""', r'"detail":"\ud800"'), "line 4: .*surrogates"),
        (TASK, "line 4: .* is not the hash of the task's text"),
        ('{"format":2,"kiln":"tuning records"}', "line 4: format 2; .* reads format 1"),
        (record_text(record_of(TASKS[1])), f"has records of task {TASKS[1].hash}, but not its text"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_imported(line: str, message: str, tmp_path: Path) -> None:
    path = exported(filled([record_of(TASKS[0])]), tmp_path, "records.jsonl")
    path.write_bytes(path.read_bytes() + line.encode("latin-1") + b"\n")
    database = Database.in_memory("test")
    with pytest.raises(DatabaseError, match=message) as caught:
        import_records(database, path)
    assert str(path) in str(caught.value)
    assert database.count() == 0 and database.tasks() == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"dear diary\n", "line 1: no JSON"),
        ("a.jsonl", b'{"model": 3}\n', "line 1: not the header"),
        ("a.jsonl.xz", b"dear diary\n", "is damaged"),
        ("a.jsonl.xz", lzma.compress(b"x" * 1000)[:40], "is damaged"),
    ],
)
def test_other_files_are_refused(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatabaseError, match=f"{name}: .*{message}"):
        import_records(Database.in_memory("test"), tmp_path / name)


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match="file"):
        export_records(Database.in_memory("test"), tmp_path / "file" / "a.jsonl")
    with pytest.raises(DatabaseError, match="No such file"):
        merge(Database.in_memory("test"), [tmp_path / "none.jsonl"])
