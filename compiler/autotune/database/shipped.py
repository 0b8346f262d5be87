"""Records that ship with the package.

They are in ``compiler/autotune/records/FINGERPRINT.jsonl.xz``, a file for each kind of machine.
"""

from __future__ import annotations

import functools
from importlib import resources
from pathlib import Path

from compiler.autotune.database.database import Database
from compiler.autotune.database.jsonl import import_records

FOLDER = Path(str(resources.files("compiler.autotune"))) / "records"


@functools.cache
def shipped_records(fingerprint: str, folder: Path = FOLDER) -> Database | None:
    """The shipped records of a kind of machine, in memory, read once per process; None if there are none.

    Raises:
        DatabaseError: the file is damaged.
    """
    path = folder / f"{fingerprint}.jsonl.xz"
    if not path.is_file():
        return None
    database = Database.in_memory(str(path))
    import_records(database, path)
    return database
