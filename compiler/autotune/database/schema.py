"""The SQLite schema of a tuning database, version 1, and how a file with it comes into being.

docs/tuning-database.md describes every column.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from compiler.autotune.database.errors import DatabaseError

APPLICATION_ID = 0x4B696C6E
"""``Kiln`` in ASCII, in the header of the file: no other program's database is taken for ours."""

SCHEMA_VERSION = 1

TABLES = f"""
CREATE TABLE tasks (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE records (
    digest TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL REFERENCES tasks (hash),
    fingerprint TEXT NOT NULL,
    template TEXT NOT NULL,
    knobs TEXT NOT NULL,
    version INTEGER NOT NULL,
    toolchain TEXT NOT NULL,
    status TEXT NOT NULL,
    source TEXT NOT NULL,
    seconds REAL,
    times TEXT NOT NULL,
    detail TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    provenance TEXT NOT NULL
);
CREATE TABLE features (
    digest TEXT PRIMARY KEY REFERENCES records (digest) ON DELETE CASCADE,
    features TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX records_of_task ON records (task, fingerprint, status, source, seconds);
CREATE INDEX records_of_defaults ON records (fingerprint, is_default, task);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


def create(path: Path) -> None:
    """Make an empty database, unless there is a file: other processes see it complete or not at all. Raises OSError
    and sqlite3.Error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        made = Path(folder) / "new"
        with closing(sqlite3.connect(made, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN;{TABLES}COMMIT;")
        try:
            os.link(made, path)
        except FileExistsError:
            return  # another process was first


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise DatabaseError unless the file is a database of ours that this version of Kiln can read and write."""
    application_id, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if application_id != APPLICATION_ID:
        raise DatabaseError(path, "is a database of another program, not a tuning database")
    if version != SCHEMA_VERSION:
        raise DatabaseError(
            path, f"has schema {version}, and this version of Kiln reads schema {SCHEMA_VERSION}: use a newer Kiln"
        )
