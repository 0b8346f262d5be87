"""What can be wrong with a file of records: one message each, which names the file."""

from __future__ import annotations

from pathlib import Path


class DatabaseError(Exception):
    """A database or a file of records cannot be read or written; the file is as it was."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
