"""Records as text: a line of JSON each, for exchange between machines, for version control, and for the package.

The form is canonical: equal sets of records have equal bytes. Reading takes lines in any order, so that files may also
be joined by ``cat``. docs/tuning-database.md describes the form.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from compiler.autotune.database.canonical import RecordFormatError, json_text, parse_record, record_text
from compiler.autotune.database.database import Database
from compiler.autotune.database.errors import DatabaseError
from compiler.autotune.record import Record
from compiler.ir import Task
from runtime.files import replacing

FORMAT = 1
HEADER = json_text({"format": FORMAT, "kiln": "tuning records"})
COMPRESSED = ".xz"


def export_records(
    database: Database,
    path: Path,
    fingerprint: str | None = None,
    wanted: Callable[[Record], bool] = lambda record: True,
) -> int:
    """Write the wanted records, of all kinds of machines or of one, to a file, compressed if its name ends in ``.xz``.

    The file appears complete or not at all. Returns the number of records. Raises DatabaseError.
    """
    records = [record for record in database.records(fingerprint=fingerprint) if wanted(record)]
    texts = database.tasks()
    data = "".join(f"{line}\n" for line in lines_of(records, texts)).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(lzma.compress(data, preset=9) if path.suffix == COMPRESSED else data)
    except OSError as error:
        raise DatabaseError(path, error.strerror or str(error)) from error
    return len(records)


def lines_of(records: Iterable[Record], texts: dict[str, str]) -> Iterator[str]:
    """The canonical lines: a header, the tasks of the records in the order of their hashes, the sorted records."""
    chosen = list(records)
    yield HEADER
    for key in sorted({record.task for record in chosen}):
        yield json_text({"hash": key, "text": texts[key]})
    yield from sorted(record_text(record) for record in chosen)


def import_records(database: Database, path: Path) -> int:
    """Add the records of a file: all, or none if a line is wrong. Returns how many were new.

    Raises:
        DatabaseError: the file cannot be read, or a line of it is wrong, which the message names by its number.
    """
    texts: dict[str, str] = {}
    records: list[Record] = []
    known = database.tasks()
    for number, fields in _rows(path):
        with _located(path, number):
            match fields:
                case {"kiln": _, "format": version}:
                    if version != FORMAT:
                        raise RecordFormatError(f"format {version!r}; this version of Kiln reads format {FORMAT}")
                case {"hash": str(key), "text": str(text)}:
                    if Task(text).hash != key:
                        raise RecordFormatError(f"{key} is not the hash of the task's text")
                    texts[key] = text
                case _:
                    record = parse_record(fields)
                    record_text(record)  # raises what would stop ``add_all`` where the line is known
                    records.append(record)
    if orphan := next((record.task for record in records if record.task not in texts and record.task not in known), ""):
        raise DatabaseError(path, f"has records of task {orphan}, but not its text")
    return database.add_all(texts, records)


def merge(database: Database, sources: Iterable[Path]) -> int:
    """Add the records of files and of other databases; returns how many were new. Raises DatabaseError."""
    added = 0
    for path in sources:
        if is_database(path):
            with Database.open(path, read_only=True) as other:
                added += database.add_all(other.tasks(), other.records())
        else:
            added += import_records(database, path)
    return added


def is_database(path: Path) -> bool:
    """Whether a file is one of SQLite's, rather than text. Raises DatabaseError."""
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise DatabaseError(path, error.strerror or str(error)) from error


def _rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Each line's number and JSON object; the first is a header."""
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                with _located(path, number):
                    fields = _fields(line, first=number == 1)
                yield number, fields
    except (OSError, EOFError, lzma.LZMAError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else f"is damaged: {error}"
        raise DatabaseError(path, reason) from error
    if number == 0:
        raise DatabaseError(path, "is empty, not a file of tuning records")


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", lzma.open(path, "rb")) if path.suffix == COMPRESSED else path.open("rb")


def _fields(line: bytes, first: bool) -> dict[str, object]:
    try:
        fields: Any = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise RecordFormatError(f"no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise RecordFormatError("no JSON object")
    found = cast("dict[str, object]", fields)
    if first and found.get("kiln") != "tuning records":
        raise RecordFormatError("not the header of a file of tuning records")
    return found


@contextmanager
def _located(path: Path, number: int) -> Generator[None]:
    try:
        yield
    except RecordFormatError as error:
        raise DatabaseError(path, f"line {number}: {error}") from error
