"""Records that ship with the package: one file per kind of machine, read when they are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.autotune.database import Database, DatabaseError, default_database, export_records, shipped_records
from compiler.autotune.database.shipped import FOLDER
from tests.autotune.database.samples import FINGERPRINT, TASKS, record_of


def test_the_records_of_a_kind_of_machine_are_found_by_its_fingerprint(tmp_path: Path) -> None:
    with Database.in_memory("test") as database:
        database.add(TASKS[0], [record_of(TASKS[0])])
        export_records(database, tmp_path / f"{FINGERPRINT}.jsonl.xz", FINGERPRINT)
    found = shipped_records(FINGERPRINT, tmp_path)
    assert found is not None and list(found.records()) == [record_of(TASKS[0])]
    assert shipped_records(FINGERPRINT, tmp_path) is found, "read once"
    assert shipped_records("other", tmp_path) is None


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / f"{FINGERPRINT}.jsonl.xz").write_bytes(b"?")
    with pytest.raises(DatabaseError, match=f"{FINGERPRINT}.jsonl.xz: is damaged"):
        shipped_records(FINGERPRINT, tmp_path)


def test_every_shipped_file_has_records_of_its_kind_of_machine_only() -> None:
    for path in FOLDER.glob("*"):
        assert path.name.endswith(".jsonl.xz")
        records = shipped_records(path.name.removesuffix(".jsonl.xz"))
        assert records is not None and records.count() > 0
        assert {f"{record.fingerprint}.jsonl.xz" for record in records.records()} == {path.name}


def test_where_the_user_s_database_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILN_DATABASE", "/a/b.db")
    assert default_database() == Path("/a/b.db")
    monkeypatch.delenv("KILN_DATABASE")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_database() == Path("/data/kiln/tuning.db")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_database() == Path.home() / ".local" / "share" / "kiln" / "tuning.db"
