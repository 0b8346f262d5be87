"""Takes back what a session has found, where it makes builds slower."""

from __future__ import annotations

from pathlib import Path

from compiler.autotune.database import Database, DatabaseError
from compiler.autotune.database.jsonl import lines_of
from compiler.autotune.record import Record


def withdraw(database: Database, session: str) -> Path:
    """Move the records of a session out of a database into a file beside it, from which they can be imported again;
    returns its path. Raises DatabaseError."""

    def is_of_session(record: Record) -> bool:
        return record.provenance.get("session") == session

    records = [record for record in database.records() if is_of_session(record)]
    path = database.path.with_name(f"{database.path.name}.withdrawn-{session}.jsonl")
    try:
        path.write_text("".join(f"{line}\n" for line in lines_of(records, database.tasks())), encoding="utf-8")
    except OSError as error:
        raise DatabaseError(path, error.strerror or str(error)) from error
    database.remove(is_of_session)
    return path
