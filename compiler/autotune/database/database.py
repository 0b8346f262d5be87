"""``Database``: tasks and records in one SQLite file. It keeps what it is given, and says what is best.

Records are a set: adding one that is there changes nothing, nothing is ever replaced. So merging databases is the
union of sets, in any order and any number of times. Writers take turns; what a call has added is on the disk when it
returns.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from compiler.autotune.database import schema
from compiler.autotune.database.canonical import digest_of, json_text, parse_record
from compiler.autotune.database.errors import DatabaseError
from compiler.autotune.record import Record
from compiler.autotune.validity import Validity
from compiler.ir import Task

_WAIT_SECONDS = 60.0
"""How long one writer waits for another."""

Features: TypeAlias = Mapping[str, float]
"""Numbers that describe a lowered kernel, by name."""

_COLUMNS = (
    "digest, task, fingerprint, template, knobs, version, toolchain, status, source, seconds, times, detail,"
    " is_default, provenance"
)
_MEASURED_FIRST = "source, seconds, digest"
"""The order of good records; ``measured`` comes before ``predicted`` in the alphabet."""


@dataclass(frozen=True)
class Session:
    """What one tuning session left: on which machine, between which times (seconds of the Unix epoch), how much."""

    name: str
    machine: str
    began: float
    ended: float
    records: int


class Database:
    """An open database; close it or use it as a context manager. Threads may share it.

    Every method raises DatabaseError when the file is damaged, the disk is full, or another process keeps it locked.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._writing = threading.RLock()
        self.path = path

    @staticmethod
    def open(path: str | os.PathLike[str], *, read_only: bool = False) -> Database:
        """The database in a file, which is made unless ``read_only``.

        Raises:
            DatabaseError: there is no such file, or it is no tuning database, or one of a newer Kiln. Whatever it is,
                it stays as it is.
        """
        file = Path(path)
        with _explained(file):
            if not file.exists():
                if read_only:
                    raise DatabaseError(file, "no such file")
                schema.create(file)
            elif file.stat().st_size == 0:
                raise DatabaseError(file, "is empty, not a tuning database")
            connection = _connect(file, read_only)
            try:
                schema.check(connection, file)
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA synchronous = FULL")  # a commit survives a loss of power
            except BaseException:
                connection.close()
                raise
        return Database(connection, file)

    @staticmethod
    def in_memory(name: str) -> Database:
        """An empty database that no file keeps; ``name`` stands for its path in messages."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.executescript(schema.TABLES)
        return Database(connection, Path(name))

    def close(self) -> None:
        """Release the file; harmless when done before."""
        self._connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing

    def add(self, task: Task, records: Sequence[Record], features: Sequence[Features] = ()) -> int:
        """Keep records of one task: all of them or, when this raises, none. Returns how many were new.

        ``features``, one per record or none at all, describe the kernels; they are kept beside records of which they
        are no part, since they can be computed again.

        Raises:
            ValueError: a record is of another task.
        """
        with self._transaction():
            new = self._insert({task.hash: task.text}, records)
            known = [(digest_of(r), json_text(dict(f))) for r, f in zip(records, features, strict=bool(features)) if f]
            self._connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", known)
        return new

    def add_all(self, tasks: Mapping[str, str], records: Iterable[Record]) -> int:
        """Keep tasks (texts by their hashes) and records in one transaction; returns how many records were new.

        Raises:
            ValueError: a hash is not that of its text, or a record is of none of the tasks, given or kept.
        """
        with self._transaction():
            return self._insert(tasks, records)

    def remove(self, unwanted: Callable[[Record], bool]) -> int:
        """Forget all records of which ``unwanted`` says so, and the tasks that have none left; returns how many records
        went."""
        with self._transaction():
            digests = [(digest_of(record),) for record in self._select() if unwanted(record)]
            self._connection.executemany("DELETE FROM records WHERE digest = ?", digests)
            self._connection.execute("DELETE FROM tasks WHERE hash NOT IN (SELECT task FROM records)")
        return len(digests)

    # Reading

    def tasks(self) -> dict[str, str]:
        """The texts of all tasks, by hash, in the order of hashes."""
        with _explained(self.path):
            rows = self._connection.execute("SELECT hash, text FROM tasks ORDER BY hash").fetchall()
        return {key: self._task(key, text).text for key, text in rows}

    def task(self, task_hash: str) -> Task:
        """A task by its hash. Raises KeyError."""
        with _explained(self.path):
            found = self._connection.execute("SELECT text FROM tasks WHERE hash = ?", (task_hash,)).fetchone()
        if found is None:
            raise KeyError(task_hash)
        return self._task(task_hash, found[0])

    def records(self, task_hash: str | None = None, fingerprint: str | None = None) -> Iterator[Record]:
        """Records in the order in which they came, also of failures and stale ones: all, or those of a task, or of a
        kind of machine."""
        with _explained(self.path):
            yield from self._select(_where(task=task_hash, fingerprint=fingerprint), "rowid")

    def count(self, task_hash: str | None = None, fingerprint: str | None = None) -> int:
        """How many ``records`` gives."""
        with _explained(self.path):
            return self._count(_where(task=task_hash, fingerprint=fingerprint))

    def knows(self, fingerprint: str, task_hash: str | None = None) -> bool:
        """Whether there is any record of a kind of machine, or any of a task for it."""
        with _explained(self.path):
            condition, values = _condition(_where(fingerprint=fingerprint, task=task_hash))
            query = f"SELECT EXISTS (SELECT 1 FROM records{condition})"
            return bool(self._connection.execute(query, values).fetchone()[0])

    def best(self, task_hash: str, fingerprint: str, validity: Validity) -> Record | None:
        """The record to build from: measured before predicted, then the least seconds; None if none holds.

        A choice that once crashed or gave wrong numbers is none to build from, whatever else is known of it.
        """
        with _explained(self.path):
            of_task = _where(task=task_hash, fingerprint=fingerprint, toolchain=validity.toolchain)
            refuted = {
                (record.choice, record.version)
                for status in ("wrong", "crashed")
                for record in self._select({**of_task, "status": status})
            }
            for record in self._select({**of_task, "status": "ok"}, _MEASURED_FIRST):
                if validity.holds(record) and (record.choice, record.version) not in refuted:
                    return record
        return None

    def defaults(self, fingerprint: str, validity: Validity, limit: int) -> Iterator[Record]:
        """The best record of the default of each of at most ``limit`` tasks, in the order of the tasks' hashes."""
        told: set[str] = set()
        with _explained(self.path):
            good = _where(fingerprint=fingerprint, is_default="1", status="ok", toolchain=validity.toolchain)
            for record in self._select(good, f"task, {_MEASURED_FIRST}"):
                if record.task not in told and validity.holds(record):
                    yield record
                    told.add(record.task)
                    if len(told) == limit:
                        return

    def lowered(self, limit: int, before: float = math.inf) -> list[tuple[Record, Features]]:
        """The last measured records, failures too, of all tasks and machines, whose kernels' features are known; from
        before a time, in seconds of the Unix epoch. Their order, by the times at which they were made, depends on
        nothing but what is in them."""
        time = "coalesce(json_extract(provenance, '$.unix_time'), 0)"
        columns = ", ".join(f"records.{name}" for name in _COLUMNS.split(", "))
        query = (
            f"SELECT {columns}, features FROM records JOIN features USING (digest)"
            f" WHERE source = 'measured' AND {time} < ?"
            f" ORDER BY {time} DESC, digest DESC LIMIT ?"
        )
        with _explained(self.path):
            rows = self._connection.execute(query, (min(before, sys.float_info.max), limit)).fetchall()
            return [(self._record(row[:-1]), self._features(row)) for row in reversed(rows)]

    def sessions(self) -> list[Session]:
        """All sessions whose records are here, in the order in which they began. Records without the name of a session
        are left out."""
        facts = [f"json_extract(provenance, '$.{name}')" for name in ("session", "machine", "unix_time")]
        session, machine, time = facts
        query = (
            f"SELECT {session}, coalesce(min({machine}), ''), coalesce(min({time}), 0), coalesce(max({time}), 0),"
            f" count(*) FROM records WHERE {session} IS NOT NULL GROUP BY 1 ORDER BY 3, 1"
        )
        with _explained(self.path):
            return [Session(str(row[0]), str(row[1]), *row[2:]) for row in self._connection.execute(query)]

    # Inside

    def _insert(self, tasks: Mapping[str, str], records: Iterable[Record]) -> int:
        for key, text in tasks.items():
            if Task(text).hash != key:
                raise ValueError(f"{key} is not the hash of task:\n{text}")
        execute = self._connection.execute
        self._connection.executemany("INSERT OR IGNORE INTO tasks VALUES (?, ?)", tasks.items())
        before = self._count()
        for record in records:
            row = _row(record)
            try:
                execute(f"INSERT OR IGNORE INTO records VALUES ({', '.join('?' * len(row))})", row)
            except sqlite3.IntegrityError as error:
                raise ValueError(f"a record is of the unknown task {record.task}") from error
        return self._count() - before

    def _count(self, where: Mapping[str, str] | None = None) -> int:
        condition, values = _condition(where or {})
        return self._connection.execute(f"SELECT count(*) FROM records{condition}", values).fetchone()[0]

    def _select(self, where: Mapping[str, str] | None = None, order: str = "rowid") -> Iterator[Record]:
        condition, values = _condition(where or {})
        for row in self._connection.execute(f"SELECT {_COLUMNS} FROM records{condition} ORDER BY {order}", values):
            yield self._record(row)

    def _task(self, key: str, text: str) -> Task:
        task = Task(text)
        if task.hash != key:
            raise DatabaseError(self.path, f"is damaged: task {key} has another text")
        return task

    def _record(self, row: Sequence[Any]) -> Record:
        """A row as a record. Its digest must be that of its content: a file may be damaged without SQLite noticing."""
        digest, task, fingerprint, template, knobs, version, toolchain, status, source, seconds = row[:10]
        times, detail, is_default, provenance = row[10:]
        try:
            record = parse_record(
                {
                    "task": task,
                    "fingerprint": fingerprint,
                    "choice": {"template": template, "knobs": json.loads(knobs)},
                    "version": version,
                    "toolchain": toolchain,
                    "status": status,
                    "source": source,
                    "seconds": seconds,
                    "times": json.loads(times),
                    "detail": detail,
                    "is_default": is_default == 1,
                    "provenance": json.loads(provenance),
                }
            )
        except (ValueError, TypeError) as error:
            raise DatabaseError(self.path, f"is damaged: record {digest}: {error}") from error
        if digest_of(record) != digest:
            raise DatabaseError(self.path, f"is damaged: record {digest} has other content")
        return record

    def _features(self, row: Sequence[Any]) -> Features:
        """The last column of a row, of the record in the others."""
        try:
            return {str(name): float(number) for name, number in json.loads(row[-1]).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise DatabaseError(self.path, f"is damaged: features of record {row[0]}: {error}") from error

    @contextmanager
    def _transaction(self) -> Generator[None]:
        with self._writing, _explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rw"
    if read_only and not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists():
        mode += "&immutable=1"  # a reader beside writers needs files of its own there, but nobody can write there
    uri = f"file:{quote(os.fspath(path.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)


def _row(record: Record) -> tuple[object, ...]:
    return (
        digest_of(record),
        record.task,
        record.fingerprint,
        record.choice.template,
        json_text(record.choice.config),
        record.version,
        record.toolchain,
        record.status.value,
        record.source.value,
        record.seconds,
        json_text([float(seconds) for seconds in record.times]),
        record.detail,
        int(record.is_default),
        json_text(dict(record.provenance)),
    )


def _where(**values: str | None) -> dict[str, str]:
    return {column: value for column, value in values.items() if value is not None}


def _condition(where: Mapping[str, str]) -> tuple[str, list[str]]:
    terms = " AND ".join(f"{column} = ?" for column in where)
    return (f" WHERE {terms}" if terms else ""), list(where.values())


@contextmanager
def _explained(path: Path) -> Generator[None]:
    """SQLite's errors in words that name the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise DatabaseError(path, _reason(error)) from error
    except OSError as error:
        raise DatabaseError(path, error.strerror or str(error)) from error


def _reason(error: sqlite3.Error) -> str:
    match getattr(error, "sqlite_errorname", "").split("_")[1:2]:
        case ["NOTADB"]:
            return "is not a tuning database"
        case ["CORRUPT"]:
            return f"is damaged ({error}); it was left as it is"
        case ["FULL"] | ["IOERR"]:
            return f"cannot be written or read ({error}); what was added before is kept"
        case ["BUSY"]:
            return f"another process has kept it locked for {_WAIT_SECONDS:g} s"
        case ["READONLY"] | ["PERM"] | ["CANTOPEN"]:
            return f"cannot be opened for this ({error})"
        case _:
            return str(error)
