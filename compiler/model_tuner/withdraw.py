"""Takes back what a session has found, where it makes builds slower."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from compiler.autotune.database import Database, export_records
from compiler.autotune.record import Record


def recorded_tasks(database: Database, session: str) -> frozenset[str]:
    """The hashes of the tasks that a session has records of. Raises DatabaseError."""
    wanted = _is_of(session)
    return frozenset(record.task for record in database.records() if wanted(record))


def withdraw(database: Database, session: str, kept: Collection[str] = ()) -> Path:
    """Move the records of a session, but for those of the tasks in ``kept`` (hashes), out of a database into a file
    beside it, from which they can be imported again; returns its path.

    Raises DatabaseError: all records are in the database still, and there may be the file, too.
    """
    unwanted = _is_of(session, kept)
    path = database.path.with_name(f"{database.path.name}.withdrawn-{session}.jsonl")
    export_records(database, path, wanted=unwanted)
    database.remove(unwanted)
    return path


def without(database: Database, fingerprint: str, session: str, kept: Collection[str]) -> Database:
    """The records of a kind of machine that ``withdraw`` would leave, in memory. Raises DatabaseError."""
    unwanted = _is_of(session, kept)
    left = Database.in_memory(str(database.path))
    records = database.records(fingerprint=fingerprint)
    left.add_all(database.tasks(), (record for record in records if not unwanted(record)))
    return left


def _is_of(session: str, kept: Collection[str] = ()) -> Callable[[Record], bool]:
    """Tells the records of a session that are of none of the tasks in ``kept``."""
    return lambda record: record.provenance.get("session") == session and record.task not in kept
